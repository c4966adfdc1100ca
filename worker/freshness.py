"""Freshness: the last look before a mail leaves. Is everything it says still so?"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from worker.compose import recipient_of
from worker.domain.reasons import Reason
from worker.ledger import Finding, cancel, review
from worker.lens import make_lens
from worker.mail.facts import from_json
from worker.settings import Settings
from worker.store import tables

CHANGED = "facts_changed"
UNREAD = "customer_unread"


def recheck(
    session: Session, mails: Sequence[tables.Mail], now: datetime, settings: Settings, key: bytes
) -> list[str | None]:
    """For each mail None: send it. Otherwise the reason why not, with the mail settled in this session.

    A mail that was never submitted is cancelled where nothing of it is true any more, and superseded where anything it
    says changed; what is still true becomes pending again and is composed anew. A mail whose submission is ambiguous is
    never composed again: it is resent as it is where every item still holds, else held for the operator. A mail to a
    customer for whom the shop has not answered for `max_staleness_minutes` waits, unsettled.
    """
    rows: dict[int, list[tables.Notification]] = {mail.id: [] for mail in mails}
    for row in session.scalars(
        select(tables.Notification)
        .where(tables.Notification.mail_id.in_(list(rows)))
        .order_by(tables.Notification.id)
        .with_for_update()
    ):
        rows[row.mail_id or 0].append(row)
    customers = select(tables.Customer).where(tables.Customer.id.in_({mail.customer_id for mail in mails}))
    by_id = {customer.id: customer for customer in session.scalars(customers)}
    reasons: dict[int, str | None] = {
        mail.id: UNREAD for mail in mails if _long_unread(by_id[mail.customer_id], now, settings)
    }
    lens = make_lens(session, settings, key)
    asked = [mail for mail in mails if mail.id not in reasons]
    told = [row for mail in asked for row in rows[mail.id]]
    # All are found out before any is settled: what is cancelled changes what counts as told, never what is true now.
    findings = {finding.notification.id: finding for finding in review(session, told, lens, settings, now)}
    for mail in asked:
        mine = [findings[row.id] for row in rows[mail.id]]
        reasons[mail.id] = _judge(session, mail, by_id[mail.customer_id], mine, now, settings)
    return [reasons[mail.id] for mail in mails]


def _judge(
    session: Session,
    mail: tables.Mail,
    customer: tables.Customer,
    findings: Sequence[Finding],
    now: datetime,
    settings: Settings,
) -> str | None:
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
    if findings and not gone and same:
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
