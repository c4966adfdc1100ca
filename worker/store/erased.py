"""Tombstones of erased customers: keyed hashes, so that a sync knows whom to leave out and nobody can read who that was."""

import hmac
from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from worker.store import foreign
from worker.store.tables import Erased

_CHUNK = 500


def customer_hash(key: bytes, source: str, shop_id: str) -> str:
    """HMAC-SHA256 under `key` of a customer's name in the shop, 64 hex digits."""
    return hmac.new(key, f"customer\0{source}\0{foreign.key(shop_id)}".encode(), "sha256").hexdigest()


def erased_ids(session: Session, key: bytes, source: str, shop_ids: Iterable[str]) -> set[str]:
    """Which of these customers of a shop were erased: nothing of them may be stored again."""
    if session.scalar(select(Erased.customer_hash).limit(1)) is None:
        return set()
    by_hash = {customer_hash(key, source, shop_id): shop_id for shop_id in shop_ids}
    hashes = list(by_hash)
    found: set[str] = set()
    for start in range(0, len(hashes), _CHUNK):
        rows = select(Erased.customer_hash).where(Erased.customer_hash.in_(hashes[start : start + _CHUNK]))
        found.update(by_hash[row] for row in session.scalars(rows))
    return found


def erased_at(session: Session, key: bytes, source: str, shop_id: str) -> datetime | None:
    """When this customer was erased, if so."""
    row = session.get(Erased, customer_hash(key, source, shop_id))
    return None if row is None else row.erased_at


def remember(session: Session, key: bytes, source: str, shop_id: str, now: datetime) -> str:
    """Set the tombstone; returns its hash."""
    found = customer_hash(key, source, shop_id)
    session.add(Erased(customer_hash=found, erased_at=now))
    return found
