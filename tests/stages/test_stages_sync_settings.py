"""An operator changes how a shop is read: what is known stays known, nothing is missed, and nobody is told twice."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tests.shop.contract.conftest import OpenWorld
from tests.shop.contract.interfaces import INTERFACES, Interface
from tests.shop.contract.world import pages_of, relations_of
from tests.stages.test_stages_sync_incremental import ADMIN, SILENCE, AdminPlay, shop_of
from tests.support.fake_admin_shop import FakeAdminShop
from tests.support.stages import START, imported, make_settings
from tests.support.world_play import played
from worker.domain.model import Relation
from worker.errors import ShopUnreachableError
from worker.store import tables
from worker.store.session import Store

LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
GRAPHQL = make_settings(source=ADMIN.format(more=""))
JSONADM = make_settings(source=ADMIN.format(more="").replace("graphql", "jsonadm"))


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


def _changed_in_an_outage(store: Store, *, anonymous: bool) -> AdminPlay:
    """A shop in which an address, an account and a price changed four hours ago, which no sync has seen."""
    play = shop_of(store, 3, anonymous=anonymous).later(minutes=20)
    play.shop.customer("1", email="new@mail.test")
    play.shop.customer("2", enabled=False)
    play.shop.product("42", EUR="50.00")
    return play.later(hours=4)


def _people(play: AdminPlay) -> dict[str, tuple[str | None, bool]]:
    return {row.shop_id: (row.email, row.enabled) for row in play.rows(tables.Customer)}


CHANGED = {"1": ("new@mail.test", True), "2": ("c2@mail.test", False), "3": ("c3@mail.test", True)}


@pytest.mark.parametrize("anonymous", [False, True], ids=["with customers", "anonymous"])
@pytest.mark.parametrize("full", [False, True], ids=["changed", "full"])
def test_a_sync_after_an_outage_learns_what_changed_in_it(sqlite_store: Store, full: bool, anonymous: bool) -> None:
    play = _changed_in_an_outage(sqlite_store, anonymous=anonymous)
    play.sync(full=full)
    assert _people(play) == CHANGED
    assert play.scan().fired == 2


@pytest.mark.parametrize("anonymous", [False, True], ids=["with customers", "anonymous"])
def test_another_interface_learns_what_the_one_before_did_not_read(sqlite_store: Store, anonymous: bool) -> None:
    play = _changed_in_an_outage(sqlite_store, anonymous=anonymous)
    play.settings = JSONADM
    assert play.fires() == 2
    assert _people(play) == CHANGED


def test_an_admin_interface_learns_what_the_customer_facing_one_did_not_read(sqlite_store: Store) -> None:
    before = imported(sqlite_store).later(minutes=5)
    before.shop.watch("1", ctime=before.now)
    before.fires()
    play = AdminPlay(sqlite_store, shop=FakeAdminShop(), settings=JSONADM, now=before.now)
    play.shop.anonymous = True
    play.shop.customer("7", email="new@mail.test")
    play.shop.product("42", EUR="90.00", stock="0")
    play.shop.watch("1", ctime=before.now)
    play.shop.mtimes = dict.fromkeys(play.shop.mtimes, "2026-03-01 10:20:00")
    assert play.later(hours=5).fires() == 1
    assert _people(play) == {"7": ("new@mail.test", True)}


def test_a_full_sync_that_dies_learns_it_all_the_same(sqlite_store: Store) -> None:
    play = _changed_in_an_outage(sqlite_store, anonymous=True)
    play.shop.accounts_broken = SILENCE
    with pytest.raises(ShopUnreachableError):
        play.sync(full=True)
    play.shop.accounts_broken = None
    assert play.later(minutes=5).fires() == 2
    assert _people(play) == CHANGED


def test_a_full_sync_learns_of_customers_who_watch_nothing_at_the_moment(sqlite_store: Store) -> None:
    play = _changed_in_an_outage(sqlite_store, anonymous=True)
    gone = play.shop.delete("1")
    play.sync(full=True)
    play.shop.watch("9", customer_id=gone.customer_id, ctime=play.now)
    play.later(minutes=5).sync()
    assert _people(play) == CHANGED


def test_a_full_sync_learns_of_changes_whose_time_did_not_move(sqlite_store: Store) -> None:
    play = shop_of(sqlite_store, 3, anonymous=True).later(minutes=20)
    play.shop.customer("1", email="new@mail.test")
    play.shop.product("42", EUR="50.00")
    play.shop.mtimes = dict.fromkeys(play.shop.mtimes, "2020-01-01 00:00:00")
    play.later(hours=4).sync()
    assert play.scan().fired == 0
    play.sync(full=True)
    assert play.scan().fired == 3
    assert _people(play)["1"] == ("new@mail.test", True)


def test_a_full_sync_asks_once_for_each_customer(sqlite_store: Store) -> None:
    play = shop_of(sqlite_store, 3, anonymous=True).later(hours=3)
    asked = len(play.shop.customers.asked)
    play.sync(full=True)
    play.later(minutes=5).sync()
    assert sorted(play.shop.customers.asked[asked:]) == ["1", "2", "3"]


def _times(rows: Iterable[Relation | tables.Relation]) -> list[tuple[datetime | None, ...]]:
    return sorted((row.ctime, row.datestart or LONG_AGO, row.dateend or LONG_AGO) for row in rows)


@pytest.mark.parametrize("interface", INTERFACES, ids=lambda interface: interface.name)
def test_a_corrected_timezone_moves_the_times_of_watches_and_tells_nobody_again(
    open_world: OpenWorld, sqlite_store: Store, interface: Interface
) -> None:
    with open_world(interface, "Europe/Berlin") as world:
        play = played(world, sqlite_store)
        play.configure(timezone="UTC")
        play.fires()
        world.store.set_price("11", "EUR", "89.00")
        play.later(hours=3)
        assert play.fires() > 0
        play.later(days=2)
        play.configure(timezone="Europe/Berlin")
        counts = play.sync()
        assert (counts.new, counts.retired, counts.kept_back) == (0, 0, 0)
        assert play.scan().fired == 0
        assert _times(play.rows(tables.Relation)) == _times(relations_of(pages_of(world.connect())))


def _in_another_zone(play: AdminPlay, zone: str, hours: int) -> AdminPlay:
    """The operator names another zone for the shop, so that all its times are read so many hours later."""
    play.settings = make_settings(source=ADMIN.format(more=f'timezone = "{zone}"'))
    moved = {
        key: replace(one, ctime=one.ctime and one.ctime + timedelta(hours=hours))
        for key, one in play.shop.listed.items()
    }
    play.shop.listed.update(moved)
    return play


def test_a_timezone_that_a_dead_sync_noticed_is_taken_over_by_the_next(sqlite_store: Store) -> None:
    play = _in_another_zone(shop_of(sqlite_store).later(minutes=5), "America/New_York", 5)
    play.shop.accounts_broken = SILENCE
    with pytest.raises(ShopUnreachableError):
        play.sync()
    play.shop.accounts_broken = None
    play.later(hours=9).sync()
    assert {(row.ctime, row.generation) for row in play.rows(tables.Relation)} == {(START + timedelta(hours=4), 1)}


def test_a_relation_that_is_added_again_later_is_new_in_another_timezone_too(sqlite_store: Store) -> None:
    play = _in_another_zone(shop_of(sqlite_store).later(minutes=5), "Asia/Tokyo", -9)
    play.sync()
    play.shop.watch("1", ctime=play.now)
    assert play.later(minutes=5).sync().new == 1


def test_the_dates_of_products_are_read_again_in_another_timezone(sqlite_store: Store) -> None:
    play = shop_of(sqlite_store).later(hours=5)
    play.sync()
    play.shop.reads.clear()
    _in_another_zone(play.later(minutes=5), "Asia/Tokyo", -9).sync()
    assert [ids for _, ids in play.shop.reads] == [("42",)]


@pytest.mark.parametrize("zone", ["Asia/Tokyo", "America/Los_Angeles"])
def test_a_change_of_timezone_loses_no_change_right_or_wrong(sqlite_store: Store, zone: str) -> None:
    play = _in_another_zone(shop_of(sqlite_store).later(minutes=5), zone, 0)
    for number in range(1, 4):
        play.sync()
        play.later(hours=1).shop.customer(f"{number}", email=f"new{number}@mail.test")
        play.later(minutes=5)
    play.sync()
    assert [_people(play)[f"{number}"][0] for number in range(1, 4)] == [
        f"new{number}@mail.test" for number in range(1, 4)
    ]
