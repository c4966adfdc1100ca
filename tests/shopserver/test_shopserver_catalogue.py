"""Products and stock: what is on sale, in which language and currency, page by page."""

from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from tests.shopserver.front import Front, problems

ON_SALE = ["1", "2", "3", "4", "8", "9", "10", "11", "12", "13", "14", "15", "16"]


@pytest.fixture
def visitor(front: Front) -> httpx2.Client:
    """Nobody; the catalogue is for everyone."""
    return front.client()


def numbers(answer: httpx2.Response) -> list[str]:
    return [item["id"] for item in answer.json()["data"]]


def included(answer: httpx2.Response, kind: str) -> list[dict[str, Any]]:
    return [item["attributes"] for item in answer.json()["included"] if item["type"] == kind]


def pages(client: httpx2.Client, address: str) -> Iterator[dict[str, Any]]:
    links = {"next": address}
    while "next" in links:
        answer = client.get(links["next"]).json()
        links = answer["links"]
        yield answer


def test_only_products_on_sale_are_listed(visitor: httpx2.Client) -> None:
    assert numbers(visitor.get("/jsonapi/product")) == ON_SALE


@pytest.mark.parametrize("wanted", ["5", "6", "7", "99", "", "' OR 1=1", "%00"])
def test_a_product_that_is_not_on_sale_is_not_found(visitor: httpx2.Client, wanted: str) -> None:
    assert problems(visitor.get("/jsonapi/product", params={"id": wanted})) == [("404", "id")]


def test_products_come_and_go_with_their_dates(front: Front, visitor: httpx2.Client) -> None:
    dates = {"datestart": "2027-01-01 00:00:00", "dateend": "2027-01-31 23:59:59"}
    front.store.load({"products": [{"id": "1", "code": "tshirt", "label": "T-Shirt", **dates}]})
    seen = []
    for _ in range(4):
        seen.append("1" in numbers(visitor.get("/jsonapi/product")))
        front.clock.turn(days=30)
    assert seen == [False, False, True, False]


@pytest.mark.parametrize("form", ["[]", "[0]", "[x]", ""])
def test_products_are_filtered_by_id(visitor: httpx2.Client, form: str) -> None:
    assert numbers(visitor.get("/jsonapi/product", params={f"filter[==][product.id]{form}": "12"})) == ["12"]


def test_a_filter_takes_hundreds_of_ids(visitor: httpx2.Client) -> None:
    wanted = {"filter[==][product.id][]": [str(number) for number in range(1, 900)]}
    assert numbers(visitor.get("/jsonapi/product", params=wanted)) == ON_SALE


@pytest.mark.parametrize(
    "query",
    [
        "filter[%3D~][product.id]=1",
        "filter[%3D%3D][product.code]=mug",
        "filter[%3D%3D]=1",
        "filter[==][product.id]=1",
        "filter=1",
        "filter[%3D%3D][product.id][][x]=1",
        "filter[%3D%3D][product.id]=1&filter[>][product.id]=1",
        "sort=product.label",
        "sort[]=product.id",
        "page=1",
        "page[limit]=0",
        "page[limit]=1001",
        "page[limit]=x",
        "page[limit][]=1",
        "page[offset]=-1",
        "page[offset]=%D9%A1",
        "page[offset]=99999999999999999999",
        "include[]=price",
        "id[]=1",
    ],
)
def test_what_cannot_be_done_is_refused_not_ignored(visitor: httpx2.Client, query: str) -> None:
    answer = visitor.get(f"/jsonapi/product?{query}")
    assert answer.status_code == 400
    assert problems(answer)


def test_a_page_holds_forty_eight_products_where_nothing_is_said(front: Front, visitor: httpx2.Client) -> None:
    front.store.load({"products": [{"id": f"p{n}", "code": f"p{n}", "label": f"P {n}"} for n in range(100)]})
    found = [len(page["data"]) for page in pages(visitor, "/jsonapi/product")]
    assert found == [48, 48, 17]


def test_a_page_holds_a_hundred_stock_entries_where_nothing_is_said(front: Front, visitor: httpx2.Client) -> None:
    entries = [{"id": f"p{n}", "code": f"p{n}", "label": f"P {n}", "stock": [{"level": n}]} for n in range(100)]
    front.store.load({"products": entries})
    assert [len(page["data"]) for page in pages(visitor, "/jsonapi/stock")] == [100, 16]


@pytest.mark.parametrize("limit", [1, 3, 5, 13, 14])
def test_the_pages_together_are_the_whole_list(visitor: httpx2.Client, limit: int) -> None:
    found = list(pages(visitor, f"/jsonapi/product?page[limit]={limit}"))
    assert [item["id"] for page in found for item in page["data"]] == ON_SALE
    assert {page["meta"]["total"] for page in found} == {13}
    assert found[0]["links"].get("last", found[0]["links"]["self"]) == found[-1]["links"]["self"]


def test_links_of_pages_keep_the_language_and_the_currency(visitor: httpx2.Client) -> None:
    address = "/jsonapi/product?locale=de&currency=EUR&include=price,text&page[limit]=1"
    second = list(pages(visitor, address))[1]
    parts = [item["attributes"] for item in second["included"]]
    assert [part["price.currencyid"] for part in parts if "price.id" in part] == ["EUR"]
    assert [part["text.content"] for part in parts if "text.id" in part] == ["Tasse", "Tasse short"]


@pytest.mark.parametrize(
    ("asked", "told"), [("EUR", "EUR"), ("USD", "USD"), ("CHF", "USD"), ("", "USD"), ("eur", "USD")]
)
def test_an_unknown_currency_falls_back_to_the_default(visitor: httpx2.Client, asked: str, told: str) -> None:
    answer = visitor.get("/jsonapi/product", params={"id": "2", "include": "price", "currency": asked})
    assert [price["price.currencyid"] for price in included(answer, "price")] == [told]


@pytest.mark.parametrize(("asked", "name"), [("de", "Tasse"), ("en", "Coffee mug"), ("fr", "Coffee mug")])
def test_an_unknown_language_falls_back_to_the_default(visitor: httpx2.Client, asked: str, name: str) -> None:
    answer = visitor.get("/jsonapi/product", params={"id": "2", "include": "text", "locale": asked})
    assert included(answer, "text")[0]["text.content"] == name


def test_only_prices_that_count_now_are_shown(front: Front, visitor: httpx2.Client) -> None:
    prices = [
        {"currency": "USD", "value": "1.00"},
        {"currency": "USD", "value": "2.00", "status": 0},
        {"currency": "USD", "value": "3.00", "list_status": 0},
        {"currency": "USD", "value": "4.00", "dateend": "2026-11-23 11:41:26"},
        {"currency": "USD", "value": "5.00", "datestart": "2026-11-23 11:41:28"},
        {"currency": "USD", "value": "6.00", "list_type": "promotion", "datestart": "2026-11-23 11:41:27"},
        {"currency": "USD", "value": "7.00", "dateend": "2026-11-23 11:41:27"},
        {"currency": "USD", "value": None},
    ]
    front.store.load({"products": [{"id": "2", "code": "mug", "label": "Mug", "prices": prices}]})
    answer = visitor.get("/jsonapi/product?id=2&include=price")
    assert [price["price.value"] for price in included(answer, "price")] == ["1.00", "6.00", "7.00", None]
    lists = answer.json()["data"]["relationships"]["price"]["data"]
    assert [item["attributes"]["product.lists.type"] for item in lists] == [
        "default",
        "promotion",
        "default",
        "default",
    ]


@pytest.mark.parametrize(
    ("value", "told"), [("5", "5.00"), ("5.5", "5.50"), ("0.125", "0.125"), ("999999999999.9999", "999999999999.9999")]
)
def test_a_price_keeps_all_its_digits(front: Front, visitor: httpx2.Client, value: str, told: str) -> None:
    front.store.set_price("mug", "USD", value)
    answer = visitor.get("/jsonapi/product?id=2&include=price")
    assert [price["price.value"] for price in included(answer, "price")] == [told]


def test_a_changed_stock_shows_in_both_places(front: Front, visitor: httpx2.Client) -> None:
    for level, flag in ((3, 1), (0, 0), (-1, 0), (None, 1)):
        front.store.set_stock("2", level)
        product = visitor.get("/jsonapi/product?id=2&include=stock")
        stock = visitor.get("/jsonapi/stock?filter[s_prodid][]=2").json()["data"][0]["attributes"]
        assert product.json()["data"]["attributes"]["product.instock"] == flag
        assert included(product, "stock")[0]["stock.stocklevel"] == stock["stock.stocklevel"] == level


def test_stock_of_hidden_products_is_shown(visitor: httpx2.Client) -> None:
    assert numbers(visitor.get("/jsonapi/stock?filter[s_prodid][]=5&filter[s_prodid][]=6")) == ["7", "8"]


def test_a_stock_entry_is_read_by_its_link(visitor: httpx2.Client) -> None:
    answer = visitor.get("/jsonapi/stock?filter[s_prodid]=4")
    link = answer.json()["data"][1]["links"]["self"]["href"]
    assert visitor.get(link).json()["data"] == answer.json()["data"][1]
    for wanted in ("99", "x", "-1", "", "9" * 40):
        assert problems(visitor.get("/jsonapi/stock", params={"id": wanted})) == [("404", "id")]


def test_a_customers_products_come_with_their_parts(anna: httpx2.Client) -> None:
    answer = anna.get("/jsonapi/customer?include=product,price,stock,text,media&currency=EUR&locale=de")
    assert [item["product.id"] for item in included(answer, "product")] == ["1", "2", "3"]
    assert [price["price.value"] for price in included(answer, "price")] == ["20.00", "18.00", "9.99", None]
    assert {text["text.languageid"] for text in included(answer, "text")} == {"de"}
    assert len(included(answer, "stock")) == 3


@pytest.mark.parametrize("method", ["POST", "PATCH", "DELETE", "PUT"])
@pytest.mark.parametrize("resource", ["product", "stock"])
def test_the_catalogue_is_only_read(anna: httpx2.Client, method: str, resource: str) -> None:
    answer = anna.request(method, f"/jsonapi/{resource}?id=1", json={})
    assert problems(answer) == [("405", "Allow")]
    assert answer.headers["Allow"] == "GET,OPTIONS"


@pytest.mark.parametrize("related", ["relationships", "address"])
def test_related_resources_that_are_not_there_are_not_found(anna: httpx2.Client, related: str) -> None:
    assert problems(anna.get(f"/jsonapi/product?id=1&related={related}")) == [("404", "related")]
    assert problems(anna.get("/jsonapi/customer?related=address")) == [("404", "related")]


def test_every_picture_that_is_told_can_be_loaded(front: Front, visitor: httpx2.Client) -> None:
    front.store.load({"products": [{"id": "1", "code": "a/b ü?#.png", "label": "T"}]})
    answer = visitor.get("/jsonapi/product?id=1&include=media")
    base = answer.json()["meta"]["content-baseurls"]["fs-media"]
    (media,) = included(answer, "media")
    for size, path in (("720", media["media.url"]), ("240", media["media.preview"]), *media["media.previews"].items()):
        picture = visitor.get(f"{base}/{path}")
        assert (picture.status_code, picture.headers["Content-Type"]) == (200, "image/png")
        assert picture.content[:4] == b"\x89PNG"
        assert int.from_bytes(picture.content[16:20]) == int(size)
        assert len(picture.content) < 2000


@pytest.mark.parametrize(
    "path", ["product/nope.png", "product/mug.svg", "preview/999/mug.png", "preview/mug.png", "", "../shop.db"]
)
def test_there_are_no_other_files(visitor: httpx2.Client, path: str) -> None:
    assert visitor.get(f"/media/{path}").status_code == 404
