"""Fixtures: a scripted relay, and a dispatcher that sends to it."""

from collections.abc import Iterator

import pytest
from sqlalchemy import event

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
    let_the_disk_lag(store)
    return Dispatching(store, make_settings(relay.port))


@pytest.fixture
def lite(sqlite_store: Store, relay: ScriptedRelay) -> Dispatching:
    """The same on SQLite only, for what has nothing to do with the database."""
    let_the_disk_lag(sqlite_store)
    return Dispatching(sqlite_store, make_settings(relay.port))


def let_the_disk_lag(store: Store) -> None:
    """What a test loses in a power cut, it does not miss; a killed process loses nothing by it."""
    if store.is_sqlite:
        event.listen(store.engine, "connect", lambda connection, _: connection.execute("PRAGMA synchronous=OFF"))
