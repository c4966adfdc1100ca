"""Sync among faults: a shop that breaks off, a lease that is lost, two syncs at once, one bad relation among many."""

from datetime import timedelta
from decimal import Decimal

import pytest

from tests.support.factories import CREATED, make_config
from tests.support.stages import KEY, START, Play, imported, watching
from worker.domain.model import Defect
from worker.errors import AlreadyRunningError, LeaseLostError, ShopAnswerError, ShopUnreachableError
from worker.store import tables
from worker.store.lease import acquire, single_flight
from worker.store.session import Store

SILENCE = ShopUnreachableError("no answer within 30 seconds")
_AN_HOUR = timedelta(hours=1)


def test_a_shop_that_breaks_off_among_its_customers_is_read_on_next_time(store: Store) -> None:
    play = watching(store)
    play.shop.customer("8")
    play.shop.watch("2", customer_id="8", ctime=play.now)
    play.fires()
    good = play.now
    play.shop.delete("1")
    play.shop.delete("2")
    play.shop.watch("3", ctime=play.now)
    play.shop.product("42", EUR="99.00")
    play.shop.accounts_broken = SILENCE
    with pytest.raises(ShopUnreachableError):
        play.later(minutes=5).sync()
    assert [row.retired_at for row in play.rows(tables.Relation)] == [None, None, None]
    assert play.row(tables.SourceState).last_good_sync_at == good
    assert play.scan().fired == 0
    play.shop.accounts_broken = None
    assert play.told() == ["3 price"]
    assert [row.retired_at is None for row in play.rows(tables.Relation)] == [False, False, True]


def test_a_shop_that_breaks_off_among_its_products_is_read_on_next_time(store: Store) -> None:
    play = watching(store)
    play.shop.product("43", EUR="99.00")
    play.shop.watch("2", refid="43", ctime=play.now)
    play.shop.product("42", EUR="99.00")
    play.shop.products_broken = ShopAnswerError("the shop answered with something else")
    good = play.now
    with pytest.raises(ShopAnswerError):
        play.later(minutes=5).sync()
    assert play.row(tables.SourceState).last_good_sync_at == good
    play.shop.products_broken = None
    assert play.told() == ["1 price", "2 price"]


def test_a_run_that_failed_is_recorded_with_what_it_did(store: Store) -> None:
    play = watching(store)
    play.shop.products_broken = SILENCE
    with pytest.raises(ShopUnreachableError):
        play.later(minutes=5).sync()
    run = [row for row in play.rows(tables.Run) if row.stage == "sync"][-1]
    assert run.error == "no answer within 30 seconds"
    assert run.counts is not None
    assert (run.counts["accounts"], run.counts["products"]) == (1, 0)


def test_a_second_sync_of_the_shop_is_refused_while_one_runs(store: Store) -> None:
    play = watching(store)
    refused: list[str] = []

    def start_another(what: str) -> None:
        with pytest.raises(AlreadyRunningError) as busy:
            play.sync()
        refused.append(what)
        assert busy.value.exit_code == 3

    play.shop.while_reading = start_another
    play.later(minutes=5).sync()
    assert refused == ["accounts", "products"]


def test_another_shop_is_synced_meanwhile(sqlite_store: Store) -> None:
    play = watching(sqlite_store)
    with single_flight(sqlite_store, "sync:other"):
        assert play.later(minutes=5).sync().accounts == 1


@pytest.mark.parametrize("moment", ["accounts", "products"])
def test_a_sync_that_lost_its_lease_writes_nothing_more(store: Store, moment: str) -> None:
    play = watching(store)
    play.shop.patch("1", pricevalue="80.00")
    play.shop.product("42", EUR="99.00")
    stored: list[dict[str, list[tuple[object, ...]]]] = []

    def lose_the_lease(what: str) -> None:
        if what != moment:
            return
        with play.store.begin() as session:
            session.get_one(tables.Lease, "sync:main").lease_until = START
        acquire(play.store, "sync:main", ttl=_AN_HOUR)
        stored.append(play.everything())

    play.shop.while_reading = lose_the_lease
    with pytest.raises(LeaseLostError):
        play.later(minutes=5).sync()
    now = play.everything()
    for table in now.keys() - {"run"}:
        assert now[table] == stored[-1][table], table


def test_bad_relations_harm_no_other(store: Store) -> None:
    """Row 22 of the fault matrix, in small."""
    play = imported(store)
    play.shop.product("42", EUR="99.00")
    bad = [
        {"config": make_config(pricevalue="20,00")},
        {"config": make_config(price="maybe")},
        {"config": make_config(timeframe=0)},
        {"config": make_config(currency="EURO")},
        {"config": "text"},
        {"config": [1]},
        {"config": make_config(pricevalue=Decimal("1E+999999"))},
        {"config": make_config(pricevalue=10**900)},
        {"defect": Defect("bad_date", "customer.lists.datestart='2024-02-30'")},
        {"ctime": CREATED.replace(year=9999)},
        {"refid": "", "defect": Defect("no_refid", "customer.lists.refid=None")},
    ]
    for number, fields in enumerate(bad):
        play.shop.watch(f"bad {number}", **fields)
    play.shop.watch("good")
    play.later(minutes=5).sync()
    assert play.scan().fired == 1
    rejected = {row.shop_id: row.rejected for row in play.rows(tables.Relation)}
    assert list(rejected.values()) == [
        "bad_pricevalue",
        "bad_flag",
        "bad_timeframe",
        "bad_currency",
        "bad_config",
        "bad_config",
        "bad_pricevalue",
        "bad_pricevalue",
        "bad_date",
        "future_ctime",
        "no_refid",
        None,
    ]
    assert play.later(minutes=5).sync().unchanged == len(bad) + 1
    assert play.scan().fired == 0


@pytest.mark.parametrize("year", [1, 9999])
def test_dates_at_the_ends_of_the_calendar_are_mirrored(store: Store, year: int) -> None:
    play = imported(store)
    edge = CREATED.replace(year=year)
    play.shop.watch("1", ctime=edge, datestart=edge, dateend=edge)
    play.shop.detail("42", datestart=edge, dateend=edge)
    play.shop.watch("2")
    play.sync()
    assert play.later(minutes=5).sync().unchanged == 2
    assert play.scan().scanned == 2


def test_progress_is_told(sqlite_store: Store) -> None:
    from worker.sync import sync

    play = watching(sqlite_store)
    told: list[tuple[object, ...]] = []
    sync(play.store, play.shop, "main", play.settings, KEY, now=play.now, progress=lambda *what: told.append(what))
    assert told == [("accounts", 1, None), ("products", 1, 1)]


def test_a_sync_of_an_empty_shop_is_a_good_one(sqlite_store: Store) -> None:
    play = Play(sqlite_store)
    counts = play.sync()
    assert (counts.accounts, counts.seen, counts.products) == (0, 0, 0)
    assert play.row(tables.SourceState).last_good_sync_at == play.now
