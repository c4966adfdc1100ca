"""Configs of watches as shops send them, and what is read from them."""

import json
from decimal import Decimal

from worker.domain.model import Defect, Json
from worker.domain.terms import Defaults, Terms, parse_terms

DEFAULTS = Defaults(timeframe_days=90, currency="EUR")
WATCH: dict[str, Json] = {"timeframe": 30, "price": 1, "pricevalue": "20.00", "stock": 1, "currency": "USD"}
"""A complete one."""


def without(key: str) -> dict[str, Json]:
    """The complete config without one key."""
    return {name: value for name, value in WATCH.items() if name != key}


def sent(text: str) -> Json:
    """A value as it comes out of a JSON document."""
    value: Json = json.loads(text, parse_float=Decimal)
    return value


def read(config: Json) -> Terms:
    """The terms of a legible config."""
    terms = parse_terms(config, DEFAULTS)
    assert isinstance(terms, Terms), terms
    return terms


def refused(config: Json) -> Defect:
    """What is wrong with an illegible one."""
    terms = parse_terms(config, DEFAULTS)
    assert isinstance(terms, Defect), terms
    return terms
