"""What sync keeps for itself: how far it is, which products are needed in which view, and what it need not ask again."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from worker.store.base import Base
from worker.store.types import CleanText


class SyncPass(Base):
    """How far a source was read, by resource (relations, customers, ...). Times in text are the shop's own, naive, in its zone."""

    __tablename__ = "sync_pass"
    source: Mapped[str] = mapped_column(String(64), primary_key=True)
    resource: Mapped[str] = mapped_column(String(16), primary_key=True)
    watermark: Mapped[str | None] = mapped_column(String(19))
    """Everything changed before it has been read, but for what an overlap makes up for."""
    anchor: Mapped[str | None] = mapped_column(String(19))
    """The shop's clock, by our idea of its zone, when the pass that set the watermark began; None: that idea changed since."""
    latest: Mapped[str | None] = mapped_column(String(19))
    """The latest mtime that finished passes saw."""
    since: Mapped[str | None] = mapped_column(String(19))
    """What the pass under way asks for; None: everything."""
    ceiling: Mapped[str | None] = mapped_column(String(19))
    """The shop's clock when the pass under way began: the watermark never gets beyond it."""
    newest: Mapped[str | None] = mapped_column(String(19))
    """The latest mtime seen in the pass under way."""
    cursor: Mapped[str | None] = mapped_column(CleanText)
    """Where the pass under way goes on."""
    started_at: Mapped[datetime | None]
    """When the pass under way began; None: none is."""
    finished_at: Mapped[datetime | None]


class SeenRelation(Base):
    """An id that the shop listed in the comparison under way."""

    __tablename__ = "seen_relation"
    source: Mapped[str] = mapped_column(String(64), primary_key=True)
    shop_id: Mapped[str] = mapped_column(CleanText, primary_key=True)


class ProductView(Base):
    """A language and currency that somebody needs a product in, until the last watch that needs it ends."""

    __tablename__ = "product_view"
    __table_args__ = (Index(None, "until"),)
    product_id: Mapped[int] = mapped_column(ForeignKey("product.id", ondelete="CASCADE"), primary_key=True)
    language: Mapped[str] = mapped_column(CleanText, primary_key=True)
    currency: Mapped[str] = mapped_column(String(3), primary_key=True)
    until: Mapped[datetime]


class ProductPrice(Base):
    """Whose a price is, for an interface that tells of changed prices only by their ids."""

    __tablename__ = "product_price"
    source: Mapped[str] = mapped_column(String(64), primary_key=True)
    price_id: Mapped[str] = mapped_column(CleanText, primary_key=True)
    product_id: Mapped[int] = mapped_column(ForeignKey("product.id", ondelete="CASCADE"), index=True)


class Validator(Base):
    """What a shop named an answer by, to ask "is it still so?" with (RFC 9110, 13.1), by the hash of what was asked for.

    It may be used while the mirror holds what it held when the answer had been stored, from then until one of the prices in it
    begins or ends.
    """

    __tablename__ = "validator"
    source: Mapped[str] = mapped_column(String(64), primary_key=True)
    request: Mapped[str] = mapped_column(String(64), primary_key=True)
    etag: Mapped[str] = mapped_column(CleanText)
    holds: Mapped[str] = mapped_column(String(64))
    """The hash of what the mirror held."""
    kept_at: Mapped[datetime]
    until: Mapped[datetime | None]
