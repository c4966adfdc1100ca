"""Sync mirrors relations: what is new, changed, unchanged, gone and back."""

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.support.factories import CREATED, make_config, make_relation
from tests.support.stages import START, imported, watching
from worker.domain.model import Kind
from worker.store import tables
from worker.store.session import Store


def test_what_a_sync_did_is_counted(store: Store) -> None:
    play = imported(store)
    for shop_id in ("1", "2", "3"):
        play.shop.watch(shop_id, refid=shop_id)
    first = play.sync()
    assert (first.accounts, first.seen, first.new, first.changed, first.unchanged) == (1, 3, 3, 0, 0)
    play.later(minutes=5).shop.patch("2", pricevalue="90.00")
    play.shop.delete("3")
    second = play.sync()
    assert (second.seen, second.new, second.changed, second.unchanged, second.retired) == (2, 0, 1, 1, 1)
    play.later(minutes=5).shop.watch("3", refid="3")
    third = play.sync()
    assert (third.seen, third.new, third.changed, third.revived, third.unchanged) == (3, 0, 0, 1, 2)


@pytest.mark.parametrize(
    "change",
    [
        {"config": make_config(pricevalue="80.00")},
        {"config": []},
        {"status": 0},
        {"datestart": START},
        {"dateend": START},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_patch_makes_a_version(sqlite_store: Store, change: dict[str, object]) -> None:
    play = watching(sqlite_store)
    play.later(minutes=5).shop.watch("1", **change)
    assert play.sync().changed == 1
    assert [(row.version, row.seen_at) for row in play.rows(tables.RelationVersion)] == [
        (1, play.now - timedelta(minutes=5)),
        (2, play.now),
    ]
    assert play.later(minutes=5).sync().unchanged == 1


def test_another_position_is_no_version(sqlite_store: Store) -> None:
    play = watching(sqlite_store)
    play.shop.watch("1", position=9)
    assert play.later(minutes=5).sync().unchanged == 1
    assert play.relation().position == 9


def test_the_same_config_written_differently_is_no_version(sqlite_store: Store) -> None:
    play = watching(sqlite_store)
    config = make_config()
    play.shop.watch("1", config=dict(reversed(config.items())))
    assert play.later(minutes=5).sync().unchanged == 1


def test_a_deleted_relation_is_retired_and_keeps_its_history(store: Store) -> None:
    play = watching(store)
    play.shop.product("42", EUR="99.00")
    assert play.told() == ["1 price"]
    play.shop.delete("1")
    assert play.later(minutes=5).sync().retired == 1
    assert play.relation().retired_at == play.now
    assert play.watch().episode == 1
    assert play.later(minutes=5).sync().retired == 0


@pytest.mark.parametrize("ctime", ["same", "none"])
def test_a_relation_that_was_hidden_and_shown_again_is_not_told_twice(store: Store, ctime: str) -> None:
    play = watching(store)
    play.shop.product("42", EUR="99.00", stock="1")
    assert play.told() == ["1 price", "1 stock"]
    hidden = play.shop.delete("1")
    assert play.told() == []
    play.shop.watch("1", config=hidden.config, ctime=hidden.ctime if ctime == "same" else None)
    assert play.told() == []
    assert play.later(days=2).told() == []
    assert (play.relation().generation, play.relation().ctime) == (1, START + timedelta(minutes=5))


def test_a_relation_deleted_and_added_again_is_a_new_watch(store: Store) -> None:
    play = watching(store)
    play.shop.product("42", EUR="99.00")
    assert play.told() == ["1 price"]
    play.shop.watch("1", ctime=play.now + timedelta(minutes=1))
    assert play.told() == ["1 price"]
    assert play.relation().generation == 2
    assert [row.retired_at is None for row in play.rows(tables.Relation)] == [False, True]


def test_another_id_is_a_new_watch(sqlite_store: Store) -> None:
    play = watching(sqlite_store)
    play.shop.product("42", EUR="99.00")
    assert play.told() == ["1 price"]
    play.shop.listed["2"] = replace(play.shop.delete("1"), id="2")
    assert play.told() == ["2 price"]


@pytest.mark.parametrize(
    "change", [{"refid": "43"}, {"domain": "service"}, {"type": "favorite"}], ids=lambda change: next(iter(change))
)
def test_a_relation_that_points_elsewhere_is_a_new_one(sqlite_store: Store, change: dict[str, str]) -> None:
    play = watching(sqlite_store)
    play.shop.watch("1", **change)
    counts = play.later(minutes=5).sync()
    assert (counts.new, play.relation().generation) == (1, 2)
    assert play.rows(tables.Relation)[0].retired_at == play.now


def test_the_moment_first_seen_stands_in_for_a_missing_ctime(sqlite_store: Store) -> None:
    play = imported(sqlite_store)
    play.later(minutes=5).shop.watch("1", ctime=None)
    seen = play.now
    play.sync()
    play.later(days=1).sync()
    assert (play.relation().ctime, play.relation().ctime_exact) == (seen, False)


def test_a_ctime_the_shop_begins_to_tell_is_believed_and_is_no_new_relation(sqlite_store: Store) -> None:
    play = imported(sqlite_store)
    play.shop.watch("1", ctime=None)
    play.sync()
    play.shop.watch("1", ctime=CREATED)
    assert play.later(minutes=5).sync().new == 0
    relation = play.relation()
    assert (relation.generation, relation.ctime, relation.ctime_exact) == (1, CREATED, True)
    assert relation.ends_at == CREATED + timedelta(days=30)


@pytest.mark.parametrize(("domain", "type_"), [("product", "favorite"), ("service", "default"), ("catalog", "watch")])
def test_other_relations_are_kept_and_never_evaluated(store: Store, domain: str, type_: str) -> None:
    play = imported(store)
    play.shop.product("42", EUR="1.00", stock="1")
    play.shop.watch("1", domain=domain, type=type_, config={"anything": ["goes", None]})
    counts = play.sync()
    assert (counts.new, counts.rejected) == (1, 0)
    assert play.scan().scanned == 0
    relation = play.relation()
    assert (relation.domain, relation.type, relation.refid, relation.product_id) == (domain, type_, "42", None)
    assert relation.config == '{"anything":["goes",null]}'
    assert not relation.unscanned
    assert play.shop.reads == []


def test_a_favorite_of_a_watched_product_is_no_watch(sqlite_store: Store) -> None:
    play = watching(sqlite_store)
    play.shop.watch("2", type="favorite")
    play.shop.product("42", EUR="99.00")
    assert play.told() == ["1 price"]


def test_an_id_listed_twice_alike_is_one_relation(sqlite_store: Store) -> None:
    play = watching(sqlite_store)
    play.shop.doubles.append(play.shop.listed["1"])
    counts = play.later(minutes=5).sync()
    assert (counts.unchanged, counts.new, counts.rejected) == (1, 0, 0)


def test_an_id_listed_twice_with_different_targets_is_rejected_and_tells_nobody_anything(store: Store) -> None:
    play = watching(store)
    play.shop.product("43", EUR="1.00", stock="1")
    play.shop.doubles.append(replace(play.shop.listed["1"], refid="43"))
    play.shop.product("42", EUR="99.00")
    for _ in range(3):
        assert play.told() == []
        assert play.relation().rejected == "duplicate_id"
    assert play.reason() == "unreadable"
    play.shop.doubles.clear()
    assert play.told() == ["1 price"]


def test_an_id_that_two_customers_claim_stays_with_the_first_and_makes_no_new_watch(store: Store) -> None:
    play = watching(store)
    play.shop.product("42", EUR="99.00")
    assert play.told() == ["1 price"]
    play.shop.customer("8")
    play.shop.doubles.append(replace(play.shop.listed["1"], customer_id="8"))
    for _ in range(3):
        assert play.told() == []
    assert [row.generation for row in play.rows(tables.Relation)] == [1]


def test_records_without_an_id_keep_absent_relations_from_being_retired(store: Store) -> None:
    play = watching(store)
    play.shop.delete("1")
    play.shop.unreadable["7"] = 1
    assert play.later(minutes=5).sync().retired == 0
    assert play.relation().retired_at is None
    play.shop.unreadable.clear()
    assert play.later(minutes=5).sync().retired == 1


def test_a_relation_with_a_defect_is_kept_rejected_and_counted(sqlite_store: Store) -> None:
    from worker.domain.model import Defect

    play = imported(sqlite_store)
    play.shop.watch("1", defect=Defect("bad_date", "customer.lists.datestart='2024-02-30'"))
    play.shop.watch("2", refid="42")
    counts = play.sync()
    assert (counts.new, counts.rejected) == (2, 1)
    assert (play.relation("1").rejected, play.relation("2").rejected) == ("bad_date", None)


def test_new_settings_are_judged_at_once(sqlite_store: Store) -> None:
    """The end of a watch without a timeframe moves with the default; what happened meanwhile is not lost."""
    from tests.support.stages import make_settings

    play = watching(sqlite_store, make_settings(rules="default_timeframe_days = 1"), timeframe=None)
    play.shop.customer("8")
    play.shop.listed["2"] = make_relation(id="2", customer_id="8", ctime=START, config=make_config(pricevalue="1"))
    play.later(days=2).shop.product("42", EUR="99.00")
    assert play.told() == []
    play.settings = make_settings(rules="default_timeframe_days = 30")
    assert play.told() == ["1 price"]


def test_a_default_currency_that_changes_is_read_and_judged(sqlite_store: Store) -> None:
    play = watching(sqlite_store, currency=None)
    play.settings = play.settings.model_copy(
        update={"sources": {"main": play.settings.sources["main"].model_copy(update={"currency": "USD"})}}
    )
    play.shop.product("42", USD="99.00")
    assert play.told() == ["1 price"]
    assert play.watch(Kind.PRICE).last_notified_price == 99
