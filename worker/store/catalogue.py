"""Mirrors what the shop shows of watched products, and remembers when a price or the stock changed."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from worker.domain.model import Kind, ProductReading, View
from worker.domain.offer import in_stock, price_in_force
from worker.paging import pages
from worker.store import foreign, tables

_PRICE_LIMIT = Decimal(10) ** 12  # the integer digits an amount may have
_LINK_LIMIT = 2000  # no mail shows a picture with a longer address


@dataclass(frozen=True, slots=True)
class Needed:
    """Which products somebody still watches, and in which view (language, currency) they must be read."""

    views: dict[View, list[str]]
    readings: frozenset[tuple[int, str]]
    """(product id, currency) that are being observed for somebody."""


def needed(session: Session, source: str, default_language: str, now: datetime) -> Needed:
    """What has to be read for the active watches of a source."""
    rows = session.execute(
        select(tables.Product.id, tables.Product.shop_id, tables.Customer.language, tables.Relation.watch_currency)
        .select_from(tables.Relation)
        .join(tables.Product, tables.Product.id == tables.Relation.product_id)
        .join(tables.Customer, tables.Customer.id == tables.Relation.customer_id)
        .where(
            tables.Relation.source == source,
            tables.Relation.retired_at.is_(None),
            tables.Relation.watch_currency.is_not(None),
            tables.Relation.ends_at > now,
        )
        .distinct()
    )
    views: dict[View, set[str]] = defaultdict(set)
    readings: set[tuple[int, str]] = set()
    for product_id, shop_id, language, currency in rows:
        assert currency is not None  # noqa: S101 - the query asked for it; this tells the type checker
        views[View(language=language or default_language, currency=currency)].add(shop_id)
        readings.add((product_id, currency))
    ordered = sorted(views.items(), key=lambda item: (item[0].currency, item[0].language))
    return Needed({view: sorted(ids) for view, ids in ordered}, frozenset(readings))


def end_unneeded(session: Session, source: str, wanted: Needed) -> None:
    """Observations end with a product's last watch: the next reading after a gap is a new baseline."""
    watched = {product_id for product_id, _ in wanted.readings}
    rows = session.execute(
        select(tables.Reading.id, tables.Reading.product_id, tables.Reading.kind, tables.Reading.currency)
        .join(tables.Product)
        .where(tables.Product.source == source, tables.Reading.observing)
    )
    ended = [
        reading_id
        for reading_id, product_id, kind, currency in rows
        if (product_id not in watched if kind == Kind.STOCK else (product_id, currency) not in wanted.readings)
    ]
    for page in pages(ended, 500):
        session.execute(update(tables.Reading).where(tables.Reading.id.in_(page)).values(observing=False))


def record(
    session: Session, source: str, readings: Sequence[ProductReading], stock_types: Iterable[str], now: datetime
) -> int:
    """Store what the shop shows; returns how many prices and stock states changed."""
    ids = [reading.id for reading in readings]
    products = {
        row.shop_id: row
        for row in session.scalars(
            select(tables.Product).where(tables.Product.source == source, tables.Product.shop_id.in_(ids))
        )
    }
    series = {
        (row.product_id, row.kind, row.currency): row
        for row in session.scalars(
            select(tables.Reading).where(tables.Reading.product_id.in_([row.id for row in products.values()]))
        )
    }
    types = tuple(stock_types)
    changed = 0
    for reading in readings:
        product = products[reading.id]
        _describe(session, product, reading, now)
        currency = reading.view.currency
        price = _storable(price_in_force(reading.prices, currency, now))
        key = (product.id, Kind.PRICE.value, currency)
        changed += _observe(session, series.get(key), key, price, None, now)
        stocked = in_stock(reading.stock, types, reading.instock_flag)
        key = (product.id, Kind.STOCK.value, "")
        changed += _observe(session, series.get(key), key, None, stocked, now)
    return changed


def record_missing(session: Session, source: str, ids: Iterable[str], now: datetime) -> None:
    """The shop does not show these products: their watches wait."""
    session.execute(
        update(tables.Product)
        .where(tables.Product.source == source, tables.Product.shop_id.in_(list(ids)))
        .values(enabled=False, read_at=now)
    )


def _storable(price: Decimal | None) -> Decimal | None:
    """A price the store can hold exactly: beyond that it is unreadable, and the watch waits."""
    if price is None or abs(price) >= _PRICE_LIMIT or price != price.quantize(Decimal("0.0001")):
        return None
    return price


def _describe(session: Session, product: tables.Product, reading: ProductReading, now: datetime) -> None:
    product.code, product.label = foreign.name(reading.code), foreign.name(reading.label)
    product.enabled, product.datestart, product.dateend = reading.enabled, reading.datestart, reading.dateend
    product.read_at = now
    key = (product.id, reading.view.language)
    text = session.get(tables.ProductText, key)
    if text is None:
        text = tables.ProductText(product_id=product.id, language=reading.view.language)
        session.add(text)
    text.name, text.slug = foreign.name(reading.name), foreign.name(reading.slug)
    text.picture = reading.picture if len(reading.picture or "") <= _LINK_LIMIT else None


def _observe(
    session: Session,
    row: tables.Reading | None,
    key: tuple[int, str, str],
    price: Decimal | None,
    stocked: bool | None,
    now: datetime,
) -> bool:
    """Keep a change, or the baseline of a new series; False where nothing changed."""
    if row is not None and row.observing and (row.price, row.in_stock) == (price, stocked):
        return False
    if row is None:
        product_id, kind, currency = key
        row = tables.Reading(
            product_id=product_id, kind=kind, currency=currency, series=1, observation_id=0, changed_at=now
        )
        session.add(row)
        session.flush()
    elif not row.observing:
        row.series += 1
    row.observing, row.price, row.in_stock, row.changed_at, row.unscanned = True, price, stocked, now, True
    observation = tables.Observation(reading_id=row.id, series=row.series, price=price, in_stock=stocked, seen_at=now)
    session.add(observation)
    session.flush()
    row.observation_id = observation.id
    return True
