"""What becomes of notifications that fired but are not sent yet: is each still true, and how is one taken back?"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import case as sql_case
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from worker.describe import describe
from worker.domain.episode import Why, cancelled, dropped_further
from worker.domain.model import Kind
from worker.domain.reasons import Reason
from worker.domain.rules import Situation, no_longer_true
from worker.mail.facts import Item
from worker.settings import Settings
from worker.store import cases, tables
from worker.store.cases import Lens


@dataclass(frozen=True, slots=True)
class Finding:
    """A notification checked against the store: why it is no longer true, or what a mail would say now."""

    notification: tables.Notification
    gone: Reason | None
    item: Item | None


def review(
    session: Session, notifications: Sequence[tables.Notification], lens: Lens, settings: Settings, now: datetime
) -> list[Finding]:
    """Check relation, product, customer, price and stock again, as the store has them now."""
    by_relation = {
        case.relation.id: case
        for case in cases.load(session, sorted({row.relation_id for row in notifications}), lens, lock=True)
    }
    findings = []
    for row in notifications:
        case = by_relation[row.relation_id]
        kind = Kind(row.kind)
        watch = case.watches.get(kind)
        state = cases.state_of(watch) if watch else None
        seen = cases.situation(case, kind, state, lens)
        gone = no_longer_true(seen, now, lens.policy) or _drop_undone(row, seen, lens)
        item = None if gone else describe(session, case, seen, settings.sources[row.source])
        findings.append(Finding(row, gone, item))
    return findings


def _drop_undone(row: tables.Notification, seen: Situation, lens: Lens) -> Reason | None:
    """An episode that a further drop began is over when the price has gone back up to what the customer knows."""
    if row.armed_by != Why.FURTHER_DROP or seen.price is None:
        return None
    return None if dropped_further(seen.price, row.previous_price, lens.policy) else Reason.NO_FURTHER_DROP


def cancel(session: Session, notification: tables.Notification, reason: str, now: datetime) -> None:
    """Take a notification back before it was sent: its watch is armed again as if it had never fired."""
    notification.state, notification.reason, notification.settled_at = "cancelled", str(reason), now
    notification.mail_id = None
    watch = _watch_of(session, notification)
    notification.relation.unscanned = True  # what counts as told changes, and with it what holds
    state = cases.state_of(watch)
    if state.last_notified_at != notification.created_at:
        _leave_out(session, notification)
        return  # it fired again since; that later notification stands for itself
    after = cancelled(
        state,
        armed_by=Why(notification.armed_by),
        previous_at=notification.previous_at,
        previous_price=notification.previous_price,
    )
    watch.armed, watch.armed_by, watch.episode = after.armed, after.why.value, after.episode
    watch.last_notified_at, watch.last_notified_price = after.last_notified_at, after.last_notified_price


def _leave_out(session: Session, notification: tables.Notification) -> None:
    """The next notification follows on this one as told: now it follows on what was told before."""
    later = tables.Notification
    dropped = later.armed_by == Why.FURTHER_DROP.value  # further than what nobody was told of
    session.execute(
        update(later)
        .where(
            later.relation_id == notification.relation_id,
            later.kind == notification.kind,
            later.previous_at == notification.created_at,
        )
        .values(
            armed_by=sql_case((dropped, notification.armed_by), else_=later.armed_by),
            previous_at=notification.previous_at,
            previous_price=notification.previous_price,
        )
    )


def told(session: Session, notification: tables.Notification, item: Item) -> None:
    """A mail is composed that says `item`: the price in it is the one the customer will have been told."""
    watch = _watch_of(session, notification)
    if item.price is not None and watch.last_notified_at == notification.created_at:
        watch.last_notified_price = item.price.now


def _watch_of(session: Session, notification: tables.Notification) -> tables.Watch:
    return session.scalars(
        select(tables.Watch)
        .where(tables.Watch.relation_id == notification.relation_id, tables.Watch.kind == notification.kind)
        .with_for_update()
    ).one()
