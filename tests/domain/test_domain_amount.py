"""Amounts: what is money and what is not."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.domain.amount import parse_amount


@pytest.mark.parametrize(
    ("value", "amount"),
    [
        ("100.00", "100.00"),
        ("0", "0"),
        ("0.00", "0.00"),
        ("-1", "-1"),
        ("007.50", "7.50"),
        ("999999999999.9999", "999999999999.9999"),
        (20, "20"),
        (-3, "-3"),
        (Decimal("19.995"), "19.995"),
    ],
)
def test_a_plain_decimal_is_read_digit_for_digit(value: object, amount: str) -> None:
    assert str(parse_amount(value)) == amount


@pytest.mark.parametrize(
    "value",
    [
        "NaN",
        "Infinity",
        "-Infinity",
        "1e400",
        "1e999999",
        "1e3",
        "1E3",
        "-0",
        "-0.00",
        "1,50",
        "20,00",
        "1_000",
        "1.000,00",
        "١٢٣",
        "１２",
        " 1",
        "1 ",
        "1\n",
        "+1",
        "--1",
        ".5",
        "5.",
        "0x10",
        "abc",
        "",
        "-",
        "9" * 40,
        "1234567890123",
        "1.00000",
        "1\0",
        True,
        False,
        None,
        [],
        ["1"],
        {},
        19.99,
        10**12,
        10**5000,
        Decimal("NaN"),
        Decimal("Infinity"),
        Decimal("-0"),
        Decimal("-0.0"),
        Decimal("1E+3"),
        Decimal("1E-7"),
        Decimal("1e999999"),
    ],
    ids=lambda value: "an int of 5000 digits" if value == 10**5000 else f"{type(value).__name__} {value!r:.24}",
)
def test_anything_else_is_refused_with_a_reason(value: object) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_amount(value)


amounts = st.decimals(
    min_value=Decimal("-999999999999.9999"), max_value=Decimal("999999999999.9999"), places=4, allow_nan=False
).map(lambda amount: amount + 0)  # makes -0.0000 a plain zero


@given(amounts)
def test_what_is_written_plainly_is_read_back(amount: Decimal) -> None:
    assert parse_amount(f"{amount:f}") == amount == parse_amount(amount)


@given(st.integers(-(10**12) + 1, 10**12 - 1))
def test_whole_numbers_are_read_as_number_and_as_text(number: int) -> None:
    assert parse_amount(number) == number == parse_amount(str(number))


@given(st.text(alphabet="0123456789+-.,eE_ \t\n٣３xNa", max_size=24))
def test_no_text_gives_anything_but_a_bounded_finite_decimal_or_an_error(text: str) -> None:
    try:
        amount = parse_amount(text)
    except ValueError:
        return
    assert amount.is_finite()
    assert abs(amount) < 10**12
    assert amount == amount.quantize(Decimal("0.0001"))
    assert not (amount.is_zero() and amount.is_signed())
