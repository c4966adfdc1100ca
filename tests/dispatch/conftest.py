"""Fixtures: a scripted relay, and a dispatcher that sends to it."""

from collections.abc import Iterator

import pytest

from tests.dispatch.dispatching import Dispatching, make_settings
from tests.support.smtp_script import ScriptedRelay
from worker.store.session import Store


@pytest.fixture
def relay() -> Iterator[ScriptedRelay]:
    """A relay that accepts everything until the test scripts it."""
    with ScriptedRelay() as running:
        yield running


@pytest.fixture
def play(store: Store, relay: ScriptedRelay) -> Dispatching:
    """A dispatcher with an empty outbox, on both databases."""
    return Dispatching(store, make_settings(relay.port))


@pytest.fixture
def lite(sqlite_store: Store, relay: ScriptedRelay) -> Dispatching:
    """The same on SQLite only, for what has nothing to do with the database."""
    return Dispatching(sqlite_store, make_settings(relay.port))
