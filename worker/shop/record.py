"""Small typed readers for parsed JSON, shared by all parsers of shop documents."""

from collections.abc import Mapping
from typing import TypeAlias

from worker.domain.model import Json

Record: TypeAlias = Mapping[str, Json]

_MAX_ID_CHARS = 255
_MAX_INT = 2**31 - 1


def member(value: Json, *path: str) -> Json:
    """The value at a path of object keys; None where a step is missing or no object."""
    for key in path:
        if not isinstance(value, dict):
            return None
        value = value.get(key)
    return value


def obj(value: Json) -> dict[str, Json]:
    """The object itself; an empty one for anything else (an empty object comes as `[]` from PHP)."""
    return value if isinstance(value, dict) else {}


def records(value: Json) -> list[dict[str, Json]]:
    """The objects of a `data` or `included` member, which may be a list, one object or absent."""
    listed = value if isinstance(value, list) else [value]
    return [item for item in listed if isinstance(item, dict)]


def usable_id(value: Json) -> str | None:
    """An id as a string, whatever JSON type the shop gives it; None for what can't be one."""
    if isinstance(value, str) and value.isalnum() and len(value) <= _MAX_ID_CHARS:
        return value  # as nearly all are
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if isinstance(value, str) and value.isprintable() and value.strip() == value and 0 < len(value) <= _MAX_ID_CHARS:
        return value
    return None


def text(value: Json) -> str:
    """A text member; empty for null and for anything that is no text or number."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value if isinstance(value, str) else ""


def whole_number(value: Json) -> int:
    """An int, also written as ASCII digits in a string, within 32 bits. Raises ValueError."""
    if isinstance(value, str) and value.isascii() and value.removeprefix("-").isdigit() and len(value) <= 11:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError("not a whole number")
    if abs(value) > _MAX_INT:
        raise ValueError("a whole number of more than 32 bits")
    return value


def shown(value: Json) -> str:
    """A value from outside, shortened and printable, for operators."""
    return ascii(str(value)[:80])
