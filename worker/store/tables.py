"""The tables. Times are aware UTC, money is exact, shop ids are strings; every `source` is the name of a shop in the settings.

Way of the data: customer, relation (+ version), product (+ text), reading (+ observation)  <- sync
                 watch, notification                                                         <- scan
                 mail                                                                        <- compose, dispatch
"""

from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from worker.store.base import Base, RowId, partial_index
from worker.store.mirror_tables import ProductPrice, ProductView, SeenRelation, SyncPass, Validator
from worker.store.operation_tables import Erased, Lease, Run, Suppression, Switch
from worker.store.types import CleanText

__all__ = [
    "Base",
    "Erased",
    "Lease",
    "ProductPrice",
    "ProductView",
    "Run",
    "SeenRelation",
    "Suppression",
    "Switch",
    "SyncPass",
    "Validator",
]


class SourceState(Base):
    """What we know about a shop connection as a whole."""

    __tablename__ = "source_state"
    source: Mapped[str] = mapped_column(String(64), primary_key=True)
    first_synced_at: Mapped[datetime | None]
    """When the first import ended: that of all customers, where an interface shows them all."""
    last_good_sync_at: Mapped[datetime | None]
    interface: Mapped[str | None] = mapped_column(String(16))
    """The interface it was last read through: cursors of another one mean nothing."""
    timezone: Mapped[str | None] = mapped_column(CleanText)
    """The zone its naive times were last read in."""
    judged_by: Mapped[str | None] = mapped_column(CleanText)
    """The settings that `Relation.ends_at` and `watch_currency` were computed with."""
    reconciled_at: Mapped[datetime | None]
    """When its relations were last compared as a whole."""
    clock_gap_seconds: Mapped[float | None]
    """How far its clock was ahead of ours in the last sync."""
    failures: Mapped[int] = mapped_column(default=0)
    """Syncs in a row that got no answer."""
    resting_until: Mapped[datetime | None]
    """Scheduled syncs leave it alone until then (circuit breaker)."""


class Customer(Base):
    """A customer of a shop."""

    __tablename__ = "customer"
    __table_args__ = (UniqueConstraint("source", "shop_id"), Index(None, "source", "account"))
    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    source: Mapped[str] = mapped_column(String(64))
    shop_id: Mapped[str] = mapped_column(CleanText)
    account: Mapped[str] = mapped_column(CleanText)
    """What the settings call this customer."""
    email: Mapped[str | None] = mapped_column(CleanText)
    language: Mapped[str | None] = mapped_column(CleanText)
    salutation: Mapped[str] = mapped_column(CleanText, default="")
    firstname: Mapped[str] = mapped_column(CleanText, default="")
    lastname: Mapped[str] = mapped_column(CleanText, default="")
    enabled: Mapped[bool] = mapped_column(default=True)
    first_synced_at: Mapped[datetime | None]
    """When the first complete sync of this customer ended; the scan skips the customer before that."""
    seen_at: Mapped[datetime]
    """The last time the shop answered for this customer."""
    unread_since: Mapped[datetime | None]
    """Since when it does not; nothing is sent on knowledge that is too old."""


class Product(Base):
    """A product that somebody watches or watched."""

    __tablename__ = "product"
    __table_args__ = (
        UniqueConstraint("source", "shop_id"),
        partial_index("ix_product_due", "source", "id", where="due"),
        partial_index("ix_product_unsure", "source", "id", where="unsure"),
        Index(None, "source", "next_change_at"),
        Index(None, "source", "read_at"),
    )
    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    source: Mapped[str] = mapped_column(String(64))
    shop_id: Mapped[str] = mapped_column(CleanText)
    code: Mapped[str] = mapped_column(CleanText, default="")
    label: Mapped[str] = mapped_column(CleanText, default="")
    enabled: Mapped[bool] = mapped_column(default=False)
    """False while the shop does not show it."""
    datestart: Mapped[datetime | None]
    dateend: Mapped[datetime | None]
    read_at: Mapped[datetime | None]
    """The last time the shop was asked for it and answered."""
    due: Mapped[bool] = mapped_column(default=False)
    """It may have changed in the shop, or somebody needs it in another view: read it in the next sync."""
    unsure: Mapped[bool] = mapped_column(default=False)
    """Watches of it ended or changed: in which views it is needed has to be found out anew."""
    next_change_at: Mapped[datetime | None]
    """When the next of its prices begins or ends, which nothing else tells."""
    texts: Mapped[list["ProductText"]] = relationship(cascade="all, delete-orphan")


class ProductText(Base):
    """A product's name, address and picture in one language."""

    __tablename__ = "product_text"
    product_id: Mapped[int] = mapped_column(ForeignKey("product.id", ondelete="CASCADE"), primary_key=True)
    language: Mapped[str] = mapped_column(CleanText, primary_key=True)
    name: Mapped[str] = mapped_column(CleanText)
    slug: Mapped[str] = mapped_column(CleanText)
    picture: Mapped[str | None] = mapped_column(CleanText)


class Reading(Base):
    """The newest observation of a product's price in one currency (`kind` price) or of its stock (`kind` stock, currency "").

    A series is one uninterrupted stretch of observing; it ends with the product's last watch, and the next reading begins another.
    """

    __tablename__ = "reading"
    __table_args__ = (
        UniqueConstraint("product_id", "kind", "currency"),
        partial_index("ix_reading_unscanned", "product_id", where="unscanned"),
    )
    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    product_id: Mapped[int] = mapped_column(ForeignKey("product.id", ondelete="CASCADE"))
    kind: Mapped[str] = mapped_column(String(8))
    currency: Mapped[str] = mapped_column(String(3), default="")
    series: Mapped[int]
    observing: Mapped[bool] = mapped_column(default=True)
    price: Mapped[Decimal | None]
    in_stock: Mapped[bool | None]
    observation_id: Mapped[int] = mapped_column(BigInteger)
    """The newest row of `observation` for this reading."""
    changed_at: Mapped[datetime]
    unscanned: Mapped[bool] = mapped_column(default=True)
    """The scan has not yet folded the newest observation into every watch."""


class Observation(Base):
    """One change of a price or of the in-stock state, and the baseline at the start of each series. Ids ascend with time."""

    __tablename__ = "observation"
    __table_args__ = (Index(None, "reading_id", "id"),)
    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    reading_id: Mapped[int] = mapped_column(ForeignKey("reading.id", ondelete="CASCADE"))
    series: Mapped[int]
    price: Mapped[Decimal | None]
    in_stock: Mapped[bool | None]
    seen_at: Mapped[datetime]


class Relation(Base):
    """A customer's list item as last seen. A deleted and re-added relation (same id, other ctime) is a further generation."""

    __tablename__ = "relation"
    __table_args__ = (
        UniqueConstraint("source", "shop_id", "generation"),
        Index(None, "customer_id"),
        Index(None, "product_id"),
        partial_index("ix_relation_unscanned", "source", "id", where="unscanned"),
        partial_index("ix_relation_vanished", "source", "id", where="vanished_at IS NOT NULL"),
        partial_index(
            "ix_relation_told_end", "source", "told_end_at", where="retired_at IS NULL AND told_end_at IS NOT NULL"
        ),
    )
    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    source: Mapped[str] = mapped_column(String(64))
    shop_id: Mapped[str] = mapped_column(CleanText)
    generation: Mapped[int] = mapped_column(default=1)
    customer_id: Mapped[int] = mapped_column(ForeignKey("customer.id", ondelete="CASCADE"))
    product_id: Mapped[int | None] = mapped_column(ForeignKey("product.id"))
    """Set for watches only."""
    domain: Mapped[str] = mapped_column(CleanText)
    type: Mapped[str] = mapped_column(CleanText)
    refid: Mapped[str] = mapped_column(CleanText)
    position: Mapped[int] = mapped_column(BigInteger, default=0)
    status: Mapped[int] = mapped_column(BigInteger)
    datestart: Mapped[datetime | None]
    dateend: Mapped[datetime | None]
    config: Mapped[str] = mapped_column(CleanText)
    """ASCII-escaped JSON text (PostgreSQL refuses NUL)."""
    ctime: Mapped[datetime]
    ctime_exact: Mapped[bool]
    """False where the interface tells no ctime and the moment first seen stands in for it."""
    first_import: Mapped[bool] = mapped_column(default=False)
    defect_code: Mapped[str | None] = mapped_column(String(64))
    """Why a field of the record could not be read."""
    defect_detail: Mapped[str | None] = mapped_column(CleanText)
    version: Mapped[int] = mapped_column(default=1)
    first_seen_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    """When it last said something new; on the customer-facing API: when it was last listed."""
    vanished_at: Mapped[datetime | None]
    """Since when the shop no longer lists it; it is retired once the whole shop was read and the loss is believed."""
    retired_at: Mapped[datetime | None]
    """When it was retired; it keeps its history and may be revived."""
    unscanned: Mapped[bool] = mapped_column(default=True)
    """The scan has not yet looked at the newest version."""
    ends_at: Mapped[datetime | None]
    """End of the active interval as the rules computed it at the last sync; queries narrow by it."""
    told_end_at: Mapped[datetime | None]
    """The same by what the customer said alone, a timeframe or a date; None where only our default ends the watch."""
    rejected: Mapped[str | None] = mapped_column(String(64))
    """Reason code where the relation can't be evaluated; it is kept, shown and harms nothing else."""
    watch_currency: Mapped[str | None] = mapped_column(String(3))
    """The currency its price is read in; None where there is nothing to watch."""
    customer: Mapped[Customer] = relationship()
    product: Mapped[Product | None] = relationship()


class RelationVersion(Base):
    """What a relation said from `seen_at` on. Version 1 is its arrival."""

    __tablename__ = "relation_version"
    relation_id: Mapped[int] = mapped_column(ForeignKey("relation.id", ondelete="CASCADE"), primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    seen_at: Mapped[datetime]
    config: Mapped[str] = mapped_column(CleanText)
    status: Mapped[int] = mapped_column(BigInteger)
    datestart: Mapped[datetime | None]
    dateend: Mapped[datetime | None]
    retired: Mapped[bool] = mapped_column(default=False)


class Watch(Base):
    """The episode state of one (relation, kind)."""

    __tablename__ = "watch"
    __table_args__ = (
        UniqueConstraint("relation_id", "kind"),
        partial_index("ix_watch_due", "id", where="armed AND holding"),
    )
    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    relation_id: Mapped[int] = mapped_column(ForeignKey("relation.id", ondelete="CASCADE"))
    kind: Mapped[str] = mapped_column(String(8))
    armed: Mapped[bool]
    armed_by: Mapped[str] = mapped_column(String(32))
    """Why it was last armed or disarmed (domain/episode.py)."""
    episode: Mapped[int]
    last_notified_at: Mapped[datetime | None]
    last_notified_price: Mapped[Decimal | None]
    base_limit: Mapped[Decimal | None]
    """The limit of a watch without one: the price in force at ctime, else the first observed after it."""
    base_currency: Mapped[str | None] = mapped_column(String(3))
    holding: Mapped[bool] = mapped_column(default=False)
    """The condition held at the last observation folded."""
    folded_observation: Mapped[int] = mapped_column(BigInteger, default=0)
    folded_version: Mapped[int] = mapped_column(default=0)


class Notification(Base):
    """The ledger: one row for each (relation, kind, episode) that fired."""

    __tablename__ = "notification"
    __table_args__ = (
        UniqueConstraint("relation_id", "kind", "episode"),
        Index(None, "mail_id"),
        partial_index("ix_notification_pending", "customer_id", where="state = 'pending'"),
    )
    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    source: Mapped[str] = mapped_column(String(64))
    customer_id: Mapped[int] = mapped_column(ForeignKey("customer.id", ondelete="CASCADE"))
    relation_id: Mapped[int] = mapped_column(ForeignKey("relation.id", ondelete="CASCADE"))
    kind: Mapped[str] = mapped_column(String(8))
    episode: Mapped[int]
    state: Mapped[str] = mapped_column(String(16), default="pending")
    """pending, mailed (bound to mail_id), cancelled."""
    reason: Mapped[str | None] = mapped_column(String(64))
    created_at: Mapped[datetime]
    settled_at: Mapped[datetime | None]
    armed_by: Mapped[str] = mapped_column(String(32))
    """Why the episode began; one begun by a further drop is true only while the further drop lasts."""
    facts: Mapped[dict[str, Any]]
    """What was true when it fired, or when it was last composed (facts.py)."""
    previous_at: Mapped[datetime | None]
    previous_price: Mapped[Decimal | None]
    """last_notified_* before the firing, restored by a cancellation."""
    mail_id: Mapped[int | None] = mapped_column(ForeignKey("mail.id"))
    relation: Mapped[Relation] = relationship()


class Mail(Base):
    """The outbox: frozen bytes for one customer."""

    __tablename__ = "mail"
    __table_args__ = (
        partial_index("ix_mail_open", "next_attempt_at", where="state = 'pending'"),
        partial_index("ix_mail_leased", "lease_until", where="lease_token IS NOT NULL"),
    )
    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    source: Mapped[str] = mapped_column(String(64))
    customer_id: Mapped[int] = mapped_column(ForeignKey("customer.id", ondelete="CASCADE"))
    state: Mapped[str] = mapped_column(String(16), default="pending")
    """pending, leased, submitting; final: sent, failed, expired, cancelled, superseded, suppressed, held."""
    reason: Mapped[str | None] = mapped_column(String(64))
    message_id: Mapped[str] = mapped_column(CleanText, unique=True)
    sender: Mapped[str] = mapped_column(CleanText)
    """Envelope sender (MAIL FROM)."""
    recipient: Mapped[str] = mapped_column(CleanText)
    """Envelope recipient (RCPT TO), after `redirect_all_to`."""
    customer_email: Mapped[str] = mapped_column(CleanText)
    """The customer's own address when the mail was composed; a change of it supersedes the mail."""
    language: Mapped[str] = mapped_column(CleanText)
    message: Mapped[bytes]
    """The message as sent, CRLF line ends, headers included."""
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    """End of the retry window: the latest watch end in the mail, at most 48 hours after creation."""
    next_attempt_at: Mapped[datetime]
    attempts: Mapped[int] = mapped_column(default=0)
    ambiguous_attempts: Mapped[int] = mapped_column(default=0)
    releases: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    """How often an operator released it: it may have arrived once more than its ambiguous attempts tell of."""
    lease_token: Mapped[str | None] = mapped_column(String(36))
    lease_until: Mapped[datetime | None]
    settled_at: Mapped[datetime | None]
    reply_code: Mapped[int | None]
    """The SMTP code of the last reply; texts of replies are never kept."""
