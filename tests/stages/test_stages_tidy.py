"""What is older than the settings say is forgotten, but nothing that a decision can still depend on."""

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from tests.support.databases import SqliteTemplate, opened
from tests.support.factories import make_config
from tests.support.stages import Play, imported, watching
from worker import tidy as stage
from worker.errors import AlreadyRunningError
from worker.settings import Retention
from worker.store import tables
from worker.store.lease import single_flight
from worker.store.session import Store
from worker.tidy import tidy

KEPT = Retention(observation_days=30, run_days=7)


def _tidy(play: Play) -> tuple[int, int]:
    counts = tidy(play.store, KEPT, now=play.now)
    return counts.observations, counts.runs


def _prices(play: Play) -> list[Decimal]:
    return [row.price for row in play.rows(tables.Observation) if row.price is not None]


def _told_each_day(play: Play, *prices: str) -> None:
    for price in prices:
        play.later(days=1).shop.product("42", EUR=price)
        play.fires()


def test_what_an_active_watch_needs_is_kept_however_old_it_is(store: Store) -> None:
    """The price at its creation and every later one; older ones served an earlier watch."""
    play = watching(store, timeframe=3650)
    _told_each_day(play, "130", "140")
    play.shop.watch("2", ctime=play.now, config=make_config(timeframe=3650))
    _told_each_day(play, "150", "160")
    play.shop.delete("1")
    play.later(days=100).fires()
    assert _tidy(play)[0] == 2
    assert _prices(play) == [140, 150, 160]


def test_a_base_price_that_comes_to_be_asked_for_years_later_is_still_known(sqlite_store: Store) -> None:
    play = watching(sqlite_store, timeframe=3650)
    _told_each_day(play, "130", "140")
    play.later(days=500).fires()
    _tidy(play)
    play.shop.patch("1", timeframe=3650, pricevalue=None)
    play.told()
    assert play.watch().base_limit == 120
    play.shop.product("42", EUR="119.99")
    assert play.told() == ["1 price"]


def test_without_an_active_watch_only_the_newest_is_kept(store: Store) -> None:
    play = watching(store)
    _told_each_day(play, "130", "140")
    play.later(days=60).fires()  # the watch of 30 days is over
    assert _tidy(play)[0] == 2
    assert _prices(play) == [140]
    assert [row.in_stock for row in play.rows(tables.Observation) if row.price is None] == [False]


def test_of_an_earlier_stretch_of_observing_nothing_is_needed(sqlite_store: Store) -> None:
    play = watching(sqlite_store)
    play.later(days=60).fires()
    play.shop.watch("2", ctime=play.now, config=make_config())
    play.shop.product("42", EUR="110")
    play.told()
    assert _tidy(play)[0] == 2  # the price and the stock of the first stretch
    assert _prices(play) == [110]


def test_what_is_younger_than_the_setting_stays(sqlite_store: Store) -> None:
    play = watching(sqlite_store)
    _told_each_day(play, "130", "140")
    play.shop.delete("1")
    play.later(days=27).fires()
    assert _tidy(play)[0] == 0
    play.later(days=2).fires()
    assert _tidy(play)[0] == 1


def test_every_page_is_looked_at(sqlite_store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stage, "_PAGE", 2)
    play = watching(sqlite_store)
    _told_each_day(play, "130", "140", "150", "160", "170")
    play.later(days=60).fires()
    assert _tidy(play)[0] == 5


def _lived_through(store: Store, *, tidying: bool) -> list[tuple[str, int, object]]:
    """A season of prices and stock; what was told, in order."""
    play = watching(store, timeframe=365)
    for day, price in enumerate(["99", "120", "98", "93", "120", None, "97", "97", "110", "92"] * 3):
        play.later(days=4).shop.product("42", EUR=price, stock=str(day % 3))
        if day == 15:
            play.shop.patch("1", timeframe=365, pricevalue=None)
        play.fires()
        if tidying:
            _tidy(play)
    return [(row.kind, row.episode, row.facts["price"]) for row in play.notifications()]


def test_forgetting_changes_no_decision(sqlite_store: Store, sqlite_template: SqliteTemplate, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    with opened(sqlite_template.copy_to(tmp_path / "other")) as other:
        told = _lived_through(sqlite_store, tidying=False)
        assert _lived_through(other, tidying=True) == told
    assert {kind for kind, _, _ in told} == {"price", "stock"}
    assert len(told) > 10


def test_old_runs_are_forgotten_but_the_last_of_each_stage(store: Store) -> None:
    play = imported(store)
    play.compose()
    play.later(days=3).fires()
    play.later(days=5).sync()
    assert _tidy(play) == (0, 2)
    days = [(row.stage, (play.now - row.started_at).days) for row in play.rows(tables.Run)]
    assert days == [("compose", 8), ("sync", 5), ("scan", 5), ("sync", 0), ("tidy", 0)]


def test_one_tidies_at_a_time(sqlite_store: Store) -> None:
    play = imported(sqlite_store)
    with single_flight(sqlite_store, "tidy", timedelta(minutes=1)), pytest.raises(AlreadyRunningError):
        _tidy(play)
