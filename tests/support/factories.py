"""Makes what the shop tells, with defaults that fit together: customer 7 watches product 42, which costs 120 euros.

Ann's relation 1 was created at `CREATED`, waits 30 days for a price below 100 EUR, and for the product to be back in
stock. The product is sold out. Every field can be overridden by name.
"""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from worker.domain.model import Customer, Json, Price, ProductReading, Relation, StockEntry, View

CREATED = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
"""When the default relation was created in the shop."""


def make_config(**overrides: Json) -> dict[str, Json]:
    """A watch's config as the seed document shows it; an override of None leaves the key out."""
    config: dict[str, Json] = {"timeframe": "30", "price": 1, "stock": 1, "pricevalue": "100.00", "currency": "EUR"}
    return {key: value for key, value in (config | overrides).items() if value is not None}


def make_relation(**overrides: Any) -> Relation:
    """A product watch."""
    fields: dict[str, Any] = {
        "id": "1",
        "customer_id": "7",
        "domain": "product",
        "type": "watch",
        "refid": "42",
        "config": make_config(),
        "ctime": CREATED,
    }
    return Relation(**fields | overrides)


def make_customer(**overrides: Any) -> Customer:
    """A customer who can be told."""
    fields: dict[str, Any] = {
        "id": "7",
        "email": "ann@mail.test",
        "language": "en",
        "firstname": "Ann",
        "lastname": "Lee",
    }
    return Customer(**fields | overrides)


def make_reading(
    price: str | None = "120.00", stock: str | None = "0", *, view: View | None = None, **overrides: Any
) -> ProductReading:
    """A product as read in one view, with one price (None: no price at all) and one stock level (None: unlimited)."""
    seen = view or View(language="en", currency="EUR")
    fields: dict[str, Any] = {
        "id": "42",
        "view": seen,
        "code": "lamp-42",
        "label": "Lamp",
        "name": "Desk lamp",
        "slug": "desk-lamp",
        "picture": "https://shop.test/media/lamp.jpg",
        "prices": () if price is None else (Price(value=Decimal(price), currency=seen.currency),),
        "stock": (StockEntry(type="default", level=None if stock is None else Decimal(stock)),),
    }
    return ProductReading(**fields | overrides)
