"""The one way an amount of money is read, whether a shop's price or a customer's limit."""

import re
from decimal import Decimal

_AMOUNT = re.compile(r"(-?)([0-9]+)(?:\.([0-9]+))?", re.ASCII)
_MAX_INTEGER_DIGITS = 12
_MAX_FRACTION_DIGITS = 4


def parse_amount(value: object) -> Decimal:
    """A plain ASCII decimal as a Decimal, digit for digit.

    Takes a string, an int or a Decimal (a JSON number): an optional "-", at most 12 digits, optionally a point and at
    most 4 digits, whatever the currency has. Exponents, "+", spaces, separators, other scripts' digits, negative zero,
    bool and float are refused. Raises ValueError that says why.
    """
    match = _AMOUNT.fullmatch(_plain(value))
    if match is None:
        raise ValueError("not a plain decimal number such as 100.00")
    sign, integer, fraction = match.group(1), match.group(2), match.group(3) or ""
    if len(integer) > _MAX_INTEGER_DIGITS:
        raise ValueError(f"more than {_MAX_INTEGER_DIGITS} digits before the point")
    if len(fraction) > _MAX_FRACTION_DIGITS:
        raise ValueError(f"more than {_MAX_FRACTION_DIGITS} digits after the point")
    amount = Decimal(match.group())
    if sign and not amount:
        raise ValueError("negative zero")
    return amount


def _plain(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        raise ValueError("a truth value, not a number")
    if isinstance(value, int):
        if abs(value) >= 10**_MAX_INTEGER_DIGITS:
            raise ValueError(f"more than {_MAX_INTEGER_DIGITS} digits before the point")
        return str(value)
    if isinstance(value, Decimal):
        return str(value)
    raise ValueError("not a number")
