"""What `watchpost status` tells: how fresh each shop's mirror is, what is watched, rejected, told, waiting and stuck."""

from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, case, func, select
from sqlalchemy.orm import Session

from worker.domain.reasons import SENTENCES
from worker.heartbeat import late
from worker.outbox_view import OPEN_STATES, stranded
from worker.settings import Settings
from worker.store import tables

_SENTENCES = {reason.value: sentence for reason, sentence in SENTENCES.items()}


def status(session: Session, settings: Settings, now: datetime) -> dict[str, Any]:
    """The whole state of an installation, ready for JSON."""
    return {
        "now": now,
        "switches": {
            row.name: {"since": row.changed_at, "reason": row.reason} for row in session.scalars(select(tables.Switch))
        },
        "late": [asdict(stage) for stage in late(session, settings, now)],
        "sources": {name: _source(session, settings, name, now) for name in sorted(settings.sources)},
        "notifications": _grouped(session, tables.Notification.state),
        "mails": _mails(session),
        "mails_of_unknown_sources": stranded(session, settings.sources),
        "suppressed_addresses": session.scalar(select(func.count()).select_from(tables.Suppression)),
        "runs": _last_runs(session, settings),
    }


def _source(session: Session, settings: Settings, name: str, now: datetime) -> dict[str, Any]:
    state = session.get(tables.SourceState, name)
    last = state.last_good_sync_at if state else None
    limit = timedelta(minutes=settings.sources[name].max_staleness_minutes)
    return {
        "last_good_sync": last,
        "stale": last is None or now - last > limit,
        "interface": settings.sources[name].interface,
        "clock_gap_seconds": state.clock_gap_seconds if state else None,
        "failures": state.failures if state else 0,
        "resting_until": state.resting_until if state and state.resting_until and state.resting_until > now else None,
        "compared_as_a_whole": state.reconciled_at if state else None,
        "customers": _customers(session, name),
        "relations": _relations(session, name, now),
        "rejected": _grouped(session, tables.Relation.rejected, *_rejected(name)),
        "rejected_relations": list(
            session.scalars(
                select(tables.Relation.shop_id).where(*_rejected(name)).order_by(tables.Relation.id).limit(20)
            )
        ),
    }


def rejections(session: Session, settings: Settings) -> list[dict[str, str | None]]:
    """Every relation in the shops' lists that can't be evaluated, with the reason code and a sentence."""
    relation = tables.Relation
    rows = session.execute(
        select(relation.source, relation.shop_id, relation.rejected, relation.defect_detail)
        .where(
            relation.source.in_(list(settings.sources)), relation.retired_at.is_(None), relation.rejected.is_not(None)
        )
        .order_by(relation.source, relation.rejected, relation.id)
    )
    return [
        {"relation": f"{source}:{shop_id}", "reason": reason, "why": defect or _SENTENCES.get(reason or "")}
        for source, shop_id, reason, defect in rows
    ]


def _rejected(name: str) -> tuple[ColumnElement[bool], ...]:
    relation = tables.Relation
    return relation.source == name, relation.retired_at.is_(None), relation.rejected.is_not(None)


def _customers(session: Session, name: str) -> dict[str, int]:
    row = session.execute(
        select(
            func.count().label("total"),
            func.count(tables.Customer.unread_since).label("unread"),
            func.coalesce(func.sum(case((tables.Customer.enabled, 0), else_=1)), 0).label("disabled"),
        ).where(tables.Customer.source == name)
    ).one()
    return {"total": row.total, "unread": row.unread, "disabled": int(row.disabled)}


def _relations(session: Session, name: str, now: datetime) -> dict[str, int]:
    relation = tables.Relation
    kind = case(
        (relation.retired_at.is_not(None), "retired"),
        (relation.product_id.is_(None), "not_a_watch"),
        (relation.rejected.is_not(None), "rejected"),
        (relation.watch_currency.is_(None), "idle"),
        (relation.ends_at <= now, "expired"),
        (relation.status != 1, "inactive"),
        else_="watching",
    )
    rows = session.execute(select(kind, func.count()).where(relation.source == name).group_by(kind).order_by(kind))
    return {str(state): int(count) for state, count in rows}


def _grouped(session: Session, column: Any, *where: ColumnElement[bool]) -> dict[str, int]:
    rows = session.execute(select(column, func.count()).where(*where).group_by(column).order_by(column))
    return {str(state): int(count) for state, count in rows}


def _mails(session: Session) -> dict[str, Any]:
    counts: dict[str, Any] = _grouped(session, tables.Mail.state)
    oldest = session.scalar(select(func.min(tables.Mail.created_at)).where(tables.Mail.state.in_(OPEN_STATES)))
    ambiguous = session.scalar(select(func.count()).select_from(tables.Mail).where(tables.Mail.ambiguous_attempts > 0))
    return {**counts, "ambiguous": ambiguous or 0, "oldest_open": oldest}


def _last_runs(session: Session, settings: Settings) -> list[dict[str, Any]]:
    newest = select(func.max(tables.Run.id)).group_by(tables.Run.stage, tables.Run.source)
    rows = session.scalars(
        select(tables.Run)
        .where(tables.Run.id.in_(newest), tables.Run.source.in_(["", *settings.sources]))
        .order_by(tables.Run.stage, tables.Run.source)
    )
    return [
        {
            "stage": row.stage,
            "source": row.source,
            "started": row.started_at,
            "seconds": row.seconds,
            "counts": row.counts,
            "error": row.error,
        }
        for row in rows
    ]
