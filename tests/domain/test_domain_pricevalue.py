"""The price limit of a watch: plain decimals, digit for digit; nothing else."""

from decimal import Decimal

import pytest

from tests.support.configs import WATCH, read, refused, sent, without
from worker.domain.model import Json
from worker.domain.reasons import Reason

HUGE = 10**5000


@pytest.mark.parametrize(
    ("value", "limit"),
    [
        ("100.00", "100.00"),
        ("100", "100"),
        ("19.9", "19.9"),
        ("007.50", "7.50"),
        ("0.0001", "0.0001"),
        ("999999999999.9999", "999999999999.9999"),
        (20, "20"),
        (sent("19.99"), "19.99"),
        (sent("19.9900"), "19.9900"),
        (sent("999999999999.9999"), "999999999999.9999"),
        ("19.999", "19.999"),
    ],
    ids=repr,
)
def test_the_price_limit_is_read_digit_for_digit(value: Json, limit: str) -> None:
    assert str(read({**WATCH, "pricevalue": value}).limit) == limit


@pytest.mark.parametrize(
    "config",
    [
        without("pricevalue"),
        *({**WATCH, "pricevalue": value} for value in (None, "", 0, "0", "0.00", "000", "0.0000", sent("0.00"))),
    ],
    ids=lambda config: repr(config.get("pricevalue", "missing")),
)
def test_a_missing_empty_or_zero_limit_is_none_of_ones_own(config: Json) -> None:
    assert read(config).limit is None


@pytest.mark.parametrize(
    "value",
    [
        "NaN",
        "Infinity",
        "-Infinity",
        Decimal("NaN"),
        Decimal("sNaN"),
        Decimal("Infinity"),
        "1e3",
        "1e400",
        "1e999999",
        sent("1e3"),
        sent("1e400"),
        sent("1e999999"),
        -1,
        "-1",
        "-5",
        sent("-0.01"),
        "-0",
        sent("-0.0"),
        "20,00",
        "1,50",
        "1.000,00",
        "1_000",
        "١٢",
        "１２",
        " 20.00 ",
        "20.00\n",
        "+20",
        ".5",
        "5.",
        "abc",
        "20 EUR",
        "9" * 13,
        "9" * 40,
        10**12,
        HUGE,
        "1.00001",
        sent("1.00001"),
        "1\0",
        True,
        False,
        ["20"],
        [],
        {},
    ],
    ids=lambda value: ascii(value) if value is not HUGE else "an int of 5,000 digits",
)
def test_any_other_limit_rejects_the_relation(value: Json) -> None:
    assert refused({**WATCH, "pricevalue": value}).code == Reason.BAD_PRICEVALUE
