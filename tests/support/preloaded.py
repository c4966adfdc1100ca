"""Imported once by the process that others are forked from, so that they start in no time."""

import tests.dispatch.dispatching
import tests.support.stages  # noqa: F401
