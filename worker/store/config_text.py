"""A relation's raw config as ASCII-escaped JSON text, and back, without losing a digit."""

import json
from decimal import Decimal

from worker.domain.model import Json

_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"))


def dump(value: Json) -> str:
    """JSON text with sorted keys, so that equal configs are equal texts; Decimals keep their digits."""
    try:
        return _ENCODER.encode(value)
    except TypeError:  # a Decimal somewhere
        return _dump(value)


def _dump(value: Json) -> str:
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(key)}:{_dump(value[key])}" for key in sorted(value)) + "}"
    if isinstance(value, list):
        return "[" + ",".join(_dump(item) for item in value) + "]"
    if isinstance(value, Decimal):
        text = str(value)
        return text if "." in text or "E" in text else f"{text}.0"
    return json.dumps(value)


def load(text: str) -> Json:
    """What `dump` was given."""
    value: Json = json.loads(text, parse_float=Decimal)
    return value
