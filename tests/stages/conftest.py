"""Fixtures of the stages' tests."""

from collections.abc import Iterator

import pytest
from structlog.testing import capture_logs
from structlog.typing import EventDict

from tests.shop.contract.conftest import door, loaded, open_world
from tests.support.ill_case import case

__all__ = ["case", "door", "loaded", "open_world"]


@pytest.fixture(autouse=True)
def logs() -> Iterator[list[EventDict]]:
    """What was logged, unrendered: tracebacks in colours cost seconds."""
    with capture_logs() as entries:
        yield entries
