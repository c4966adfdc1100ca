"""Tombstones of erased customers and their relations: keyed hashes, so that a sync knows what to leave out and nobody can
read whose that was."""

import hmac
from collections.abc import Iterable
from datetime import datetime
from typing import Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from worker.store import foreign
from worker.store.base import bare
from worker.store.tables import Erased
from worker.store.upsert import insert_on_conflict

Kind = Literal["customer", "relation"]
_CHUNK = 500


def tombstone(key: bytes, kind: Kind, source: str, shop_id: str) -> str:
    """HMAC-SHA256 under `key` of what the shop calls somebody or something, 64 hex digits."""
    return hmac.new(key, f"{kind}\0{source}\0{foreign.key(shop_id)}".encode(), "sha256").hexdigest()


def erased_ids(session: Session, key: bytes, source: str, shop_ids: Iterable[str], kind: Kind = "customer") -> set[str]:
    """Which of these customers (or relations) of a shop were erased: nothing of them may be stored again."""
    if session.scalar(select(Erased.tombstone).limit(1)) is None:
        return set()
    names = {tombstone(key, kind, source, shop_id): shop_id for shop_id in shop_ids}
    hashes = list(names)
    found: set[str] = set()
    for start in range(0, len(hashes), _CHUNK):
        rows = select(Erased.tombstone).where(Erased.tombstone.in_(hashes[start : start + _CHUNK]))
        found.update(names[row] for row in session.scalars(rows))
    return found


def erased_at(session: Session, key: bytes, source: str, shop_id: str) -> datetime | None:
    """When this customer was erased, if so."""
    row = session.get(Erased, tombstone(key, "customer", source, shop_id))
    return None if row is None else row.erased_at


def remember(session: Session, key: bytes, kind: Kind, source: str, shop_ids: Iterable[str], now: datetime) -> None:
    """Set tombstones, where there are none yet."""
    rows = [{"tombstone": tombstone(key, kind, source, shop_id), "erased_at": now} for shop_id in shop_ids]
    if rows:
        session.connection().execute(insert_on_conflict(session, bare(Erased)).on_conflict_do_nothing(), rows)
