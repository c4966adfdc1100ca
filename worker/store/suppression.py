"""Addresses that get no mail, known by their keyed hash only (worker.log.address_hash)."""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import delete, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from worker.store.tables import Suppression


def is_empty(session: Session) -> bool:
    """Whether no address at all is suppressed."""
    return session.scalar(select(Suppression.address_hash).limit(1)) is None


def is_suppressed(session: Session, hashes: Collection[str]) -> bool:
    """Whether one of these addresses is suppressed."""
    return bool(suppressed(session, hashes))


def suppressed(session: Session, hashes: Collection[str]) -> set[str]:
    """Those of these addresses that are suppressed."""
    rows = select(Suppression.address_hash).where(Suppression.address_hash.in_(hashes)).limit(len(hashes))
    return set(session.scalars(rows))


def suppress(session: Session, address_hash: str, *, reason: str, now: datetime) -> bool:
    """Send nothing to this address any more. False where it was suppressed already; the first reason stays."""
    if session.get(Suppression, address_hash) is not None:
        return False
    try:
        with session.begin_nested():
            session.add(Suppression(address_hash=address_hash, reason=reason, created_at=now))
    except IntegrityError:
        return False  # another process suppressed it at the same moment
    return True


def lift(session: Session, address_hash: str) -> bool:
    """Let mails go to this address again. False where it was not suppressed."""
    gone = delete(Suppression).where(Suppression.address_hash == address_hash).returning(Suppression.address_hash)
    return session.scalar(gone) is not None


def newest(session: Session, limit: int) -> Sequence[Suppression]:
    """The addresses suppressed last, the newest first."""
    order = Suppression.created_at.desc(), Suppression.address_hash
    return session.scalars(select(Suppression).order_by(*order).limit(limit)).all()


def count(session: Session) -> int:
    """How many addresses are suppressed."""
    return session.scalar(select(func.count()).select_from(Suppression)) or 0
