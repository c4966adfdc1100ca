"""Keeps what a shop names its answers by, together with what the mirror held then: only if that is unchanged, 304 is enough."""

import hashlib
from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import and_, delete, select
from sqlalchemy.orm import Session, aliased

from worker.domain.model import Kind, View
from worker.store import tables
from worker.store.among import among
from worker.store.mirror_tables import Validator


def recall(
    session: Session, source: str, request: str, product_ids: Sequence[str], view: View, now: datetime
) -> str | None:
    """The entity tag of the answer to this request; None where there is none, or where it does not stand for the mirror."""
    row = session.get(Validator, (source, request))
    if row is None or now < row.kept_at or (row.until is not None and row.until <= now):
        return None
    return row.etag if _held(session, source, product_ids, view) == row.holds else None


def keep(
    session: Session,
    source: str,
    request: str,
    product_ids: Sequence[str],
    view: View,
    *,
    etag: str,
    now: datetime,
    until: datetime | None,
) -> None:
    """The answer to this request, just stored in this transaction, is called `etag`; `until` one of its prices changes by date."""
    holds = _held(session, source, product_ids, view)
    if holds is not None:
        session.merge(Validator(source=source, request=request, etag=etag, holds=holds, kept_at=now, until=until))


def forget(session: Session, source: str) -> None:
    """Everything is to be answered anew."""
    session.execute(delete(Validator).where(Validator.source == source))


def forget_others(session: Session, source: str, requests: Collection[str]) -> None:
    """Only these requests are still made."""
    kept = session.scalars(select(Validator.request).where(Validator.source == source))
    for request in set(kept) - set(requests):
        session.execute(delete(Validator).where(Validator.source == source, Validator.request == request))


def _held(session: Session, source: str, product_ids: Sequence[str], view: View) -> str | None:
    """The hash of all that an answer about these products in this view tells; None where some of it is not held.

    What is observed no more does not count: the next reading of it has to begin a new series.
    """
    product, text, price, stock = tables.Product, tables.ProductText, aliased(tables.Reading), aliased(tables.Reading)
    rows = session.execute(
        select(
            product.shop_id,
            product.code,
            product.label,
            product.enabled,
            product.datestart,
            product.dateend,
            price.price,
            stock.in_stock,
            text.name,
            text.slug,
            text.picture,
        )
        .join(
            price, and_(price.product_id == product.id, price.kind == Kind.PRICE.value, price.currency == view.currency)
        )
        .join(stock, and_(stock.product_id == product.id, stock.kind == Kind.STOCK.value, stock.currency == ""))
        .join(text, and_(text.product_id == product.id, text.language == view.language))
        .where(product.source == source, among(session, product.shop_id, product_ids), price.observing, stock.observing)
    ).all()
    if len(rows) != len(product_ids):
        return None
    return hashlib.sha256(repr(sorted(map(tuple, rows))).encode()).hexdigest()
