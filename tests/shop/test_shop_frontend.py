"""The customer-facing API as a source: every customer once, every product once, one's trouble is not another's."""

import copy
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, parse_qsl, quote, urlsplit

import httpx2
import pytest

from tests.support.careless_shop import BASE, JSON_API, CarelessShop, reply
from tests.support.recorded_shop import RecordedShop, recorded
from worker.domain.model import ProductReading, View
from worker.errors import ShopAnswerError, ShopError, ShopLoginError, ShopRefusedError, ShopUnreachableError
from worker.settings import Shop
from worker.shop.frontend import MAX_SILENT, FrontendSource
from worker.shop.http import READ_ATTEMPTS
from worker.shop.source import Account, Disabled, Missing, Source, Unread, Wanted

ROOT = "001-options-root"
ENGLISH = View(language="en", currency="USD")
GERMAN = View(language="de", currency="EUR")
FILTER = quote("filter[==][product.id][]", safe="")
VIEW = {"locale", "currency", "page[limit]"}


def source(transport: httpx2.BaseTransport, *keys: str, host: str = "shop.test", **settings: Any) -> FrontendSource:
    customers = {key: {"token": f"token-of-{key}"} for key in keys or ["anna"]}
    shop = Shop.model_validate({"url": f"http://{host}/jsonapi", "currency": "EUR", "customers": customers} | settings)
    return FrontendSource("main", shop, transport=transport)


def accounts_of(found: FrontendSource) -> Iterator[Account | Disabled | Unread]:
    return (entry for page in found.relations(None, None) for entry in page.entries)


def products_of(found: FrontendSource, ids: Iterable[str], view: View) -> Iterator[ProductReading | Missing]:
    return found.products([Wanted(product_id, (view,)) for product_id in ids])


class ManyCustomers(httpx2.MockTransport):
    """A careless shop for each token."""

    def __init__(self, **shops: CarelessShop) -> None:
        super().__init__(self._route)
        self.shops = shops
        self.requests: list[httpx2.Request] = []

    def _route(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        name = request.headers.get("authorization", "").removeprefix("Bearer token-of-")
        return self.shops[name].handle_request(request)


def customer(customer_id: str, *, holds: int = 1) -> CarelessShop:
    shop = CarelessShop()
    shop.customer_id = customer_id
    for _ in range(holds):
        shop.holds()
    return shop


def broken(fault: Callable[[httpx2.Request], httpx2.Response | None]) -> CarelessShop:
    shop = customer("9")
    shop.faults.append(lambda request: fault(request) if request.method == "GET" else None)
    return shop


def raises(error: type[httpx2.HTTPError]) -> httpx2.Response:
    raise error("s3cret")


def test_it_is_a_source() -> None:
    as_source: Source = source(RecordedShop())
    as_source.close()


def test_a_customer_is_read_with_all_relations() -> None:
    shop = RecordedShop(ROOT, "008-get-customer", "017-get-rel-include-product")
    (account,) = accounts_of(source(shop))
    assert isinstance(account, Account)
    assert (account.key, account.customer.id, account.customer.email) == ("anna", "1", "anna@example.com")
    assert [relation.id for relation in account.relations] == ["1", "2", "3", "4", "5"]
    assert account.unreadable == 0


def test_customers_come_by_key_with_one_discovery_and_logins_of_their_own() -> None:
    shops = ManyCustomers(anna=customer("1"), bob=customer("2", holds=2))
    accounts = list(accounts_of(source(shops, "bob", "anna")))
    assert [account.key for account in accounts] == ["anna", "bob"]
    assert [len(account.relations) for account in accounts if isinstance(account, Account)] == [1, 2]
    assert [request.method for request in shops.requests].count("OPTIONS") == 1
    assert [request.headers["authorization"][-4:] for request in shops.requests] == ["anna"] * 3 + ["-bob"] * 2


def test_a_customer_who_stands_twice_in_the_settings_is_read_once_and_the_second_name_told() -> None:
    shops = ManyCustomers(anna=customer("1"), bob=customer("2"), zoe=customer("1"))
    anna, bob, zoe = accounts_of(source(shops, "anna", "bob", "zoe"))
    assert isinstance(anna, Account)
    assert isinstance(bob, Account)
    assert isinstance(zoe, Unread)
    assert "customers.zoe is the same customer of the shop as anna; remove one" in str(zoe.error)


def test_a_customer_who_is_switched_off() -> None:
    shop = RecordedShop(ROOT, "015-get-customer-disabled")
    assert list(accounts_of(source(shop))) == [Disabled("anna")]


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (lambda _: reply(401, {"errors": []}), ShopLoginError),
        (lambda _: reply(403, {"errors": []}), ShopRefusedError),
        (lambda _: reply(404, {"errors": []}), ShopRefusedError),
        (lambda _: httpx2.Response(404, headers=JSON_API, content=b"<h1>Not Found</h1>"), ShopRefusedError),
        (lambda _: reply(500, {}), ShopUnreachableError),
        (lambda _: httpx2.Response(429, headers={"retry-after": "3600"}), ShopUnreachableError),
        (lambda _: raises(httpx2.ReadTimeout), ShopUnreachableError),
        (lambda _: httpx2.Response(200, headers=JSON_API, content=b'{"data": {"id": "1"'), ShopAnswerError),
        (lambda request: httpx2.Response(302, headers={"location": str(request.url)}), ShopAnswerError),
        (lambda _: httpx2.Response(302, headers={"location": "http://evil.test/"}), ShopAnswerError),
        (lambda _: httpx2.Response(200, html="<html>We are back soon"), ShopAnswerError),
        (lambda _: httpx2.Response(200, html='<input type="password">'), ShopLoginError),
        (lambda _: httpx2.Response(419, html="Page Expired"), ShopLoginError),
        (lambda _: reply(200, {"data": {"id": None, "type": "customer"}}), ShopLoginError),
        (lambda _: reply(200, {"data": []}), ShopAnswerError),
    ],
)
def test_one_customers_trouble_is_not_another_ones(
    fault: Callable[[httpx2.Request], httpx2.Response | None], error: type[Exception]
) -> None:
    """What is Unread retires nothing, whatever the fault was."""
    shops = ManyCustomers(anna=customer("1"), bob=broken(fault), carl=customer("3"))
    anna, bob, carl = accounts_of(source(shops, "anna", "bob", "carl"))
    assert isinstance(anna, Account)
    assert isinstance(carl, Account)
    assert isinstance(bob, Unread)
    assert bob.key == "bob"
    assert isinstance(bob.error, error)
    assert "s3cret" not in str(bob.error)
    assert "token-of" not in str(bob.error)


def test_an_expired_session_does_not_look_like_a_customer_without_relations() -> None:
    def expires(request: httpx2.Request) -> httpx2.Response | None:
        return reply(200, {"meta": {"total": 0}, "data": []}) if "related" in request.url.params else None

    bob = broken(expires)
    bob.faults.insert(0, lambda request: setattr(bob, "customer_id", None) if "related" in request.url.params else None)
    _, unread = accounts_of(source(ManyCustomers(anna=customer("1"), bob=bob), "anna", "bob"))
    assert isinstance(unread, Unread)
    assert isinstance(unread.error, ShopLoginError)


def test_a_poison_relation_is_kept_and_a_record_without_id_counted() -> None:
    anna = customer("1", holds=3)
    anna.relations["1"]["customer.lists.dateend"] = "2024-02-30"

    def without_id(request: httpx2.Request) -> httpx2.Response | None:
        if "related" not in request.url.params:
            return None
        data = [anna.record(*item) for item in anna.relations.items()]
        return reply(200, {"meta": {"total": 3}, "data": [*data[:2], {**data[2], "id": None}]})

    anna.faults.append(without_id)
    reader = source(ManyCustomers(anna=anna))
    (account,) = accounts_of(reader)
    assert isinstance(account, Account)
    assert [relation.defect.code if relation.defect else None for relation in account.relations] == ["bad_date", None]
    assert account.unreadable == 1
    assert reader.problems == Counter({"customer.lists.id": 1})


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (lambda: raises(httpx2.ConnectError), ShopUnreachableError),
        (lambda: httpx2.Response(503), ShopUnreachableError),
        (lambda: httpx2.Response(200, html="maintenance"), ShopAnswerError),
        (lambda: reply(200, {"meta": {}}), ShopAnswerError),
    ],
)
def test_if_discovery_fails_the_shop_as_a_whole_is_not_read(
    fault: Callable[[], httpx2.Response], error: type[Exception]
) -> None:
    asked: list[str] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        asked.append(request.method)
        return fault()

    reader = source(httpx2.MockTransport(answer), "anna", "bob")
    with pytest.raises(error, match=r"OPTIONS http://shop\.test/jsonapi"):
        list(accounts_of(reader))
    assert set(asked) == {"OPTIONS"}
    assert len(asked) <= READ_ATTEMPTS


def test_a_login_that_is_refused_at_discovery_is_only_that_customers() -> None:
    stranger = CarelessShop()
    stranger.faults.append(lambda _: httpx2.Response(401))
    anna, bob = accounts_of(source(ManyCustomers(anna=stranger, bob=customer("2")), "anna", "bob"))
    assert isinstance(anna, Unread)
    assert isinstance(bob, Account)


def test_after_several_customers_without_an_answer_the_shop_counts_as_unreachable() -> None:
    keys = [f"c{number}" for number in range(MAX_SILENT + 3)]
    shops = {key: broken(lambda _: httpx2.Response(503)) for key in keys} | {"c0": customer("1")}
    accounts = accounts_of(source(ManyCustomers(**shops), *keys))
    assert isinstance(next(accounts), Account)
    with pytest.raises(ShopUnreachableError, match=f"{MAX_SILENT} customers in a row"):
        next(accounts)  # none of them is told of, so that the next sync begins with the first of them


@pytest.mark.parametrize(("keys", "who"), [(["anna"], "the only customer"), (["anna", "bob"], "2 customers in a row")])
def test_where_nobody_gets_an_answer_the_shop_is_unreachable_and_has_its_pause(keys: list[str], who: str) -> None:
    shops = {key: broken(lambda _: httpx2.Response(429, headers={"retry-after": "3600"})) for key in keys}
    with pytest.raises(ShopUnreachableError, match=f"{who} got no answer; the last: .*429") as silence:
        list(accounts_of(source(ManyCustomers(**shops), *keys)))
    assert silence.value.retry_after == timedelta(hours=1)


def test_where_nobody_can_be_read_nobody_is_told_of() -> None:
    shops = {key: broken(lambda _: reply(401, {"errors": []})) for key in ("anna", "bob")}
    accounts = accounts_of(source(ManyCustomers(**shops), *shops))
    with pytest.raises(ShopError, match=r"main: no customer could be read: anna: .*401"):
        next(accounts)


def test_a_customer_who_is_switched_off_may_be_the_first_and_be_refused_everything() -> None:
    def refuses(request: httpx2.Request) -> httpx2.Response | None:
        return reply(404, {"meta": {}, "errors": []}) if "authorization" in request.headers else None

    stranger = customer("0")
    anna = customer("1")
    anna.faults.append(refuses)
    shops = ManyCustomers(anna=anna, bob=customer("2"), **{"": stranger})
    first, second = accounts_of(source(shops, "anna", "bob"))
    assert first == Disabled("anna")
    assert isinstance(second, Account)


def test_an_answer_in_between_starts_the_count_again() -> None:
    keys = [f"c{number}" for number in range(2 * MAX_SILENT)]
    shops = {key: broken(lambda _: httpx2.Response(503)) for key in keys} | {"c0": customer("1"), "c5": customer("5")}
    assert len(list(accounts_of(source(ManyCustomers(**shops), *keys)))) == len(keys)


def test_products_are_read_in_one_request() -> None:
    shop = RecordedShop(ROOT, "123-product-several", ignore=VIEW)
    readings = list(products_of(source(shop), ["1", "2", "4", "3"], ENGLISH))
    assert [reading.id for reading in readings if isinstance(reading, ProductReading)] == ["1", "2", "4", "3"]
    assert [request.method for request in shop.requests] == ["OPTIONS", "GET"]
    query = parse_qsl(urlsplit(str(shop.requests[1].url)).query)
    assert query == [
        *[("filter[==][product.id][]", product_id) for product_id in ("1", "2", "4", "3")],
        ("page[limit]", "4"),
        ("include", "price,stock,text,media"),
        ("locale", "en"),
        ("currency", "USD"),
    ]


def test_the_catalogue_is_read_as_a_stranger_sees_it() -> None:
    shop = RecordedShop(ROOT, "008-get-customer", "017-get-rel-include-product", "123-product-several", ignore=VIEW)
    reader = source(shop)
    list(accounts_of(reader))
    list(products_of(reader, ["1", "2", "4", "3"], ENGLISH))
    assert "authorization" not in shop.requests[-1].headers
    assert [request.method for request in shop.requests].count("OPTIONS") == 1


def test_each_product_is_asked_for_and_told_once() -> None:
    shop = RecordedShop(ROOT, "123-product-several", ignore=VIEW)
    readings = list(products_of(source(shop), ["1", "2", "1", "4", "3", "2"], ENGLISH))
    assert len(readings) == 4


def test_no_products_need_no_request_beyond_discovery() -> None:
    assert list(products_of(source(RecordedShop(ROOT)), [], ENGLISH)) == []


class Catalogue(httpx2.MockTransport):
    """Products by id; `unlisted` ones are found by id only, like those without category; `page` bounds a list."""

    def __init__(self, ids: Iterable[str], unlisted: Iterable[str] = (), page: int = 10_000) -> None:
        super().__init__(self._answer)
        self.ids, self.unlisted, self.page = list(ids), set(unlisted), page
        self.requests: list[httpx2.Request] = []
        self.meta: dict[str, Any] = {}
        self.refuses_strangers = False

    def lists(self) -> list[list[str]]:
        """The ids of each list that was asked for."""
        queries = [parse_qs(urlsplit(str(request.url)).query) for request in self.requests]
        return [query[name] for query in queries for name in query if name.endswith("[product.id][]")]

    def _answer(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        if self.refuses_strangers and request.headers.get("authorization") != "Bearer token-of-bob":
            return httpx2.Response(401)
        if request.method == "OPTIONS":
            return reply(200, {"meta": {**self.meta, "resources": {"product": f"{BASE}/product"}}})
        query = {name.replace("ai[", "", 1): values for name, values in parse_qs(request.url.query.decode()).items()}
        wanted = query.get("id") or query.get("id]")
        if wanted:
            return self._one(wanted[0])
        asked = query.get("filter[==][product.id][]") or query.get("filter][==][product.id][]") or []
        start = int(query.get("offset", ["0"])[0])
        found = [product_id for product_id in self.ids if product_id in asked and product_id not in self.unlisted]
        body: dict[str, Any] = {
            "meta": {"total": len(found)},
            "data": [_product(i) for i in found[start : start + self.page]],
        }
        if start + self.page < len(found):
            ids = "".join(f"&{FILTER}={product_id}" for product_id in asked)
            body["links"] = {"next": f"{BASE}/product?offset={start + self.page}{ids}"}
        return reply(200, body)

    def _one(self, product_id: str) -> httpx2.Response:
        if product_id in self.ids:
            return reply(200, {"data": _product(product_id)})
        return reply(404, {"meta": {"total": 0}, "errors": [{"title": "s3cret"}]})


def _product(product_id: str) -> dict[str, Any]:
    attributes = {"product.status": 1, "product.code": f"code-{product_id}", "product.label": product_id}
    return {"id": product_id, "type": "product", "attributes": attributes}


def found_by(reader: FrontendSource, ids: list[str], view: View = ENGLISH) -> dict[str, ProductReading | Missing]:
    return {
        found.product_id if isinstance(found, Missing) else found.id: found for found in products_of(reader, ids, view)
    }


def test_products_without_category_are_found_by_themselves_and_missing_ones_told() -> None:
    shop = Catalogue(["1", "2", "3"], unlisted=["2"])
    found = found_by(source(shop), ["1", "2", "9", "3"])
    assert found["9"] == Missing("9")
    assert [isinstance(found[key], ProductReading) for key in ("1", "2", "3")] == [True] * 3
    assert [request.url.params.get("id") for request in shop.requests[2:]] == ["2", "9"]


@pytest.mark.parametrize("name", ["126-product-disabled", "127-product-expired", "135-product-nonexistent"])
def test_disabled_expired_and_unknown_products_are_missing(name: str) -> None:
    single, listed = copy.deepcopy(recorded(name)), copy.deepcopy(recorded("123-product-several"))
    product_id = dict(parse_qsl(urlsplit(single["request"]["url"]).query))["id"]
    single["request"]["url"] = f"http://shop.test/jsonapi/product?id={product_id}"
    listed["request"]["url"] = f"http://shop.test/jsonapi/product?{FILTER}={product_id}"
    listed["response"]["body"].update(data=[], included=[])
    shop = RecordedShop(ROOT, ignore=VIEW | {"include"})
    shop.put(single)
    shop.put(listed)
    assert list(products_of(source(shop), [product_id], ENGLISH)) == [Missing(product_id)]


def test_a_404_that_is_not_the_shops_own_is_no_missing_product() -> None:
    def answer(request: httpx2.Request) -> httpx2.Response:
        if "id" in request.url.params:
            return httpx2.Response(404, html="<h1>nginx</h1>")
        return shop.handle_request(request)

    shop = Catalogue([])
    with pytest.raises(ShopRefusedError, match="404"):
        list(products_of(source(httpx2.MockTransport(answer)), ["1"], ENGLISH))


def test_another_product_than_asked_for_is_an_error() -> None:
    def answer(request: httpx2.Request) -> httpx2.Response:
        return reply(200, {"data": _product("8")}) if "id" in request.url.params else shop.handle_request(request)

    shop = Catalogue([])
    with pytest.raises(ShopAnswerError, match="asked for product 1"):
        list(products_of(source(httpx2.MockTransport(answer)), ["1"], ENGLISH))


def test_batches_have_the_size_of_the_settings() -> None:
    ids = [str(number) for number in range(7)]
    shop = Catalogue(ids)
    assert len(found_by(source(shop, page_size=3), ids)) == 7
    assert [len(batch) for batch in shop.lists()] == [3, 3, 1]
    assert {request.url.params["page[limit]"] for request in shop.requests[1:]} == {"3", "1"}


def test_urls_stay_short_whatever_the_ids() -> None:
    ids = [f"{number:0>36}" for number in range(300)]
    shop = Catalogue(ids)
    assert len(found_by(source(shop, page_size=1000), ids)) == 300
    assert max(len(str(request.url)) for request in shop.requests) < 7000


def test_a_server_that_pages_anyway_is_followed_with_the_view() -> None:
    ids = [str(number) for number in range(5)]
    shop = Catalogue(ids, page=2)
    assert all(isinstance(found, ProductReading) for found in found_by(source(shop), ids, GERMAN).values())
    assert len(shop.requests) == 4
    for request in shop.requests[1:]:
        assert (request.url.params["locale"], request.url.params["currency"]) == ("de", "EUR")


def test_with_a_prefix_the_whole_query_is_nested() -> None:
    shop = Catalogue(["1"])
    shop.meta = {"prefix": "ai"}
    found = found_by(source(shop), ["1", "2"])
    assert isinstance(found["1"], ProductReading)
    assert found["2"] == Missing("2")
    for request in shop.requests[1:]:
        assert all(name.startswith("ai[") for name in request.url.params)
        assert request.url.params["ai[currency]"] == "USD"


def test_an_id_that_can_not_be_asked_for_is_missing() -> None:
    shop = Catalogue(["1"])
    found = found_by(source(shop), ["", "1", "a\nb"])
    assert (found[""], found["a\nb"]) == (Missing(""), Missing("a\nb"))
    assert len(shop.requests) == 2


def test_a_shop_that_refuses_strangers_is_read_as_the_first_customer_it_accepts() -> None:
    shop = Catalogue(["1"])
    shop.refuses_strangers = True
    reader = source(shop, "anna", "bob", "carl")
    assert isinstance(found_by(reader, ["1"])["1"], ProductReading)
    assert isinstance(found_by(reader, ["1"])["1"], ProductReading)
    logins = [request.headers.get("authorization", "")[-4:] for request in shop.requests]
    assert logins == ["", "anna", "-bob", "-bob", "-bob"]


def test_a_shop_that_shows_strangers_no_prices_is_read_as_the_customer_named() -> None:
    shop = Catalogue(["1"])
    reader = source(shop, "anna", "bob", catalogue_customer="bob")
    assert isinstance(found_by(reader, ["1"])["1"], ProductReading)
    assert {request.headers.get("authorization", "")[-3:] for request in shop.requests} == {"bob"}


def test_the_customer_named_for_the_catalogue_has_no_deputy() -> None:
    shop = Catalogue(["1"])
    shop.refuses_strangers = True
    with pytest.raises(ShopLoginError, match="401"):
        list(products_of(source(shop, "anna", "bob", catalogue_customer="anna"), ["1"], ENGLISH))


def test_a_shop_that_refuses_everybody_is_a_login_error() -> None:
    shop = Catalogue(["1"])
    shop.refuses_strangers = True
    reader = source(shop, "anna")
    for _ in range(2):
        with pytest.raises(ShopLoginError, match="401"):
            list(products_of(reader, ["1"], ENGLISH))


def test_prices_in_another_currency_than_asked_for_are_left_out() -> None:
    one = copy.deepcopy(recorded("134-product-unknown-currency"))
    one["request"]["url"] = f"http://shop.test/jsonapi/product?{FILTER}=2"
    one["response"]["body"]["data"] = [one["response"]["body"]["data"]]
    shop = RecordedShop(ROOT, ignore=VIEW | {"include"})
    shop.put(one)
    (reading,) = products_of(source(shop), ["2"], View(language="en", currency="CHF"))
    assert isinstance(reading, ProductReading)
    assert reading.prices == ()
    assert reading.stock == ()


def test_what_could_not_be_read_is_counted_and_the_others_go_on() -> None:
    several = copy.deepcopy(recorded("123-product-several"))
    body = several["response"]["body"]
    price = next(item for item in body["included"] if item["type"] == "price" and item["attributes"]["price.id"] == "6")
    price["attributes"]["price.value"] = "11,99"
    body["data"].append({"type": "product", "id": None})
    shop = RecordedShop(ROOT, ignore=VIEW)
    shop.put(several)
    reader = source(shop)
    found = found_by(reader, ["1", "2", "4", "3"])
    mug, shirt = found["2"], found["1"]
    assert isinstance(mug, ProductReading)
    assert isinstance(shirt, ProductReading)
    assert [price.value for price in mug.prices] == [None]
    assert shirt.prices[0].value == Decimal("25.00")
    assert reader.problems == Counter({"price.value": 1, "product.id": 1})


def test_a_shop_that_fails_while_products_are_read_is_an_error() -> None:
    def answer(request: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(500) if request.method == "GET" else shop.handle_request(request)

    shop = Catalogue(["1"])
    with pytest.raises(ShopUnreachableError):
        list(products_of(source(httpx2.MockTransport(answer)), ["1"], ENGLISH))


def test_secrets_are_in_no_repr() -> None:
    reader = source(RecordedShop(), "anna")
    assert "token-of" not in repr(reader)
    assert "token-of" not in json.dumps([repr(value) for value in vars(reader).values()])
