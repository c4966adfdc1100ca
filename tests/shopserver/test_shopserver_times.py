"""Every row of the shop tells when it changed itself, as a real shop's do: what belongs to it has times of its own."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import httpx2
import pytest
from sqlalchemy import select

from tests.shopserver.front import RECORDED_AT, RELATIONS, Front, attributes, change, document, one
from worker.shopserver import tables
from worker.shopserver.overview import overview

TABLES = (tables.Product, tables.Price, tables.Stock, tables.Customer, tables.Relation)
HOURS = timedelta(hours=1)


def mtimes(front: Front) -> dict[str, dict[str, timedelta]]:
    """How long after the recording every row changed, by table and id; of prices also their list items."""
    with front.store.read() as session:
        found = {
            table.__tablename__: {str(row.id): row.mtime for row in session.scalars(select(table))} for table in TABLES
        }
        found["price list"] = {str(row.id): row.list_mtime for row in session.scalars(select(tables.Price))}
    return {name: {key: at - RECORDED_AT for key, at in rows.items()} for name, rows in found.items()}


def moved(front: Front, before: dict[str, dict[str, timedelta]]) -> dict[str, set[str]]:
    """The rows whose mtime is another one now, or which are new."""
    found = {
        name: {key for key, at in rows.items() if before[name].get(key) != at} for name, rows in mtimes(front).items()
    }
    return {name: keys for name, keys in found.items() if keys}


def set_columns(front: Front, table: type[tables.Base], key: str | int, **columns: Any) -> None:
    with front.store.begin() as session:
        row = session.get_one(table, key)
        for name, value in columns.items():
            setattr(row, name, value)


def test_everything_loaded_has_the_time_of_loading(front: Front) -> None:
    assert {at for rows in mtimes(front).values() for at in rows.values()} == {timedelta(0)}


def test_a_price_and_the_stock_change_without_their_product(front: Front) -> None:
    before = mtimes(front)
    front.clock.turn(hours=1)
    front.store.set_price("1", "EUR", "15.00")
    front.store.set_stock("2", 9)
    assert moved(front, before) == {"price": {"1"}, "stock": {"2"}}
    assert mtimes(front)["price"]["1"] == HOURS


def test_a_price_and_its_list_item_have_times_of_their_own(front: Front) -> None:
    before = mtimes(front)
    front.clock.turn(hours=1)
    set_columns(front, tables.Price, 1, list_status=0)
    assert moved(front, before) == {"price list": {"1"}}
    set_columns(front, tables.Price, 2, status=0, dateend="2030-01-01 00:00:00")
    assert moved(front, before) == {"price": {"2"}, "price list": {"1", "2"}}


def test_a_new_price_is_new_and_its_product_is_not_changed(front: Front) -> None:
    before = mtimes(front)
    front.clock.turn(hours=1)
    front.store.set_price("mug", "CHF", "12")
    (price,) = moved(front, before)["price"]
    assert moved(front, before) == {"price": {price}, "price list": {price}}


def test_a_relation_changes_without_its_customer(front: Front, anna: httpx2.Client) -> None:
    before = mtimes(front)
    front.clock.turn(hours=1)
    assert anna.patch(one("1"), json=change(position=3)).status_code == 200
    assert anna.post(RELATIONS, json=document(attributes(refid="11"))).status_code == 201
    assert anna.delete(one("2")).status_code == 200
    assert moved(front, before) == {"relation": {"1", "10"}}


def test_a_customer_and_a_product_that_change_themselves(front: Front, anna: httpx2.Client) -> None:
    before = mtimes(front)
    front.clock.turn(hours=1)
    front.store.set_product("mug", enabled=False)
    body = {"data": {"attributes": {"customer.email": "ann@example.com"}}}
    assert anna.patch("/jsonapi/customer", json=body).status_code == 200
    assert moved(front, before) == {"product": {"2"}, "customer": {"1"}}


def test_what_stays_the_same_keeps_its_time(front: Front) -> None:
    before = mtimes(front)
    front.clock.turn(hours=1)
    front.store.set_price("1", "EUR", "20.0")
    front.store.set_stock("2", 0)
    front.store.set_product("mug", enabled=True)
    assert moved(front, before) == {}


def test_a_time_that_is_given_is_kept(front: Front) -> None:
    at = RECORDED_AT - timedelta(days=365)
    set_columns(front, tables.Customer, "1", email="old@example.com", mtime=at)
    assert mtimes(front)["customer"]["1"] == timedelta(days=-365)


@pytest.mark.parametrize(("level", "told"), [("0.5", 0), ("7.9", 7), ("-0.5", 0), ("3", 3)])
def test_decimals_of_a_stock_level_are_kept_but_not_told(front: Front, level: str, told: int) -> None:
    front.store.set_stock("mug", Decimal(level))
    answer = front.client().get("/jsonapi/stock?filter[s_prodid][]=2").json()
    assert answer["data"][0]["attributes"]["stock.stocklevel"] == told
    (found,) = (product for product in overview(front.store)["products"] if product["code"] == "mug")
    assert found["stock"]["default"] == Decimal(level)


def test_a_level_with_decimals_is_loaded(front: Front) -> None:
    product: dict[str, Any] = {"id": "2", "code": "mug", "label": "Mug"}
    front.store.load({"products": [{**product, "stock": [{"level": Decimal("0.25")}]}]})
    with front.store.read() as session:
        assert session.scalar(select(tables.Stock.level).where(tables.Stock.product_id == "2")) == Decimal("0.25")
