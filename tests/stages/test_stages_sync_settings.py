"""An operator changes how a shop is read: what is known stays known, nothing is missed, and nobody is told twice."""

from datetime import timedelta

import pytest

from tests.stages.test_stages_sync_incremental import ADMIN, SILENCE, AdminPlay
from tests.support.fake_admin_shop import FakeAdminShop
from tests.support.stages import START, imported, make_settings
from worker.errors import ShopUnreachableError
from worker.store import tables
from worker.store.session import Store

GRAPHQL = make_settings(source=ADMIN.format(more=""))


def _all_customers_after_one(store: Store) -> AdminPlay:
    """One customer was told through the customer-facing API; now all ten of the shop are to be read, whose watches hold."""
    before = imported(store).later(minutes=5)
    before.shop.product("42", EUR="90.00")
    before.shop.watch("7", customer_id="7", ctime=before.now)
    assert before.fires() == 1
    play = AdminPlay(store, shop=FakeAdminShop(), settings=GRAPHQL, now=before.now)
    play.shop.product("42", EUR="90.00", stock="0")
    for number in range(1, 11):
        play.shop.customer(f"{number}")
        play.shop.watch(f"{number}", customer_id=f"{number}", ctime=START - timedelta(days=20))
    play.shop.watch("7", ctime=before.now)
    return play


def test_customers_met_by_a_change_to_an_admin_interface_are_imported_quietly(store: Store) -> None:
    play = _all_customers_after_one(store)
    assert play.told() == []
    assert len(play.rows(tables.Watch)) == 20
    assert play.reason(shop_id="3") == "held_at_import"
    play.shop.product("42", EUR="80.00")
    play.later(days=2)
    assert len(play.told()) == 10


def test_an_import_after_a_change_to_an_admin_interface_is_quiet_though_it_dies(sqlite_store: Store) -> None:
    play = _all_customers_after_one(sqlite_store)
    play.shop.accounts_broken = SILENCE
    with pytest.raises(ShopUnreachableError):
        play.later(minutes=5).sync()
    assert play.scan().fired == 0
    play.shop.accounts_broken = None
    assert play.told() == []


def test_who_comes_after_a_change_to_an_admin_interface_is_told_at_once(sqlite_store: Store) -> None:
    play = _all_customers_after_one(sqlite_store)
    assert play.told() == []
    play.shop.customer("11")
    play.shop.watch("11", customer_id="11", ctime=play.now)
    assert play.told() == ["11 price"]
