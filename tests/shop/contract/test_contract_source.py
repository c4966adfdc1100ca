"""What sync may rely on, whichever interface a shop is read through."""

from datetime import timedelta
from typing import Any

import pytest

from tests.shop.contract.world import (
    ENGLISH,
    GERMAN,
    VIEWS,
    World,
    accounts,
    active,
    changes,
    disabled,
    ids_of,
    pages_of,
    people_of,
    products_told,
    read,
    relations_of,
    removed,
)
from worker.domain.model import ProductReading
from worker.shop.source import Feed, Incremental, Missing, Remover, Source, Wanted
from worker.shopserver import tables

ACTIVE = ["1", "2", "3", "4", "6", "10"]
"""The relations to products of enabled customers that are active."""


def readings(found: list[ProductReading | Missing]) -> list[ProductReading]:
    return [item for item in found if isinstance(item, ProductReading)]


def test_it_is_what_its_abilities_say(world: World) -> None:
    source: Source = world.connect()
    assert isinstance(source, Incremental) == source.abilities.mtime
    assert isinstance(source, Remover) == source.abilities.removes


def test_every_relation_to_a_product_is_told_once(world: World) -> None:
    pages = pages_of(world.connect())
    assert sorted(active(relations_of(pages), world.clock.now), key=int) == [
        *ACTIVE,
        *(["11"] if world.connect().abilities.inactive else []),
    ]
    assert len(ids_of(pages)) == len(set(ids_of(pages)))


def test_cursors_differ_and_each_leads_to_the_rest(world: World) -> None:
    source = world.connect(page_size=2)
    pages = pages_of(source)
    assert len({page.cursor for page in pages}) == len(pages) > 1
    for place, page in enumerate(pages):
        assert ids_of(pages_of(source, after=page.cursor)) == ids_of(pages[place + 1 :])


@pytest.mark.parametrize("page_size", [1, 3, 1000])
def test_the_size_of_pages_changes_nothing(world: World, page_size: int) -> None:
    usual = relations_of(pages_of(world.connect()))
    assert relations_of(pages_of(world.connect(page_size=page_size))) == usual


def test_a_customer_who_is_switched_off_is_told_so(world: World) -> None:
    source = world.connect()
    pages = pages_of(source)
    if disabled(pages):
        assert [entry.key for entry in disabled(pages)] == ["dora"]
    else:
        assert not people_of(source, pages)["4"].enabled


def test_customers_are_told_with_what_a_mail_needs(world: World) -> None:
    source = world.connect()
    people = people_of(source, pages_of(source))
    anna, ben, cem = (people[number] for number in ("1", "2", "3"))
    assert (anna.email, anna.language, anna.salutation, anna.firstname) == ("anna@mail.test", "de", "ms", "Anna")
    assert (ben.lastname, ben.language, cem.language) == ("O'Neil & Sön", "en", None)
    assert anna.enabled


def test_an_account_that_claims_to_be_complete_is(world: World) -> None:
    for page in pages_of(world.connect(page_size=1)):
        for entry in page.entries:
            if getattr(entry, "complete", False):
                told = {relation.id for relation in entry.relations}  # type: ignore[union-attr]
                owner = entry.customer.id  # type: ignore[union-attr]
                held = {
                    key
                    for key, row in world.relations().items()
                    if row.customer_id == owner and row.domain == "product"
                }
                assert told == held


def test_ctime_is_told_exactly_or_not_relied_on(world: World) -> None:
    source = world.connect()
    if not source.abilities.ctime:
        return
    told = {relation.id: relation.ctime for relation in relations_of(pages_of(source))}
    assert told == {key: row.ctime for key, row in world.relations().items() if key in told}


def test_products_are_told_in_every_view_once(world: World) -> None:
    found = read(world.connect(), "11", "13", "11")
    told = [(reading.id, reading.view) for reading in readings(found)]
    assert sorted(told, key=repr) == sorted([(key, view) for key in ("11", "13") for view in VIEWS], key=repr)
    names = {(reading.id, reading.view.language): reading.name for reading in readings(found)}
    assert names["11", "de"] == "lamp auf Deutsch"
    assert names["11", "en"] == "lamp in English"
    assert names["13", "en"] == "Poster"


def test_views_may_differ_from_product_to_product(world: World) -> None:
    wanted = [Wanted("11", (GERMAN,)), Wanted("12", (ENGLISH,)), Wanted("11", (ENGLISH,))]
    told = [(reading.id, reading.view) for reading in readings(list(world.connect().products(wanted)))]
    assert sorted(told, key=repr) == sorted([("11", GERMAN), ("12", ENGLISH), ("11", ENGLISH)], key=repr)


def test_what_is_not_shown_is_missing_or_disabled(world: World) -> None:
    found = read(world.connect(), "11", "999", " no id ", "16", views=(GERMAN,))
    missing = {item.product_id for item in found if isinstance(item, Missing)}
    assert missing - {"16"} == {"999", " no id "}
    assert all(not reading.enabled for reading in readings(found) if reading.id == "16")
    assert {"16"} & missing or "16" in {reading.id for reading in readings(found)}
    assert len([item for item in found if isinstance(item, Missing)]) == len(missing)


def test_nothing_wanted_is_nothing_read(world: World) -> None:
    assert read(world.connect()) == []


def test_many_products_are_read_whatever_the_page(world: World) -> None:
    ids = ["11", *(str(number) for number in range(2000, 2030)), "12"]
    found = read(world.connect(page_size=3), *ids, views=(GERMAN,))
    assert {reading.id for reading in readings(found)} == {"11", "12"}
    assert len(found) == len(ids)


def test_a_shop_without_relations_has_no_entries_to_tell(world: World) -> None:
    with world.store.begin() as session:
        session.query(tables.Relation).delete()
    assert ids_of(pages_of(world.connect())) == []


def test_a_check_logs_in_and_tells_what_would_be_read(world: World) -> None:
    found = world.connect().check()
    assert found.login
    assert found.would_read


def test_the_gap_between_the_clocks_is_measured(world: World) -> None:
    source = world.connect()
    pages_of(source)
    assert source.clock_gap is not None
    assert abs(source.clock_gap) < timedelta(seconds=5)


def test_since_finds_what_is_new_or_changed_at_that_time_or_later(telling: World) -> None:
    began = telling.now()
    telling.clock.turn(hours=1)
    telling.change(tables.Relation, 6, position=7)
    telling.store.load({"relations": [{"customer": "5", "domain": "product", "type": "watch", "refid": "12"}]})
    changed = telling.now()
    found = ids_of(pages_of(telling.connect(), since=changed))
    assert {"6", "12"} <= set(found)
    assert not {"1", "2", "3", "4", "10"} & set(found)
    assert set(ids_of(pages_of(telling.connect(), since=began))) == set(telling.relations()) - {"5"}
    telling.clock.turn(seconds=1)
    assert ids_of(pages_of(telling.connect(), since=telling.now())) == []


def test_equal_times_are_no_obstacle_to_pages(telling: World) -> None:
    source = telling.connect(page_size=2)
    assert set(ids_of(pages_of(source, since=telling.now()))) == set(telling.relations()) - {"5"}
    pages = pages_of(source, since=telling.now())
    for place, page in enumerate(pages):
        assert ids_of(pages_of(source, since=telling.now(), after=page.cursor)) == ids_of(pages[place + 1 :])


def test_the_latest_change_is_told_with_its_page(telling: World) -> None:
    telling.clock.turn(hours=1)
    telling.change(tables.Relation, 6, position=7)
    told = [page.newest for page in pages_of(telling.connect()) if "6" in ids_of([page])]
    assert told == [telling.now()]


def test_a_deleted_relation_leaves_no_trace_but_its_id_is_gone(telling: World) -> None:
    source = telling.incremental()
    everything = {relation_id for page in source.relation_ids(None) for relation_id in page.ids}
    assert everything == set(telling.relations()) - {"5"}
    telling.clock.turn(hours=1)
    with telling.store.begin() as session:
        session.delete(session.get_one(tables.Relation, 1))
    assert ids_of(pages_of(telling.connect(), since=telling.now())) == []
    assert everything - {relation_id for page in source.relation_ids(None) for relation_id in page.ids} == {"1"}


def test_the_ids_go_on_after_each_page(telling: World) -> None:
    source = telling.incremental(page_size=2)
    pages = list(source.relation_ids(None))
    assert len(pages) > 1
    for place, page in enumerate(pages):
        assert list(source.relation_ids(page.cursor)) == pages[place + 1 :]


def test_customers_are_told_by_id_and_strangers_left_out(telling: World) -> None:
    found = list(telling.incremental().customers(["1", "4", "77", "5", "1", " "]))
    assert sorted(customer.id for customer in found) == ["1", "4", "5"]
    assert {customer.id: customer.enabled for customer in found} == {"1": True, "4": False, "5": True}


@pytest.mark.parametrize("feed", Feed)
def test_before_anything_changes_no_feed_tells_anything(telling: World, feed: Feed) -> None:
    telling.clock.turn(hours=1)
    assert changes(telling.incremental(), feed, telling.now()) == []


@pytest.mark.parametrize("feed", Feed)
def test_a_feed_goes_on_after_each_page(telling: World, feed: Feed) -> None:
    source = telling.incremental(page_size=2)
    pages = changes(source, feed, telling.now())
    assert len(pages) > 1
    assert {page.newest for page in pages} - {None} == {telling.now()}
    for place in {0, len(pages) // 2, len(pages) - 1}:
        assert changes(source, feed, telling.now(), pages[place].cursor) == pages[place + 1 :]


def test_a_changed_price_is_found_by_its_own_time(telling: World) -> None:
    known = readings(read(telling.connect(), "11", "12"))
    telling.clock.turn(hours=1)
    telling.store.set_price("12", "EUR", "10.00")
    assert products_told(telling.incremental(), Feed.PRICES, telling.now(), known) == {"12"}
    for feed in (Feed.PRODUCTS, Feed.STOCK, Feed.CUSTOMERS):
        assert changes(telling.incremental(), feed, telling.now()) == []


def test_a_new_price_is_found(telling: World) -> None:
    known = readings(read(telling.connect(), "11", "12"))
    telling.clock.turn(hours=1)
    telling.store.set_price("11", "CHF", "90.00")
    assert products_told(telling.incremental(), Feed.PRICES, telling.now(), known) == {"11"}


def test_a_changed_stock_is_found_by_its_own_time(telling: World) -> None:
    telling.clock.turn(hours=1)
    telling.store.set_stock("12", 5)
    telling.store.set_stock("14", 1, type="web")
    assert products_told(telling.incremental(), Feed.STOCK, telling.now()) == {"12", "14"}
    assert changes(telling.incremental(), Feed.PRODUCTS, telling.now()) == []


def test_a_changed_product_is_found(telling: World) -> None:
    telling.clock.turn(hours=1)
    telling.store.set_product("11", enabled=False)
    assert products_told(telling.incremental(), Feed.PRODUCTS, telling.now()) == {"11"}


def test_a_changed_customer_is_told_anew_and_a_changed_relation_does_not_matter(telling: World) -> None:
    telling.clock.turn(hours=1)
    telling.change(tables.Relation, 10, position=7)
    telling.change(tables.Customer, "2", email="ben@elsewhere.test", status=0)
    told = [
        customer
        for page in changes(telling.incremental(), Feed.CUSTOMERS, telling.now())
        for customer in page.customers
    ]
    assert [(customer.id, customer.email, customer.enabled) for customer in told] == [
        ("2", "ben@elsewhere.test", False)
    ]


def test_what_is_removed_is_gone_and_nobody_elses_is_touched(removing: World) -> None:
    source = removing.connect()
    keys = {relation.id: account.key for account in accounts(pages_of(source)) for relation in account.relations}
    gone = removed(source, [(keys["1"], "1"), (keys["6"], "6"), (keys["1"], "10"), (keys["2"], "99")])
    assert gone - {"99"} == {"1", "6"}  # where inactive ones are hidden, nobody knows about 99
    assert set(removing.relations()) == {"2", "3", "4", "5", "7", "8", "9", "10", "11"}


def test_nothing_to_remove_is_nothing_done(removing: World) -> None:
    assert removed(removing.connect(), []) == set()
    assert len(removing.relations()) == 11


def test_stock_is_told_as_exactly_as_promised(world: World) -> None:
    source: Any = world.connect()
    (cheese,) = readings(read(source, "15", views=(GERMAN,)))
    levels: dict[str, Any] = {entry.type: entry.level for entry in cheese.stock}
    assert levels["web"] == -2
    assert (levels["default"] != 0) == source.abilities.fractional_stock
