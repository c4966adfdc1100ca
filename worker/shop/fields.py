"""What can be sent: the fields of a relation and their limits (seed, "Add relations"), checked before anything is sent."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import TypedDict

from worker.domain.amount import parse_amount
from worker.domain.model import Json
from worker.domain.terms import MAX_TIMEFRAME_DAYS
from worker.errors import FieldError
from worker.shop.document import encode
from worker.shop.parse_relation import PREFIX

MAX_CONFIG_BYTES = 64 * 1024
_MAX_BYTES = {"domain": 32, "type": 64, "refid": 36}
_STATUSES = range(-2, 2)
_MAX_POSITION = 2**31 - 1
_TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", re.ASCII)
_DAYS = re.compile(r"[0-9]{1,4}", re.ASCII)
_CURRENCY = re.compile(r"[A-Za-z]{3}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRelation:
    """A relation to add. Times are `YYYY-MM-DD HH:mm:ss` in the shop's time zone, or None."""

    domain: str
    refid: str
    type: str = "default"
    datestart: str | None = None
    dateend: str | None = None
    config: Mapping[str, Json] = field(default_factory=dict)
    position: int = 0
    status: int = 1


class Changes(TypedDict, total=False):
    """The fields of a relation to change; those left out stay as they are."""

    domain: str
    refid: str
    type: str
    datestart: str | None
    dateend: str | None
    config: Mapping[str, Json]
    position: int
    status: int


def attributes_of(new: NewRelation) -> dict[str, Json]:
    """All fields as the API names them. Raises FieldError that names the field."""
    return changed_attributes(
        Changes(
            domain=new.domain,
            type=new.type,
            refid=new.refid,
            datestart=new.datestart,
            dateend=new.dateend,
            config=new.config,
            position=new.position,
            status=new.status,
        )
    )


def changed_attributes(changes: Changes) -> dict[str, Json]:
    """The given fields as the API names them. Raises FieldError that names the field."""
    attributes: dict[str, Json] = {}
    for name, value in changes.items():
        if name not in Changes.__annotations__:
            raise FieldError(f"{PREFIX}{name}: no field of a relation")
        attributes[PREFIX + name] = _checked(name, value)
    return attributes


def watch_config(
    *, timeframe: int | str, stock: bool, price: bool, currency: str, pricevalue: Decimal | int | str | None
) -> dict[str, Json]:
    """The config of a watched product (seed, "Watched product"), all values strings as there.

    `timeframe` in whole days, 1 to 3650; `pricevalue` None watches for any price below the one in force. Raises
    FieldError that names the key.
    """
    if not (stock or price):
        raise _refused("config.price", "a watch needs price, stock or both; else there is nothing to watch")
    if isinstance(timeframe, bool) or not _DAYS.fullmatch(str(timeframe)):
        raise _refused("config.timeframe", "not a whole number of days")
    if not 1 <= int(timeframe) <= MAX_TIMEFRAME_DAYS:
        raise _refused("config.timeframe", f"at least 1 and at most {MAX_TIMEFRAME_DAYS} days")
    if not _CURRENCY.fullmatch(currency):
        raise _refused("config.currency", "not a three-letter ISO code")
    config: dict[str, Json] = {
        "timeframe": str(int(timeframe)),
        "stock": "1" if stock else "0",
        "price": "1" if price else "0",
        "currency": currency.upper(),
    }
    if pricevalue is not None:
        config["pricevalue"] = _limit(pricevalue)
    return config


def _limit(pricevalue: Decimal | int | str) -> str:
    try:
        amount = parse_amount(pricevalue)
    except ValueError as error:
        raise _refused("config.pricevalue", str(error)) from None
    if amount < 0:
        raise _refused("config.pricevalue", "negative")
    return str(amount)


def _checked(name: str, value: object) -> Json:
    if name in _MAX_BYTES:
        return _name(name, value)
    if name in {"datestart", "dateend"}:
        return _time(name, value)
    if name == "config":
        return _config(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise _refused(name, "not a whole number")
    if name == "status" and value not in _STATUSES:
        raise _refused(name, "must be 1 (enabled), 0 (disabled), -1 (review) or -2 (archived)")
    if abs(value) > _MAX_POSITION:
        raise _refused(name, "a whole number of more than 32 bits")
    return value


def _name(name: str, value: object) -> str:
    if not isinstance(value, str) or not value:
        raise _refused(name, "required, a text that is not empty")
    if not value.isprintable() or value != value.strip():
        raise _refused(name, "holds control characters, or blanks around it")
    if name == "domain" and "," in value:
        raise _refused(name, "holds a comma, so that it could never be fetched (include is a comma-separated list)")
    size = len(value.encode())
    if size > _MAX_BYTES[name]:
        raise _refused(name, f"{size} bytes in UTF-8, at most {_MAX_BYTES[name]}")
    return value


def _time(name: str, value: object) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or not _TIME.fullmatch(value):
        raise _refused(name, 'must be "YYYY-MM-DD HH:mm:ss" in the shop\'s time zone, or null')
    try:
        datetime.strptime(value, "%Y-%m-%d %H:%M:%S")  # noqa: DTZ007 - only asks whether the date exists
    except ValueError:
        raise _refused(name, "no such date or time") from None
    return value


def _config(value: object) -> Json:
    if not isinstance(value, Mapping):
        raise _refused("config", "must be an object of key/value pairs")
    config = dict(value)
    try:
        size = len(encode(config))
    except ValueError as error:
        raise _refused("config", str(error)) from None
    if size > MAX_CONFIG_BYTES:
        raise _refused("config", f"{size} bytes as JSON, at most {MAX_CONFIG_BYTES}")
    return config


def _refused(name: str, why: str) -> FieldError:
    return FieldError(f"{PREFIX}{name}: {why}")
