"""What `watchpost explain` tells of one relation: every rule with its inputs, and all that was seen and sent."""

from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from worker.describe import describe
from worker.domain.model import Defect, Kind
from worker.domain.reasons import SENTENCES, Outcome, Reason
from worker.domain.rules import Check, Decision, decide, judge
from worker.errors import NotFoundError
from worker.lens import make_lens
from worker.mail.facts import Item
from worker.poison import is_poison
from worker.settings import Settings
from worker.store import cases, tables
from worker.store.cases import Case, Lens

_HISTORY = 20
_PUT_ASIDE = Decision(Outcome.REJECT, Reason.INTERNAL_ERROR)


def find(session: Session, source: str, shop_id: str) -> tables.Relation:
    """The newest generation of a relation. Raises NotFoundError."""
    row = session.scalar(
        select(tables.Relation)
        .where(tables.Relation.source == source, tables.Relation.shop_id == shop_id)
        .order_by(tables.Relation.generation.desc())
        .limit(1)
    )
    if row is None:
        raise NotFoundError(
            f"no relation {source}:{shop_id} is stored; check the id (customer.lists.id in the shop) "
            f"or run: watchpost sync {source}"
        )
    return row


def explain(
    session: Session, source: str, shop_id: str, settings: Settings, key: bytes, now: datetime
) -> dict[str, Any]:
    """Everything known about one relation, ready for JSON. Raises NotFoundError."""
    row = find(session, source, shop_id)
    lens = make_lens(session, settings, key)
    (case,) = cases.load(session, [row.id], lens)
    return {
        "relation": _relation(case),
        "customer": _customer(row.customer),
        "product": _product(row.product),
        "decisions": [_decision(case, kind, lens, now) for kind in Kind],
        "observations": _observations(session, case),
        "notifications": _notifications(session, row),
    }


def items(
    session: Session, source: str, shop_id: str, settings: Settings, key: bytes
) -> tuple[tables.Customer, list[Item]]:
    """What a mail about this relation would say now, whether or not it is due. Raises NotFoundError."""
    row = find(session, source, shop_id)
    lens = make_lens(session, settings, key)
    (case,) = cases.load(session, [row.id], lens)
    if isinstance(case.terms, Defect) or case.terms.idle or row.product is None:
        raise NotFoundError(f"relation {source}:{shop_id} has nothing to tell: {row.rejected or 'no flag is on'}")
    found = []
    for kind in Kind:
        if not (case.terms.price if kind is Kind.PRICE else case.terms.stock):
            continue
        seen = cases.situation(case, kind, cases.fold(case, kind, lens), lens)
        if kind is Kind.STOCK or seen.price is not None:
            found.append(describe(session, case, seen, settings.sources[source]))
    if not found:
        raise NotFoundError(f"relation {source}:{shop_id}: no price in {case.terms.currency} has been observed yet")
    return row.customer, found


def _decision(case: Case, kind: Kind, lens: Lens, now: datetime) -> dict[str, Any]:
    """What a scan would decide now; where it would trip over this watch, or did, that."""
    try:
        seen = cases.situation(case, kind, cases.fold(case, kind, lens), lens)
        checks = list(judge(seen, now, lens.policy))
        decision = decide(seen, now, lens.policy)
    except Exception as problem:
        if not is_poison(problem):
            raise
        checks = [Check("judged", {"error": type(problem).__name__}, Reason.INTERNAL_ERROR)]
        decision = _PUT_ASIDE
    if case.relation.rejected == Reason.INTERNAL_ERROR and decision.outcome is not Outcome.IDLE:
        decision = _PUT_ASIDE  # the scan comes back to it when something changes
    return {
        "kind": kind.value,
        "outcome": decision.outcome.value,
        "reason": decision.reason.value,
        "sentence": SENTENCES[decision.reason],
        "checks": [
            {
                "rule": check.rule,
                "passed": check.failed is None,
                "reason": check.failed.value if check.failed else None,
                "inputs": {name: value for name, value in check.inputs.items() if value is not None},
            }
            for check in checks
        ],
    }


def _relation(case: Case) -> dict[str, Any]:
    row = case.relation
    return {
        "source": row.source,
        "id": row.shop_id,
        "generation": row.generation,
        "domain": row.domain,
        "type": row.type,
        "refid": row.refid,
        "status": row.status,
        "config": row.config,
        "ctime": row.ctime,
        "ctime_is": "told by the shop" if row.ctime_exact else "the moment first seen",
        "datestart": row.datestart,
        "dateend": row.dateend,
        "ends_at": row.ends_at,
        "first_seen": row.first_seen_at,
        "last_seen": row.seen_at,
        "retired": row.retired_at,
        "version": row.version,
        "rejected": row.rejected,
        "defect": row.defect_detail or (case.terms.detail if isinstance(case.terms, Defect) else None),
    }


def _customer(row: tables.Customer) -> dict[str, Any]:
    """Without the address: explain is read over shoulders and pasted into tickets."""
    return {
        "id": row.shop_id,
        "account": row.account,
        "language": row.language,
        "enabled": row.enabled,
        "has_address": bool(row.email),
        "first_synced": row.first_synced_at,
        "unread_since": row.unread_since,
    }


def _product(row: tables.Product | None) -> dict[str, Any] | None:
    if row is None:
        return None
    return {
        "id": row.shop_id,
        "code": row.code,
        "label": row.label,
        "shown": row.enabled,
        "datestart": row.datestart,
        "dateend": row.dateend,
        "last_read": row.read_at,
    }


def _observations(session: Session, case: Case) -> list[dict[str, Any]]:
    readings = {row.id: row for row in case.readings.values()}
    rows = session.scalars(
        select(tables.Observation)
        .where(tables.Observation.reading_id.in_(list(readings)))
        .order_by(tables.Observation.id.desc())
        .limit(_HISTORY)
    )
    return [
        {
            "at": row.seen_at,
            "kind": readings[row.reading_id].kind,
            "currency": readings[row.reading_id].currency or None,
            "price": row.price,
            "in_stock": row.in_stock,
            "series": row.series,
        }
        for row in rows
    ]


def _notifications(session: Session, row: tables.Relation) -> list[dict[str, Any]]:
    rows = session.execute(
        select(tables.Notification, tables.Mail)
        .outerjoin(tables.Mail, tables.Mail.id == tables.Notification.mail_id)
        .where(tables.Notification.relation_id == row.id)
        .order_by(tables.Notification.id)
    )
    return [
        {
            "kind": notification.kind,
            "episode": notification.episode,
            "fired": notification.created_at,
            "state": notification.state,
            "reason": notification.reason,
            "mail": None
            if mail is None
            else {
                "id": mail.id,
                "state": mail.state,
                "reason": mail.reason,
                "attempts": mail.attempts,
                "ambiguous_attempts": mail.ambiguous_attempts,
                "next_attempt": mail.next_attempt_at,
                "settled": mail.settled_at,
            },
        }
        for notification, mail in rows
    ]
