"""Each decision is written once: with several scans, scans that die, and relations that can't be judged."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import delete, event, insert, text, update
from sqlalchemy.exc import DBAPIError, IntegrityError
from structlog.typing import EventDict

from tests.support.stages import KEY, Play, watching
from worker import scan as stage
from worker.errors import AlreadyRunningError, LeaseLostError
from worker.lens import make_lens
from worker.store import tables
from worker.store.lease import acquire, single_flight
from worker.store.session import Store


class Died(BaseException):
    """The process is gone, with its transaction."""


@contextmanager
def dies(store: Store, prefix: str, number: int) -> Iterator[None]:
    """Within the block the process dies at statement `number` that begins with `prefix`."""
    seen: list[str] = []

    def die(_connection: object, _cursor: object, statement: str, *_rest: Any) -> None:
        if statement.startswith(prefix):
            seen.append(statement)
            if len(seen) == number:
                raise Died

    event.listen(store.engine, "before_cursor_execute", die)
    try:
        with pytest.raises(Died):
            yield
    finally:
        event.remove(store.engine, "before_cursor_execute", die)


def _many_watches(store: Store, count: int) -> Play:
    """`watching`, and further relations 2 to `count` of the same customer; the price then drops for all."""
    play = watching(store)
    for number in range(2, count + 1):
        play.shop.watch(f"{number}", ctime=play.now)
    assert play.fires() == 0
    play.shop.product("42", EUR="99.00")
    play.later(minutes=5).sync()
    return play


def _told(play: Play) -> list[int]:
    return sorted(row.relation_id for row in play.notifications())


def test_a_second_scan_of_the_shop_is_refused_while_one_runs(store: Store) -> None:
    play = _many_watches(store, 1)
    with single_flight(store, "scan:main"), pytest.raises(AlreadyRunningError):
        play.scan()
    assert play.notifications() == []
    assert play.scan().fired == 1


def test_two_scans_that_judge_the_same_watch_write_one_decision(store: Store) -> None:
    """As when the lease of a scan ran out while it worked."""
    play = _many_watches(store, 3)
    begin = Barrier(2)
    with store.read() as session:
        lens = make_lens(session, play.settings, KEY)

    def judge(name: str) -> int:
        lease = acquire(store, name, timedelta(minutes=5))
        begin.wait()
        return stage._scan_page(store, lease, [1, 2, 3], lens, play.settings, play.now).fired

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(judge, ["one", "two"])) == [0, 3]
    assert _told(play) == [1, 2, 3]


def test_the_ledger_takes_an_episode_once(store: Store) -> None:
    play = _many_watches(store, 1)
    play.scan()
    row = play.notifications()[0]
    again = {
        column.name: getattr(row, column.name)
        for column in tables.Notification.__table__.columns
        if column.name != "id"
    }
    with pytest.raises(IntegrityError), store.begin() as session:
        session.execute(insert(tables.Notification).values(again))


def test_a_scan_that_dies_in_a_page_has_written_nothing_of_it(store: Store) -> None:
    """Row 1 of the fault matrix."""
    play = _many_watches(store, 3)
    with dies(store, "INSERT INTO notification", 2):
        play.scan()
    assert play.notifications() == []
    assert play.scan().fired == 3
    assert _told(play) == [1, 2, 3]


def test_a_scan_that_dies_between_two_pages_is_taken_up(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stage, "_PAGE", 2)
    play = _many_watches(store, 5)
    with dies(store, "INSERT INTO notification", 3):
        play.scan()
    assert _told(play) == [1, 2]
    counts = play.scan()
    assert (counts.scanned, counts.fired) == (3, 3)  # what was folded before is not looked at again
    assert _told(play) == [1, 2, 3, 4, 5]


def test_a_scan_that_dies_at_its_end_repeats_nothing(sqlite_store: Store) -> None:
    play = _many_watches(sqlite_store, 3)
    with dies(sqlite_store, "UPDATE reading", 1):
        play.scan()
    assert _told(play) == [1, 2, 3]
    assert play.scan().fired == 0


def test_a_scan_that_lost_its_lease_writes_nothing_more(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stage, "_PAGE", 2)
    play = _many_watches(store, 5)

    def lose_the_lease(_what: str, _done: int, _total: int | None = None) -> None:
        with store.begin() as session:
            session.execute(update(tables.Lease).where(tables.Lease.name == "scan:main").values(token="another"))

    with pytest.raises(LeaseLostError):
        stage.scan(store, "main", play.settings, KEY, now=play.now, progress=lose_the_lease)
    assert _told(play) == [1, 2]


def test_every_page_is_judged(sqlite_store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stage, "_PAGE", 2)
    play = _many_watches(sqlite_store, 7)
    told: list[tuple[object, ...]] = []
    counts = stage.scan(
        sqlite_store, "main", play.settings, KEY, now=play.now, progress=lambda *what: told.append(what)
    )
    assert (counts.scanned, counts.fired) == (7, 7)
    assert told == [("relations", done, 7) for done in (2, 4, 6, 7)]


def _poison(play: Play, number: int) -> None:
    """Break the stored state of a relation's watches, as a bug might."""
    with play.store.begin() as session:
        session.execute(text("UPDATE watch SET armed_by = 'nonsense' WHERE relation_id = :id"), {"id": number})


def test_a_watch_that_cannot_be_judged_is_put_aside_and_the_others_go_on(store: Store, logs: list[EventDict]) -> None:
    """Row 22 of the fault matrix, in small."""
    play = _many_watches(store, 5)
    _poison(play, 3)
    counts = play.scan()
    assert (counts.fired, counts.poisoned, counts.errors) == (4, 1, ("relation 3: ValueError",))
    assert _told(play) == [1, 2, 4, 5]
    assert play.relation("3").rejected == "internal_error"
    assert [(entry["log_level"], entry["relation"], entry["exc_info"]) for entry in logs] == [("error", "3", True)]
    play.later(minutes=5).sync()
    assert play.status()["sources"]["main"]["rejected"] == {"internal_error": 1}


def test_of_many_watches_that_cannot_be_judged_all_are_counted_and_the_first_fifty_named(sqlite_store: Store) -> None:
    play = _many_watches(sqlite_store, 52)
    for number in range(1, 53):
        _poison(play, number)
    counts = play.scan()
    assert (counts.poisoned, len(counts.errors)) == (52, 50)
    assert (counts.errors[0], counts.errors[-1]) == ("relation 1: ValueError", "relation 50: ValueError")
    run = play.rows(tables.Run)[-1]
    assert (run.stage, run.counts["errors"]) == ("scan", list(counts.errors))


def test_what_was_counted_in_a_page_that_failed_is_counted_once(sqlite_store: Store) -> None:
    play = _many_watches(sqlite_store, 5)
    _poison(play, 5)
    counts = play.scan()
    assert counts.fired == len(play.notifications()) == 4
    assert counts.scanned == 5
    assert dict(counts.waiting) == {"out_of_stock": 4}


def test_a_watch_that_was_put_aside_is_judged_again_when_something_changes(sqlite_store: Store) -> None:
    play = _many_watches(sqlite_store, 2)
    _poison(play, 2)
    play.scan()
    with sqlite_store.begin() as session:
        session.execute(update(tables.Watch).where(tables.Watch.armed_by == "nonsense").values(armed_by="arrival"))
    play.shop.product("42", EUR="98.00")
    assert play.told() == ["2 price"]
    assert play.relation("2").rejected is None


def test_a_row_the_database_refuses_is_poison_of_one_relation_only(store: Store) -> None:
    """The error comes from the database, but speaks of one row: here an episode that was told before, after a broken restore."""
    play = _many_watches(store, 3)
    play.scan()
    with store.begin() as session:
        session.execute(update(tables.Watch).values(armed=True, armed_by="arrival"))
        session.execute(delete(tables.Notification).where(tables.Notification.relation_id != 2))
    counts = play.later(days=2).scan()
    assert (counts.fired, counts.poisoned, counts.errors) == (2, 1, ("relation 2: IntegrityError",))
    assert _told(play) == [1, 2, 3]


def test_a_database_that_fails_is_no_poison(store: Store) -> None:
    """No relation is put aside for it; the next scan finds everything as it was."""
    play = _many_watches(store, 2)
    with store.begin() as session:
        session.execute(text("ALTER TABLE notification RENAME TO gone"))
    try:
        with pytest.raises(DBAPIError):
            play.scan()
    finally:
        with store.begin() as session:
            session.execute(text("ALTER TABLE gone RENAME TO notification"))
    assert [row.rejected for row in play.rows(tables.Relation)] == [None, None]
    assert play.scan().fired == 2
