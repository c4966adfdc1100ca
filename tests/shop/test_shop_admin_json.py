"""The admin JSON API as a source over real HTTP: slow, broken, lying and forbidding shops."""

import logging
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from sqlalchemy import delete
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from tests.shop.contract.world import removed
from tests.shopserver.front import Front
from tests.support.admin_host import PASSWORD, USERNAME, Fault
from tests.support.jsonadm.behind import AdminFront, admin_front
from worker.domain.model import ProductReading, View
from worker.errors import ShopAnswerError, ShopError, ShopLoginError, ShopUnreachableError
from worker.shop.admin_json import AdminJsonSource
from worker.shop.admin_session import ForbiddenError
from worker.shop.http import READ_ATTEMPTS
from worker.shop.keyset import CAPPED_TOTAL
from worker.shop.source import Account, Feed, Incremental, Remover, Source, Wanted
from worker.shopserver.params import Params
from worker.shopserver.tables import Relation

ENGLISH = View(language="en", currency="USD")
ALL = [str(number) for number in range(1, 10)]
"""The ids of all relations in the shop."""
BEGINNING = "2026-01-01 00:00:00"
BY_FORM = {"username": USERNAME, "password": PASSWORD}

Document = dict[str, Any]


@pytest.fixture
def admin(front: Front) -> Iterator[AdminFront]:
    with admin_front(front) as opened:
        yield opened


def relation_ids(source: AdminJsonSource, since: str | None = None, after: str | None = None) -> list[str]:
    return [
        relation.id
        for page in source.relations(since, after)
        for entry in page.entries
        if isinstance(entry, Account)
        for relation in entry.relations
    ]


def test_it_is_all_that_an_admin_interface_can_be(admin: AdminFront) -> None:
    source = admin.connect()
    as_source: Source = source
    assert isinstance(as_source, Incremental)
    assert isinstance(as_source, Remover)


def test_relations_come_page_by_page_until_one_is_empty(admin: AdminFront) -> None:
    admin.shop.total_cap = 2
    assert relation_ids(admin.connect(page_size=4)) == ALL
    asked = [asked.query for asked in admin.asked("customer/lists")]
    assert [query.count("[>][customer.lists.id]") for query in asked] == [0, 1, 1, 1]
    assert "[customer.lists.id]=9&" in asked[-1]


def test_a_page_groups_relations_by_customer_and_names_no_customer(admin: AdminFront) -> None:
    (page,) = admin.connect().relations(None, None)
    assert [(entry.key, entry.customer, entry.complete) for entry in page.entries if isinstance(entry, Account)] == [
        ("1", None, False),
        ("2", None, False),
        ("4", None, False),
    ]
    assert (page.cursor, page.newest, page.total) == ("9", "2026-11-23 11:41:27", 9)


def test_other_domains_are_not_asked_for(admin: AdminFront) -> None:
    admin.front.store.load({"relations": [{"customer": "1", "domain": "service", "refid": "1"}]})
    assert relation_ids(admin.connect()) == ALL


def test_where_a_listing_goes_on_nobody_knows_how_much_came_before(admin: AdminFront) -> None:
    first, second, third = admin.connect(page_size=3).relations(None, None)
    assert [page.total for page in (first, second, third)] == [9, 9, 9]
    assert [page.total for page in admin.connect(page_size=3).relations(None, first.cursor)] == [None, None]


def test_a_capped_total_is_no_total(admin: AdminFront) -> None:
    admin.shop.twist = lambda _resource, _params, document: {**document, "meta": {"total": CAPPED_TOTAL}}
    assert next(iter(admin.connect().relations(None, None))).total is None


def test_pages_are_as_large_as_allowed_and_never_beyond_what_the_shop_bears(admin: AdminFront) -> None:
    for page_size, relations, ids in ((0, 250, 500), (100, 100, 100), (10_000, 250, 500)):
        admin.shop.limits.clear()
        source = admin.connect(page_size=page_size)
        assert relation_ids(source) == ALL
        assert list(source.relation_ids(None))
        assert {limit for _, limit in admin.shop.limits} == {relations, ids}


def test_a_shop_that_is_slow_is_asked_for_less(admin: AdminFront) -> None:
    admin.shop.slow_above = 20
    assert relation_ids(admin.connect(timeout_seconds=1.5)) == ALL  # a busy machine answers late, too
    assert [limit for _, limit in admin.shop.limits] == [250, 62, 15, 15]


def test_a_shop_that_is_slow_whatever_is_asked_is_unreachable(admin: AdminFront) -> None:
    admin.shop.slow_above = 0
    with pytest.raises(ShopUnreachableError):
        relation_ids(admin.connect(timeout_seconds=0.2, page_size=30))
    assert [limit for _, limit in admin.shop.limits] == [30, *[10] * READ_ATTEMPTS]


def circle(_resource: str, params: Params, document: Document) -> Document:
    """Always the same page."""
    return {**document, "data": document["data"] or [{"id": "9", "type": "customer/lists", "attributes": {}}]}


def unsorted(_resource: str, params: Params, document: Document) -> Document:
    return {**document, "data": document["data"][::-1]}


def without_ids(_resource: str, params: Params, document: Document) -> Document:
    return {**document, "data": [{**item, "id": None} for item in document["data"]]}


def without_list(_resource: str, params: Params, document: Document) -> Document:
    return {"meta": document["meta"]}


def empty_with_total(_resource: str, params: Params, document: Document) -> Document:
    return {"meta": {"total": 500}, "data": []}


@pytest.mark.parametrize("twist", [circle, unsorted, without_ids, without_list, empty_with_total])
def test_pages_that_lead_nowhere_are_an_error(admin: AdminFront, twist: Any) -> None:
    admin.shop.twist = twist
    source = admin.connect()
    with pytest.raises(ShopAnswerError):
        relation_ids(source)
    with pytest.raises(ShopAnswerError):
        list(source.relation_ids(None))


def test_a_filter_that_is_ignored_is_no_endless_listing(admin: AdminFront) -> None:
    def ignored(resource: str, params: Params, document: Document) -> Document | None:
        return first if "filter" in params and resource == "customer/lists" else None

    first: Document = {"meta": {"total": 1}, "data": [{"id": "1", "type": "customer/lists", "attributes": {}}]}
    admin.shop.twist = ignored
    with pytest.raises(ShopAnswerError, match="circle"):
        relation_ids(admin.connect())


def test_resources_on_another_origin_are_not_asked(admin: AdminFront) -> None:
    admin.shop.origin = "http://evil.test"
    with pytest.raises(ShopAnswerError, match="another origin"):
        relation_ids(admin.connect())


def test_truncated_json_is_an_error(admin: AdminFront) -> None:
    admin.shop.cut_off = True
    with pytest.raises(ShopAnswerError, match="not JSON"):
        relation_ids(admin.connect())


def test_a_url_that_is_no_interface_is_named(admin: AdminFront) -> None:
    async def nothing(_: Request) -> Response:
        return Response('{"meta": {}}', media_type="application/json")

    admin.host.faults.append(nothing)
    with pytest.raises(ShopAnswerError, match="not an admin JSON API"):
        relation_ids(admin.connect())


def test_records_that_cannot_be_read_are_counted_where_they_belong(admin: AdminFront) -> None:
    def broken(_resource: str, params: Params, document: Document) -> Document:
        for item in document["data"]:
            if item["id"] == "2":
                item["id"] = None
                del item["attributes"]["customer.lists.id"]
            if item["id"] == "6":
                item["attributes"]["customer.lists.parentid"] = None
            if item["id"] == "7":
                item["attributes"]["customer.lists.dateend"] = "2024-02-30"
        return {**document, "data": [*document["data"], "nonsense"] if document["data"] else []}

    admin.shop.twist = broken
    source = admin.connect()
    (page,) = source.relations(None, None)
    anna, bob = page.entries[:2]
    assert isinstance(anna, Account)
    assert isinstance(bob, Account)
    assert (len(anna.relations), anna.unreadable) == (4, 1)
    assert page.unreadable == 2
    assert [relation.defect.code for relation in bob.relations if relation.defect] == ["bad_date"]
    assert source.problems == {"customer.lists.id": 1, "customer.lists.parentid": 2}


def test_only_what_is_needed_of_a_customer_is_asked_for(admin: AdminFront) -> None:
    source = admin.connect()
    assert [customer.id for customer in source.customers(["1", "2", "77", "1", " "])] == ["1", "2"]
    assert list(source.changed(Feed.CUSTOMERS, BEGINNING, None))
    source.check()
    for asked in admin.asked("customer"):
        assert "fields[customer]=customer.id" in asked.query
        assert "password" not in asked.query


def test_many_customers_are_asked_for_in_several_requests(admin: AdminFront) -> None:
    ids = [f"{number:030}" for number in range(150)]
    assert [customer.id for customer in admin.connect().customers([*ids, "1"])] == ["1"]
    requests = admin.asked("customer")
    assert len(requests) > 1
    assert sum(asked.query.count("[customer.id][]=") for asked in requests) == 151


def test_an_account_that_may_not_read_customers_is_told_so(admin: AdminFront) -> None:
    admin.host.groups = frozenset({"admin"})
    source = admin.connect()
    assert relation_ids(source) == ALL
    for ask in (lambda: list(source.customers(["1"])), lambda: list(source.changed(Feed.CUSTOMERS, BEGINNING, None))):
        with pytest.raises(ForbiddenError, match=r"superusers only.*admin/jsonadm/resource/customer/groups"):
            ask()
    (note,) = source.check().notes
    assert "superusers only" in note


def test_an_account_that_may_not_read_relations_fails_the_check(admin: AdminFront) -> None:
    admin.host.groups = frozenset({"editor"})
    with pytest.raises(ForbiddenError, match=r"sources\.main\.admin"):
        admin.connect().check()


def test_what_a_check_tells(admin: AdminFront) -> None:
    assert admin.connect(admin=BY_FORM).check().login == f"administrator {USERNAME}"
    found = admin.connect().check()
    assert found.login == "administrator, by token"
    assert found.would_read["relations"] == "about 9"
    assert found.notes == ()
    (note,) = admin.connect(media_url="").check().notes
    assert "set media_url" in note
    admin.shop.twist = lambda _resource, _params, document: {**document, "meta": {"total": CAPPED_TOTAL}}
    assert admin.connect().check().would_read["relations"] == "10,000 or more"


def test_changed_prices_are_told_by_their_ids_and_by_products_whose_lists_changed(admin: AdminFront) -> None:
    store = admin.front.store
    admin.front.clock.turn(hours=1)
    store.set_price("1", "EUR", "15.00")
    store.set_price("mug", "CHF", "12")
    pages = list(admin.connect().changed(Feed.PRICES, "2026-11-23 12:00:00", None))
    assert [price for page in pages for price in page.price_ids] == ["1", "10"]
    assert [product for page in pages for product in page.product_ids] == ["2"]
    assert {page.newest for page in pages} == {"2026-11-23 12:41:27"}


def test_changed_prices_go_on_in_either_half(admin: AdminFront) -> None:
    source = admin.connect(page_size=2)
    whole = list(source.changed(Feed.PRICES, BEGINNING, None))
    turn = next(place for place, page in enumerate(whole) if page.product_ids)
    assert 1 < turn < len(whole) - 1
    for place in (0, turn - 1, turn, len(whole) - 1):
        assert list(source.changed(Feed.PRICES, BEGINNING, whole[place].cursor)) == whole[place + 1 :]


def test_where_lists_of_products_are_forbidden_prices_are_told_all_the_same(admin: AdminFront) -> None:
    admin.shop.hides = frozenset({"product/lists"})
    source = admin.connect()
    (page,) = source.changed(Feed.PRICES, BEGINNING, None)
    assert page.price_ids == tuple(ALL)
    assert source.problems == {"product/lists": 1}


def test_records_that_are_held_back_do_not_seem_to_be_gone(admin: AdminFront) -> None:
    admin.shop.twist = lambda _resource, _params, document: {**document, "data": document["data"][:1]}
    source = admin.connect()
    for ask in (
        lambda: list(source.products([Wanted("1", (ENGLISH,)), Wanted("2", (ENGLISH,))])),
        lambda: list(source.customers(["1", "2"])),
        lambda: removed(source, [("1", "1"), ("1", "2")]),
    ):
        with pytest.raises(ShopAnswerError, match="1 of 2 records"):
            ask()


def test_stock_is_read_to_its_end(admin: AdminFront) -> None:
    """Half of it would make a product look sold out, none of it leave the word to the product's own flag."""

    def half(resource: str, params: Params, document: Document) -> Document | None:
        return {**document, "data": document["data"][:1]} if resource == "stock" else None

    admin.shop.twist = half
    (hoodie,) = admin.connect().products([Wanted("4", (ENGLISH,))])
    assert isinstance(hoodie, ProductReading)
    assert [entry.type for entry in hoodie.stock] == ["default", "warehouse", "web"]


def test_what_was_not_asked_for_is_not_told(admin: AdminFront) -> None:
    def more(resource: str, params: Params, document: Document) -> Document | None:
        if resource != "product":
            return None
        stranger = {"id": "77", "type": "product", "attributes": {"product.status": 1}}
        return {**document, "data": [*document["data"], stranger, {"id": None}]}

    admin.shop.twist = more
    source = admin.connect()
    (reading,) = source.products([Wanted("1", (ENGLISH,))])
    assert isinstance(reading, ProductReading)
    assert reading.id == "1"
    assert source.problems["product.id"] == 1


def test_many_products_are_read_in_requests_that_web_servers_take(admin: AdminFront) -> None:
    ids = [str(10**20 + number) for number in range(200)]
    found = list(admin.connect().products([Wanted(product_id, (ENGLISH,)) for product_id in ids]))
    assert len(found) == 200
    assert max(len(httpx2.URL(f"http://h?{asked.query}").raw_path) for asked in admin.host.asked) < 8000


def test_what_belongs_to_somebody_else_is_not_removed(admin: AdminFront) -> None:
    source = admin.connect()
    service = {"customer": "1", "domain": "service", "refid": "1"}
    admin.front.store.load({"relations": [service]})
    assert removed(source, [("1", "6"), ("2", "1"), ("1", "10"), ("1", "99")]) == {"99"}
    assert relation_ids(source) == ALL
    assert [asked for asked in admin.host.asked if asked.method == "DELETE"] == []


def test_what_the_shop_says_about_a_removal_does_not_count(admin: AdminFront) -> None:
    source = admin.connect()

    def claims(status: int) -> Fault:
        async def fault(request: Request) -> Response | None:
            return PlainTextResponse("", status) if request.method == "DELETE" else None

        return fault

    for status in (200, 500):
        admin.host.faults[:] = [claims(status)]
        with pytest.raises(ShopError, match=r"DELETE http://\S+/admin/default/jsonadm/customer/lists"):
            removed(source, [("1", "1")])
    admin.host.faults.clear()
    assert removed(source, [("1", "1"), ("1", "2")]) == {"1", "2"}
    assert relation_ids(source) == ALL[2:]


def test_a_removal_whose_answer_is_lost_is_found_by_reading_back(admin: AdminFront) -> None:
    async def lost(request: Request) -> Response | None:
        if request.method != "DELETE":
            return None
        with admin.front.store.begin() as session:
            session.execute(delete(Relation).where(Relation.id == 1))
        return PlainTextResponse("", 502)

    admin.host.faults.append(lost)
    assert removed(admin.connect(), [("1", "1")]) == {"1"}


def test_reading_back_something_else_is_an_error(admin: AdminFront) -> None:
    admin.shop.twist = lambda _resource, _params, document: {
        **document,
        "data": [{"id": "5", "type": "customer/lists", "attributes": {}}],
    }
    with pytest.raises(ShopAnswerError, match="answered with others"):
        removed(admin.connect(), [("1", "1")])


@pytest.mark.parametrize("way", ["401", "403", "redirect", "page"])
def test_a_session_that_ends_between_two_pages_is_begun_again(admin: AdminFront, way: Any) -> None:
    admin.host.says_log_in, admin.host.expires_after = way, 2
    assert relation_ids(admin.connect(admin=BY_FORM, page_size=3)) == ALL
    assert admin.host.logins == 3


def test_a_session_that_ends_for_good_is_an_error_and_no_empty_shop(admin: AdminFront) -> None:
    admin.host.says_log_in = "page"
    cookie = admin.host.open_session()
    source = admin.connect(admin={"cookie": cookie}, page_size=3)
    pages = source.relations(None, None)
    next(pages)
    admin.host.expire()
    with pytest.raises(ShopLoginError, match=r"sources\.main\.admin\.cookie"):
        next(pages)


def test_a_prefix_is_kept(admin: AdminFront) -> None:
    admin.shop.prefix = "ai"
    source = admin.connect(page_size=4)
    assert relation_ids(source) == ALL
    assert [customer.id for customer in source.customers(["1"])] == ["1"]


def test_nothing_the_shop_wrote_is_in_an_error_or_a_log(admin: AdminFront, caplog: pytest.LogCaptureFixture) -> None:
    source = admin.connect()
    with caplog.at_level(logging.DEBUG), pytest.raises(ShopError) as refused:
        relation_ids(source, after="no id")
    assert "s3cret" not in str(refused.value) + caplog.text
