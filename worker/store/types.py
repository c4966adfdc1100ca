"""Column types that store exactly what Python holds, on SQLite and on PostgreSQL."""

from datetime import UTC, datetime
from decimal import Context, Decimal, Inexact, InvalidOperation

from sqlalchemy import BigInteger, DateTime, Text
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

_SCALE = Decimal(10_000)
_UNIT = Decimal("0.0001")
_INT64 = range(-(2**63), 2**63)
# Never the caller's context: it may round.
_EXACT = Context(prec=40, traps=[Inexact, InvalidOperation])


class UtcDateTime(TypeDecorator[datetime]):
    """An aware time, stored in UTC. Naive values are refused: SQLite would drop the offset of aware ones silently."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - SQLAlchemy's signature
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"naive datetime {value!r}: the store takes aware times only")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def clean_text(value: str) -> str:
    """NUL and lone surrogates, which PostgreSQL and UTF-8 refuse, become U+FFFD."""
    if value.isascii() and "\0" not in value:
        return value
    return value.replace("\0", "\ufffd").encode("utf-16", "surrogatepass").decode("utf-16", "replace")


class CleanText(TypeDecorator[str]):
    """Text from elsewhere, stored and compared as `clean_text` leaves it."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        return None if value is None else clean_text(value)


class Money(TypeDecorator[Decimal]):
    """An amount as an integer of ten-thousandths (SQLite would keep Numeric as a float).

    Refused with ValueError: more than four decimals, more than 64 bits, NaN and infinity.
    """

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> int | None:  # noqa: ARG002
        if value is None:
            return None
        if not value.is_finite():
            raise ValueError(f"{value} is not an amount")
        try:
            scaled = int(_EXACT.multiply(value.quantize(_UNIT, context=_EXACT), _SCALE))
        except Inexact:
            raise ValueError(f"{value} has more than four decimals") from None
        except InvalidOperation:
            raise ValueError(f"{value} is too large") from None
        if scaled not in _INT64:
            raise ValueError(f"{value} is too large")
        return scaled

    def process_result_value(self, value: int | None, dialect: Dialect) -> Decimal | None:  # noqa: ARG002
        return None if value is None else _EXACT.divide(Decimal(value), _SCALE)
