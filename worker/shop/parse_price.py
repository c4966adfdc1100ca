"""Included prices and stock of a product. What can't be read is counted and never makes a product look cheap or in stock."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from decimal import Decimal
from zoneinfo import ZoneInfo

from worker.domain.amount import parse_amount
from worker.domain.model import Json, Price, StockEntry
from worker.shop.linked import Linked
from worker.shop.record import Record, text, whole_number
from worker.shop.times import parse_time


def parse_prices(
    entries: Iterable[Linked], currency: str, zone: ZoneInfo, problems: Counter[str], *, with_ids: bool = False
) -> tuple[Price, ...]:
    """The prices in one currency; the shop answers in its default currency where it has no price in the one asked for.

    A price whose value can't be read has none; one of which anything else can't be read also counts as the price of one.
    """
    prices = []
    for entry in entries:
        if entry.item is None:
            problems["price"] += 1
        elif entry.item.get("price.currencyid") == currency:
            price = _price(entry.listed, entry.item, currency, zone, problems)
            prices.append(replace(price, id=text(entry.item.get("price.id"))) if with_ids else price)
    return tuple(prices)


def _price(listed: Record, item: Record, currency: str, zone: ZoneInfo, problems: Counter[str]) -> Price:
    try:
        price = Price(
            value=None,
            currency=currency,
            quantity=parse_amount(item.get("price.quantity", 1)),
            type=text(item.get("price.type")) or "default",
            list_type=text(listed.get("product.lists.type")) or "default",
            status=whole_number(item.get("price.status", 1)),
            list_status=whole_number(listed.get("product.lists.status", 1)),
            datestart=parse_time(listed.get("product.lists.datestart"), zone),
            dateend=parse_time(listed.get("product.lists.dateend"), zone, later=True),
        )
    except ValueError:
        problems["price"] += 1
        return Price(value=None, currency=currency)
    try:
        return replace(price, value=_amount(item.get("price.value")))
    except ValueError:
        problems["price.value"] += 1
        return price


def _amount(value: Json) -> Decimal | None:
    """None is a price on request, or unlimited stock."""
    return None if value is None else parse_amount(value)


def parse_stock(entries: Sequence[Linked], problems: Counter[str]) -> tuple[StockEntry, ...] | None:
    """All stock entries; None where one of them can't be read, so that nobody knows whether there is stock."""
    stock = []
    for entry in entries:
        try:
            stock.append(_stock_entry(entry.item))
        except ValueError:
            problems["stock"] += 1
    return tuple(stock) if len(stock) == len(entries) else None


def _stock_entry(item: Record | None) -> StockEntry:
    if item is None or "stock.stocklevel" not in item:
        raise ValueError("no stock level")
    return StockEntry(type=text(item.get("stock.type")) or "default", level=_amount(item["stock.stocklevel"]))
