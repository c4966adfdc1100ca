"""An incremental sync reads what changed and nothing else, and loses nothing: not to equal times, late commits, clocks or death."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tests.support.factories import make_config
from tests.support.fake_admin_shop import FakeAdminShop
from tests.support.stages import START, Play, make_settings
from worker.errors import ShopUnreachableError
from worker.store import tables
from worker.store.session import Store

SILENCE = ShopUnreachableError("no answer within 30 seconds")
ADMIN = 'interface = "graphql"\n{more}\n[sources.main.admin]\ntoken = "a-token-of-an-administrator"'


class AdminPlay(Play):
    """A play whose shop's clock goes with ours (both UTC)."""

    shop: FakeAdminShop

    def later(self, **by: float) -> "AdminPlay":
        super().later(**by)
        self.shop.clock = self.now.strftime("%Y-%m-%d %H:%M:%S")
        return self

    def pass_of(self, resource: str = "relations") -> tables.SyncPass:
        return next(row for row in self.rows(tables.SyncPass) if row.resource == resource)


def shop_of(store: Store, customers: int = 5, *, more: str = "", rules: str = "", anonymous: bool = False) -> AdminPlay:
    """Customers 1.. who each watch product 42 (relation of the same number), imported and scanned."""
    play = AdminPlay(store, shop=FakeAdminShop(), settings=make_settings(source=ADMIN.format(more=more), rules=rules))
    play.shop.anonymous = anonymous
    play.shop.product("42", EUR="120.00", stock="0")
    for number in range(1, customers + 1):
        play.shop.customer(f"{number}")
        play.shop.watch(f"{number}", customer_id=f"{number}", ctime=START - timedelta(hours=1))
    assert play.fires() == 0
    return play


def test_after_the_first_import_only_what_changed_is_read(store: Store) -> None:
    play = shop_of(store)
    assert play.shop.asked.relations == [(None, None)]
    play.later(hours=3).shop.patch("3", pricevalue="99.00")
    counts = play.sync()
    assert play.shop.asked.relations[-1] == ("2026-03-01 08:00:00", None)
    assert (counts.seen, counts.changed, counts.unchanged) == (5, 1, 4)
    play.later(hours=3)
    assert play.sync().seen == 1
    assert play.shop.asked.relations[-1] == ("2026-03-01 11:00:00", None)
    assert play.later(hours=3).sync().seen == 0
    assert play.shop.asked.relations[-1] == ("2026-03-01 14:00:00", None)


def test_what_is_unchanged_is_not_written(store: Store) -> None:
    play = shop_of(store)
    play.later(hours=3).sync()
    before = play.everything()
    play.later(minutes=5).sync()
    after = play.everything()
    assert [name for name in before if before[name] != after[name]] == ["run", "source_state", "sync_pass"]


def test_changes_of_the_same_second_are_not_lost(store: Store) -> None:
    play = shop_of(store)
    moment = play.later(hours=3).shop.clock
    play.shop.patch("1", pricevalue="98.00")
    play.sync()
    play.shop.patch("2", pricevalue="97.00")
    assert play.shop.mtimes["relations", "2"] == moment
    assert play.later(minutes=5).sync().changed == 1


def test_a_change_that_was_committed_late_is_not_lost(store: Store) -> None:
    play = shop_of(store)
    play.later(hours=3).shop.patch("1", pricevalue="98.00")
    play.sync()
    play.later(minutes=30).shop.patch("2", pricevalue="97.00")
    play.shop.mtimes["relations", "2"] = "2026-03-01 11:05:00"  # written almost two hours before it was seen
    assert play.sync().changed == 1


def test_a_change_behind_the_cursor_of_a_long_pass_is_found_by_the_next(store: Store) -> None:
    play = shop_of(store)
    play.later(hours=3)
    for number in range(1, 6):
        play.shop.patch(f"{number}", pricevalue="98.00")
    began = play.shop.clock

    def change_behind(_what: str) -> None:
        if play.shop.asked.pages >= 5:  # three of the import, two of this pass
            play.shop.clock = "2026-03-01 17:00:00"  # the pass takes four hours
            play.shop.patch("1", pricevalue="50.00")
            play.shop.patch("5", pricevalue="50.00")
            play.shop.while_reading = lambda _what: None

    play.shop.while_reading = change_behind
    play.sync()
    assert play.pass_of().watermark == began
    assert play.later(hours=4, minutes=5).sync().changed == 1
    assert '"50.00"' in play.relation("1").config


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "America/New_York", "Asia/Tokyo"])
def test_a_wrong_zone_in_the_settings_loses_no_change(sqlite_store: Store, zone: str) -> None:
    play = shop_of(sqlite_store, more=f'timezone = "{zone}"')
    for number in range(1, 4):
        play.later(hours=5).shop.patch(f"{number}", pricevalue=f"{90 - number}.00")
        assert play.sync().changed == 1


@pytest.mark.parametrize("hours", [-3, 3])
def test_a_shop_whose_clock_is_wrong_loses_no_change(sqlite_store: Store, hours: int) -> None:
    play = shop_of(sqlite_store)
    play.shop.clock_gap = timedelta(hours=hours)
    for number in range(1, 4):
        play.later(hours=5)
        play.shop.clock = (play.now + timedelta(hours=hours)).strftime("%Y-%m-%d %H:%M:%S")
        play.shop.patch(f"{number}", pricevalue=f"{90 - number}.00")
        assert play.sync().changed == 1
    assert play.row(tables.SourceState).clock_gap_seconds == hours * 3600


def test_a_time_in_the_future_holds_nothing_up_and_hides_nothing(sqlite_store: Store) -> None:
    play = shop_of(sqlite_store)
    play.shop.mtimes["relations", "1"] = "2099-01-01 00:00:00"
    play.later(hours=3).sync()
    assert play.pass_of().watermark == "2026-03-01 13:00:00"
    play.later(hours=3).shop.patch("2", pricevalue="97.00")
    assert play.sync().changed == 1


def test_the_hour_that_a_clock_change_repeats_loses_no_change(sqlite_store: Store) -> None:
    """25 October 2026 in Berlin: 02:59:59 is followed by 02:00:00 once more."""
    play = shop_of(sqlite_store, more='timezone = "Europe/Berlin"')
    moments = [
        (datetime(2026, 10, 25, 0, 59, tzinfo=UTC), "2026-10-25 02:59:00"),
        (datetime(2026, 10, 25, 1, 1, tzinfo=UTC), "2026-10-25 02:01:00"),
        (datetime(2026, 10, 25, 2, 1, tzinfo=UTC), "2026-10-25 03:01:00"),
    ]
    for number, (play.now, play.shop.clock) in enumerate(moments, 1):
        play.shop.patch(f"{number}", pricevalue=f"{90 - number}.00")
        assert play.sync().changed == 1


def test_a_sync_that_dies_goes_on_at_its_last_page(store: Store) -> None:
    play = AdminPlay(store, shop=FakeAdminShop(), settings=make_settings(source=ADMIN.format(more="")))
    play.shop.product("42", EUR="120.00", stock="0")
    for number in range(1, 8):
        play.shop.customer(f"{number}")
        play.shop.watch(f"{number}", customer_id=f"{number}")
    play.shop.accounts_broken = SILENCE
    with pytest.raises(ShopUnreachableError):
        play.sync()
    assert len(play.rows(tables.Relation)) == 2
    assert play.scan().scanned == 0
    play.shop.accounts_broken = None
    counts = play.later(minutes=5).sync()
    assert play.shop.asked.relations == [(None, None), (None, "2")]
    assert (counts.seen, counts.new, counts.resumed) == (5, 5, True)
    assert play.scan().scanned == 7
    assert {row.first_import for row in play.rows(tables.Relation)} == {True}


def test_what_changed_before_the_cursor_while_a_dead_sync_waited_is_found(store: Store) -> None:
    play = AdminPlay(store, shop=FakeAdminShop(), settings=make_settings(source=ADMIN.format(more="")))
    play.shop.product("42", EUR="120.00", stock="0")
    for number in range(1, 6):
        play.shop.customer(f"{number}")
        play.shop.watch(f"{number}", customer_id=f"{number}")
    play.shop.accounts_broken = SILENCE
    with pytest.raises(ShopUnreachableError):
        play.sync()
    play.shop.accounts_broken = None
    play.later(days=2).shop.patch("1", pricevalue="50.00")
    play.shop.customer("1", email="new@mail.test")
    play.sync()
    play.later(minutes=5).sync()
    assert '"50.00"' in play.relation("1").config
    assert "new@mail.test" in {row.email for row in play.rows(tables.Customer)}


def test_a_relation_of_a_customer_who_came_after_the_import_is_told_at_once(store: Store) -> None:
    play = shop_of(store)
    play.shop.product("42", EUR="99.00")
    assert play.told() == [f"{number} price" for number in range(1, 6)]
    play.shop.customer("9")
    play.shop.watch("9", customer_id="9", ctime=play.now)
    assert play.told() == ["9 price"]


def test_customers_who_are_not_told_with_their_relations_are_asked_for(store: Store) -> None:
    play = AdminPlay(store, shop=FakeAdminShop(), settings=make_settings(source=ADMIN.format(more="")))
    play.shop.anonymous = True
    play.shop.product("42", EUR="120.00", stock="0")
    play.shop.customer("1", language="de")
    play.shop.watch("1", customer_id="1")
    play.fires()
    customer = play.row(tables.Customer)
    assert (customer.shop_id, customer.language, customer.email) == ("1", "de", "c1@mail.test")
    play.shop.watch("2", customer_id="1", refid="43")
    counts = play.later(minutes=5).sync()
    assert (counts.new, counts.retired) == (1, 0)


def test_a_relation_of_a_customer_the_shop_does_not_know_is_counted(sqlite_store: Store) -> None:
    play = shop_of(sqlite_store)
    play.shop.anonymous = True
    play.shop.customer("9")
    play.shop.watch("9", customer_id="9")
    play.shop.customers.untold.add("9")
    counts = play.later(minutes=5).sync()
    assert (counts.unreadable, counts.quarantined, counts.new) == (1, 1, 0)


def test_customers_are_brought_up_to_date(store: Store) -> None:
    play = shop_of(store)
    play.later(hours=3).shop.customer("2", email="other@mail.test", language="de")
    play.shop.customer("99")  # watches nothing
    counts = play.sync()
    assert (counts.customers_changed, counts.seen) == (1, 5)
    second = play.rows(tables.Customer)[1]
    assert (second.email, second.language) == ("other@mail.test", "de")
    assert len(play.rows(tables.Customer)) == 5
    assert {(row.language, row.currency) for row in play.rows(tables.ProductView)} == {("de", "EUR"), ("en", "EUR")}
    assert {row.language for row in play.rows(tables.ProductText)} == {"de", "en"}


def test_only_products_that_may_have_changed_are_read(store: Store) -> None:
    play = shop_of(store)
    play.shop.product("43", EUR="150.00")
    play.shop.watch("6", customer_id="1", refid="43", ctime=play.now)
    play.later(hours=3).sync()
    play.shop.reads.clear()
    play.later(hours=3).sync()
    assert play.shop.reads == []
    play.shop.product("42", EUR="99.00")
    assert play.told() == [f"{number} price" for number in range(1, 6)]
    assert [ids for _, ids in play.shop.reads] == [("42",)]
    play.shop.product("77", EUR="1.00")  # nobody watches it
    play.later(hours=2).shop.product("42", stock="5")
    play.shop.reads.clear()
    assert play.told() == [f"{number} stock" for number in range(1, 6)]
    assert [ids for _, ids in play.shop.reads] == [("42",)]


def test_a_price_that_begins_at_its_date_is_read_then(store: Store) -> None:
    from decimal import Decimal

    from worker.domain.model import Price

    play = shop_of(store)
    begins = play.now + timedelta(hours=4)
    play.shop.product("42", EUR="120.00")
    play.shop.detail(
        "42",
        prices=(
            Price(value=Decimal(120), currency="EUR"),
            Price(value=Decimal(90), currency="EUR", datestart=begins, dateend=begins + timedelta(hours=4)),
        ),
    )
    assert play.later(minutes=5).fires() == 0
    play.later(hours=3)
    assert play.fires() == 0
    play.later(hours=1)
    assert play.fires() == 5
    play.later(hours=4)
    play.sync()
    assert play.rows(tables.Reading)[0].price == Decimal(120)


def test_a_product_is_read_again_after_a_while_though_nothing_tells_of_a_change(sqlite_store: Store) -> None:
    play = shop_of(sqlite_store, more="product_refresh_hours = 6")
    play.later(hours=3).sync()
    play.shop.names["42"] = "New name"
    play.later(hours=5).sync()
    assert {row.name for row in play.rows(tables.ProductText)} == {"Product 42 (en)"}
    play.later(hours=1, minutes=1).sync()
    assert {row.name for row in play.rows(tables.ProductText)} == {"New name (en)"}


def test_products_of_a_dead_sync_are_read_by_the_next(sqlite_store: Store) -> None:
    play = shop_of(sqlite_store)
    play.later(hours=3).shop.product("42", EUR="99.00")
    play.shop.products_broken = SILENCE
    with pytest.raises(ShopUnreachableError):
        play.sync()
    play.shop.products_broken = None
    assert play.later(hours=9).told() == [f"{number} price" for number in range(1, 6)]


def test_another_interface_reads_everything_anew(sqlite_store: Store) -> None:
    play = shop_of(sqlite_store)
    play.settings = make_settings(source=ADMIN.format(more="").replace("graphql", "jsonadm"))
    counts = play.later(hours=9).sync()
    assert play.shop.asked.relations[-1] == (None, None)
    assert (counts.seen, counts.unchanged) == (5, 5)


def test_a_full_sync_reads_everything_again(sqlite_store: Store) -> None:
    play = shop_of(sqlite_store)
    play.later(hours=3).sync()
    play.later(hours=9).shop.listed["1"] = replace(play.shop.listed["1"], config=make_config(pricevalue="5.00"))
    assert play.sync().seen == 0  # its mtime did not move
    counts = play.sync(full=True)
    assert (counts.seen, counts.changed) == (5, 1)


def test_new_defaults_are_applied_to_every_watch(store: Store) -> None:
    play = shop_of(store)
    play.shop.watch("6", customer_id="1", refid="43", config=make_config(timeframe=None, currency=None), ctime=START)
    play.shop.product("43", EUR="50.00", USD="50.00")
    play.later(minutes=5).fires()
    before = play.relation("6")
    play.settings = make_settings(
        source=ADMIN.format(more='language = "de"').replace('currency = "EUR"', ""), rules="default_timeframe_days = 30"
    )
    play.later(hours=9).sync()
    after = play.relation("6")
    assert before.ends_at is not None and after.ends_at is not None
    assert after.ends_at - before.ends_at == timedelta(days=-60)
