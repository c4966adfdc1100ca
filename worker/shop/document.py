"""JSON as shops send it, read strictly and within limits, and written so that it reads back the same. Pure."""

import json
from decimal import Decimal, InvalidOperation
from typing import Any, NoReturn

from worker.domain.model import Json

MAX_BYTES = 16 * 1024 * 1024
MAX_DEPTH = 64
MAX_DIGITS = 1000

_CONTAINERS = (dict, list)
_TOO_DEEP = f"more than {MAX_DEPTH} nested levels"


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
    value = parse_value(text)
    if not isinstance(value, dict):
        raise DocumentError("not an object at the top")
    return value


def parse_value(text: str) -> Json:
    """Read any JSON value, as strictly as `parse`, from what is text already. Raises DocumentError."""
    try:
        value: Json = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        # From None: the error carries the whole document, which no log should show.
        raise DocumentError(f"not JSON: {error.msg} at character {error.pos}") from None
    except RecursionError:
        raise DocumentError(_TOO_DEEP) from None
    if text.count("{") + text.count("[") > MAX_DEPTH:
        _check_depth(value)
    return value


def encode(value: Json) -> str:
    """JSON in ASCII without spaces; Decimals digit for digit. Raises ValueError for what JSON can't hold."""
    return _encode(value, MAX_DEPTH)


def _check_depth(value: Json) -> None:
    """Level by level, which is far cheaper than counting brackets outside of strings before parsing."""
    level = [value] if isinstance(value, _CONTAINERS) else []
    for _ in range(MAX_DEPTH):
        if not level:
            return
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if inner.__class__ in _CONTAINERS  # what the decoder makes, nothing else
        ]
    if level:
        raise DocumentError(_TOO_DEEP)


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


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_int=_int, parse_float=_decimal, parse_constant=_constant)


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
