"""What the source makes of answers that a real shop's admin JSON API gave."""

import copy
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import unquote

import httpx2
import pytest

from tests.shop.contract.world import removed
from tests.support.jsonadm.behind import settings_for
from tests.support.recorded_shop import answer_of, recorded
from worker.domain.model import ProductReading, StockEntry, View
from worker.errors import ShopAnswerError, ShopLoginError, ShopUnreachableError
from worker.shop.admin_json import AdminJsonSource
from worker.shop.admin_session import ForbiddenError
from worker.shop.source import Account, Feed, Wanted

NOTHING = "171-adm-lists-mtime-future"
"""An empty page."""
BASE = "/admin/default/jsonadm"
RECORDED_AT = datetime(2026, 11, 23, 11, 41, 27, tzinfo=UTC)
GERMAN, AMERICAN = View(language="de", currency="EUR"), View(language="en", currency="USD")


class Replay(httpx2.MockTransport):
    """Answers each resource with its recordings, one after the other, the last one ever after."""

    def __init__(self, **answers: list[str | dict[str, Any]]) -> None:
        super().__init__(self._answer)
        self.asked: list[str] = []
        self._answers = {
            "": ["153-adm-options"],
            **{name.replace("_", "/"): list(them) for name, them in answers.items()},
        }

    def _answer(self, request: httpx2.Request) -> httpx2.Response:
        resource = request.url.path.removeprefix(BASE).strip("/")
        self.asked.append(f"{request.method} {resource}?{unquote(request.url.query.decode())}")
        left = self._answers[resource]
        told = left.pop(0) if len(left) > 1 else left[0]
        return answer_of(recorded(told, "jsonadm") if isinstance(told, str) else told)


@pytest.fixture
def connect() -> Iterator[Any]:
    sources: list[AdminJsonSource] = []

    def connected(transport: Replay, **settings: Any) -> AdminJsonSource:
        shop = settings_for("http://shop.test", media_url="http://shop.test/aimeos", **settings)
        sources.append(AdminJsonSource("main", shop, transport=transport))
        return sources[-1]

    yield connected
    for source in sources:
        source.close()


def test_relations(connect: Any) -> None:
    source = connect(Replay(customer_lists=["170-adm-lists-mtime", NOTHING]), timezone="Europe/Berlin")
    (page,) = source.relations("2026-01-01 00:00:00", None)
    accounts = {entry.key: entry for entry in page.entries if isinstance(entry, Account)}
    assert {key: [relation.id for relation in account.relations] for key, account in accounts.items()} == {
        "1": ["1", "2", "3", "4", "5"],
        "2": ["6", "7", "8"],
        "4": ["9"],
    }
    first = accounts["1"].relations[0]
    assert (first.type, first.refid, first.customer_id) == ("watch", "1", "1")
    assert first.config == {"timeframe": 30, "pricevalue": "20.00", "price": 1, "stock": 0, "currency": "EUR"}
    assert first.ctime == datetime(2026, 11, 23, 10, 41, 27, tzinfo=UTC)
    assert (page.newest, page.cursor, page.total) == ("2026-11-23 11:41:27", "9", 9)
    assert not any(relation.defect for account in accounts.values() for relation in account.relations)


def test_relations_page_by_page(connect: Any) -> None:
    shop = Replay(customer_lists=["150-adm-group-admin-customer-lists", "169-adm-lists-keyset", NOTHING])
    pages = list(connect(shop).relations(None, None))
    assert [page.cursor for page in pages] == ["1", "6"]
    assert [page.total for page in pages] == [9, 5]
    assert "[>][customer.lists.id]=1&" in shop.asked[2]
    assert "[>][customer.lists.id]=6&" in shop.asked[3]


def test_the_same_page_again_is_an_error(connect: Any) -> None:
    with pytest.raises(ShopAnswerError, match="circle"):
        list(connect(Replay(customer_lists=["169-adm-lists-keyset"])).relations(None, None))


def test_rows_beyond_the_end_of_an_offset_listing_are_no_end(connect: Any) -> None:
    """No rows, but a total of six: such a page says that rows were asked for in a wrong way."""
    with pytest.raises(ShopAnswerError, match="6 more records"):
        list(connect(Replay(customer_lists=["163-adm-lists-beyond"])).relations(None, None))


def test_customers(connect: Any) -> None:
    anna, off = connect(Replay(customer=["155-adm-customer"])).customers(["1", "6"])
    assert (anna.email, anna.language, anna.salutation, anna.enabled) == ("anna@example.com", "de", "ms", True)
    assert (off.id, off.enabled) == ("6", False)


def test_customers_for_the_group_admin(connect: Any) -> None:
    with pytest.raises(ForbiddenError, match="superusers only"):
        list(connect(Replay(customer=["149-adm-group-admin-customer"])).customers(["1"]))


def test_nobody_who_is_logged_in(connect: Any) -> None:
    refused = recorded("147-adm-unauthenticated", "jsonadm")
    with pytest.raises(ShopLoginError, match=r"sources\.main\.admin\.token"):
        list(connect(Replay(customer_lists=[refused])).relations(None, None))


@pytest.mark.parametrize("name", ["167-adm-lists-sort-desc", "177-adm-lists-bad-operator", "178-adm-lists-bad-sort"])
def test_an_error_of_the_shop(connect: Any, name: str) -> None:
    with pytest.raises(ShopUnreachableError, match="500") as refused:
        list(connect(Replay(customer_lists=[name])).relations(None, None))
    assert "(trace)" not in str(refused.value)
    assert "(message)" not in str(refused.value)


def test_products_in_two_views(connect: Any) -> None:
    shop = Replay(product=["182-adm-product-include"], stock=["187-adm-stock-products", NOTHING])
    wanted = [Wanted(product_id, (GERMAN, AMERICAN)) for product_id in ("1", "2", "4")]
    found = {(item.id, item.view): item for item in connect(shop).products(wanted) if isinstance(item, ProductReading)}
    assert len(found) == 6
    shirt, hoodie = found["1", GERMAN], found["4", AMERICAN]
    assert (shirt.name, shirt.label, shirt.code, shirt.slug, shirt.enabled) == (
        "T-Hemd",
        "T-Shirt",
        "tshirt",
        "tshirt",
        True,
    )
    assert [(price.id, price.value, price.quantity) for price in shirt.prices] == [
        ("1", Decimal("20.00"), 1),
        ("2", Decimal("18.00"), 10),
    ]
    assert [price.id for price in found["1", AMERICAN].prices] == ["3", "4"]
    assert shirt.picture is not None
    assert shirt.picture.startswith("http://shop.test/aimeos/")
    assert shirt.stock == ()
    assert hoodie.stock == (
        StockEntry(type="default", level=Decimal(0)),
        StockEntry(type="warehouse", level=Decimal(7)),
        StockEntry(type="web", level=None),
    )


def test_a_product_that_is_not_there(connect: Any) -> None:
    shop = Replay(product=["182-adm-product-include"], stock=[NOTHING])
    *_, missing = connect(shop).products([Wanted(product_id, (GERMAN,)) for product_id in ("1", "2", "4", "99")])
    assert missing.product_id == "99"
    assert [asked.count("[product.id][]=") for asked in shop.asked if " product?" in asked] == [4]


@pytest.mark.parametrize(
    ("feed", "answers", "products", "prices"),
    [
        (Feed.PRODUCTS, {"product": ["185-adm-product-mtime", NOTHING]}, ["1", "2"], []),
        (Feed.STOCK, {"stock": ["187-adm-stock-products", NOTHING]}, ["2", "4"], []),
        (Feed.PRICES, {"price": ["190-adm-price-mtime", NOTHING], "product_lists": [NOTHING]}, [], ["1", "2"]),
    ],
)
def test_what_changed(connect: Any, feed: Feed, answers: Any, products: list[str], prices: list[str]) -> None:
    (page,) = connect(Replay(**answers)).changed(feed, "2026-01-01 00:00:00", None)
    assert (list(page.product_ids), list(page.price_ids)) == (products, prices)
    assert page.newest == "2026-11-23 11:41:27"


def test_changed_customers(connect: Any) -> None:
    (page,) = connect(Replay(customer=["155-adm-customer", NOTHING])).changed(
        Feed.CUSTOMERS, "2026-01-01 00:00:00", None
    )
    assert [customer.id for customer in page.customers] == ["1", "2", "3", "4", "5", "6"]


def test_a_removal_is_believed_after_reading_back(connect: Any) -> None:
    there = recorded("159-adm-lists-watch", "jsonadm")
    left = copy.deepcopy(there)
    for exchange, kept in ((there, slice(0, 2)), (left, slice(1, 2))):
        body = exchange["response"]["body"]
        body["data"] = body["data"][kept]
        body["meta"]["total"] = len(body["data"])
    shop = Replay(customer_lists=[there, "198-adm-delete-bulk", left])
    assert removed(connect(shop), [("1", "1"), ("1", "2")]) == {"1"}
    assert [asked.partition("?")[0] for asked in shop.asked[1:]] == [
        "GET customer/lists",
        "DELETE customer/lists",
        "GET customer/lists",
    ]


def test_the_check(connect: Any) -> None:
    shop = Replay(
        customer_lists=["150-adm-group-admin-customer-lists"],
        customer=["149-adm-group-admin-customer"],
        product=["181-adm-product"],
        price=["189-adm-price"],
        stock=["186-adm-stock"],
    )
    found = connect(shop).check()
    assert found.would_read == {
        "relations": "about 9",
        "products": "about 16",
        "prices": "about 27",
        "stock entries": "about 16",
    }
    assert len(found.notes) == 1
