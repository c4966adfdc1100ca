"""The document that `watchpost shop load` takes: products with prices and stock, customers, relations. Checked as a whole."""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from worker.domain.amount import parse_amount
from worker.errors import WatchpostError
from worker.shopserver import credentials, fields

LANGUAGE = re.compile(r"^[a-z]{2}(_[A-Z]{2})?$", re.ASCII)
_SHOWN_ERRORS = 10


class DocumentError(WatchpostError):
    """A document or value that the shop can't take; the text names the path and the reason. Nothing was written."""

    exit_code = 2


def amount(value: object) -> Decimal:
    """An amount of money that is not negative. Raises ValueError."""
    found = parse_amount(value)
    if found < 0:
        raise ValueError("negative")
    return found


def level(value: object) -> Decimal:
    """A stock level: a number of 31 bits and at most 4 decimals. Raises ValueError."""
    if isinstance(value, str):
        raise ValueError("must be a number")
    found = parse_amount(value)
    if abs(found) >= 2**31:
        raise ValueError("must fit in 32 bits")
    return found


def currency(value: object) -> str:
    """A code of three letters, in capitals. Raises ValueError."""
    if not isinstance(value, str) or re.fullmatch("[A-Za-z]{3}", value) is None:
        raise ValueError('must be a currency of three letters, like "EUR"')
    return value.upper()


def _token(value: str) -> str:
    if not credentials.is_token(value):
        raise ValueError("must be 16 to 128 letters, digits or -._~+/")
    return value


def _text_of(limit: int) -> BeforeValidator:
    return BeforeValidator(lambda value: fields.text(value, limit))


Amount = Annotated[Decimal, BeforeValidator(amount)]
Currency = Annotated[str, BeforeValidator(currency)]
Code = Annotated[str, _text_of(64)]
Id = Annotated[str, _text_of(36)]
Line = Annotated[str, _text_of(255)]
Prose = Annotated[str, BeforeValidator(lambda value: fields.text(value, 1024 * 1024))]
Date = Annotated[str | None, BeforeValidator(fields.date)]
Language = Annotated[str, Field(pattern=LANGUAGE)]
Status = Annotated[int, BeforeValidator(fields.status)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


Entry = TypeVar("Entry", bound=_Part)


class PriceEntry(_Part):
    """A price; `value` null is a price on request."""

    currency: Currency
    value: Amount | None
    quantity: Annotated[int, Field(ge=1, lt=2**31)] = 1
    costs: Amount = Decimal(0)
    rebate: Amount = Decimal(0)
    taxrate: Amount = Decimal("19.00")
    type: Code = "default"
    status: Status = 1
    list_type: Code = "default"
    list_status: Status = 1
    datestart: Date = None
    dateend: Date = None


class StockEntry(_Part):
    """A stock level; null is unlimited."""

    level: Annotated[Decimal, BeforeValidator(level)] | None
    type: Code = "default"
    timeframe: Annotated[str, Field(max_length=16)] = ""
    dateback: Date = None


class ProductEntry(_Part):
    """A product; `texts` are by language, then by type ("name", "short", ...)."""

    id: Id
    code: Code
    label: Line
    slug: Line | None = None
    type: Code = "default"
    status: Status = 1
    datestart: Date = None
    dateend: Date = None
    instock: bool = True
    picture: bool = True
    texts: dict[Language, dict[Code, Prose]] = {}
    prices: list[PriceEntry] = []
    stock: list[StockEntry] = []


class CustomerEntry(_Part):
    """A customer; `tokens` are bearer tokens, `password` is for POST /login. Both are stored hashed."""

    id: Id
    code: Line
    email: Annotated[str, Field(max_length=1000)] = ""
    language: Language | None = None
    salutation: Annotated[str, Field(max_length=8)] = ""
    firstname: Annotated[str, Field(max_length=255)] = ""
    lastname: Annotated[str, Field(max_length=255)] = ""
    status: Status = 1
    password: Line | None = None
    tokens: list[Annotated[str, AfterValidator(_token)]] = []


class RelationEntry(_Part):
    """A relation of a customer; only here its `ctime` (ISO 8601 with offset) may lie in the past."""

    customer: Id
    domain: Annotated[str, BeforeValidator(fields.domain)]
    type: Annotated[str, BeforeValidator(fields.list_type)] = "default"
    refid: Annotated[str, BeforeValidator(fields.refid)]
    datestart: Date = None
    dateend: Date = None
    config: Annotated[dict[str, Any], BeforeValidator(fields.config)] = {}
    position: Annotated[int, BeforeValidator(fields.position)] = 0
    status: Status = 1
    ctime: Annotated[AwareDatetime, Field(strict=False)] | None = None


class ShopDocument(_Part):
    """Everything at once; what is already in the shop under the same id is replaced."""

    products: list[ProductEntry] = []
    customers: list[CustomerEntry] = []
    relations: list[RelationEntry] = []


def checked(model: type[Entry], content: Mapping[str, object]) -> Entry:
    """The content as entries, every limit checked. Raises DocumentError that names the paths, as `products[0].prices[1].value`."""
    try:
        fields.check_content(content)
    except ValueError as error:
        raise DocumentError(f"The document {error}.") from error
    try:
        return model.model_validate(content)
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False, include_context=False)
        lines = [
            f"{path(*problem['loc'])}: {problem['msg'].removeprefix('Value error, ')}"
            for problem in found[:_SHOWN_ERRORS]
        ]
        if len(found) > _SHOWN_ERRORS:
            lines.append(f"... and {len(found) - _SHOWN_ERRORS} more")
        raise DocumentError("\n".join(lines)) from None  # pydantic's own text repeats values, and some are secrets


def path(*parts: str | int) -> str:
    """A place in the document, written as one would in JavaScript."""
    named = (part for part in parts if part != "[key]")  # pydantic marks keys that are wrong themselves
    written = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in named)
    return written.lstrip(".") or "the document"
