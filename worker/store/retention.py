"""What may be forgotten: observations that no decision can still depend on, and rows of old runs."""

from datetime import datetime

from sqlalchemy import delete, func, or_, select
from sqlalchemy.orm import Session, aliased

from worker.store import tables


def forget_observations(session: Session, after: int, before: datetime, now: datetime, limit: int) -> tuple[int, int]:
    """Look at up to `limit` observations older than `before`, from the id `after` on, and delete those nobody needs.

    Kept are the newest of each reading, and what an active watch needs: the observation in force when it was created and
    all later ones. Returns the last id looked at (`after` itself where there was none) and how many were deleted.
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
    unneeded = or_(seen.series != reading.series, begun.is_(None), seen.id < in_force)
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


def forget_runs(session: Session, before: datetime) -> int:
    """Delete the rows of runs older than `before`, but never the last of a stage and source. Returns how many."""
    run = tables.Run
    newest = select(func.max(run.id)).group_by(run.stage, run.source)
    gone = session.scalars(delete(run).where(run.started_at < before, run.id.not_in(newest)).returning(run.id))
    return len(gone.all())
