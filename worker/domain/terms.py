"""What a customer asked for: the config of a watch (seed, "Watched product") read strictly."""

import re
from dataclasses import dataclass
from decimal import Decimal

from worker.domain.amount import parse_amount
from worker.domain.model import Defect, Json
from worker.domain.reasons import Reason

MAX_TIMEFRAME_DAYS = 3650

_ON: frozenset[Json] = frozenset({1, "1"})
_OFF: frozenset[Json] = frozenset({0, "0", "", None})
_DAYS = re.compile(r"0*([0-9]{1,4})", re.ASCII)
_CURRENCY = re.compile(r"[A-Za-z]{3}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Defaults:
    """What stands in for a missing timeframe and currency (settings)."""

    timeframe_days: int
    currency: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """A watch's wish. `limit` None: any price below the one in force at ctime."""

    timeframe_days: int
    currency: str
    price: bool
    stock: bool
    limit: Decimal | None
    timeframe_told: bool = True
    """The customer named the days; else they are the default."""

    @property
    def idle(self) -> bool:
        """No flag is on: nothing to watch, which is not an error."""
        return not (self.price or self.stock)


def parse_terms(config: Json, defaults: Defaults) -> Terms | Defect:
    """Read a watch's config; the first bad value makes a Defect.

    A config without a flag is idle whatever else it holds, and `pricevalue` is judged only where the price is watched:
    a value nobody asked us to use must not cost the customer a stock alert.
    """
    if config in ([], {}, None):
        config = {}
    if not isinstance(config, dict):
        return _defect(Reason.BAD_CONFIG, "config", config)
    price, stock = _flag(config.get("price")), _flag(config.get("stock"))
    if price is None:
        return _defect(Reason.BAD_FLAG, "price", config["price"])
    if stock is None:
        return _defect(Reason.BAD_FLAG, "stock", config["stock"])
    if not (price or stock):
        return Terms(
            timeframe_days=defaults.timeframe_days, currency=defaults.currency, price=False, stock=False, limit=None
        )
    days = _days(config.get("timeframe"), defaults.timeframe_days)
    if days is None:
        return _defect(Reason.BAD_TIMEFRAME, "timeframe", config["timeframe"])
    currency = _currency(config.get("currency"), defaults.currency)
    if currency is None:
        return _defect(Reason.BAD_CURRENCY, "currency", config["currency"])
    limit: Decimal | None = None
    if price:
        try:
            limit = _limit(config.get("pricevalue"))
        except ValueError:
            return _defect(Reason.BAD_PRICEVALUE, "pricevalue", config["pricevalue"])
    return Terms(
        timeframe_days=days,
        currency=currency,
        price=price,
        stock=stock,
        limit=limit,
        timeframe_told=config.get("timeframe") is not None,
    )


def _flag(value: Json) -> bool | None:
    if isinstance(value, bool):
        return value
    if not isinstance(value, int | str | None):
        return None
    if value in _ON:
        return True
    return False if value in _OFF else None


def _days(value: Json, default: int) -> int | None:
    if value is None:
        return default
    if isinstance(value, str) and (digits := _DAYS.fullmatch(value)):
        value = int(digits.group(1))
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if 1 <= value <= MAX_TIMEFRAME_DAYS else None


def _currency(value: Json, default: str) -> str | None:
    if value is None:
        return default
    if isinstance(value, str) and _CURRENCY.fullmatch(value):
        return value.upper()
    return None


def _limit(value: Json) -> Decimal | None:
    """None for no limit of one's own: missing, empty or zero. Raises ValueError."""
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise ValueError("not a number")
    amount = parse_amount(value)
    if amount < 0:
        raise ValueError("negative")
    return amount or None


def _defect(reason: Reason, key: str, value: Json) -> Defect:
    return Defect(reason, f"{key}={_shown(value)}")


def _shown(value: Json) -> str:
    try:
        return ascii(str(value)[:80])
    except (ValueError, RecursionError):
        # Python refuses to write out ints of more than 4,300 digits and deep nesting.
        return f"a {type(value).__name__} too large to show"
