"""Sync concludes from a customer's answer only what it says; and what vanishes all at once is not believed."""

from datetime import timedelta

import pytest

from tests.support.factories import CREATED
from tests.support.stages import Play, imported, watching
from worker.errors import ShopError, ShopLoginError, ShopUnreachableError
from worker.store import tables
from worker.store.retirement import vanish_unnamed
from worker.store.session import Store

SILENCE = ShopUnreachableError("no answer within 30 seconds")


def _two_customers(store: Store) -> Play:
    """`watching`, and customer 8 who watches the same product as relation 2."""
    play = watching(store)
    play.shop.customer("8")
    play.shop.watch("2", customer_id="8", ctime=play.now)
    assert play.fires() == 0
    return play


def test_nothing_is_concluded_for_a_customer_without_an_answer(store: Store) -> None:
    play = _two_customers(store)
    play.shop.broken["7"] = ShopLoginError("the token is not accepted")
    play.shop.delete("1")
    silent_since = play.later(minutes=5).now
    counts = play.sync()
    assert (counts.accounts, counts.unread, counts.retired) == (1, 1, 0)
    assert counts.errors == ("7: the token is not accepted",)
    assert play.relation("1").retired_at is None
    play.later(minutes=5).sync()
    assert [row.unread_since for row in play.rows(tables.Customer)] == [silent_since, None]


def test_a_customer_who_answers_again_is_read_like_any_other(sqlite_store: Store) -> None:
    play = _two_customers(sqlite_store)
    play.shop.broken["7"] = SILENCE
    play.later(minutes=5).sync()
    play.shop.broken.clear()
    play.shop.delete("1")
    assert play.later(minutes=5).sync().retired == 1
    assert [row.unread_since for row in play.rows(tables.Customer)] == [None, None]


def test_products_of_an_unread_customer_are_read_on(sqlite_store: Store) -> None:
    play = _two_customers(sqlite_store)
    play.shop.broken["7"] = SILENCE
    play.shop.product("42", EUR="99.00")
    assert play.told() == ["1 price", "2 price"]


def test_a_sync_in_which_nobody_answers_has_failed(store: Store) -> None:
    play = _two_customers(store)
    good = play.now
    play.shop.broken.update({"7": SILENCE, "8": SILENCE})
    with pytest.raises(ShopError, match="main: no customer could be read: 7: no answer within 30 seconds"):
        play.later(minutes=5).sync()
    assert play.row(tables.SourceState).last_good_sync_at == good
    assert [row.retired_at for row in play.rows(tables.Relation)] == [None, None]


def test_a_resumed_sync_in_which_nobody_answers_does_not_let_the_next_one_skip_them(sqlite_store: Store) -> None:
    play = _two_customers(sqlite_store)
    play.shop.accounts_broken = SILENCE
    with pytest.raises(ShopUnreachableError):
        play.later(minutes=5).sync()
    play.shop.accounts_broken = None
    play.shop.broken["8"] = SILENCE
    with pytest.raises(ShopError, match="no customer could be read"):
        play.later(minutes=5).sync()
    play.shop.broken.clear()
    assert play.later(minutes=5).sync().accounts == 2


def test_a_disabled_customer_has_answered(sqlite_store: Store) -> None:
    play = _two_customers(sqlite_store)
    play.shop.broken["7"] = SILENCE
    play.shop.disabled.add("8")
    counts = play.later(minutes=5).sync()
    assert (counts.unread, counts.disabled) == (1, 1)
    assert play.row(tables.SourceState).last_good_sync_at == play.now


def test_a_customer_who_could_not_be_read_at_first_is_imported_quietly_later(sqlite_store: Store) -> None:
    play = _two_customers(sqlite_store)
    play.shop.product("42", EUR="99.00")
    assert play.told() == ["1 price", "2 price"]
    play.shop.customer("9")
    play.shop.watch("3", customer_id="9", ctime=CREATED)
    play.shop.broken["9"] = SILENCE
    assert play.told() == []
    play.shop.broken.clear()
    assert play.told() == []
    assert play.reason(shop_id="3") == "held_at_import"


def test_a_disabled_customer_is_kept_and_waits(store: Store) -> None:
    play = watching(store)
    play.shop.disabled.add("7")
    play.shop.product("42", EUR="99.00", stock="1")
    assert play.waits() == ("customer_disabled", "customer_disabled")
    assert play.notifications() == []
    customer = play.row(tables.Customer)
    assert (customer.enabled, customer.unread_since, customer.seen_at) == (False, None, play.now)
    assert play.relation().retired_at is None
    play.shop.disabled.clear()
    assert play.told() == ["1 price", "1 stock"]


def test_a_shop_with_disabled_customers_only_is_well_read(sqlite_store: Store) -> None:
    play = watching(sqlite_store)
    play.shop.disabled.add("7")
    assert play.later(minutes=5).sync().disabled == 1
    assert play.row(tables.SourceState).last_good_sync_at == play.now


def test_a_customer_removed_from_the_settings_is_watched_no_more(store: Store) -> None:
    play = _two_customers(store)
    del play.shop.customers["7"]
    play.shop.product("42", EUR="99.00")
    assert play.told() == ["2 price"]
    assert play.relation("1").retired_at == play.now


def test_a_customer_renamed_in_the_settings_is_the_same_one(sqlite_store: Store) -> None:
    play = watching(sqlite_store)
    play.shop.product("42", EUR="99.00")
    assert play.told() == ["1 price"]
    play.shop.customers["ann"] = play.shop.customers.pop("7")
    assert play.told() == []
    assert play.row(tables.Customer).account == "ann"
    assert play.relation().retired_at is None


def test_a_token_that_belongs_to_somebody_else_now_ends_the_watches_of_the_former_customer(store: Store) -> None:
    play = watching(store)
    play.shop.customer("7", id="70")
    play.shop.product("42", EUR="99.00")
    assert play.told() == []
    assert play.relation().retired_at == play.now


def test_two_logins_of_one_customer_are_one_customer(sqlite_store: Store) -> None:
    play = watching(sqlite_store)
    play.shop.customers["again"] = play.shop.customers["7"]
    play.shop.product("42", EUR="99.00")
    assert play.told() == ["1 price"]
    assert play.told() == []
    assert play.relation().retired_at is None


def test_a_shop_of_any_number_of_customers_can_be_compared(store: Store) -> None:
    """PostgreSQL takes no more than 65,535 values in one statement."""
    play = watching(store)
    with play.store.begin() as session:
        assert vanish_unnamed(session, "main", {str(number): None for number in range(70_000)}, play.now) == 0
        assert vanish_unnamed(session, "main", {f"other {number}": None for number in range(70_000)}, play.now) == 1


def _with_favorites(store: Store, count: int) -> Play:
    play = imported(store)
    for number in range(count):
        play.shop.watch(f"{number}", type="favorite")
    play.sync()
    return play


@pytest.mark.parametrize(
    ("known", "vanished", "retired"),
    [(20, 20, 20), (50, 20, 20), (50, 21, 0), (200, 40, 40), (200, 41, 0), (21, 21, 0)],
)
def test_more_than_twenty_relations_and_a_fifth_of_the_shop_do_not_vanish_at_once(
    sqlite_store: Store, known: int, vanished: int, retired: int
) -> None:
    play = _with_favorites(sqlite_store, known)
    for number in range(vanished):
        play.shop.delete(f"{number}")
    counts = play.later(minutes=5).sync()
    assert (counts.retired, counts.kept_back) == (retired, 0 if retired else vanished)
    gone = [row for row in play.rows(tables.Relation) if row.retired_at is not None]
    assert len(gone) == retired


def test_relations_that_are_new_make_no_room_for_others_to_vanish(sqlite_store: Store) -> None:
    play = _with_favorites(sqlite_store, 100)
    play.shop.listed.clear()
    for number in range(500):
        play.shop.watch(f"other {number}", type="favorite")
    assert play.later(minutes=5).sync().kept_back == 100


def test_an_operator_confirms_that_a_shop_shrank(store: Store) -> None:
    play = _with_favorites(store, 30)
    play.shop.listed.clear()
    counts = play.later(minutes=5).sync()
    assert (counts.retired, counts.kept_back) == (0, 30)
    assert counts.errors == (
        "30 of 30 relations vanished at once; none was retired. If that is right, run: watchpost sync --accept-shrink",
    )
    assert play.row(tables.SourceState).last_good_sync_at == play.now
    assert play.later(minutes=5).sync(accept_shrink=True).retired == 30
    assert play.later(minutes=5).sync().kept_back == 0


def test_watches_that_were_kept_back_go_on(sqlite_store: Store) -> None:
    play = watching(sqlite_store)
    for number in range(2, 42):
        play.shop.watch(f"{number}", type="favorite")
    play.later(minutes=5).sync()
    kept = dict(play.shop.listed)
    play.shop.listed.clear()
    play.shop.product("42", EUR="99.00")
    assert play.told() == ["1 price"]
    play.shop.listed.update(kept)
    assert play.later(minutes=5).sync().unchanged == 41


def test_a_customer_is_imported_once_the_products_were_read(store: Store) -> None:
    play = Play(store)
    play.shop.customer("7")
    play.shop.product("42", EUR="99.00")
    play.shop.watch("1")
    play.shop.products_broken = SILENCE
    with pytest.raises(ShopUnreachableError):
        play.sync()
    assert play.row(tables.Customer).first_synced_at is None
    assert play.row(tables.SourceState).first_synced_at is None
    assert play.scan().scanned == 0
    play.shop.products_broken = None
    play.later(minutes=5).sync()
    assert play.row(tables.Customer).first_synced_at == play.now
    assert play.row(tables.SourceState).first_synced_at == play.now
    first = play.now
    play.later(minutes=5).sync()
    assert (play.row(tables.Customer).first_synced_at, play.row(tables.SourceState).first_synced_at) == (first, first)
    assert play.now - first == timedelta(minutes=5)
