"""Mirrors what the shop shows of watched products, a page at a time."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from worker.domain.model import Kind, ProductReading
from worker.domain.offer import in_stock, next_change, price_in_force
from worker.store import foreign, tables
from worker.store.among import among
from worker.store.bulk import insert_rows, update_rows
from worker.store.mirror_tables import ProductPrice
from worker.store.observations import Series, Value, observe

_PRICE_LIMIT = Decimal(10) ** 12  # the integer digits an amount may have
_LINK_LIMIT = 2000  # no mail shows a picture with a longer address


def record(
    session: Session, source: str, readings: Sequence[ProductReading], stock_types: Iterable[str], now: datetime
) -> int:
    """Store what the shop shows; returns how many prices and stock states changed."""
    product = tables.Product
    rows = session.execute(
        select(product.shop_id, product.id, product.next_change_at).where(
            product.source == source, among(session, product.shop_id, {reading.id for reading in readings})
        )
    )
    products = {row.shop_id: row for row in rows}
    _describe(session, products, readings, now)
    _name(session, products, readings)
    types = tuple(stock_types)
    seen: dict[Series, Value] = {}
    for reading in readings:
        product_id, currency = products[reading.id].id, reading.view.currency
        price = _storable(price_in_force(reading.prices, currency, now))
        seen[product_id, Kind.PRICE.value, currency] = price, None
        seen[product_id, Kind.STOCK.value, ""] = None, in_stock(reading.stock, types, reading.instock_flag)
    return observe(session, seen, now)


def record_missing(session: Session, source: str, ids: Iterable[str], now: datetime) -> None:
    """The shop does not show these products: their watches wait."""
    session.execute(
        update(tables.Product)
        .where(tables.Product.source == source, tables.Product.shop_id.in_(list(ids)))
        .values(enabled=False, read_at=now, next_change_at=None)
    )


def record_unchanged(session: Session, source: str, ids: Sequence[str], now: datetime) -> None:
    """The shop says that these products are as they were when they were read last."""
    session.execute(
        update(tables.Product)
        .where(tables.Product.source == source, among(session, tables.Product.shop_id, ids))
        .values(read_at=now)
    )


def record_prices(session: Session, source: str, readings: Sequence[ProductReading]) -> None:
    """Remember whose the prices are, where the interface tells their ids, and forget those the products had before."""
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
    rows = {foreign.key(price_id): products[shop_id] for price_id, shop_id in owned}
    theirs = among(session, ProductPrice.product_id, products.values())
    taken_over = (ProductPrice.source == source) & among(session, ProductPrice.price_id, rows.keys())
    session.execute(delete(ProductPrice).where(theirs | taken_over))
    insert_rows(
        session,
        ProductPrice,
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


def _describe(session: Session, products: Mapping[str, Any], readings: Sequence[ProductReading], now: datetime) -> None:
    """What a product is in every language, and when its prices change next in any view."""
    told: dict[str, dict[str, Any]] = {}
    for reading in readings:
        row = products[reading.id]
        coming = [next_change(reading.prices, reading.view.currency, now)]
        if reading.id in told:
            coming.append(told[reading.id]["next_change_at"])
        elif row.next_change_at is not None and row.next_change_at > now:  # told in a view that is not read now
            coming.append(row.next_change_at)
        told[reading.id] = {
            "row_id": row.id,
            "code": foreign.name(reading.code),
            "label": foreign.name(reading.label),
            "enabled": reading.enabled,
            "datestart": reading.datestart,
            "dateend": reading.dateend,
            "read_at": now,
            "next_change_at": min((moment for moment in coming if moment is not None), default=None),
        }
    update_rows(session, tables.Product, list(told.values()))


def _name(session: Session, products: Mapping[str, Any], readings: Sequence[ProductReading]) -> None:
    """What a product is called in the languages it was read in."""
    text = tables.ProductText
    ids = {row.id for row in products.values()}
    known = {
        (row.product_id, row.language): (row.name, row.slug, row.picture)
        for row in session.execute(
            select(text.product_id, text.language, text.name, text.slug, text.picture).where(
                among(session, text.product_id, ids)
            )
        )
    }
    told = {
        (products[reading.id].id, reading.view.language): (
            foreign.name(reading.name),
            foreign.name(reading.slug),
            reading.picture if len(reading.picture or "") <= _LINK_LIMIT else None,
        )
        for reading in readings
    }
    new = [
        {"product_id": key[0], "language": key[1], "name": name, "slug": slug, "picture": picture}
        for key, (name, slug, picture) in told.items()
        if key not in known
    ]
    if new:
        insert_rows(session, text, new)
    for key, (name, slug, picture) in told.items():
        if key in known and known[key] != told[key]:
            session.execute(
                update(text)
                .where(text.product_id == key[0], text.language == key[1])
                .values(name=name, slug=slug, picture=picture)
            )
