"""Products with prices, stock, names and pictures: what the shop shows in one view, and what can't be read."""

import copy
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.recorded_shop import recorded
from worker.domain.model import Price, ProductReading, StockEntry, View
from worker.shop.linked import index
from worker.shop.parse_product import ProductParser
from worker.shop.picture import Media
from worker.shop.record import obj, records

ENGLISH = View(language="en", currency="USD")
GERMAN = View(language="de", currency="EUR")
PAGE = "http://shop.test/jsonapi/product"
META = {"content-baseurl": "http://shop.test/", "content-baseurls": {"fs-media": "http://shop.test/aimeos"}}


def parser(page: Mapping[str, Any], view: View = ENGLISH, media_url: str = "") -> ProductParser:
    media = Media(media_url, obj(page.get("meta")), PAGE)
    return ProductParser(view, ZoneInfo("Europe/Berlin"), media, index(page), Counter())


def read(page: Mapping[str, Any], view: View = ENGLISH, media_url: str = "") -> tuple[ProductReading, Counter[str]]:
    reader = parser(page, view, media_url)
    (record,) = records(page["data"])
    reading = reader.parse(record)
    assert reading is not None
    return reading, reader.problems


def page(
    *items: tuple[str, dict[str, Any], dict[str, Any]], meta: Mapping[str, Any] = META, **fields: Any
) -> dict[str, Any]:
    """A product with included items, each (type, attributes of the list item, attributes of the item)."""
    relationships: dict[str, Any] = {}
    included = []
    for number, (kind, listed, attributes) in enumerate(items, 1):
        entry = {"id": str(number), "type": kind, "attributes": {f"product.lists.{k}": v for k, v in listed.items()}}
        relationships.setdefault(kind, {"data": []})["data"].append(entry)
        named = {f"{kind}.{name}": value for name, value in attributes.items()}
        included.append({"id": str(number), "type": kind, "attributes": named})
    attributes = {"product.status": 1, "product.code": "mug", "product.label": "Mug"}
    attributes |= {f"product.{name}": value for name, value in fields.items()}
    product = {"id": "1", "type": "product", "attributes": attributes, "relationships": relationships}
    return {"meta": meta, "data": product, "included": included}


def price(
    value: Any, *, listed: dict[str, Any] | None = None, **fields: Any
) -> tuple[str, dict[str, Any], dict[str, Any]]:
    return "price", listed or {}, {"value": value, "currencyid": "USD", "quantity": 1, "status": 1} | fields


def stock(**fields: Any) -> tuple[str, dict[str, Any], dict[str, Any]]:
    return "stock", {}, {"type": "default"} | fields


def media(listed: dict[str, Any] | None = None, **fields: Any) -> tuple[str, dict[str, Any], dict[str, Any]]:
    return "media", listed or {}, {"filesystem": "fs-media", "mimetype": "image/png", "status": 1} | fields


def test_a_recorded_product_is_read_completely() -> None:
    reading, problems = read(recorded("121-product-one")["response"]["body"])
    assert reading == ProductReading(
        id="1",
        view=ENGLISH,
        code="tshirt",
        label="T-Shirt",
        name='T-Shirt "Classic" <M>',
        slug="tshirt",
        picture="http://shop.test/aimeos/preview/tshirt-240.png",
        instock_flag=True,
        prices=(
            Price(value=Decimal("25.00"), currency="USD"),
            Price(value=Decimal("22.00"), currency="USD", quantity=Decimal(10)),
        ),
        stock=(StockEntry(type="default", level=Decimal(5)),),  # the included stock has an int id
    )
    assert not problems


def test_the_same_product_in_another_language_and_currency() -> None:
    reading, _ = read(recorded("122-product-one-de-eur")["response"]["body"], GERMAN)
    assert reading.name == "T-Hemd"
    assert [price.value for price in reading.prices] == [Decimal("20.00"), Decimal("18.00")]


def test_prices_in_the_shops_fallback_currency_are_left_out() -> None:
    answer = recorded("134-product-unknown-currency")["response"]["body"]
    assert read(answer, View(language="en", currency="CHF"))[0].prices == ()
    assert [price.value for price in read(answer, ENGLISH)[0].prices] == [Decimal("11.99")]


def test_several_stock_types_and_an_unlimited_level() -> None:
    answer = recorded("123-product-several")["response"]["body"]
    reader = parser(answer)
    by_id = {reading.id: reading for record in records(answer["data"]) if (reading := reader.parse(record))}
    assert by_id["4"].stock == (
        StockEntry(type="default", level=Decimal(0)),
        StockEntry(type="warehouse", level=Decimal(7)),
        StockEntry(type="web", level=None),
    )
    assert by_id["2"].instock_flag is False


def test_variants_of_a_selection_do_not_mix_into_it() -> None:
    reading, _ = read(recorded("137-product-select")["response"]["body"])
    assert [price.value for price in reading.prices] == [Decimal("90.00")]
    assert reading.stock == ()
    assert reading.instock_flag is True


def test_what_the_list_says_about_a_price_is_carried_on() -> None:
    listed = {"type": "promo", "status": 0, "datestart": "2026-01-01 00:00:00", "dateend": "2026-10-25 02:30:00"}
    (found,) = read(page(price("9.99", listed=listed, type="special", status=-1, quantity="2.5")))[0].prices
    assert found == Price(
        value=Decimal("9.99"),
        currency="USD",
        quantity=Decimal("2.5"),
        type="special",
        list_type="promo",
        status=-1,
        list_status=0,
        datestart=datetime(2025, 12, 31, 23, tzinfo=UTC),
        dateend=datetime(2026, 10, 25, 1, 30, tzinfo=UTC),  # the later of the doubled hour
    )


def test_a_price_on_request_has_no_value_and_is_no_problem() -> None:
    reading, problems = read(page(price(None)))
    assert [price.value for price in reading.prices] == [None]
    assert not problems


@pytest.mark.parametrize(
    "value",
    ["NaN", "1e400", "1,50", "1_000", "-0", "", " 1", "9" * 40, "1.23456", True, ["1"], {}, "١٢", Decimal("1E+400")],
)
def test_a_price_that_can_not_be_read_has_no_value_and_is_counted(value: object) -> None:
    reading, problems = read(page(price(value, quantity=3), price("5.00")))
    assert [price.value for price in reading.prices] == [None, Decimal("5.00")]
    assert reading.prices[0].quantity == 3
    assert problems == Counter({"price.value": 1})


@pytest.mark.parametrize(
    "wrong",
    [
        {"quantity": "many"},
        {"status": "on"},
        {"listed": {"status": "on"}},
        {"listed": {"datestart": "2024-02-30"}},
        {"listed": {"dateend": "9999-99-99"}},
    ],
)
def test_a_price_of_which_something_else_can_not_be_read_has_no_value(wrong: dict[str, Any]) -> None:
    reading, problems = read(page(price("1.00", **wrong)))
    assert reading.prices == (Price(value=None, currency="USD"),)
    assert problems == Counter({"price": 1})


def test_a_price_that_is_not_included_is_counted() -> None:
    answer = page(price("1.00"))
    answer["included"] = []
    reading, problems = read(answer)
    assert reading.prices == ()
    assert problems == Counter({"price": 1})


def test_of_an_item_that_is_included_twice_the_first_counts() -> None:
    answer = page(price("1.00"))
    second = copy.deepcopy(answer["included"][0])
    second["attributes"]["price.value"] = "2.00"
    answer["included"].append(second)
    assert [price.value for price in read(answer)[0].prices] == [Decimal("1.00")]


def test_stock_levels_of_any_kind() -> None:
    items = [stock(stocklevel=level) for level in (0, -2, "7", Decimal("0.5"), None)]
    reading, _ = read(page(*items))
    assert [entry.level for entry in reading.stock] == [0, -2, 7, Decimal("0.5"), None]


@pytest.mark.parametrize("wrong", [{"stocklevel": "false"}, {"stocklevel": False}, {"stocklevel": []}, {}])
def test_stock_that_can_not_be_read_is_not_known(wrong: dict[str, Any]) -> None:
    reading, problems = read(page(stock(stocklevel=5), stock(**wrong), instock=1))
    assert (reading.stock, reading.instock_flag) == ((), None)
    assert problems == Counter({"stock": 1})


@pytest.mark.parametrize(("flag", "known"), [(1, True), (0, False), ("1", True), (None, None), ("yes", None)])
def test_without_stock_entries_the_flag_stands(flag: object, known: bool | None) -> None:
    assert read(page(instock=flag))[0].instock_flag is known


def test_a_product_whose_status_or_dates_can_not_be_read_is_not_enabled() -> None:
    for wrong in ({"status": None}, {"status": "x"}, {"datestart": "2024-02-30"}, {"dateend": 5}):
        reading, problems = read(page(**wrong))
        assert not reading.enabled
        assert problems == Counter({"product.status or dates": 1})


def test_a_disabled_product_with_dates() -> None:
    reading, problems = read(page(status=0, datestart="2026-01-01 00:00:00", dateend="2026-10-25 02:30:00"))
    assert not reading.enabled
    assert reading.datestart == datetime(2025, 12, 31, 23, tzinfo=UTC)
    assert reading.dateend == datetime(2026, 10, 25, 1, 30, tzinfo=UTC)
    assert not problems


def test_the_name_is_the_enabled_text_of_type_name_in_the_language_of_the_view() -> None:
    def name(
        content: str, listed: dict[str, Any] | None = None, **fields: Any
    ) -> tuple[str, dict[str, Any], dict[str, Any]]:
        return "text", listed or {}, {"type": "name", "content": content, "status": 1, "languageid": "de"} | fields

    assert read(page(name("Becher", type="short"), name("Tasse"), name("Krug")), GERMAN)[0].name == "Tasse"
    assert read(page(name("Tasse"), name("Mug", languageid=None)), ENGLISH)[0].name == "Mug"
    assert read(page(name("Tasse", languageid=None), name("Becher")), GERMAN)[0].name == "Becher"
    assert read(page(name("Tasse")), ENGLISH)[0].name == "Mug"  # the label
    assert read(page(name("Tasse", status=0)), GERMAN)[0].name == "Mug"
    assert read(page(name("Tasse", {"type": "unused"})), GERMAN)[0].name == "Mug"
    assert read(page(name(["x"])), GERMAN)[0].name == "Mug"  # type: ignore[arg-type]


def test_a_product_without_a_url_has_an_empty_slug() -> None:
    assert read(page(url=None))[0].slug == ""


@pytest.mark.parametrize(
    ("fields", "url"),
    [
        ({"previews": {"100": "s.png", "250": "m.png", "720": "l.png"}}, "http://shop.test/aimeos/m.png"),
        ({"previews": {"230": "s.png", "250": "l.png"}}, "http://shop.test/aimeos/l.png"),
        ({"previews": [], "preview": "p.png?v=1", "url": "u.png"}, "http://shop.test/aimeos/p.png?v=1"),
        ({"previews": {"x": "a", "-1": "b"}, "url": "u.png"}, "http://shop.test/aimeos/u.png"),
        ({"url": "/dir/my mug \"1\".png"}, "http://shop.test/aimeos/dir/my%20mug%20%221%22.png"),
        ({"url": "https://cdn.test/mug.png"}, "https://cdn.test/mug.png"),
        ({"url": "//cdn.test/mug.png"}, "http://cdn.test/mug.png"),
        ({"url": "<script>\n"}, "http://shop.test/aimeos/%3Cscript%3E%0A"),
        ({"url": "javascript:alert(1)"}, None),
        ({"url": "data:image/png;base64,AAAA"}, None),
        ({"url": "http://[::1"}, None),
        ({"url": "u.png", "mimetype": "application/pdf"}, None),
        ({"url": "u.png", "status": 0}, None),
        ({"url": ""}, None),
    ],
)  # fmt: skip
def test_the_picture_is_an_absolute_http_address(fields: dict[str, Any], url: str | None) -> None:
    assert read(page(media(**fields)))[0].picture == url


def test_the_first_picture_that_fits_is_taken() -> None:
    items = [
        media({"type": "download"}, url="a.png"),
        media(url="javascript:x"),
        media(url="b.png"),
        media(url="c.png"),
    ]
    assert read(page(*items))[0].picture == "http://shop.test/aimeos/b.png"


def test_the_operators_media_url_comes_before_what_the_shop_says() -> None:
    reading, _ = read(page(media(url="a.png")), media_url="https://media.test/files/")
    assert reading.picture == "https://media.test/files/a.png"


@pytest.mark.parametrize(
    ("meta", "url"),
    [
        (
            {"content-baseurl": "https://shop.test/m/", "content-baseurls": {"fs-other": "x"}},
            "https://shop.test/m/a.png",
        ),
        ({"content-baseurls": {"fs-media": "/files"}}, "http://shop.test/files/a.png"),
        ({"content-baseurls": []}, None),
        ({}, None),
    ],
)
def test_where_pictures_are_without_the_usual_meta(meta: dict[str, Any], url: str | None) -> None:
    assert read(page(media(url="a.png"), meta=meta))[0].picture == url


def test_a_product_without_a_usable_id_is_counted() -> None:
    reader = parser({})
    assert reader.parse({"id": None}) is None
    assert reader.problems == Counter({"product.id": 1})


def test_a_product_without_anything_waits() -> None:
    reading = parser({}).parse({"id": 5})
    assert reading is not None
    assert (reading.id, reading.enabled, reading.prices, reading.instock_flag) == ("5", False, (), None)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.decimals() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=4,
)


@settings(max_examples=50)
@given(
    st.lists(
        st.tuples(st.sampled_from(["value", "quantity", "status", "type", "currencyid"]), json_values), max_size=4
    ),
    st.lists(st.tuples(st.sampled_from(["stocklevel", "type"]), json_values), max_size=2),
    st.lists(st.tuples(st.sampled_from(["url", "preview", "previews", "filesystem"]), json_values), max_size=3),
)
def test_no_included_item_raises(prices: list[Any], stocks: list[Any], pictures: list[Any]) -> None:
    kind, listed, attributes = price("1")
    read(page((kind, listed, attributes | dict(prices)), ("stock", {}, dict(stocks)), media(**dict(pictures))))
