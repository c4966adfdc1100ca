"""Compose: puts a customer's pending notifications into one mail of frozen bytes. One transaction a customer."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from uuid import uuid4
from zoneinfo import ZoneInfo

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session
from structlog import get_logger

from worker import complaints, failpoints
from worker.errors import TemplateError
from worker.ledger import Finding, cancel, review, told
from worker.lens import make_lens
from worker.mail.address import Address, parse_address
from worker.mail.facts import Digest, Item, to_json
from worker.mail.message import build, letterhead, make_message_id
from worker.mail.render import Rendered, Renderer
from worker.poison import is_poison
from worker.progress import Progress, silent
from worker.settings import Settings
from worker.store import tables
from worker.store.cases import Lens
from worker.store.runs import record_run
from worker.store.session import Store

RETRY_WINDOW = timedelta(hours=48)
"""A mail is tried until the latest watch end in it, at most this long (ROBUSTNESS, "Retry")."""
_PAGE = 200
log = get_logger(__name__)


@dataclass(slots=True)
class ComposeCounts:
    """What a compose run did."""

    mails: int = 0
    notifications: int = 0
    cancelled: int = 0
    failed: int = 0
    errors: tuple[str, ...] = ()
    """Why mails could not be composed, one line each for the first; their notifications stay pending."""

    def add(self, done: "ComposeCounts") -> None:
        """Count a customer's mail that was committed."""
        self.mails += done.mails
        self.notifications += done.notifications
        self.cancelled += done.cancelled

    def fail(self, why: str) -> None:
        """Count a customer whose mail could not be composed."""
        self.failed += 1
        self.errors = complaints.first(self.errors, (why,))


def compose(
    store: Store, settings: Settings, renderer: Renderer, key: bytes, *, now: datetime, progress: Progress = silent
) -> ComposeCounts:
    """Compose every mail that is due. May run on many machines at once: rows are claimed."""
    counts = ComposeCounts()
    with record_run(store, "compose", "", now) as run:
        with store.read() as session:
            lens = make_lens(session, settings, key)
        after = 0
        while True:
            with store.read() as session:
                customers = list(session.scalars(_due(settings, now, after)))
            if not customers:
                break
            for customer_id in customers:
                try:
                    with store.begin() as session:
                        done = _compose_customer(session, customer_id, settings, renderer, lens, now)
                except TemplateError as problem:
                    counts.fail(str(problem))
                except Exception as problem:
                    if not is_poison(problem):
                        raise
                    shop_id = _shop_id(store, customer_id)
                    counts.fail(f"customer {shop_id}: {type(problem).__name__}")
                    log.exception("customer's mail put off", customer=shop_id)
                else:
                    failpoints.hit("compose.committed")
                    counts.add(done)
                progress("mails", counts.mails)
            after = customers[-1]
            run.counts = asdict(counts)
        run.counts = asdict(counts)
    return counts


def _shop_id(store: Store, customer_id: int) -> str:
    with store.read() as session:
        return session.get_one(tables.Customer, customer_id).shop_id


def _due(settings: Settings, now: datetime, after: int) -> Select[int]:
    """Customers whose oldest pending notification has waited long enough, ascending."""
    return (
        select(tables.Notification.customer_id)
        .where(
            tables.Notification.state == "pending",
            tables.Notification.customer_id > after,
            tables.Notification.source.in_(list(settings.sources)),
        )
        .group_by(tables.Notification.customer_id)
        .having(func.min(tables.Notification.created_at) <= _waited_since(settings, now))
        .order_by(tables.Notification.customer_id)
        .limit(_PAGE)
    )


def _waited_since(settings: Settings, now: datetime) -> datetime:
    """News as old as this has waited long enough for more."""
    return now - timedelta(seconds=settings.mail.digest_wait_seconds)


def _compose_customer(
    session: Session, customer_id: int, settings: Settings, renderer: Renderer, lens: Lens, now: datetime
) -> ComposeCounts:
    # One composer a customer: another would make a mail of its own of what is fired meanwhile.
    mine = select(tables.Customer).where(tables.Customer.id == customer_id)
    customer = session.scalar(mine.with_for_update(key_share=True, skip_locked=True))
    counts = ComposeCounts()
    if customer is None:
        return counts  # and locks nothing: what we locked, the other one would pass over
    pending = session.scalars(
        select(tables.Notification)
        .where(tables.Notification.customer_id == customer_id, tables.Notification.state == "pending")
        .order_by(tables.Notification.id)
        .with_for_update(skip_locked=True)
    ).all()
    if not pending or min(row.created_at for row in pending) > _waited_since(settings, now):
        return counts
    findings = review(session, pending, lens, settings, now)
    for finding in findings:
        if finding.gone is not None:
            cancel(session, finding.notification, finding.gone, now)
            counts.cancelled += 1
    true = [finding for finding in findings if finding.gone is None]
    if true:
        mail = draft(customer, true, settings, renderer, now)
        session.add(mail)
        session.flush()
        _bind(session, true, mail)
        counts.mails, counts.notifications = 1, len(true)
    return counts


def _bind(session: Session, findings: Sequence[Finding], mail: tables.Mail) -> None:
    for finding in findings:
        row, item = finding.notification, finding.item
        assert item is not None  # noqa: S101 - a finding that is not gone has one; this tells the type checker
        row.state, row.mail_id, row.facts = "mailed", mail.id, to_json(item)
        told(session, row, item)


def draft(
    customer: tables.Customer, findings: Sequence[Finding], settings: Settings, renderer: Renderer, now: datetime
) -> tables.Mail:
    """The mail row, not yet in the database. Raises TemplateError."""
    digest = digest_of(customer, [f.item for f in findings if f.item is not None], settings)
    rendered = renderer.render("watch", digest)
    recipient = recipient_of(customer, settings)
    message_id, message = draft_message(rendered, recipient, settings, now)
    until = max(finding.item.until for finding in findings if finding.item is not None)
    return tables.Mail(
        source=customer.source,
        customer_id=customer.id,
        state="pending",
        message_id=message_id,
        sender=letterhead(settings.mail).address.email,
        recipient=recipient.email,
        customer_email=customer.email,
        language=rendered.language,
        message=message,
        created_at=now,
        expires_at=min(until, now + RETRY_WINDOW),
        next_attempt_at=now,
    )


def recipient_of(customer: tables.Customer, settings: Settings) -> Address:
    """Whom the mail really goes to: the customer, or everybody's stand-in on a staging installation."""
    return parse_address(settings.mail.redirect_all_to or customer.email or "")


def draft_message(rendered: Rendered, recipient: Address, settings: Settings, now: datetime) -> tuple[str, bytes]:
    """A new Message-ID and the bytes of the message."""
    sender = settings.mail
    message_id = make_message_id(uuid4().hex, letterhead(sender).address.domain)
    staging = bool(sender.redirect_all_to)
    return message_id, build(
        rendered, sender=sender, recipient=recipient, message_id=message_id, date=now, staging=staging
    )


def digest_of(customer: tables.Customer, items: Sequence[Item], settings: Settings) -> Digest:
    """The letter that tells a customer of these items: one item a relation, at most `digest_max_items` shown."""
    shop = settings.sources[customer.source]
    merged = _merge(items)
    shown = merged[: settings.mail.digest_max_items]
    return Digest(
        language=customer.language or shop.language,
        salutation=customer.salutation,
        firstname=customer.firstname,
        lastname=customer.lastname,
        items=tuple(shown),
        more=len(merged) - len(shown),
        account_url=shop.account_url or None,
        shop_name=settings.mail.from_name,
        timezone=ZoneInfo(shop.timezone),
    )


def _merge(items: Sequence[Item]) -> list[Item]:
    """A relation with both kinds is one item, price and stock side by side."""
    by_relation: dict[str, list[Item]] = defaultdict(list)
    for item in items:
        by_relation[item.relation_id].append(item)
    merged = []
    for parts in by_relation.values():
        price = next((part.price for part in parts if part.price is not None), None)
        costs = parts[0].costs if price is None else None
        merged.append(replace(parts[0], price=price, costs=costs, stock=any(part.stock for part in parts)))
    return merged
