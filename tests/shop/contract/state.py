"""One shop's state with a bit of everything that the interfaces could tell differently."""

from decimal import Decimal
from typing import Any

WATCH = {"timeframe": "30", "price": 1, "stock": "1", "pricevalue": "99.90", "currency": "EUR"}


def _product(product_id: str, code: str, stock: list[dict[str, Any]], **fields: Any) -> dict[str, Any]:
    texts = {"en": {"name": f"{code} in English"}, "de": {"name": f"{code} auf Deutsch"}}
    prices = [{"currency": "EUR", "value": "100.00"}, {"currency": "USD", "value": "109.5"}]
    usual = {"label": code.title(), "slug": f"{code}-slug", "texts": texts, "prices": prices, "stock": stock}
    return {"id": product_id, "code": code, **usual, **fields}


def _customer(number: str, name: str, **fields: Any) -> dict[str, Any]:
    address = f"{name}@mail.test"
    return {
        "id": number,
        "code": address,
        "email": address,
        "firstname": name.title(),
        "lastname": "O'Neil & Sön",
        **fields,
    }


def _relation(customer: str, refid: str, **fields: Any) -> dict[str, Any]:
    return {"customer": customer, "domain": "product", "type": "watch", "refid": refid, "config": WATCH, **fields}


STATE: dict[str, Any] = {
    "products": [
        _product("11", "lamp", [{"level": 3}, {"type": "warehouse", "level": 0}]),
        _product(
            "12",
            "mug",
            [{"level": 0}],
            prices=[
                {"currency": "EUR", "value": "12.9000"},
                {"currency": "EUR", "value": "11.00", "quantity": 10},
                {"currency": "EUR", "value": "9.00", "list_type": "promotion"},
                {"currency": "EUR", "value": "8.00", "type": "purchase"},
                {"currency": "EUR", "value": "7.00", "status": 0},
                {"currency": "EUR", "value": "6.00", "list_status": 0},
                {"currency": "EUR", "value": "5.00", "datestart": "2099-01-01 00:00:00"},
                {"currency": "EUR", "value": "4.00", "dateend": "2020-01-01 00:00:00"},
                {"currency": "EUR", "value": "3.00", "dateend": "2030-07-01 00:00:00"},
            ],
        ),
        _product("13", "poster", [{"level": None}], picture=False, texts={"de": {"name": "Plakat", "short": "Papier"}}),
        _product("14", "tea", [], prices=[{"currency": "EUR", "value": None}], dateend="2030-01-01 12:00:00"),
        _product("15", "cheese", [{"level": Decimal("0.5")}, {"type": "web", "level": -2}]),
        _product("16", "hidden", [{"level": 1}], status=0),
        _product("17", "over", [{"level": 1}], dateend="2020-01-01 00:00:00"),
    ],
    "customers": [
        _customer("1", "anna", language="de", salutation="ms"),
        _customer("2", "ben", language="en"),
        _customer("3", "cem", language=None),
        _customer("4", "dora", status=0),
        _customer("5", "eve"),
    ],
    "relations": [
        _relation("1", "11", ctime="2026-11-20T00:30:00Z"),
        _relation(
            "1", "12", config={"timeframe": 7, "price": "1", "deep": [{"a": [None, Decimal("1.50"), "ä€\U0001f600"]}]}
        ),
        _relation("1", "12", type="favorite", config={}),
        _relation("1", "999", dateend="2030-12-31 23:59:59", datestart="2026-01-01 00:00:00"),
        _relation("1", "1", domain="service", type="default"),
        _relation("2", "11"),
        _relation("2", "13", status=0),
        _relation("2", "14", dateend="2020-01-01 00:00:00"),
        _relation("2", "15", datestart="2099-01-01 00:00:00", position=3),
        _relation("3", "11", dateend="2031-10-26 02:30:00"),
        _relation("4", "11"),
    ],
}  # customer 5 has none
