"""Remembers when a price or the stock of a watched product changed: one observation a change, and the baseline of each series."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeAlias

from sqlalchemy import select
from sqlalchemy.orm import Session

from worker.store import tables
from worker.store.among import among
from worker.store.bulk import insert_rows, new_ids, update_rows

Series: TypeAlias = tuple[int, str, str]
"""Product, kind, and the currency of a price."""
Value: TypeAlias = tuple[Decimal | None, bool | None]
"""Price and in-stock state; one of them is None by its kind."""


def observe(session: Session, seen: Mapping[Series, Value], now: datetime) -> int:
    """Keep what changed; returns how many values did, the first ones of a series included."""
    known = _known(session, {product_id for product_id, _, _ in seen})
    new = [series for series in seen if series not in known]
    ids = _insert(session, new, now)
    changes: list[dict[str, Any]] = []
    for series, (price, in_stock) in seen.items():
        row = known.get(series)
        if row is not None and row.observing and (row.price, row.in_stock) == (price, in_stock):
            continue
        changes.append(
            {
                "reading_id": ids[series] if row is None else row.id,
                "series": 1 if row is None else row.series + (not row.observing),
                "price": price,
                "in_stock": in_stock,
            }
        )
    _keep(session, changes, now)
    return len(changes)


def _known(session: Session, product_ids: set[int]) -> dict[Series, Any]:
    reading = tables.Reading
    rows = session.execute(
        select(
            reading.id,
            reading.product_id,
            reading.kind,
            reading.currency,
            reading.series,
            reading.observing,
            reading.price,
            reading.in_stock,
        ).where(among(session, reading.product_id, product_ids))
    )
    return {(row.product_id, row.kind, row.currency): row for row in rows}


def _insert(session: Session, new: list[Series], now: datetime) -> dict[Series, int]:
    if not new:
        return {}
    ids = dict(zip(new, new_ids(session, tables.Reading, len(new)), strict=True))
    common = {"series": 1, "observing": True, "observation_id": 0, "changed_at": now, "unscanned": True}
    rows = [
        {"id": ids[series], "product_id": series[0], "kind": series[1], "currency": series[2], **common}
        for series in new
    ]
    insert_rows(session, tables.Reading, rows)
    return ids


def _keep(session: Session, changes: list[dict[str, Any]], now: datetime) -> None:
    if not changes:
        return
    ids = new_ids(session, tables.Observation, len(changes))
    insert_rows(
        session,
        tables.Observation,
        [{"id": row_id, **change, "seen_at": now} for change, row_id in zip(changes, ids, strict=True)],
    )
    update_rows(
        session,
        tables.Reading,
        [
            {
                "row_id": change["reading_id"],
                "series": change["series"],
                "observing": True,
                "price": change["price"],
                "in_stock": change["in_stock"],
                "observation_id": row_id,
                "changed_at": now,
                "unscanned": True,
            }
            for change, row_id in zip(changes, ids, strict=True)
        ],
    )
