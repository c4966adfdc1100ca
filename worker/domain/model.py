"""What the rules speak of, as the shop tells it: relations, customers, products, prices, stock.

Ids are strings as the shop gives them, money is Decimal, times are aware UTC.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import TypeAlias

Json: TypeAlias = "bool | int | Decimal | str | list[Json] | dict[str, Json] | None"
"""A parsed JSON value; numbers with a point are Decimal, never float."""


class Kind(StrEnum):
    """What a watch can be told: the price fell below the limit, or the product is back in stock."""

    PRICE = "price"
    STOCK = "stock"


@dataclass(frozen=True, slots=True)
class Defect:
    """Why a record can't be used: a reason code (see reasons.py) and the offending value, shortened and printable."""

    code: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Relation:
    """A customer's list item (seed, "Add relations"): a watch, a favorite or anything else a customer points to."""

    id: str
    customer_id: str
    domain: str
    type: str
    refid: str
    config: Json
    datestart: datetime | None = None
    dateend: datetime | None = None
    position: int = 0
    status: int = 1
    ctime: datetime | None = None
    """Creation in the shop; None where the interface does not tell."""
    defect: Defect | None = None
    """The first field that could not be read; such a relation is kept and rejected."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Customer:
    """The person a mail goes to."""

    id: str
    email: str | None
    language: str | None = None
    salutation: str = ""
    firstname: str = ""
    lastname: str = ""
    enabled: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """One price of a product as the shop lists it. `value` is None where the price is on request or unreadable."""

    value: Decimal | None
    currency: str
    quantity: Decimal = Decimal(1)
    type: str = "default"
    list_type: str = "default"
    status: int = 1
    list_status: int = 1
    datestart: datetime | None = None
    dateend: datetime | None = None
    id: str = ""
    """Told only by an interface whose changed prices don't tell whose they are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StockEntry:
    """One stock entry of a product; `level` None is unlimited."""

    type: str
    level: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """The language and currency a shop's answer is filtered by (`locale`, `currency`)."""

    language: str
    currency: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductReading:
    """A product as the shop shows it in one view at one moment."""

    id: str
    view: View
    code: str
    label: str
    name: str
    """The text of type `name` in the view's language, else the label."""
    slug: str
    """`product.url`, the part of the product's address that the shop tells."""
    picture: str | None = None
    """Absolute URL of a preview about 240 pixels wide, or None."""
    enabled: bool = True
    datestart: datetime | None = None
    dateend: datetime | None = None
    instock_flag: bool | None = None
    prices: tuple[Price, ...] = ()
    stock: tuple[StockEntry, ...] = ()
