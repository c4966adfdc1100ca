"""Freshness: the last look before a mail leaves. Is everything it says still so?"""

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from worker.compose import recipient_of
from worker.domain.reasons import Reason
from worker.ledger import cancel, review
from worker.lens import make_lens
from worker.mail.facts import from_json
from worker.settings import Settings
from worker.store import tables

CHANGED = "facts_changed"
UNREAD = "customer_unread"


def recheck(session: Session, mail: tables.Mail, now: datetime, settings: Settings, key: bytes) -> str | None:
    """None: send it. Otherwise the reason why not, with the mail settled in this session.

    A mail that was never submitted is cancelled where nothing of it is true any more, and superseded where anything it
    says changed; what is still true becomes pending again and is composed anew. A mail whose submission is ambiguous is
    never composed again: it is resent as it is where every item still holds, else held for the operator. A mail to a
    customer for whom the shop has not answered for `max_staleness_minutes` waits, unsettled.
    """
    rows = session.scalars(
        select(tables.Notification)
        .where(tables.Notification.mail_id == mail.id)
        .order_by(tables.Notification.id)
        .with_for_update()
    ).all()
    customer = session.get_one(tables.Customer, mail.customer_id)
    if _long_unread(customer, now, settings):
        return UNREAD
    findings = review(session, rows, make_lens(session, settings, key), settings, now)
    gone = [finding.gone for finding in findings if finding.gone is not None]
    same_person = customer.email == mail.customer_email and (
        bool(gone) or recipient_of(customer, settings).email == mail.recipient
    )
    if mail.ambiguous_attempts:
        if gone or not same_person:
            return _settle(mail, "held", gone[0].value if gone else CHANGED, now)
        return None
    same = same_person and all(
        finding.item == from_json(finding.notification.facts) for finding in findings if finding.item is not None
    )
    if rows and not gone and same:
        return None
    for finding in findings:
        if finding.gone is not None:
            cancel(session, finding.notification, finding.gone, now)
        else:
            finding.notification.state, finding.notification.mail_id = "pending", None
    if len(gone) == len(findings):
        return _settle(mail, "cancelled", (gone[0] if gone else Reason.RETIRED).value, now)
    return _settle(mail, "superseded", gone[0].value if gone else CHANGED, now)


def _long_unread(customer: tables.Customer, now: datetime, settings: Settings) -> bool:
    limit = timedelta(minutes=settings.sources[customer.source].max_staleness_minutes)
    return customer.unread_since is not None and now - customer.seen_at > limit


def _settle(mail: tables.Mail, state: str, reason: str, now: datetime) -> str:
    mail.state, mail.reason, mail.settled_at = state, reason, now
    mail.lease_token = mail.lease_until = None
    return reason
