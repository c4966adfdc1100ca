"""Deletions leave no trace in an admin interface: they are found by comparing all ids, and believed within reason (row 19)."""

from datetime import timedelta

import pytest

from tests.stages.test_stages_sync_incremental import AdminPlay, shop_of
from worker.errors import ShopUnreachableError
from worker.store import tables
from worker.store.session import Store


def _retired(play: AdminPlay) -> list[str]:
    return [row.shop_id for row in play.rows(tables.Relation) if row.retired_at is not None]


def test_a_deleted_relation_is_found_when_all_are_compared(store: Store) -> None:
    play = shop_of(store)
    play.shop.delete("3")
    play.later(hours=23).sync()
    assert (_retired(play), play.shop.asked.ids) == ([], 0)
    assert play.later(hours=1).sync().retired == 1
    assert (_retired(play), play.shop.asked.ids) == (["3"], 1)
    play.later(hours=23).sync()
    assert play.shop.asked.ids == 1


def test_a_customer_who_comes_with_all_relations_tells_of_deletions_at_once(sqlite_store: Store) -> None:
    play = shop_of(sqlite_store)
    play.shop.watch("31", customer_id="3", refid="43")
    play.later(minutes=5).sync()
    play.shop.delete("3")
    play.later(hours=3).shop.patch("31", pricevalue="50.00")
    assert play.sync().retired == 1
    assert (_retired(play), play.shop.asked.ids) == (["3"], 0)


def test_a_deleted_watch_is_told_nothing_any_more(sqlite_store: Store) -> None:
    play = shop_of(sqlite_store)
    play.shop.delete("3")
    play.shop.product("42", EUR="99.00")
    assert play.later(hours=24).fires() == 4


def test_a_relation_that_arrives_while_ids_are_compared_is_spared(store: Store) -> None:
    play = shop_of(store)
    play.shop.hidden_ids = {"9"}  # its page had been listed before it came
    play.later(hours=25).shop.watch("9", customer_id="1", refid="43", ctime=play.now)
    counts = play.sync()
    assert (counts.new, counts.retired) == (1, 0)


def test_more_than_a_fifth_does_not_vanish_at_once(store: Store) -> None:
    play = shop_of(store, 40)
    for number in range(1, 31):
        play.shop.delete(f"{number}")
    counts = play.later(hours=25).sync()
    assert (counts.retired, counts.kept_back) == (0, 30)
    assert counts.errors[0].startswith("30 of 40 relations vanished at once; none was retired.")
    assert play.later(minutes=5).sync().kept_back == 30


def test_an_operator_confirms_at_once_that_a_shop_shrank(sqlite_store: Store) -> None:
    play = shop_of(sqlite_store, 40)
    for number in range(1, 31):
        play.shop.delete(f"{number}")
    assert play.later(hours=1).sync(accept_shrink=True).retired == 30
    assert play.shop.asked.ids == 1


def test_what_was_kept_back_and_is_listed_again_is_no_longer_doubted(sqlite_store: Store) -> None:
    play = shop_of(sqlite_store, 40)
    gone = {f"{number}": play.shop.delete(f"{number}") for number in range(1, 31)}
    play.later(hours=25).sync()
    play.shop.listed.update(gone)
    assert play.later(hours=25).sync().kept_back == 0
    assert [row.vanished_at for row in play.rows(tables.Relation)] == [None] * 40


def test_a_comparison_that_dies_goes_on_at_its_last_page(store: Store) -> None:
    play = shop_of(store, 7)
    play.shop.delete("2")
    died = False

    def die(what: str) -> None:
        nonlocal died
        if what == "ids" and not died and play.shop.asked.pages and _seen(play) >= 4:
            died = True
            raise ShopUnreachableError("no answer within 30 seconds")

    play.shop.while_reading = die
    with pytest.raises(ShopUnreachableError):
        play.later(hours=25).sync()
    assert died
    assert _retired(play) == []
    assert play.later(minutes=5).sync().retired == 1
    assert _retired(play) == ["2"]
    assert play.rows(tables.SeenRelation) == []


def _seen(play: AdminPlay) -> int:
    return len(play.rows(tables.SeenRelation))


def test_a_relation_that_no_change_told_of_is_found_by_the_comparison(sqlite_store: Store) -> None:
    play = shop_of(sqlite_store)
    play.shop.watch("9", customer_id="1", refid="43")
    play.shop.mtimes["relations", "9"] = "2020-01-01 00:00:00"  # an import that backdates
    play.shop.mtimes["relations", "1"] = "2020-01-01 00:00:00"
    play.later(hours=3).sync()
    play.later(hours=3).sync()
    counts = play.later(hours=20).sync()
    assert (counts.missed, counts.new) == (1, 0)
    assert play.later(minutes=5).sync().new == 1


def _watch_9_while(play: AdminPlay, reading: str) -> None:
    """Relation 9 is made once at the first page of this list."""

    def make(what: str) -> None:
        if what == reading:
            play.shop.while_reading = lambda _what: None
            play.shop.watch("9", customer_id="1", refid="43", ctime=play.now)

    play.shop.while_reading = make


def test_a_relation_that_is_made_while_ids_are_compared_is_no_reason_to_read_the_whole_shop(store: Store) -> None:
    play = shop_of(store)
    play.later(hours=23).sync()
    _watch_9_while(play.later(hours=1), "ids")
    counts = play.sync()
    assert (counts.missed, counts.new) == (0, 1)
    play.later(minutes=5).sync()
    assert None not in [since for since, _ in play.shop.asked.relations[1:]]
    assert play.rows(tables.SeenRelation) == []


def test_a_comparison_that_dies_over_what_it_did_not_know_goes_on(sqlite_store: Store) -> None:
    play = shop_of(sqlite_store)
    play.later(hours=23).sync()
    _watch_9_while(play.later(hours=1), "ids")
    make = play.shop.while_reading

    def make_and_die(what: str) -> None:
        make(what)
        if what == "ids":
            play.shop.while_reading = die

    def die(what: str) -> None:
        if what == "accounts":
            raise ShopUnreachableError("no answer within 30 seconds")

    play.shop.while_reading = make_and_die
    with pytest.raises(ShopUnreachableError):
        play.sync()
    play.shop.while_reading = lambda _what: None
    counts = play.later(minutes=5).sync()
    assert (counts.missed, counts.new) == (0, 1)
    assert play.rows(tables.SeenRelation) == []


def test_the_time_of_the_last_comparison_is_told(sqlite_store: Store) -> None:
    play = shop_of(sqlite_store)
    first = play.now
    assert play.status()["sources"]["main"]["compared_as_a_whole"] == first
    play.later(hours=25).sync()
    assert play.status()["sources"]["main"]["compared_as_a_whole"] == first + timedelta(hours=25)


def test_a_full_sync_compares_too(sqlite_store: Store) -> None:
    play = shop_of(sqlite_store)
    play.shop.delete("3")
    assert play.later(minutes=5).sync(full=True).retired == 1
