"""What may be forgotten: observations that no decision can still depend on, texts of old mails, rows of old runs."""

from datetime import datetime
from decimal import Decimal

from sqlalchemy import and_, delete, func, or_, select, update
from sqlalchemy.orm import Session, aliased

from worker.store import tables

_ENDED = ("sent", "failed", "expired", "cancelled", "superseded", "suppressed")


def forget_observations(session: Session, after: int, before: datetime, now: datetime, limit: int) -> tuple[int, int]:
    """Look at up to `limit` observations older than `before`, from the id `after` on, and delete those nobody needs.

    Kept are the newest of each reading, and what an active watch needs: the observation in force when it was created, all
    later ones, and the price that a mail names as the one before.
    Returns the last id looked at (`after` itself where there was none) and how many were deleted.
    """
    seen, earlier = tables.Observation, aliased(tables.Observation)
    reading, relation = tables.Reading, tables.Relation
    begun = (
        select(func.min(relation.ctime))
        .where(
            relation.product_id == reading.product_id,
            relation.retired_at.is_(None),
            relation.watch_currency.is_not(None),
            relation.ends_at > now,
        )
        .correlate(reading)
        .scalar_subquery()
    )
    in_force = (
        select(func.max(earlier.id))
        .where(earlier.reading_id == seen.reading_id, earlier.seen_at <= begun)
        .correlate(seen, reading)
        .scalar_subquery()
    )
    before_now = aliased(tables.Observation)
    previous = (  # as cases.previous_price finds it
        select(func.max(before_now.id))
        .where(
            before_now.reading_id == reading.id,
            before_now.series == reading.series,
            before_now.id < reading.observation_id,
            before_now.price > Decimal(0),
            or_(reading.price.is_(None), before_now.price != reading.price),
        )
        .correlate(reading)
        .scalar_subquery()
    )
    untold = and_(seen.id < in_force, seen.id.is_distinct_from(previous))
    unneeded = or_(seen.series != reading.series, begun.is_(None), untold)
    rows = session.execute(
        select(seen.id, unneeded)
        .join(reading, reading.id == seen.reading_id)
        .where(seen.id > after, seen.seen_at < before, seen.id != reading.observation_id)
        .order_by(seen.id)
        .limit(limit)
    ).all()
    gone = [observation_id for observation_id, may_go in rows if may_go]
    session.execute(delete(seen).where(seen.id.in_(gone)))
    return (rows[-1][0] if rows else after), len(gone)


def forget_texts(session: Session, after: int, before: datetime, limit: int) -> tuple[int, int]:
    """Empty the next `limit` mails that were settled before that time, from the id `after` on; what became of them stays.

    A held mail is not settled: its bytes are what an operator releases. Returns the last id (`after` itself where there was
    none) and how many were emptied.
    """
    mail = tables.Mail
    found = session.scalars(
        select(mail.id)
        .where(mail.id > after, mail.state.in_(_ENDED), mail.settled_at < before, func.length(mail.message) > 0)
        .order_by(mail.id)
        .limit(limit)
    ).all()
    gone = session.scalars(
        update(mail)
        .where(mail.id.in_(found), mail.state.in_(_ENDED))  # an operator may have retried one meanwhile
        .values(message=b"")
        .returning(mail.id),
        execution_options={"synchronize_session": False},
    ).all()
    return (found[-1] if found else after), len(gone)


def forget_runs(session: Session, before: datetime) -> int:
    """Delete the rows of runs older than `before`, but never the last of a stage and source. Returns how many."""
    run = tables.Run
    newest = select(func.max(run.id)).group_by(run.stage, run.source)
    gone = session.scalars(delete(run).where(run.started_at < before, run.id.not_in(newest)).returning(run.id))
    return len(gone.all())
