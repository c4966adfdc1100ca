"""A rehearsal tells what a scan would do, now or at another time, and writes nothing."""

from dataclasses import asdict

import pytest
from sqlalchemy import text

from tests.support.stages import KEY, START, Play, imported, watching
from worker import scan as stage
from worker.scan import rehearse
from worker.store.lease import single_flight
from worker.store.session import Store


def _fired(play: Play, **ahead: float) -> list[str]:
    return [f"{hit.relation_id} {hit.kind}" for hit in play.rehearse(**ahead)]


def test_a_rehearsal_tells_what_the_scan_then_does(store: Store) -> None:
    play = watching(store)
    play.shop.product("42", EUR="99.00", stock="1")
    play.later(minutes=5).sync()
    assert [asdict(hit) for hit in play.rehearse()] == [
        {
            "source": "main",
            "relation_id": "1",
            "customer_id": "7",
            "product_id": "42",
            "kind": kind,
            "episode": 1,
            "reason": reason,
        }
        for kind, reason in (("price", "price_below_limit"), ("stock", "back_in_stock"))
    ]
    assert play.scan().fired == 2
    assert play.rehearse() == []


def test_a_rehearsal_writes_nothing(store: Store) -> None:
    play = watching(store)
    play.shop.product("42", EUR="99.00", stock="1")
    play.shop.watch("2", ctime=play.now)
    play.shop.watch("3", ctime=play.now, config=["broken"])
    play.later(minutes=5).sync()
    before = play.everything()
    assert _fired(play) == ["1 price", "1 stock", "2 price", "2 stock"]
    assert play.everything() == before


def test_a_rehearsal_counts_like_the_scan(sqlite_store: Store) -> None:
    play = watching(sqlite_store)
    play.shop.product("42", EUR="99.00")
    play.shop.watch("2", ctime=play.now, config=["broken"])
    play.later(minutes=5).sync()
    rehearsed = rehearse(sqlite_store, "main", play.settings, KEY, now=play.now).as_json()
    assert rehearsed == play.scan().as_json()


def test_a_rehearsal_runs_beside_a_scan(store: Store) -> None:
    play = watching(store)
    play.shop.product("42", EUR="99.00")
    play.later(minutes=5).sync()
    with single_flight(store, "scan:main"):
        assert _fired(play) == ["1 price"]


def test_a_rehearsal_of_a_later_time_knows_what_time_alone_changes(store: Store) -> None:
    play = watching(store, timeframe=30)
    play.shop.product("42", EUR="99.00")
    assert play.told() == ["1 price"]
    play.shop.product("42", EUR="90.00")
    assert play.told() == []
    assert _fired(play, hours=23) == []
    assert _fired(play, hours=24) == ["1 price"]
    assert _fired(play, days=31) == []


def test_a_rehearsal_knows_watches_that_begin_later(sqlite_store: Store) -> None:
    play = imported(sqlite_store)
    play.shop.product("42", EUR="99.00")
    play.shop.watch("1", ctime=START, datestart=START.replace(day=5))
    play.shop.watch("2", ctime=START.replace(day=7))
    play.fires()
    assert _fired(play, days=4) == ["1 price"]
    assert _fired(play, days=6) == ["1 price", "2 price"]


def test_every_page_is_rehearsed(sqlite_store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stage, "_PAGE", 2)
    play = watching(sqlite_store)
    for number in range(2, 6):
        play.shop.watch(f"{number}", ctime=play.now)
    play.shop.product("42", EUR="99.00")
    play.later(minutes=5).sync()
    assert _fired(play) == [f"{number} price" for number in range(1, 6)]
    told: list[tuple[object, ...]] = []
    rehearse(sqlite_store, "main", play.settings, KEY, now=play.now, progress=lambda *what: told.append(what))
    assert told == [("relations", done, 5) for done in (2, 4, 5)]


def test_a_watch_that_cannot_be_judged_does_not_stop_a_rehearsal(store: Store) -> None:
    play = watching(store)
    for number in range(2, 4):
        play.shop.watch(f"{number}", ctime=play.now)
    play.fires()
    with store.begin() as session:
        session.execute(text("UPDATE watch SET armed_by = 'nonsense' WHERE relation_id = 2"))
    play.shop.product("42", EUR="99.00")
    play.later(minutes=5).sync()
    counts = rehearse(store, "main", play.settings, KEY, now=play.now)
    assert [hit.relation_id for hit in counts.hits] == ["1", "3"]
    assert (counts.poisoned, counts.errors) == (1, ("relation 2: ValueError",))
