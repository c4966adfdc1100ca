"""Fault row 14: a full or locked SQLite database raises an alarm, and nothing is said to be done that was not."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest
from sqlalchemy import event
from structlog.testing import capture_logs

from tests.dispatch.processes import let_leases_run_out
from tests.support.invariant import nothing_is_lost
from tests.support.smtp_script import ScriptedRelay
from tests.support.staged import staged
from tests.support.stages import Play, make_settings, watching
from worker import tasks
from worker.errors import DatabaseError
from worker.store import tables
from worker.store.session import Store


@pytest.fixture
def relay() -> Iterator[ScriptedRelay]:
    with ScriptedRelay() as running:
        yield running


@pytest.fixture
def play(sqlite_store: Store, relay: ScriptedRelay) -> Play:
    """Thirty watches of a product that got cheaper; no scan saw it yet."""
    smtp = f'[smtp]\nhost = "127.0.0.1"\nport = {relay.port}\ntls = "none"\nconnections = 1'
    play = watching(sqlite_store, make_settings(rules=smtp))
    for number in range(2, 31):
        play.shop.watch(str(number), ctime=play.now)
    play.told()
    play.shop.product("42", EUR="99.00")
    play.later(minutes=5).sync()
    return play


@contextmanager
def _everywhere(store: Store, pragma: str) -> Iterator[None]:
    """Every connection made within the block begins with this."""

    def begin(connection: sqlite3.Connection, _record: object) -> None:
        connection.execute(f"PRAGMA {pragma}")

    store.dispose()
    event.listen(store.engine, "connect", begin)
    try:
        yield
    finally:
        event.remove(store.engine, "connect", begin)
        store.dispose()


@contextmanager
def _full(store: Store) -> Iterator[None]:
    """The disk has no room for one page more."""
    with closing(sqlite3.connect(str(store.engine.url.database))) as connection:
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
    with _everywhere(store, f"max_page_count = {pages}"):
        yield


class Locked:
    """Another program holds the database from `begin` on; nobody waits long for it."""

    def __init__(self, store: Store) -> None:
        self._file = str(store.engine.url.database)
        self._impatient = _everywhere(store, "busy_timeout = 100")
        self._other: sqlite3.Connection | None = None

    def begin(self) -> None:
        self._other = sqlite3.connect(self._file, isolation_level=None, check_same_thread=False)
        self._other.execute("BEGIN EXCLUSIVE")

    def __enter__(self) -> "Locked":
        self._impatient.__enter__()
        return self

    def __exit__(self, *_exc: object) -> None:
        if self._other is not None:
            self._other.close()
        self._impatient.__exit__(None, None, None)


def test_a_scan_that_finds_the_disk_full_decides_nothing(play: Play) -> None:
    with _full(play.store), pytest.raises(DatabaseError, match=r"database or disk is full\. Nothing is lost"):
        staged(play).scan("main", now=play.now)
    nothing_is_lost(play.store, [], mails=0, notifications=0)
    assert play.scan().fired == 30


def test_a_full_disk_lets_no_mail_be_half_composed(play: Play) -> None:
    play.scan()
    with _full(play.store), pytest.raises(DatabaseError, match="database or disk is full"):
        staged(play).compose(now=play.now)
    nothing_is_lost(play.store, [], mails=0, notifications=30)
    assert play.compose().mails == 1
    nothing_is_lost(play.store, [], mails=1, notifications=30)


def test_a_sync_that_finds_the_disk_full_is_no_good_one(play: Play) -> None:
    for number in range(31, 200):
        play.shop.watch(str(number), ctime=play.now)
    good = play.row(tables.SourceState).last_good_sync_at
    with _full(play.store), pytest.raises(DatabaseError, match="database or disk is full"):
        staged(play).sync("main", now=play.later(minutes=5).now)
    assert play.row(tables.SourceState).last_good_sync_at == good
    assert play.sync().new == 169


def test_the_alarm_is_an_error_in_the_log_and_a_failed_run(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = staged(play)
    monkeypatch.setattr(tasks, "installation", lambda: parts)
    monkeypatch.setattr(tasks, "utc_now", lambda: play.now)
    with _full(play.store), capture_logs() as logs:
        result = tasks.scan("main")
    assert "database or disk is full" in result["error"]
    assert [(entry["log_level"], entry["event"]) for entry in logs if entry["log_level"] == "error"] == [
        ("error", "stage failed")
    ]
    failed = [row for row in play.rows(tables.Run) if row.stage == "scan"][-1]
    assert "database or disk is full" in (failed.error or "")


@pytest.mark.parametrize("stage", ["sync", "scan", "compose", "dispatch"])
def test_a_stage_that_finds_the_database_locked_says_so_and_goes_on_later(play: Play, stage: str) -> None:
    parts = staged(play)
    now = play.now
    work = {
        "sync": lambda: parts.sync("main", now=now),
        "scan": lambda: parts.scan("main", now=now),
        "compose": lambda: parts.compose(now=now),
        "dispatch": lambda: parts.dispatch(clock=lambda: now),
    }[stage]
    with Locked(play.store) as locked:
        locked.begin()
        with pytest.raises(DatabaseError, match="database is locked"):
            work()
    work()


def test_a_mail_whose_end_can_not_be_written_down_is_in_doubt_and_not_sent(play: Play, relay: ScriptedRelay) -> None:
    play.scan()
    play.compose()
    parts = staged(play)

    def lock(_recipient: str) -> str:
        locked.begin()
        return "250 ok"

    relay.on("dot", lock)
    with Locked(play.store) as locked, pytest.raises(DatabaseError, match="database is locked"):
        parts.dispatch(clock=lambda: play.now)
    assert play.mail_states() == ["submitting"]
    let_leases_run_out(play.store)
    counts = parts.dispatch(clock=lambda: play.now)
    assert (counts.ambiguous, counts.sent) == (1, 1)
    nothing_is_lost(play.store, relay.taken, mails=1, notifications=30)
