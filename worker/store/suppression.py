"""Addresses that get no mail, known by their keyed hash only (worker.log.address_hash)."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from worker.store.tables import Suppression


def is_suppressed(session: Session, hashes: Collection[str]) -> bool:
    """Whether one of these addresses is suppressed."""
    rows = select(Suppression.address_hash).where(Suppression.address_hash.in_(hashes)).limit(1)
    return session.scalar(rows) is not None


def suppress(session: Session, address_hash: str, *, reason: str, now: datetime) -> None:
    """Send nothing to this address any more. The first reason stays."""
    if session.get(Suppression, address_hash) is not None:
        return
    try:
        with session.begin_nested():
            session.add(Suppression(address_hash=address_hash, reason=reason, created_at=now))
    except IntegrityError:
        pass  # another process suppressed it at the same moment
