"""Products out of recorded answers, in every view, and what was not told about them."""

import copy
import json
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.support.graphql_shop.front import RECORDINGS
from worker.domain.model import Price, ProductReading, StockEntry, View
from worker.shop.graphql_answer import UNTOLD
from worker.shop.graphql_products import resource_of
from worker.shop.parse_product import ProductParser
from worker.shop.picture import Media

ENGLISH = View(language="en", currency="USD")
GERMAN = View(language="de", currency="EUR")
UTC_ZONE = ZoneInfo("UTC")


def recorded(product_id: str = "1") -> dict[str, Any]:
    exchange = json.loads((RECORDINGS / "graphql" / "042-products-by-ids.json").read_text())
    items = exchange["response"]["body"]["data"]["searchProducts"]["items"]
    return copy.deepcopy(next(item for item in items if item["id"] == product_id))


def read(item: dict[str, Any], view: View = ENGLISH, problems: Counter[str] | None = None) -> ProductReading:
    record, included = resource_of(item)
    media = Media("https://shop.test/aimeos", {}, "https://shop.test/admin/default/graphql")
    reading = ProductParser(view, UTC_ZONE, media, included, Counter() if problems is None else problems).parse(record)
    assert reading is not None
    return reading


def test_a_recorded_product_in_both_views() -> None:
    shirt, hemd = read(recorded()), read(recorded(), GERMAN)
    assert (shirt.id, shirt.code, shirt.name) == ("1", "tshirt", 'T-Shirt "Classic" <M>')
    assert hemd.name == "T-Hemd"
    assert shirt.prices == (
        Price(value=Decimal("25.00"), currency="USD"),
        Price(value=Decimal("22.00"), currency="USD", quantity=Decimal(10)),
    )
    assert [price.value for price in hemd.prices] == [Decimal("20.00"), Decimal("18.00")]
    assert shirt.stock == (StockEntry(type="default", level=Decimal(5)),)
    assert shirt.picture == "https://shop.test/aimeos/preview/tshirt-240.png"
    assert (shirt.enabled, shirt.instock_flag) == (True, True)


def test_the_address_of_a_product_is_its_url_field() -> None:
    assert read(recorded() | {"url": "t-shirt-classic"}).slug == "t-shirt-classic"


def test_recorded_kinds_of_stock() -> None:
    assert read(recorded("3")).stock == (StockEntry(type="default", level=None),)
    assert read(recorded("10")).stock == (StockEntry(type="default", level=Decimal(-2)),)
    assert read(recorded("11")).stock == ()
    assert read(recorded("11")).instock_flag is False
    assert [(entry.type, entry.level) for entry in read(recorded("4")).stock] == [
        ("default", Decimal(0)),
        ("warehouse", Decimal(7)),
        ("web", None),
    ]


def test_a_stock_level_keeps_its_decimals() -> None:
    item = recorded()
    item["stock"][0]["stocklevel"] = Decimal("0.5")
    assert read(item).stock == (StockEntry(type="default", level=Decimal("0.5")),)


def test_recorded_prices_of_other_kinds() -> None:
    assert [(price.type, price.value) for price in read(recorded("12")).prices] == [
        ("default", Decimal("33.00")),
        ("strike", Decimal("1.00")),
    ]
    assert read(recorded("13")).prices == (Price(value=None, currency="USD"),)


def test_disabled_expired_and_future_products_are_told_as_such() -> None:
    assert read(recorded("5")).enabled is False
    assert read(recorded("6")).dateend is not None
    assert read(recorded("7")).datestart is not None


@pytest.mark.parametrize("status", [0, -1, None, UNTOLD])
def test_disabled_texts_and_pictures_are_left_out(status: Any) -> None:
    item = recorded()
    item["label"] = "Shirt"
    for entry in item["lists"]["text"] + item["lists"]["media"]:
        entry["status"] = status
    reading = read(item)
    assert (reading.name, reading.picture) == ("Shirt", None)


def test_a_disabled_price_is_told_as_such() -> None:
    item = recorded()
    item["lists"]["price"][2]["status"] = 0
    item["lists"]["price"][3]["item"]["status"] = 0
    assert [(price.list_status, price.status) for price in read(item).prices] == [(0, 1), (1, 0)]


@pytest.mark.parametrize("previews", [None, "[]", "{}", "no json", UNTOLD, '["preview/a.png"]'])
def test_without_previews_the_picture_itself_is_taken(previews: Any) -> None:
    item = recorded()
    for entry in item["lists"]["media"]:
        entry["item"] |= {"previews": previews, "preview": None}
    assert read(item).picture == "https://shop.test/aimeos/product/tshirt.png"


def change(*path: Any, to: Any) -> Callable[[dict[str, Any]], None]:
    def apply(item: dict[str, Any]) -> None:
        found: Any = item
        for step in path[:-1]:
            found = found[step]
        found[path[-1]] = to

    return apply


@pytest.mark.parametrize(
    "broken",
    [
        change("stock", 0, "stocklevel", to=UNTOLD),
        change("stock", 0, to=None),
        change("stock", to=None),
        change("stock", to=UNTOLD),
        change("stock", to="s3cret"),
    ],
)
def test_stock_that_was_not_told_is_not_known(broken: Callable[[dict[str, Any]], None]) -> None:
    """Never unlimited, and never what the flag says."""
    item, problems = recorded(), Counter[str]()
    broken(item)
    reading = read(item, problems=problems)
    assert (reading.stock, reading.instock_flag) == ((), None)
    assert problems["stock"] == 1


@pytest.mark.parametrize(
    "broken",
    [
        change("lists", "price", 2, "item", "value", to=UNTOLD),
        change("lists", "price", 2, "item", "quantity", to=UNTOLD),
        change("lists", "price", 2, "item", "status", to=UNTOLD),
        change("lists", "price", 2, "status", to=UNTOLD),
        change("lists", "price", 2, "datestart", to=UNTOLD),
        change("lists", "price", 2, "item", to=None),
        change("lists", "price", 2, to=None),
        change("lists", "price", to=None),
        change("lists", to=UNTOLD),
    ],
)
def test_a_price_that_was_not_told_has_no_value(broken: Callable[[dict[str, Any]], None]) -> None:
    item, problems = recorded(), Counter[str]()
    broken(item)
    assert Decimal("25.00") not in [price.value for price in read(item, problems=problems).prices]
    assert problems.total() == 1


@pytest.mark.parametrize("field", ["status", "datestart", "dateend"])
def test_a_product_whose_visibility_was_not_told_is_not_enabled(field: str) -> None:
    assert read(recorded() | {field: UNTOLD}).enabled is False
