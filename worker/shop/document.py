"""JSON as shops send it, read strictly and within limits, and written so that it reads back the same. Pure."""

import json
import re
from collections.abc import Iterable
from decimal import Decimal, InvalidOperation
from typing import Any, NoReturn

from worker.domain.model import Json

MAX_BYTES = 16 * 1024 * 1024
MAX_DEPTH = 64
MAX_DIGITS = 1000

# A string literal (closed or cut off by the end of the text) or one bracket; strings are matched to be skipped.
# Every `"` starts a match, so that no text makes this slower than linear.
_STRUCTURE = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?\Z)|[\[\]{}]', re.DOTALL)
_SPACED_COLON = re.compile(r'"[ \t\n\r]+:')
_SURELY_SHORT = 10**18


class DocumentError(ValueError):
    """The bytes are not a JSON object within our limits; the text says why and quotes nothing but key names."""


def parse(body: bytes) -> dict[str, Json]:
    """Read one JSON object (RFC 8259); numbers with a point or exponent become Decimal, never float.

    Refused with DocumentError: more than 16 MiB, a byte order mark, invalid UTF-8, malformed or truncated JSON,
    NaN and Infinity, a key that occurs twice in one object, more than 64 nested levels, numbers of more than 1,000
    characters, anything but an object at the top.
    """
    if len(body) > MAX_BYTES:
        raise DocumentError(f"more than {MAX_BYTES} bytes")
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise DocumentError(f"no valid UTF-8 at byte {error.start}") from None
    if text.startswith("\ufeff"):
        raise DocumentError("a byte order mark before the JSON")
    try:
        value = json.loads(text, parse_float=_decimal, parse_constant=_constant)
    except (ValueError, RecursionError):
        return _read_strictly(text)
    return value if isinstance(value, dict) and _is_sound(text, value) else _read_strictly(text)


def encode(value: Json) -> str:
    """JSON in ASCII without spaces; Decimals digit for digit. Raises ValueError for what JSON can't hold."""
    return _encode(value, MAX_DEPTH)


def _is_sound(text: str, value: dict[str, Json]) -> bool:
    """Whether no rule can be broken that the quick reader does not know: depth, length of numbers, keys that occur twice.

    Of a key that occurs twice one is lost, so there are fewer members than keys in the text. Quotes before colons inside
    of strings look like keys, too; then nobody can tell this way.
    """
    members, depth = 0, 0
    level: list[Any] = [value]
    while level:
        depth += 1
        if depth > MAX_DEPTH:
            return False
        below: list[Any] = []
        for container in level:
            if type(container) is dict:
                members += len(container)
                items: Iterable[Any] = container.values()
            else:
                items = container
            for item in items:
                kind = type(item)
                if kind is dict or kind is list:
                    below.append(item)
                elif kind is int and not -_SURELY_SHORT < item < _SURELY_SHORT:
                    return False
        level = below
    return members == text.count('":') + len(_SPACED_COLON.findall(text))


def _read_strictly(text: str) -> dict[str, Json]:
    """Slow, and says what is wrong."""
    _check_depth(text)
    try:
        value = json.loads(
            text, object_pairs_hook=_object, parse_int=_int, parse_float=_decimal, parse_constant=_constant
        )
    except json.JSONDecodeError as error:
        # From None: the error carries the whole document, which no log should show.
        raise DocumentError(f"not JSON: {error.msg} at character {error.pos}") from None
    if not isinstance(value, dict):
        raise DocumentError("not an object at the top")
    return value


def _check_depth(text: str) -> None:
    depth = 0
    for match in _STRUCTURE.finditer(text):
        mark = match.group()
        if mark in "[{":
            depth += 1
            if depth > MAX_DEPTH:
                raise DocumentError(f"more than {MAX_DEPTH} nested levels")
        elif mark in "]}":
            depth -= 1


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise DocumentError(f"the key {key[:64]!a} twice in one object")
            seen.add(key)
    return members


def _int(text: str) -> int:
    _check_length(text)
    return int(text)


def _decimal(text: str) -> Decimal:
    _check_length(text)
    try:
        return Decimal(text)
    except InvalidOperation:
        raise DocumentError("a number with an exponent out of bounds") from None


def _check_length(text: str) -> None:
    if len(text) > MAX_DIGITS:
        raise DocumentError(f"a number of {len(text)} characters, at most {MAX_DIGITS} are read")


def _constant(text: str) -> NoReturn:
    raise DocumentError(f"{text}, which JSON does not have")


def _encode(value: Json, depth: int) -> str:
    if value is None or isinstance(value, str | bool | int):
        return json.dumps(value)
    if isinstance(value, Decimal):
        if not value.is_finite():
            raise ValueError(f"{value} can't be written in JSON")
        return str(value)
    if depth == 0:
        raise ValueError(f"more than {MAX_DEPTH} nested levels")
    if isinstance(value, list):
        return "[" + ",".join(_encode(item, depth - 1) for item in value) + "]"
    if isinstance(value, dict):
        return "{" + ",".join(f"{_key(key)}:{_encode(item, depth - 1)}" for key, item in value.items()) + "}"
    raise ValueError(f"a {type(value).__name__} can't be written in JSON exactly")


def _key(key: object) -> str:
    if not isinstance(key, str):
        raise ValueError("the keys of an object are strings")
    return json.dumps(key)
