"""The limits of a relation's fields (seed, "Add relations"), kept to the letter: nothing is cut, converted or guessed."""

import re
from collections.abc import Callable, Mapping
from datetime import datetime

from worker.domain.model import Json
from worker.shop.document import encode

DOMAIN_BYTES = 32
TYPE_BYTES = 64
REFID_BYTES = 36
CONFIG_BYTES = 64 * 1024
CONFIG_DEPTH = 32
POSITION_LIMIT = 2**31
STATUSES = range(-2, 2)

DATE_FORMAT = "%Y-%m-%d %H:%M:%S"
_DATE = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}")
_SHOWN = 60

Check = Callable[[object], Json]
"""Gives the value back, or raises ValueError with the rest of a sentence that begins with the field's name."""


def domain(value: object) -> str:
    """A domain code: up to 32 bytes, and no comma, because `include` lists domains with commas."""
    code = text(value, DOMAIN_BYTES)
    if "," in code:
        raise ValueError("must not contain a comma")
    return code


def list_type(value: object) -> str:
    """A type code of up to 64 bytes."""
    return text(value, TYPE_BYTES)


def refid(value: object) -> str:
    """The id of the item referred to: up to 36 bytes. Whether such an item exists is not asked."""
    return text(value, REFID_BYTES)


def date(value: object) -> str | None:
    """A naive date "YYYY-MM-DD HH:mm:ss" in the shop's zone, or None."""
    if value is None:
        return None
    if not isinstance(value, str) or _DATE.fullmatch(value) is None:
        raise ValueError(f'must be a date like "2022-01-01 00:00:00" or null, not {shown(value)}')
    try:
        datetime.strptime(value, DATE_FORMAT)  # noqa: DTZ007 - a naive date of the shop, only checked
    except ValueError as error:
        raise ValueError(f"is no day and time of the calendar: {shown(value)}") from error
    return value


def config(value: object) -> dict[str, Json]:
    """An object of up to 64 KiB of JSON. An empty list is an empty object: that is how the API shows one."""
    if isinstance(value, list) and not value:
        return {}
    if not isinstance(value, dict):
        raise ValueError(f"must be an object of key/value pairs, not {shown(value)}")
    check_content(value)
    if (found := len(encode(value))) > CONFIG_BYTES:
        raise ValueError(f"is {found} bytes of JSON; the limit is {CONFIG_BYTES}")
    return value


def position(value: object) -> int:
    """The place in the list: a 32-bit integer."""
    number = _integer(value)
    if not -POSITION_LIMIT <= number < POSITION_LIMIT:
        raise ValueError("must fit in 32 bits")
    return number


def status(value: object) -> int:
    """-2 archived, -1 review, 0 disabled, 1 enabled."""
    number = _integer(value)
    if number not in STATUSES:
        raise ValueError("must be -2 (archived), -1 (review), 0 (disabled) or 1 (enabled)")
    return number


def text(value: object, limit: int) -> str:
    """A printable text of 1 to `limit` bytes of UTF-8, without blanks around it."""
    if not isinstance(value, str):
        raise ValueError(f"must be a string, not {shown(value)}")
    if not value:
        raise ValueError("must not be empty")
    if not value.isprintable() or value != value.strip():
        raise ValueError("must be printable and without blanks around it")
    if (found := len(value.encode())) > limit:
        raise ValueError(f"is {found} bytes long; the limit is {limit}")
    return value


def check_content(value: object, depth: int = 1) -> None:
    """Refuse what other JSON readers choke on: too much nesting, and text with half a surrogate pair. Raises ValueError."""
    if isinstance(value, str):
        _check_unicode(value)
    elif isinstance(value, Mapping | list):
        if depth > CONFIG_DEPTH:
            raise ValueError(f"is nested deeper than {CONFIG_DEPTH} levels")
        for key in value if isinstance(value, Mapping) else ():
            check_content(key, depth)
        for item in value.values() if isinstance(value, Mapping) else value:
            check_content(item, depth + 1)


def shown(value: object) -> str:
    """A value as an error may repeat it: short, and ASCII only."""
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "a list"
    written = ascii(value) if isinstance(value, str) else str(value)
    return written if len(written) <= _SHOWN else f"{written[:_SHOWN]}..."


def _check_unicode(value: str) -> None:
    if not value.isascii() and any("\ud800" <= sign <= "\udfff" for sign in value):
        raise ValueError("holds half of a surrogate pair, which is not text")


def _integer(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError(f"must be an integer, not {shown(value)}")
    return value
