"""Episodes as the stages play them: further drops, cooldowns, recoveries, PATCHes, expiry, limits of one's own and none."""

from datetime import timedelta
from decimal import Decimal

import pytest

from tests.support.factories import make_config
from tests.support.stages import START, imported, make_settings, watching
from worker.domain.model import Kind
from worker.store import tables
from worker.store.session import Store

NO_COOLDOWN = "cooldown_hours = 0"


def test_the_facts_are_frozen_in_the_ledger(store: Store) -> None:
    play = watching(store)
    play.shop.product("42", EUR="99.50")
    play.told()
    (row,) = play.notifications()
    assert (row.source, row.kind, row.episode, row.state, row.created_at) == ("main", "price", 1, "pending", play.now)
    assert row.facts == {
        "relation_id": "1",
        "product_id": "42",
        "product_name": "Product 42 (en)",
        "link": "https://shop.test/p/desk-lamp",
        "picture": "https://shop.test/media/lamp.jpg",
        "price": {"currency": "EUR", "now": "99.5", "before": "120", "limit": "100.00", "limit_is_own": True},
        "stock": False,
        "in_stock": False,
        "costs": None,
        "until": (START + timedelta(days=30, minutes=5)).isoformat(),
        "language": "en",
    }
    watch = play.watch()
    assert (watch.armed, watch.armed_by, watch.last_notified_at) == (False, "fired", play.now)
    assert watch.last_notified_price == Decimal("99.5")


def test_a_further_drop_waits_for_the_cooldown_and_is_told_if_it_still_holds(store: Store) -> None:
    play = watching(store)
    play.shop.product("42", EUR="99.00")
    assert play.told() == ["1 price"]
    play.shop.product("42", EUR="94.06")
    assert play.told() == []
    play.shop.product("42", EUR="94.05")
    assert play.waits() == ("cooldown", "out_of_stock")
    assert play.later(hours=23, minutes=40).told() == []
    assert play.told() == ["1 price"]
    assert play.ledger() == [("price", 1, "pending"), ("price", 2, "pending")]


def test_a_further_drop_that_is_undone_within_the_cooldown_is_not_told(sqlite_store: Store) -> None:
    play = watching(sqlite_store)
    play.shop.product("42", EUR="99.00")
    play.told()
    play.shop.product("42", EUR="90.00")
    play.told()
    play.shop.product("42", EUR="97.00")
    assert play.later(days=2).waits() == ("no_further_drop", "out_of_stock")


def test_a_further_drop_counts_from_the_price_told_last(sqlite_store: Store) -> None:
    play = watching(sqlite_store, make_settings(rules=NO_COOLDOWN))
    for price, told in [("99", True), ("94.05", True), ("90", False), ("89.35", False), ("89.34", True)]:
        play.shop.product("42", EUR=price)
        assert play.told() == (["1 price"] if told else [])


def test_without_a_cooldown_every_episode_is_told_at_once(sqlite_store: Store) -> None:
    play = watching(sqlite_store, make_settings(rules=NO_COOLDOWN))
    for _ in range(3):
        play.shop.product("42", EUR="99.00", stock="1")
        assert play.told() == ["1 price", "1 stock"]
        play.shop.product("42", EUR="100.00", stock="0")
        assert play.told() == []
    assert [row.episode for row in play.notifications()] == [1, 1, 2, 2, 3, 3]


def test_the_cooldown_is_counted_by_kind(sqlite_store: Store) -> None:
    play = watching(sqlite_store)
    play.shop.product("42", EUR="99.00")
    assert play.told() == ["1 price"]
    play.shop.product("42", stock="1")
    assert play.told() == ["1 stock"]


def test_what_happened_between_two_scans_is_folded(store: Store) -> None:
    """The price recovered and dropped again unseen by any scan: that is a new episode."""
    play = watching(store, make_settings(rules=NO_COOLDOWN))
    play.shop.product("42", EUR="99.00", stock="1")
    assert play.told() == ["1 price", "1 stock"]
    play.shop.product("42", EUR="101.00", stock="0")
    play.later(minutes=5).sync()
    play.shop.product("42", EUR="99.00", stock="1")
    assert play.told() == ["1 price", "1 stock"]
    assert play.watch().episode == 2


def test_a_drop_that_no_scan_saw_is_lost(sqlite_store: Store) -> None:
    """A condition must hold when the scan looks."""
    play = watching(sqlite_store)
    play.shop.product("42", EUR="99.00")
    play.later(minutes=5).sync()
    play.shop.product("42", EUR="101.00")
    assert play.told() == []


def test_a_restock_seen_between_a_sale_and_a_scan_is_told(sqlite_store: Store) -> None:
    """In stock, sold out and in stock again between two scans."""
    play = watching(sqlite_store)
    play.shop.product("42", stock="1")
    assert play.told() == ["1 stock"]
    play.later(days=2).fires()
    for level in ("0", "3"):
        play.shop.product("42", stock=level)
        play.later(minutes=5).sync()
    assert play.scan().fired == 1


@pytest.mark.parametrize("price", ["100.00", "100.01", "120.00"])
def test_a_price_at_or_above_the_limit_waits(sqlite_store: Store, price: str) -> None:
    play = watching(sqlite_store)
    play.shop.product("42", EUR=price)
    assert play.waits() == ("not_below_limit", "out_of_stock")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"pricevalue": "98.00"}, []),
        ({"pricevalue": "105.00"}, ["1 price"]),
        ({"pricevalue": 100}, []),
        ({"currency": "eur"}, []),
        ({"timeframe": 60}, []),
    ],
    ids=str,
)
def test_a_changed_limit_is_told_anew_after_the_cooldown(
    sqlite_store: Store, change: dict[str, object], told: list[str]
) -> None:
    play = watching(sqlite_store)
    play.shop.product("42", EUR="99.00")
    assert play.told() == ["1 price"]
    play.shop.patch("1", **change)
    assert play.told() == []
    assert play.later(days=1).told() == told


def test_a_changed_currency_is_judged_in_the_new_one(store: Store) -> None:
    play = watching(store, make_settings(rules=NO_COOLDOWN))
    play.shop.product("42", EUR="99.00", CHF="110.00")
    assert play.told() == ["1 price"]
    play.shop.patch("1", currency="CHF")
    assert play.told() == []
    play.shop.product("42", CHF="95.00")
    assert play.told() == ["1 price"]
    assert play.notifications()[-1].facts["price"] == {
        "currency": "CHF",
        "now": "95",
        "before": "110",
        "limit": "100.00",
        "limit_is_own": True,
    }


def test_a_price_flag_switched_on_later_is_judged_at_once(sqlite_store: Store) -> None:
    play = watching(sqlite_store, price=0)
    play.shop.product("42", EUR="99.00")
    assert play.told() == []
    play.shop.patch("1")
    assert play.told() == ["1 price"]


def test_a_stock_flag_switched_on_later_is_judged_as_on_arrival(store: Store) -> None:
    play = watching(store, stock=0)
    play.shop.product("42", stock="1")
    assert play.told() == []
    play.shop.patch("1")
    assert play.waits() == ("not_below_limit", "never_out_of_stock")
    play.shop.product("42", stock="0")
    assert play.told() == []
    play.shop.product("42", stock="2")
    assert play.told() == ["1 stock"]


def test_a_flag_switched_off_and_on_begins_a_new_episode(sqlite_store: Store) -> None:
    play = watching(sqlite_store)
    play.shop.product("42", EUR="99.00")
    assert play.told() == ["1 price"]
    play.shop.patch("1", price=0)
    assert play.later(days=2).told() == []
    play.shop.patch("1")
    assert play.told() == ["1 price"]
    assert play.ledger() == [("price", 1, "pending"), ("price", 2, "pending")]


def test_patches_between_two_scans_are_folded_in_their_order(sqlite_store: Store) -> None:
    play = watching(sqlite_store)
    play.shop.product("42", EUR="99.00")
    assert play.told() == ["1 price"]
    for config in ({"price": 0}, {}, {"pricevalue": "90.00"}, {}):
        play.shop.patch("1", **config)
        play.later(minutes=5).sync()
    assert play.later(days=1).told() == ["1 price"]
    assert play.watch().episode == 4


def test_a_watch_without_a_limit_is_told_of_any_price_below_the_first(store: Store) -> None:
    play = watching(store, pricevalue=None)
    assert play.watch().base_limit == 120
    assert play.waits() == ("not_below_limit", "out_of_stock")
    play.shop.product("42", EUR="119.99")
    assert play.told() == ["1 price"]
    price = play.notifications()[0].facts["price"]
    assert (price["limit"], price["limit_is_own"]) == ("120", False)


def test_a_watch_without_a_limit_takes_the_price_at_its_ctime_where_others_observed_it(sqlite_store: Store) -> None:
    play = watching(sqlite_store)
    asked = play.later(minutes=2).now
    play.shop.product("42", EUR="130.00")
    play.later(minutes=3).sync()
    play.shop.watch("2", ctime=asked, config=make_config(pricevalue=0))
    play.shop.product("42", EUR="125.00")
    assert play.told() == []
    assert play.watch(shop_id="2").base_limit == 120


def test_a_watch_without_a_limit_waits_for_its_first_price(sqlite_store: Store) -> None:
    play = imported(sqlite_store)
    play.shop.product("42", EUR=None)
    play.shop.watch("1", ctime=play.now, config=make_config(pricevalue=""))
    assert play.waits() == ("no_price", "out_of_stock")
    play.shop.product("42", EUR="80.00")
    assert play.waits() == ("not_below_limit", "out_of_stock")
    play.shop.product("42", EUR="79.00")
    assert play.told() == ["1 price"]


def test_a_limit_given_up_later_takes_the_price_at_ctime(sqlite_store: Store) -> None:
    play = watching(sqlite_store)
    play.shop.product("42", EUR="110.00")
    assert play.told() == []
    play.shop.patch("1", pricevalue=None)
    assert play.told() == ["1 price"]
    assert play.watch().base_limit == 120


def test_another_currency_has_another_first_price(sqlite_store: Store) -> None:
    play = watching(sqlite_store, pricevalue=None)
    play.shop.product("42", CHF="200.00")
    play.shop.patch("1", pricevalue=None, currency="CHF")
    assert play.waits() == ("not_below_limit", "out_of_stock")
    play.shop.product("42", CHF="199.00")
    assert play.told() == ["1 price"]


def test_a_watch_ends_with_its_timeframe(sqlite_store: Store) -> None:
    play = watching(sqlite_store, timeframe=7)
    play.later(days=6, hours=23, minutes=55).sync()
    play.shop.product("42", EUR="99.00")
    assert play.told() == []
    assert play.now == play.relation().ends_at
    assert play.reason() == "expired"
    assert play.scan().scanned == 0


def test_a_watch_lives_until_the_last_moment(sqlite_store: Store) -> None:
    play = watching(sqlite_store, timeframe=7)
    play.shop.product("42", EUR="99.00")
    assert play.later(days=6, hours=23, minutes=54).told() == ["1 price"]


def test_a_timeframe_extended_by_a_patch_counts_from_the_old_ctime(store: Store) -> None:
    play = watching(store, timeframe=7)
    play.later(days=8).shop.product("42", EUR="99.00")
    assert play.told() == []
    play.shop.patch("1", timeframe=28)
    assert play.told() == ["1 price"]
    assert play.relation().ends_at == START + timedelta(days=28, minutes=5)


def test_renewing_by_delete_and_add_counts_from_the_new_ctime(sqlite_store: Store) -> None:
    play = watching(sqlite_store, timeframe=7)
    play.later(days=8).sync()
    play.shop.watch("1", ctime=play.now)
    play.shop.product("42", EUR="99.00")
    assert play.told() == ["1 price"]
    assert play.relation().ends_at == play.now - timedelta(minutes=5) + timedelta(days=7)


def test_both_kinds_of_a_relation_fire_in_one_scan(sqlite_store: Store) -> None:
    play = watching(sqlite_store)
    play.shop.product("42", EUR="99.00", stock=None)
    assert play.told() == ["1 price", "1 stock"]
    assert {row.kind: row.facts["in_stock"] for row in play.notifications()} == {"price": True, "stock": True}


def test_the_state_of_a_watch_survives_a_scan_that_changes_nothing(sqlite_store: Store) -> None:
    play = watching(sqlite_store)
    before = play.rows(tables.Watch)
    play.shop.product("42", EUR="115.00")
    play.told()
    after = play.rows(tables.Watch)
    assert [(row.armed, row.episode, row.holding) for row in after] == [
        (row.armed, row.episode, row.holding) for row in before
    ]
    assert play.watch(Kind.PRICE).folded_observation == max(row.id for row in play.rows(tables.Observation))
