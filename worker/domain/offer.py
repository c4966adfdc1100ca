"""What a product costs and whether it is in stock, out of everything the shop lists for it."""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal

from worker.domain.model import Price, StockEntry


def price_in_force(prices: Iterable[Price], currency: str, now: datetime) -> Decimal | None:
    """The price of quantity 1, value only, no costs; None where there is none.

    Among enabled, currently valid prices of list type and price type `default` in the currency: the highest quantity
    tier <= 1, then the lowest value.
    """
    valid = [price for price in prices if _valid(price, currency, now)]
    if not valid:
        return None
    tier = max(price.quantity for price in valid)
    return min((price.value for price in valid if price.quantity == tier and price.value is not None), default=None)


def next_change(prices: Iterable[Price], currency: str, now: datetime) -> datetime | None:
    """When the next of the prices that `price_in_force` looks at begins or ends; None where none does."""
    moments = [
        moment
        for price in prices
        if _counts(price, currency)
        for moment in (price.datestart, price.dateend)
        if moment is not None and moment > now
    ]
    return min(moments, default=None)


def _valid(price: Price, currency: str, now: datetime) -> bool:
    return (
        _counts(price, currency)
        and (price.datestart is None or price.datestart <= now)
        and (price.dateend is None or now < price.dateend)
    )


def _counts(price: Price, currency: str) -> bool:
    return (
        price.currency == currency
        and price.type == price.list_type == "default"
        and price.status == price.list_status == 1
        and price.quantity <= 1
    )


def in_stock(entries: Iterable[StockEntry], types: Iterable[str], instock_flag: bool | None) -> bool | None:
    """Any entry of the given types (none given: all) that is unlimited or above zero.

    A product without stock entries uses its `product.instock` flag; None where that is not told either.
    """
    listed = list(entries)
    if not listed:
        return instock_flag
    wanted = set(types)
    return any(entry.level is None or entry.level > 0 for entry in listed if not wanted or entry.type in wanted)
