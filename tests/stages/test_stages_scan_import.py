"""A first import causes no storm; what arrives later is judged at once."""

import pytest

from tests.support.factories import CREATED
from tests.support.stages import Play, imported, make_settings, watching
from worker.domain.model import Kind
from worker.store.session import Store


def _first_import(store: Store, price: str, stock: str, first_import: str = "quiet") -> Play:
    """A shop whose customer 7 watches product 42 when it is first read."""
    play = Play(store, settings=make_settings(rules=f'first_import = "{first_import}"'))
    play.shop.customer("7")
    play.shop.product("42", EUR=price, stock=stock)
    play.shop.watch("1", ctime=CREATED)
    return play


def test_a_quiet_import_counts_what_holds_as_told(store: Store) -> None:
    play = _first_import(store, "90.00", "5")
    assert play.fires() == 0
    assert play.waits() == ("held_at_import", "never_out_of_stock")
    assert (play.watch().last_notified_price, play.watch().last_notified_at) == (90, None)
    assert play.notifications() == []


def test_after_a_quiet_import_a_new_episode_is_told(store: Store) -> None:
    play = _first_import(store, "90.00", "5")
    play.fires()
    play.shop.product("42", EUR="110.00", stock="0")
    assert play.told() == []
    play.shop.product("42", EUR="95.00", stock="1")
    assert play.told() == ["1 price", "1 stock"]


def test_after_a_quiet_import_a_further_drop_is_told_without_a_cooldown(sqlite_store: Store) -> None:
    play = _first_import(sqlite_store, "90.00", "5")
    play.fires()
    play.shop.product("42", EUR="85.51")
    assert play.told() == []
    play.shop.product("42", EUR="85.50")
    assert play.told() == ["1 price"]


def test_after_a_quiet_import_what_did_not_hold_is_told_when_it_does(sqlite_store: Store) -> None:
    play = _first_import(sqlite_store, "110.00", "0")
    assert play.fires() == 0
    play.shop.product("42", EUR="95.00", stock="1")
    assert play.told() == ["1 price", "1 stock"]


def test_a_loud_import_tells_of_prices_and_takes_the_stock_for_a_baseline(store: Store) -> None:
    play = _first_import(store, "90.00", "5", first_import="notify")
    assert play.fires() == 1
    assert play.waits() == ("already_told", "never_out_of_stock")


def test_a_change_between_the_import_and_the_first_scan_is_news(sqlite_store: Store) -> None:
    play = _first_import(sqlite_store, "110.00", "0")
    play.sync()
    play.shop.product("42", EUR="95.00", stock="1")
    assert play.told() == ["1 price", "1 stock"]


def test_an_import_whose_products_could_not_be_read_is_quiet_when_they_are(sqlite_store: Store) -> None:
    play = _first_import(sqlite_store, "90.00", "5")
    play.shop.hidden.add("42")
    assert play.fires() == 0
    assert play.told() == []
    play.shop.hidden.clear()
    assert play.told() == []
    assert play.reason() == "held_at_import"


def test_a_relation_of_a_later_customer_is_imported_quietly_too(store: Store) -> None:
    """On the customer-facing API each customer has a first import."""
    play = watching(store)
    play.shop.product("42", EUR="99.00")
    assert play.told() == ["1 price"]
    play.shop.customer("8")
    play.shop.watch("2", customer_id="8", ctime=CREATED)
    assert play.told() == []
    assert play.reason(shop_id="2") == "held_at_import"


def test_a_price_that_holds_when_a_later_relation_arrives_is_told_at_once(store: Store) -> None:
    play = imported(store)
    play.shop.product("42", EUR="99.00", stock="5")
    play.shop.watch("1", ctime=play.now)
    assert play.told() == ["1 price"]
    assert play.reason(Kind.STOCK) == "never_out_of_stock"


def test_a_stock_that_holds_when_a_later_relation_arrives_waits_for_its_transition(sqlite_store: Store) -> None:
    play = imported(sqlite_store)
    play.shop.product("42", stock="5")
    play.shop.watch("1", ctime=play.now)
    assert play.told() == []
    play.shop.product("42", stock="0")
    assert play.told() == []
    play.shop.product("42", stock=None)
    assert play.told() == ["1 stock"]


@pytest.mark.parametrize("first_import", ["quiet", "notify"])
def test_nothing_is_judged_before_the_first_sync_is_complete(sqlite_store: Store, first_import: str) -> None:
    from worker.errors import ShopUnreachableError

    play = _first_import(sqlite_store, "90.00", "5", first_import)
    play.shop.products_broken = ShopUnreachableError("no answer within 30 seconds")
    with pytest.raises(ShopUnreachableError):
        play.sync()
    assert play.scan().scanned == 0
    assert play.reason() == "not_synced"
