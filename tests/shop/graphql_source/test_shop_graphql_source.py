"""The source and a served shop: everything is found, page by page, and nothing is asked for that is not needed."""

from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import delete, update

from tests.support.admin_host import PASSWORD, USERNAME
from tests.support.graphql_shop.front import GraphqlFront
from worker.domain.model import ProductReading, View
from worker.shop import graphql_queries
from worker.shop.graphql import GraphqlSource
from worker.shop.graphql_queries import COUNTS, Search
from worker.shop.source import Account, Changed, Feed, Incremental, Missing, Page, Remover, Source, Wanted
from worker.shopserver import tables

ENGLISH = View(language="en", currency="USD")
GERMAN = View(language="de", currency="EUR")
BEFORE = "2026-11-23 11:41:27"
LATER = "2026-11-23 11:41:28"


def found_in(pages: Iterable[Page]) -> dict[str, list[str]]:
    """The ids of the relations of each customer."""
    accounts = [entry for page in pages for entry in page.entries if isinstance(entry, Account)]
    return {account.key: [relation.id for relation in account.relations] for account in accounts}


def test_it_is_a_source_that_tells_what_changed_and_removes_nothing(front: GraphqlFront) -> None:
    source: Source = front.source()
    assert isinstance(source, Incremental)
    assert not isinstance(source, Remover)
    assert not source.abilities.removes


def test_all_customers_with_relations_are_found(front: GraphqlFront) -> None:
    assert found_in(front.source().relations(None, None)) == {"1": [*"12345"], "2": [*"678"], "4": ["9"]}


@pytest.mark.parametrize("page_size", [1, 2, 3])
def test_pages_of_any_size_add_up_and_end_with_an_empty_one(front: GraphqlFront, page_size: int) -> None:
    pages = list(front.source(page_size=page_size).relations(None, None))
    assert found_in(pages) == {"1": [*"12345"], "2": [*"678"], "4": ["9"]}
    assert all(len(page.entries) <= page_size for page in pages)
    assert len(front.shop.asked) == len(pages) + 1


def test_it_goes_on_where_a_page_ended(front: GraphqlFront) -> None:
    first = next(front.source(page_size=1).relations(None, None))
    assert found_in(front.source().relations(None, first.cursor)) == {"2": [*"678"], "4": ["9"]}


def test_a_customer_with_a_changed_relation_comes_with_all_relations(front: GraphqlFront) -> None:
    assert list(front.source().relations(LATER, None)) == []
    front.clock.turn(seconds=1)
    with front.store.begin() as session:
        session.get_one(tables.Relation, 7).status = 0
    (page,) = front.source().relations(LATER, None)
    assert found_in([page]) == {"2": [*"678"]}
    assert page.newest == LATER


def test_times_are_the_shops_own_and_repeat_themselves_in_the_hour_that_occurs_twice(front: GraphqlFront) -> None:
    """Berlin, 2026-10-25: what changed at 02:10 for the second time looks older than 02:30, so that sync looks further back."""
    front.open("Europe/Berlin")
    with front.store.begin() as session:
        relation = session.get_one(tables.Relation, 9)
        relation.ctime = relation.mtime = datetime(2026, 10, 25, 1, 10, tzinfo=UTC)
        session.execute(update(tables.Relation).where(tables.Relation.id < 9).values(mtime=relation.mtime))
    (page,) = front.source().relations("2026-10-25 02:10:00", None)
    assert page.newest == "2026-10-25 02:10:00"
    assert list(front.source().relations("2026-10-25 02:30:00", None)) == []
    account = page.entries[-1]
    assert isinstance(account, Account)
    assert account.relations[0].ctime == datetime(2026, 10, 25, 0, 10, tzinfo=UTC)  # nobody can tell them apart


def test_a_deleted_relation_is_missing_among_the_ids(front: GraphqlFront) -> None:
    with front.store.begin() as session:
        session.execute(delete(tables.Relation).where(tables.Relation.id == 2))
    assert list(front.source().relations(LATER, None)) == []
    assert [page.ids for page in front.source(page_size=2).relation_ids(None)] == [
        ("1", "3", "4", "5", "6", "7", "8"),
        ("9",),
    ]
    assert [page.ids for page in front.source().relation_ids("2")] == [("9",)]


def changes(source: GraphqlSource, feed: Feed, since: str = LATER) -> list[Changed]:
    return list(source.changed(feed, since, None))


def test_a_changed_price_leads_to_its_product(front: GraphqlFront) -> None:
    front.clock.turn(seconds=1)
    front.store.set_price("12", "USD", Decimal("19.99"))
    assert [(page.product_ids, page.newest) for page in changes(front.source(), Feed.PRICES)] == [(("12",), LATER)]
    assert changes(front.source(), Feed.PRODUCTS) == []


def test_a_new_price_and_other_dates_of_a_price_lead_to_their_products(front: GraphqlFront) -> None:
    front.clock.turn(seconds=1)
    front.store.set_price("9", "EUR", Decimal("19.99"))
    with front.store.begin() as session:
        session.get_one(tables.Price, 1).dateend = "2027-01-01 00:00:00"
    found = [product_id for page in changes(front.source(), Feed.PRICES) for product_id in page.product_ids]
    assert set(found) == {"1", "9"}


def test_changed_prices_and_then_changed_lists_are_gone_on_with_where_they_ended(front: GraphqlFront) -> None:
    front.clock.turn(seconds=1)
    with front.store.begin() as session:
        for price_id in (1, 5):
            session.get_one(tables.Price, price_id).dateend = "2027-01-01 00:00:00"
    front.store.set_price("12", "USD", Decimal("19.99"))

    def rest(after: str | None) -> list[tuple[str, ...]]:
        return [page.product_ids for page in front.source(page_size=1).changed(Feed.PRICES, LATER, after)]

    cursors = [page.cursor for page in front.source(page_size=1).changed(Feed.PRICES, LATER, None)]
    assert rest(None) == [("12",), ("1",), ("2",)]
    assert rest(cursors[0]) == [("1",), ("2",)]
    assert rest(cursors[1]) == [("2",)]


def test_a_shop_that_can_not_search_by_lists_is_read_all_the_same(front: GraphqlFront) -> None:
    front.clock.turn(seconds=1)
    front.store.set_price("12", "USD", Decimal("19.99"))
    front.shop.engine.unknown.add("product.lists.mtime")
    source = front.source()
    assert [page.product_ids for page in changes(source, Feed.PRICES)] == [("12",)]
    assert source.problems == {"product/lists": 1}


def test_changed_stock_leads_to_its_product(front: GraphqlFront) -> None:
    front.clock.turn(seconds=1)
    front.store.set_stock("2", 3)
    front.store.set_stock("4", 3)
    assert [(page.product_ids, page.newest) for page in changes(front.source(page_size=1), Feed.STOCK)] == [
        (("2",), LATER),
        (("4",), LATER),
    ]


def test_changed_products_and_customers(front: GraphqlFront) -> None:
    front.clock.turn(seconds=1)
    front.store.set_product("5", enabled=True)
    with front.store.begin() as session:
        session.get_one(tables.Customer, "2").email = "bob@new.example"
        session.get_one(tables.Customer, "3").email = "has no relations"
    assert [page.product_ids for page in changes(front.source(), Feed.PRODUCTS)] == [("5",)]
    (changed,) = changes(front.source(), Feed.CUSTOMERS)
    assert [(customer.id, customer.email) for customer in changed.customers] == [("2", "bob@new.example")]


@pytest.mark.parametrize("feed", Feed)
def test_changes_are_paged_and_resumed(front: GraphqlFront, feed: Feed) -> None:
    def told(pages: Iterable[Changed]) -> set[str]:
        return {found for page in pages for found in (*page.product_ids, *(customer.id for customer in page.customers))}

    size = 2 if feed is Feed.CUSTOMERS else 9
    whole = told(changes(front.source(), feed, BEFORE))
    pages = changes(front.source(page_size=size), feed, BEFORE)
    assert len(pages) > 1
    assert told(pages) == whole
    rest = list(front.source(page_size=size).changed(feed, BEFORE, pages[0].cursor))
    assert told([pages[0], *rest]) == whole


def test_customers_are_found_by_id(front: GraphqlFront) -> None:
    found = {
        customer.id: customer
        for customer in front.source(page_size=2).customers(["5", "1", "99", "6", "", "1", "2abc"])
    }
    assert set(found) == {"1", "5", "6"}
    assert (found["1"].email, found["1"].firstname, found["5"].email) == ("anna@example.com", "Anna", None)
    assert not found["6"].enabled


def test_one_request_serves_all_views_of_many_products(front: GraphqlFront) -> None:
    wanted = [Wanted("1", (ENGLISH, GERMAN)), Wanted("3", (GERMAN,)), Wanted("1", (GERMAN,))]
    readings = [reading for reading in front.source().products(wanted) if isinstance(reading, ProductReading)]
    assert [(reading.id, reading.view, reading.name) for reading in readings] == [
        ("1", ENGLISH, 'T-Shirt "Classic" <M>'),
        ("1", GERMAN, "T-Hemd"),
        ("3", GERMAN, "Plakat"),
    ]
    assert [reading.slug for reading in readings] == ["tshirt", "tshirt", "poster"]
    assert len(front.shop.asked) == 1


def test_products_are_read_in_batches(front: GraphqlFront) -> None:
    wanted = [Wanted(str(number), (GERMAN,)) for number in range(1, 17)]
    found = list(front.source(page_size=5).products(wanted))
    assert [reading.id for reading in found if isinstance(reading, ProductReading)] == [
        item.product_id for item in wanted
    ]
    assert front.shop.limits() == [5, 5, 5, 5]


def test_disabled_products_are_read_and_unknown_ones_missing(front: GraphqlFront) -> None:
    """The shop reads "1abc" as the number 1, and "x" as 0."""
    wanted = [Wanted(product_id, (GERMAN,)) for product_id in ("5", "99", "1abc", "x", "", 'a"b', "9" * 30)]
    found = list(front.source().products(wanted))
    assert [reading.enabled for reading in found if isinstance(reading, ProductReading)] == [False]
    assert {item.product_id for item in found if isinstance(item, Missing)} == {"99", "1abc", "x", "", 'a"b', "9" * 30}


def test_nothing_wanted_is_nothing_asked(front: GraphqlFront) -> None:
    assert list(front.source().products([])) == []
    assert list(front.source().customers(["", "a\nb"])) == []
    assert front.shop.asked == []


def test_fractions_of_stock_are_exact(front: GraphqlFront) -> None:
    front.store.set_stock("2", Decimal("0.3"))
    (reading,) = front.source().products([Wanted("2", (GERMAN,))])
    assert isinstance(reading, ProductReading)
    assert [entry.level for entry in reading.stock] == [Decimal("0.3")]


def test_pictures_are_where_the_settings_say(front: GraphqlFront) -> None:
    wanted = [Wanted("1", (GERMAN,))]
    (without,) = front.source().products(wanted)
    (reading,) = front.source(media_url="https://cdn.test/files").products(wanted)
    assert isinstance(without, ProductReading)
    assert isinstance(reading, ProductReading)
    assert without.picture is None
    assert reading.picture == "https://cdn.test/files/preview/240/tshirt.png"


def test_a_check_logs_in_and_counts(front: GraphqlFront) -> None:
    source = front.source(admin={"username": USERNAME, "password": PASSWORD}, media_url="https://cdn.test")
    check = source.check()
    assert (check.login, check.would_read, check.notes) == (
        f"administrator {USERNAME}",
        {"customers with relations": "3"},
        (),
    )
    assert front.host.logins == 1
    assert source.clock_gap is not None


def test_a_check_knows_where_totals_end(front: GraphqlFront, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("worker.shop.graphql.CAPPED_TOTAL", 3)
    assert front.source().check().would_read == {"customers with relations": "3 or more"}


def test_nobody_asks_for_passwords() -> None:
    queries = [search.text for search in vars(graphql_queries).values() if isinstance(search, Search)]
    assert len(queries) > 7
    assert not [query for query in (*queries, COUNTS) if "password" in query]


def test_secrets_are_in_no_repr(front: GraphqlFront) -> None:
    source: Any = front.source(admin={"token": "an-admin-token-that-is-secret"})
    assert "that-is-secret" not in repr(source) + str([repr(value) for value in vars(source).values()])
