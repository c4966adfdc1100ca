"""What running the service needs: who may work, what ran, what operators switched, whom nothing may be sent or kept of."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column

from worker.store.base import Base, RowId
from worker.store.types import CleanText


class Suppression(Base):
    """An address that gets no mail, by the keyed hash of the address."""

    __tablename__ = "suppression"
    address_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    reason: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime]


class Erased(Base):
    """A customer who was erased, or a relation of his, by the keyed hash of source and id: no sync brings them back."""

    __tablename__ = "erased"
    tombstone: Mapped[str] = mapped_column(String(64), primary_key=True)
    erased_at: Mapped[datetime]


class Lease(Base):
    """Single flight: who may run a stage, until when, by the database's clock."""

    __tablename__ = "lease"
    name: Mapped[str] = mapped_column(String(128), primary_key=True)
    token: Mapped[str | None] = mapped_column(String(36))
    lease_until: Mapped[datetime | None]


class Run(Base):
    """One run of a stage, with its counts or its error, for `status`."""

    __tablename__ = "run"
    __table_args__ = (Index(None, "stage", "source", "id"),)
    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    stage: Mapped[str] = mapped_column(String(16))
    source: Mapped[str] = mapped_column(String(64), default="")
    started_at: Mapped[datetime]
    seconds: Mapped[float | None]
    """How long it took; None while it runs or when its process died."""
    counts: Mapped[dict[str, Any] | None]
    error: Mapped[str | None] = mapped_column(CleanText)


class Switch(Base):
    """What operators switched at run time: `paused` stops mails from leaving."""

    __tablename__ = "switch"
    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    changed_at: Mapped[datetime]
    reason: Mapped[str] = mapped_column(CleanText, default="")
