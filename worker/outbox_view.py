"""What `watchpost outbox list` and `show` tell of the mails, ready for JSON."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from email import message_from_bytes, policy
from typing import Any

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session, defer

from worker.errors import NotFoundError
from worker.store.tables import Customer, Mail, Notification, Relation

WHAT_TO_DO = {
    "held": "watchpost outbox list --state held, then: watchpost outbox release (or cancel) ID",
    "failed": "watchpost outbox list --state failed; once the cause is mended: watchpost outbox retry ID",
    "ambiguous": "watchpost outbox list --ambiguous; they may have arrived twice: does the relay or the network break off?",
}
"""By what is wrong with mails, what an operator can do about it (`status`, `doctor`)."""
OPEN_STATES = ("pending", "leased", "submitting")
"""Those of mails on their way."""


@dataclass(frozen=True, slots=True)
class Filter:
    """Which mails; every part that is given must fit. Ages count from a mail's creation."""

    states: tuple[str, ...] = ()
    source: str | None = None
    reason: str | None = None
    ambiguous: bool = False
    """Only those with an attempt of which nobody knows whether the relay has the mail."""
    older: timedelta | None = None
    newer: timedelta | None = None

    def conditions(self, now: datetime) -> list[ColumnElement[bool]]:
        """For a query of mails."""
        found: list[ColumnElement[bool]] = []
        if self.states:
            found.append(Mail.state.in_(self.states))
        if self.source is not None:
            found.append(Mail.source == self.source)
        if self.reason is not None:
            found.append(Mail.reason == self.reason)
        if self.ambiguous:
            found.append(Mail.ambiguous_attempts > 0)
        if self.older is not None:
            found.append(Mail.created_at <= now - self.older)
        if self.newer is not None:
            found.append(Mail.created_at > now - self.newer)
        return found


def listing(session: Session, wanted: Filter, now: datetime, limit: int) -> dict[str, Any]:
    """The newest mails that fit, and how many there are."""
    conditions = wanted.conditions(now)
    rows = session.execute(
        select(Mail, Customer.shop_id)
        .join(Customer, Customer.id == Mail.customer_id)
        .where(*conditions)
        .options(defer(Mail.message))
        .order_by(Mail.id.desc())
        .limit(limit)
    )
    return {
        "total": session.scalar(select(func.count()).select_from(Mail).where(*conditions)) or 0,
        "mails": [_brief(mail, shop_id) for mail, shop_id in rows],
    }


def ids(session: Session, wanted: Filter, now: datetime) -> Sequence[int]:
    """The ids of all that fit, ascending."""
    return session.scalars(select(Mail.id).where(*wanted.conditions(now)).order_by(Mail.id)).all()


def has_mails_of(session: Session, source: str) -> bool:
    """Whether there is any mail of this shop, in the settings or not."""
    return session.scalar(select(Mail.id).where(Mail.source == source).limit(1)) is not None


def stranded(session: Session, known: Collection[str]) -> dict[str, int]:
    """By shop that is not among the `known` ones, how many mails are on their way: nothing is sent for it, ever."""
    rows = session.execute(
        select(Mail.source, func.count())
        .where(Mail.state.in_(OPEN_STATES), Mail.source.not_in(sorted(known)))
        .group_by(Mail.source)
        .order_by(Mail.source)
    )
    return {str(source): int(count) for source, count in rows}


def show(session: Session, mail_id: int) -> dict[str, Any]:
    """Everything about one mail but its body. Raises NotFoundError."""
    mail = find(session, mail_id)
    customer = session.get_one(Customer, mail.customer_id)
    return {
        **_brief(mail, customer.shop_id),
        "message_id": mail.message_id,
        "sender": mail.sender,
        "language": mail.language,
        "expires": mail.expires_at,
        "reply_code": mail.reply_code,
        "lease_until": mail.lease_until,
        "bytes": len(mail.message),
        "headers": [[name, str(value)] for name, value in _headers(mail)],
        "notifications": _notifications(session, mail_id),
    }


def find(session: Session, mail_id: int) -> Mail:
    """The row. Raises NotFoundError."""
    mail = session.get(Mail, mail_id)
    if mail is None:
        raise NotFoundError(f"there is no mail {mail_id}; see: watchpost outbox list")
    return mail


def _brief(mail: Mail, shop_id: str) -> dict[str, Any]:
    return {
        "id": mail.id,
        "state": mail.state,
        "reason": mail.reason,
        "source": mail.source,
        "customer": shop_id,
        "recipient": mail.recipient,
        "attempts": mail.attempts,
        "ambiguous_attempts": mail.ambiguous_attempts,
        "releases": mail.releases,
        "created": mail.created_at,
        "next_attempt": mail.next_attempt_at if mail.state == "pending" else None,
        "settled": mail.settled_at,
    }


def _headers(mail: Mail) -> Sequence[tuple[str, Any]]:
    return message_from_bytes(mail.message, policy=policy.default).items() if mail.message else []


def _notifications(session: Session, mail_id: int) -> list[dict[str, Any]]:
    rows = session.execute(
        select(Notification, Relation.source, Relation.shop_id)
        .join(Relation, Relation.id == Notification.relation_id)
        .where(Notification.mail_id == mail_id)
        .order_by(Notification.id)
    )
    return [
        {
            "relation": f"{source}:{shop_id}",
            "kind": row.kind,
            "episode": row.episode,
            "state": row.state,
            "fired": row.created_at,
            "product": row.facts.get("product_name"),
            "product_id": row.facts.get("product_id"),
        }
        for row, source, shop_id in rows
    ]
