"""Reading against recorded answers of a real shop: each trap of its customer-facing JSON:API."""

import copy
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from pydantic import SecretStr

from tests.support.careless_shop import CarelessShop
from tests.support.recorded_shop import RecordedShop, recorded
from worker.errors import FieldError, ShopAnswerError, ShopError, ShopLoginError, ShopRefusedError, ShopUnreachableError
from worker.settings import Account, Shop
from worker.shop.client import CustomerClient
from worker.shop.reading import CustomerDisabledError

ANNA = Account(token=SecretStr("anna-token"))
ROOT = "001-options-root"
CUSTOMER = "008-get-customer"
WITH_PRODUCTS = "010-get-customer-include-product"
RELATIONS = "017-get-rel-include-product"


def client(transport: httpx2.BaseTransport, host: str = "shop.test", account: Account = ANNA) -> CustomerClient:
    shop = Shop(url=f"http://{host}/jsonapi", currency="EUR")
    return CustomerClient.connect(shop, account, transport=transport)


def test_the_customer_is_who_is_logged_in() -> None:
    customer = client(RecordedShop(ROOT, CUSTOMER)).customer()
    assert (customer.id, customer.email, customer.language) == ("1", "anna@example.com", "de")
    assert (customer.salutation, customer.firstname, customer.lastname, customer.enabled) == (
        "ms",
        "Anna",
        "Schmidt",
        True,
    )


def test_all_active_relations_and_the_products_they_point_to_are_fetched() -> None:
    fetched = client(RecordedShop(ROOT, WITH_PRODUCTS, RELATIONS)).fetch("product")
    assert [(relation.id, relation.type, relation.refid) for relation in fetched.relations] == [
        ("1", "watch", "1"),
        ("2", "watch", "2"),
        ("3", "favorite", "1"),
        ("4", "favorite", "3"),
        ("5", "watch", "5"),
    ]
    assert {relation.customer_id for relation in fetched.relations} == {"1"}
    assert [(item.type, item.id) for item in fetched.items] == [("product", "1"), ("product", "2"), ("product", "3")]
    assert fetched.items[0].attributes["product.label"] == "T-Shirt"
    assert fetched.unreadable == 0


def test_relations_of_this_interface_carry_no_ctime() -> None:
    fetched = client(RecordedShop(ROOT, WITH_PRODUCTS, RELATIONS)).fetch("product")
    assert {relation.ctime for relation in fetched.relations} == {None}


def test_an_empty_config_comes_as_a_list() -> None:
    fetched = client(RecordedShop(ROOT, WITH_PRODUCTS, RELATIONS)).fetch("product")
    assert fetched.relations[2].config == []


def test_include_is_always_sent_because_without_it_there_are_no_relations() -> None:
    assert recorded("021-get-rel-one-no-include")["response"]["body"]["meta"]["total"] == 0
    shop = RecordedShop(ROOT, WITH_PRODUCTS, RELATIONS)
    client(shop).fetch("product")
    assert [request.url.params.get("include") for request in shop.requests] == [None, "product", "product"]


def test_fetching_nothing_in_particular_is_refused() -> None:
    with pytest.raises(FieldError, match="include"):
        client(RecordedShop()).fetch()


def test_several_domains_are_fetched_at_once() -> None:
    with_group = recorded("029-get-rel-include-group")
    shop = RecordedShop(ROOT)
    shop.put(with_group)
    customer = copy.deepcopy(recorded(WITH_PRODUCTS))
    customer["request"]["url"] = customer["request"]["url"].replace("include=product", "include=group%2Cproduct")
    shop.put(customer)
    assert len(client(shop).fetch("group", "product").relations) == 5


def test_the_shop_knows_no_pages_of_relations() -> None:
    for name in ("026-get-rel-paging", "027-get-rel-sort-filter"):
        page = recorded(name)["response"]["body"]
        assert len(page["data"]) == page["meta"]["total"] == 5
        assert "next" not in page["links"]


def test_the_relationships_answer_never_includes_items() -> None:
    assert "included" not in recorded("018-get-rel-include-all")["response"]["body"]


def test_inactive_and_expired_relations_are_not_shown() -> None:
    bob = copy.deepcopy(recorded(CUSTOMER))
    bob["response"]["body"]["data"]["id"] = "2"
    shop = RecordedShop(ROOT, "025-get-rel-inactive")
    shop.put(bob)
    connected = client(shop)
    assert connected.get("6").refid == "4"
    with pytest.raises(ShopRefusedError, match="inactive"):
        connected.get("7")


@pytest.mark.parametrize("relation_id", ["99999", "6"])
def test_an_unknown_or_foreign_relation_is_not_shown(relation_id: str) -> None:
    with pytest.raises(ShopRefusedError, match=f"no relation {relation_id} of domain product"):
        client(RecordedShop(ROOT, CUSTOMER, RELATIONS)).get(relation_id)


def test_a_stranger_gets_200_with_a_null_id_and_is_a_login_error() -> None:
    with pytest.raises(ShopLoginError, match="who we are"):
        client(RecordedShop(ROOT, "009-get-customer-unauthenticated")).customer()


def test_an_empty_list_counts_only_after_the_login_is_confirmed_once_more() -> None:
    shop = CarelessShop()
    shop.holds()

    def expires(request: httpx2.Request) -> None:
        if "related" in request.url.params:
            shop.customer_id = None  # the session ends between two requests

    shop.faults.append(expires)
    with pytest.raises(ShopLoginError, match="who we are"):
        client(shop).fetch("product")


def test_an_empty_list_of_a_known_customer_is_empty() -> None:
    shop = RecordedShop(ROOT, CUSTOMER, WITH_PRODUCTS, "030-get-rel-empty")
    assert client(shop).fetch("product").relations == ()


def test_the_id_parameter_is_ignored_by_the_shop() -> None:
    assert recorded("013-get-customer-id-of-other")["response"]["body"]["data"]["id"] == "1"


def test_a_customer_who_is_switched_off_gets_404() -> None:
    with pytest.raises(CustomerDisabledError, match="404"):
        client(RecordedShop(ROOT, "015-get-customer-disabled")).customer()


def test_a_404_of_somebody_else_does_not_disable_a_customer() -> None:
    foreign = copy.deepcopy(recorded("015-get-customer-disabled"))
    del foreign["response"]["body"]["meta"]
    shop = RecordedShop(ROOT)
    shop.put(foreign)
    with pytest.raises(ShopRefusedError) as caught:
        client(shop).customer()
    assert not isinstance(caught.value, CustomerDisabledError)


def test_another_customer_in_the_same_session_is_a_login_error() -> None:
    bob = copy.deepcopy(recorded(CUSTOMER))
    bob["response"]["body"]["data"]["id"] = "2"
    shop = RecordedShop(ROOT, CUSTOMER)
    shop.put(bob)
    connected = client(shop)
    connected.customer()
    with pytest.raises(ShopLoginError, match="another customer"):
        connected.customer()


def test_links_that_carry_a_query_are_extended() -> None:
    root = copy.deepcopy(recorded("002-options-root-locale"))
    root["request"]["url"] = "http://shop.test/jsonapi"
    customer = copy.deepcopy(recorded(CUSTOMER))
    customer["request"]["url"] = "http://shop.test/jsonapi/customer?currency=EUR&locale=de&include=product"
    shop = RecordedShop(RELATIONS)
    shop.put(root)
    shop.put(customer)
    assert len(client(shop).fetch("product").relations) == 5


def prefixed_root() -> dict[str, Any]:
    """OPTIONS of the shop with a prefix, which was not recorded: the plain one with its prefix and links."""
    root = copy.deepcopy(recorded(ROOT))
    root["request"]["url"] = "http://prefix.shop.test/jsonapi"
    meta = root["response"]["body"]["meta"]
    meta["prefix"] = "ai"
    meta["resources"] = {
        name: f"http://prefix.shop.test/jsonapi?ai%5Bresource%5D={name}&ai%5Bcontroller%5D=Jsonapi&ai%5Baction%5D=get"
        for name in meta["resources"]
    }
    return root


def test_with_a_prefix_all_parameters_go_inside() -> None:
    shop = RecordedShop("205-prefix-get-customer", "206-prefix-get-rel")
    shop.put(prefixed_root())
    fetched = client(shop, "prefix.shop.test").fetch("product")
    assert len(fetched.relations) == 5
    for request in shop.requests[1:]:
        assert request.url.params["ai[include]"] == "product"
        assert "include" not in request.url.params


def test_the_session_cookie_of_discovery_is_sent_from_then_on() -> None:
    shop = RecordedShop("213-csrf-options-root", "214-csrf-get-customer", "215-csrf-get-rel")
    client(shop, "csrf.shop.test").fetch("product")
    cookies = [request.headers.get("cookie") for request in shop.requests]
    assert cookies == [None, *["session=3188b10415b72e203018ddc89aaea98a"] * 2]
    assert {request.headers["authorization"] for request in shop.requests} == {"Bearer anna-token"}


def test_a_cookie_of_the_settings_is_sent_from_the_start() -> None:
    shop = RecordedShop(ROOT, CUSTOMER)
    client(shop, account=Account(cookie=SecretStr("session=abc; lang=de"))).customer()
    assert {request.headers["cookie"] for request in shop.requests} == {"session=abc; lang=de"}
    assert "authorization" not in shop.requests[0].headers


def test_a_resource_the_shop_does_not_offer() -> None:
    root = copy.deepcopy(recorded(ROOT))
    del root["response"]["body"]["meta"]["resources"]["customer"]
    shop = RecordedShop()
    shop.put(root)
    with pytest.raises(ShopAnswerError, match="no resource 'customer'"):
        client(shop).customer()


def changed(name: str, **answer: Any) -> RecordedShop:
    exchange = copy.deepcopy(recorded(name))
    exchange["response"].update(answer)
    shop = RecordedShop(*{ROOT, CUSTOMER, RELATIONS} - {name})
    shop.put(exchange)
    return shop


@pytest.mark.parametrize(
    ("answer", "error", "why"),
    [
        ({"status": 500}, ShopUnreachableError, "500"),
        ({"status": 401}, ShopLoginError, "401"),
        ({"status": 403}, ShopRefusedError, "403"),
        ({"status": 404, "body": {"message": "x"}}, ShopRefusedError, "404"),
        ({"status": 301, "headers": {}}, ShopAnswerError, "301"),
        ({"headers": {}}, ShopAnswerError, "instead of JSON"),
        ({"headers": {"Content-Type": "text/plain"}}, ShopAnswerError, "'text/plain' instead of JSON"),
        ({"body": {"meta": {}}}, ShopAnswerError, "no customer"),
        ({"body": {"data": []}}, ShopAnswerError, "no customer"),
        ({"body": {"data": {"id": "1"}}}, ShopAnswerError, "link without an address"),
        ({"body": '{"data": {"id"', "body_is_json": False}, ShopAnswerError, "not JSON"),
        ({"body": '{"data": 1, "data": 2}', "body_is_json": False}, ShopAnswerError, "'data' twice"),
        ({"body": "[" * 1000 + "]" * 1000, "body_is_json": False}, ShopAnswerError, "nested"),
        ({"body": '{"a": ' + "9" * 5000 + "}", "body_is_json": False}, ShopAnswerError, "5000 characters"),
        (
            {"headers": {"Content-Type": "text/html"}, "body": "<html>We are back soon", "body_is_json": False},
            ShopAnswerError,
            "an HTML page instead of data",
        ),
        (
            {
                "headers": {"Content-Type": "text/html; charset=UTF-8"},
                "body": '<form><input name="p" type="password"></form>',
                "body_is_json": False,
            },
            ShopLoginError,
            "a login page",
        ),
    ],
)
def test_any_other_answer_is_a_clear_error(answer: dict[str, Any], error: type[ShopError], why: str) -> None:
    with pytest.raises(error, match=why) as caught:
        client(changed(CUSTOMER, **answer)).customer()
    if "link" not in why and "no customer" not in why:
        assert str(caught.value).startswith("GET http://shop.test/jsonapi/customer: ")


@pytest.mark.parametrize(
    "answer",
    [
        {"body": {"meta": {"total": 0}}},
        {"body": {"meta": {"total": 1}, "data": {"id": "1"}}},
        {"body": {"meta": {"total": 6}, "data": [{"id": "1"}]}},
        {"body": {"meta": {"total": 2}, "data": []}},
    ],
)
def test_a_list_of_relations_that_is_not_complete_is_refused(answer: dict[str, Any]) -> None:
    with pytest.raises(ShopAnswerError, match="relations"):
        client(changed(RELATIONS, **answer)).get("1")


def test_records_without_a_usable_id_are_counted() -> None:
    listed = copy.deepcopy(recorded(RELATIONS))
    listed["response"]["body"]["data"][0]["id"] = None
    del listed["response"]["body"]["data"][0]["attributes"]["customer.lists.id"]
    listed["response"]["body"]["data"][1] = "nonsense"
    shop = RecordedShop(ROOT, WITH_PRODUCTS)
    shop.put(listed)
    fetched = client(shop).fetch("product")
    assert [relation.id for relation in fetched.relations] == ["3", "4", "5"]
    assert fetched.unreadable == 2


def test_the_frameworks_own_error_shape_is_understood() -> None:
    unknown = copy.deepcopy(recorded("077-get-unknown-resource"))
    unknown["request"]["url"] = "http://shop.test/jsonapi/customer"
    shop = RecordedShop(ROOT)
    shop.put(unknown)
    with pytest.raises(ShopUnreachableError, match="500"):
        client(shop).customer()


def pages(*tails: str) -> Iterator[dict[str, Any]]:
    """The recorded relations in pages of one, each with a next link that ends in the given tail."""
    whole = recorded(RELATIONS)
    address = whole["request"]["url"]
    for number, tail in enumerate(tails):
        page = copy.deepcopy(whole)
        body = page["response"]["body"]
        page["request"]["url"] = address if number == 0 else f"{address}&page={number}"
        body["data"] = body["data"][number : number + 1]
        body["meta"]["total"] = len(tails)
        body["links"]["last"] = f"{address}&page=99"  # may point one page too far, so nobody goes there
        if tail:
            body["links"]["next"] = tail if "://" in tail else f"{address}&page={tail}"
        yield page


def paged(*tails: str) -> CustomerClient:
    shop = RecordedShop(ROOT, WITH_PRODUCTS)
    for page in pages(*tails):
        shop.put(page)
    return client(shop)


def test_pages_are_followed_to_the_end_where_a_server_has_them() -> None:
    assert [relation.id for relation in paged("1", "2", "").fetch("product").relations] == ["1", "2", "3"]


def test_pages_that_go_in_a_circle_are_an_error() -> None:
    with pytest.raises(ShopAnswerError, match="circle"):
        paged("1", "2", "1").fetch("product")


def test_a_next_page_on_another_origin_is_an_error() -> None:
    with pytest.raises(
        ShopAnswerError, match=r"points to another origin \(http://evil\.test instead of http://shop\.test\)"
    ):
        paged("http://evil.test/jsonapi?page=2").fetch("product")


def test_a_resource_on_another_origin_is_an_error() -> None:
    root = copy.deepcopy(recorded(ROOT))
    root["response"]["body"]["meta"]["resources"]["customer"] = "https://shop.test/jsonapi/customer"
    shop = RecordedShop()
    shop.put(root)
    with pytest.raises(ShopAnswerError, match="change the source's url"):
        client(shop).customer()


@pytest.mark.parametrize(
    ("meta", "why"),
    [
        ({}, "no meta.resources"),
        ({"resources": []}, "no meta.resources"),
        ({"prefix": "a]b", "resources": {"a": "b"}}, "prefix"),
    ],
)
def test_discovery_that_tells_nothing_usable(meta: dict[str, Any], why: str) -> None:
    root = copy.deepcopy(recorded(ROOT))
    root["response"]["body"]["meta"] = meta
    shop = RecordedShop()
    shop.put(root)
    with pytest.raises(ShopAnswerError, match=why):
        client(shop).customer()
