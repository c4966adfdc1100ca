"""Sync reads watched products as their watchers need them, and keeps every change of a price or the stock."""

from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import func, select, text

from tests.support.factories import make_config
from tests.support.stages import START, Play, imported, make_settings, watching
from worker.domain.model import Kind, Price, StockEntry, View
from worker.store import tables
from worker.store.session import Store


def _series(play: Play, kind: Kind, currency: str = "") -> list[tuple[int, object]]:
    """Series and value of every observation."""
    readings = {row.id for row in play.rows(tables.Reading) if (row.kind, row.currency) == (kind, currency)}
    return [
        (row.series, row.in_stock if kind is Kind.STOCK else row.price)
        for row in play.rows(tables.Observation)
        if row.reading_id in readings
    ]


def test_products_are_read_in_every_language_and_currency_their_watchers_need(store: Store) -> None:
    play = imported(store)
    play.shop.customer("8", language="de")
    play.shop.customer("9", language=None)
    play.shop.watch("1", refid="42")
    play.shop.watch("2", refid="43", customer_id="8", config=make_config(currency="chf"))
    play.shop.watch("3", refid="42", customer_id="8", config=make_config(currency=None))
    play.shop.watch("4", refid="44", customer_id="9")
    play.shop.reads.clear()
    play.sync()
    assert play.shop.reads == [
        (View(language="de", currency="CHF"), ("43",)),
        (View(language="de", currency="EUR"), ("42",)),
        (View(language="en", currency="EUR"), ("42", "44")),
    ]


def test_products_that_nobody_watches_are_not_read(sqlite_store: Store) -> None:
    play = imported(sqlite_store)
    play.shop.watch("1", refid="1", config=[])
    play.shop.watch("2", refid="2", config={"price": "maybe"})
    play.shop.watch("3", refid="3", ctime=START - timedelta(days=31))
    play.shop.watch("4", refid="4", dateend=START)
    play.shop.watch("5", refid="5", type="favorite")
    play.sync()
    assert play.shop.reads == []


def test_the_product_of_a_new_watch_is_read_in_the_sync_that_brings_it(store: Store) -> None:
    play = imported(store)
    play.shop.watch("1")
    counts = play.sync()
    assert (counts.products, counts.missing, counts.changes) == (1, 0, 2)
    assert _series(play, Kind.PRICE, "EUR") == [(1, Decimal(120))]
    assert _series(play, Kind.STOCK) == [(1, False)]


def test_a_watch_that_has_not_begun_or_is_switched_off_is_observed(sqlite_store: Store) -> None:
    play = imported(sqlite_store)
    play.shop.watch("1", datestart=START + timedelta(days=1))
    play.shop.watch("2", refid="43", status=0)
    play.sync()
    assert play.shop.reads == [(View(language="en", currency="EUR"), ("42", "43"))]


def test_every_change_is_kept_with_its_time(store: Store) -> None:
    play = watching(store)
    began = play.now
    play.later(minutes=5).shop.product("42", EUR="110.00")
    assert play.sync().changes == 1
    assert play.later(minutes=5).sync().changes == 0
    play.later(minutes=5).shop.product("42", EUR="120.00", stock="1")
    assert play.sync().changes == 2
    assert [(row.seen_at - began, row.price, row.in_stock) for row in play.rows(tables.Observation)] == [
        (timedelta(0), Decimal(120), None),
        (timedelta(0), None, False),
        (timedelta(minutes=5), Decimal(110), None),
        (timedelta(minutes=15), Decimal(120), None),
        (timedelta(minutes=15), None, True),
    ]


def test_another_stock_level_is_no_change(sqlite_store: Store) -> None:
    play = watching(sqlite_store)
    play.shop.product("42", stock="9")
    assert play.later(minutes=5).sync().changes == 1
    for level in ("8", "0.5", None):
        play.shop.product("42", stock=level)
        assert play.later(minutes=5).sync().changes == 0


def test_each_currency_is_a_series_of_its_own(store: Store) -> None:
    play = watching(store)
    play.shop.product("42", CHF="110.00")
    play.shop.watch("2", config=make_config(currency="CHF"))
    play.later(minutes=5).sync()
    play.shop.product("42", EUR="119.00")
    play.later(minutes=5).sync()
    assert _series(play, Kind.PRICE, "EUR") == [(1, Decimal(120)), (1, Decimal(119))]
    assert _series(play, Kind.PRICE, "CHF") == [(1, Decimal(110))]
    assert _series(play, Kind.STOCK) == [(1, False)]


def test_observations_end_with_the_last_watch_and_begin_anew_with_the_next(store: Store) -> None:
    play = watching(store)
    play.shop.delete("1")
    play.later(minutes=5).sync()
    assert [row.observing for row in play.rows(tables.Reading)] == [False, False]
    play.shop.watch("2", ctime=play.now)
    play.later(minutes=5).sync()
    assert _series(play, Kind.STOCK) == [(1, False), (2, False)]
    assert _series(play, Kind.PRICE, "EUR") == [(1, Decimal(120)), (2, Decimal(120))]


def test_a_gap_ends_also_by_expiry(sqlite_store: Store) -> None:
    play = watching(sqlite_store, timeframe=1)
    play.later(days=1).sync()
    assert [row.observing for row in play.rows(tables.Reading)] == [False, False]


def test_one_currency_can_end_while_the_other_goes_on(sqlite_store: Store) -> None:
    play = watching(sqlite_store)
    play.shop.product("42", CHF="110.00")
    play.shop.watch("2", config=make_config(currency="CHF"))
    play.later(minutes=5).sync()
    play.shop.delete("2")
    play.later(minutes=5).sync()
    assert {(row.kind, row.currency): row.observing for row in play.rows(tables.Reading)} == {
        ("price", "EUR"): True,
        ("price", "CHF"): False,
        ("stock", ""): True,
    }


def test_a_restock_that_nobody_observed_is_no_news_for_a_later_watch(store: Store) -> None:
    """Out of stock before the gap, in stock after it: the next reading is a new baseline."""
    play = watching(store)
    play.shop.delete("1")
    assert play.told() == []
    play.shop.product("42", stock="1")
    play.shop.watch("2", ctime=play.now)
    assert play.told() == []
    assert play.reason(Kind.STOCK, "2") == "never_out_of_stock"


def test_a_change_during_a_gap_is_only_a_baseline_for_the_price_before(sqlite_store: Store) -> None:
    play = watching(sqlite_store)
    play.shop.delete("1")
    play.told()
    play.shop.product("42", EUR="99.00")
    play.shop.watch("2", ctime=play.now)
    assert play.told() == ["2 price"]
    assert play.notifications()[0].facts["price"]["before"] is None


def test_observations_of_others_count_from_ctime_on(sqlite_store: Store) -> None:
    """Customer 8 watched while the product was sold out; the relation came to us only after it was restocked."""
    play = watching(sqlite_store)
    play.shop.customer("8")
    play.later(minutes=5).sync()
    asked = play.later(minutes=1).now
    play.shop.product("42", stock="1")
    play.shop.patch("1", stock=0)
    assert play.told() == []
    play.shop.watch("2", customer_id="8", ctime=asked)
    assert play.told() == ["2 stock"]


@pytest.mark.parametrize("price", [None, "0", "-5.00"])
def test_a_price_that_is_none_makes_a_watch_wait(sqlite_store: Store, price: str | None) -> None:
    play = watching(sqlite_store)
    play.shop.product("42", EUR=price)
    assert play.waits() == ("no_price", "out_of_stock")


@pytest.mark.parametrize("value", ["1000000000000", "0.00001", "123456789012345678901234567890.00"])
def test_a_price_the_store_cannot_hold_makes_a_watch_wait_and_harms_no_other(store: Store, value: str) -> None:
    play = watching(store)
    play.shop.product("43", EUR="99.00")
    play.shop.detail("43", prices=(Price(value=Decimal(value), currency="EUR"),))
    play.shop.watch("2", refid="43", ctime=play.now)
    play.shop.product("42", EUR="99.00")
    assert play.told() == ["1 price"]
    assert play.reason(shop_id="2") == "no_price"


def test_a_price_that_becomes_readable_again_is_judged(sqlite_store: Store) -> None:
    play = watching(sqlite_store)
    play.shop.product("42", EUR=None)
    assert play.told() == []
    play.shop.product("42", EUR="99.00")
    assert play.told() == ["1 price"]
    assert play.notifications()[0].facts["price"]["before"] == "120"


def test_a_currency_the_shop_does_not_have_waits(store: Store) -> None:
    play = watching(store, currency="ZZZ")
    play.shop.product("42", EUR="1.00")
    assert play.waits() == ("no_price", "out_of_stock")
    play.shop.product("42", ZZZ="99.00")
    assert play.told() == ["1 price"]


def test_prices_of_another_currency_than_asked_for_are_not_taken(sqlite_store: Store) -> None:
    """A real shop answers an unknown currency with prices in its default one."""
    play = watching(sqlite_store, currency="USD")
    play.shop.detail("42", prices=(Price(value=Decimal(1), currency="EUR"),))
    assert play.waits() == ("no_price", "out_of_stock")


def test_a_price_that_begins_later_counts_from_then_on(sqlite_store: Store) -> None:
    play = watching(sqlite_store)
    offer = Price(value=Decimal(99), currency="EUR", datestart=play.now + timedelta(hours=1))
    play.shop.detail("42", prices=(Price(value=Decimal(120), currency="EUR"), offer))
    assert play.told() == []
    assert play.later(hours=1).told() == ["1 price"]


def test_only_the_configured_stock_types_count(store: Store) -> None:
    play = watching(store, make_settings(source='stock_types = ["web"]'))
    play.shop.detail(
        "42", stock=(StockEntry(type="default", level=Decimal(5)), StockEntry(type="web", level=Decimal(0)))
    )
    assert play.told() == []
    play.shop.detail("42", stock=(StockEntry(type="default", level=Decimal(0)), StockEntry(type="web", level=None)))
    assert play.told() == ["1 stock"]


def test_a_product_without_stock_entries_uses_its_flag(sqlite_store: Store) -> None:
    play = watching(sqlite_store)
    play.shop.detail("42", stock=(), instock_flag=False)
    assert play.told() == []
    play.shop.detail("42", stock=(), instock_flag=True)
    assert play.told() == ["1 stock"]


def test_a_stock_that_is_not_told_makes_a_watch_wait_and_is_no_restock(sqlite_store: Store) -> None:
    play = imported(sqlite_store)
    play.shop.detail("42", stock=(), instock_flag=True)
    play.shop.watch("1", ctime=play.now)
    assert play.told() == []
    play.shop.detail("42", stock=(), instock_flag=None)
    assert play.waits() == ("not_below_limit", "not_observed")
    play.shop.detail("42", stock=(), instock_flag=True)
    assert play.told() == []


def test_a_product_the_shop_does_not_show_makes_its_watches_wait(store: Store) -> None:
    play = watching(store)
    play.shop.hidden.add("42")
    counts = play.later(minutes=5).sync()
    assert (counts.products, counts.missing) == (0, 1)
    play.shop.product("42", EUR="99.00", stock="1")
    assert play.waits() == ("product_unavailable", "product_unavailable")
    assert play.row(tables.Product).read_at == play.now
    play.shop.hidden.clear()
    assert play.told() == ["1 price", "1 stock"]


def test_any_number_of_observations_can_end_at_once(postgres_store: Store) -> None:
    """PostgreSQL takes no more than 65,535 values in one statement."""
    with postgres_store.begin() as session:
        session.execute(
            text("""
            INSERT INTO product (id, source, shop_id, code, label, enabled, due, unsure)
            SELECT n, 'main', n, '', '', true, false, true FROM generate_series(1, 20) n
        """)
        )
        session.execute(
            text("""
            INSERT INTO reading (product_id, kind, currency, series, observing, observation_id, changed_at, unscanned)
            SELECT n, 'price', lpad(to_hex(m), 3, '0'), 1, true, 1, now(), false
            FROM generate_series(1, 20) n, generate_series(1, 4000) m
        """)
        )
    Play(postgres_store).sync()
    with postgres_store.read() as session:
        assert session.scalar(select(func.count()).where(tables.Reading.observing)) == 0
