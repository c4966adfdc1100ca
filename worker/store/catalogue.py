"""Mirrors what the shop shows of watched products, and remembers when a price or the stock changed."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from worker.domain.model import Kind, ProductReading
from worker.domain.offer import in_stock, next_change, price_in_force
from worker.store import foreign, tables
from worker.store.base import bare
from worker.store.mirror_tables import ProductPrice

_PRICE_LIMIT = Decimal(10) ** 12  # the integer digits an amount may have
_LINK_LIMIT = 2000  # no mail shows a picture with a longer address


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
    texts = {
        (row.product_id, row.language): row
        for row in session.scalars(
            select(tables.ProductText).where(tables.ProductText.product_id.in_([row.id for row in products.values()]))
        )
    }
    types = tuple(stock_types)
    changed = 0
    for reading in readings:
        product = products[reading.id]
        _expect_change(product, reading, now)
        _describe(session, product, reading, texts, now)
        currency = reading.view.currency
        price = _storable(price_in_force(reading.prices, currency, now))
        key = (product.id, Kind.PRICE.value, currency)
        changed += _observe(session, series, key, price, None, now)
        stocked = in_stock(reading.stock, types, reading.instock_flag)
        key = (product.id, Kind.STOCK.value, "")
        changed += _observe(session, series, key, None, stocked, now)
    return changed


def record_missing(session: Session, source: str, ids: Iterable[str], now: datetime) -> None:
    """The shop does not show these products: their watches wait."""
    session.execute(
        update(tables.Product)
        .where(tables.Product.source == source, tables.Product.shop_id.in_(list(ids)))
        .values(enabled=False, read_at=now)
    )


def record_prices(session: Session, source: str, readings: Sequence[ProductReading]) -> None:
    """Remember whose the prices are, where the interface tells their ids."""
    owned = {(price.id, reading.id) for reading in readings for price in reading.prices if price.id}
    if not owned:
        return
    ids = {reading.id for reading in readings}
    products = {
        row.shop_id: row.id
        for row in session.execute(
            select(tables.Product.shop_id, tables.Product.id).where(
                tables.Product.source == source, tables.Product.shop_id.in_(ids)
            )
        )
    }
    session.execute(
        delete(ProductPrice).where(
            ProductPrice.source == source, ProductPrice.price_id.in_({foreign.key(price_id) for price_id, _ in owned})
        )
    )
    rows = {foreign.key(price_id): products[shop_id] for price_id, shop_id in owned}
    session.connection().execute(
        bare(ProductPrice).insert(),
        [{"source": source, "price_id": price_id, "product_id": row_id} for price_id, row_id in rows.items()],
    )


def products_of_prices(session: Session, source: str, price_ids: Sequence[str]) -> list[str]:
    """The shop ids of the products these prices belong to, as far as it is known."""
    return list(
        session.scalars(
            select(tables.Product.shop_id)
            .join(ProductPrice, ProductPrice.product_id == tables.Product.id)
            .where(ProductPrice.source == source, ProductPrice.price_id.in_([foreign.key(item) for item in price_ids]))
            .distinct()
        )
    )


def _storable(price: Decimal | None) -> Decimal | None:
    """A price the store can hold exactly: beyond that it is unreadable, and the watch waits."""
    if price is None or abs(price) >= _PRICE_LIMIT or price != price.quantize(Decimal("0.0001")):
        return None
    return price


def _expect_change(product: tables.Product, reading: ProductReading, now: datetime) -> None:
    """The soonest of all views that are read in this sync."""
    coming = next_change(reading.prices, reading.view.currency, now)
    if product.read_at != now or product.next_change_at is None:
        product.next_change_at = coming
    elif coming is not None:
        product.next_change_at = min(product.next_change_at, coming)


def _describe(
    session: Session,
    product: tables.Product,
    reading: ProductReading,
    texts: dict[tuple[int, str], tables.ProductText],
    now: datetime,
) -> None:
    product.code, product.label = foreign.name(reading.code), foreign.name(reading.label)
    product.enabled, product.datestart, product.dateend = reading.enabled, reading.datestart, reading.dateend
    product.read_at = now
    key = (product.id, reading.view.language)
    text = texts.get(key)
    if text is None:
        text = texts[key] = tables.ProductText(product_id=product.id, language=reading.view.language)
        session.add(text)
    text.name, text.slug = foreign.name(reading.name), foreign.name(reading.slug)
    text.picture = reading.picture if len(reading.picture or "") <= _LINK_LIMIT else None


def _observe(
    session: Session,
    series: dict[tuple[int, str, str], tables.Reading],
    key: tuple[int, str, str],
    price: Decimal | None,
    stocked: bool | None,
    now: datetime,
) -> bool:
    """Keep a change, or the baseline of a new series; False where nothing changed."""
    row = series.get(key)
    if row is not None and row.observing and (row.price, row.in_stock) == (price, stocked):
        return False
    if row is None:
        product_id, kind, currency = key
        row = series[key] = tables.Reading(
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
