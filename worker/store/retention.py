"""What may be forgotten: observations that no decision can still depend on, texts of old mails, rows of old runs."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlalchemy import case, delete, func, or_, select, update
from sqlalchemy.orm import Session, aliased

from worker.store import tables
from worker.store.among import among

_ENDED = ("sent", "failed", "expired", "cancelled", "superseded", "suppressed")


def forget_observations(session: Session, after: int, before: datetime, now: datetime, limit: int) -> tuple[int, int]:
    """Look at up to `limit` observations older than `before`, from the id `after` on, and delete those nobody needs.

    Kept are the newest of each reading, and what an active watch needs: the observation in force when it was created, all
    later ones, and the price that a mail names as the one before.
    Returns the last id looked at (`after` itself where there was none) and how many were deleted.
    """
    seen, reading = tables.Observation, tables.Reading
    rows = session.execute(
        select(seen.id, seen.reading_id, seen.series)
        .join(reading, reading.id == seen.reading_id)
        .where(seen.id > after, seen.seen_at < before, seen.id != reading.observation_id)
        .order_by(seen.id)
        .limit(limit)
    ).all()
    needs = _needs(session, {row.reading_id for row in rows}, now)
    gone = [row.id for row in rows if not needs[row.reading_id].includes(row.id, row.series)]
    session.execute(delete(seen).where(among(session, seen.id, gone)))
    return (rows[-1].id if rows else after), len(gone)


@dataclass(frozen=True, slots=True)
class _Need:
    """Which observations of one reading somebody needs."""

    series: int
    first: int | None
    """From this one on, in the series; None: nobody watches."""
    previous: int | None
    """And this one."""

    def includes(self, observation_id: int, series: int) -> bool:
        if series != self.series or self.first is None:
            return False
        return observation_id >= self.first or observation_id == self.previous


def _needs(session: Session, reading_ids: Collection[int], now: datetime) -> dict[int, _Need]:
    """By reading. Looked up once for each: a product may have as many watchers as there are old observations of it."""
    reading, relation = tables.Reading, tables.Relation
    mine = among(session, reading.id, reading_ids)
    begun = (
        select(relation.product_id, func.min(relation.ctime).label("at"))
        .where(
            relation.product_id.in_(select(reading.product_id).where(mine)),
            relation.retired_at.is_(None),
            relation.watch_currency.is_not(None),
            relation.ends_at > now,
        )
        .group_by(relation.product_id)
        .subquery()
    )
    earlier, before_now = aliased(tables.Observation), aliased(tables.Observation)
    in_force = (
        select(func.max(earlier.id))
        .where(earlier.reading_id == reading.id, earlier.seen_at <= begun.c.at)
        .correlate(reading, begun)
        .scalar_subquery()
    )
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
    first = case((begun.c.at.is_not(None), func.coalesce(in_force, 0)))
    rows = session.execute(
        select(reading.id, reading.series, first, previous)
        .outerjoin(begun, begun.c.product_id == reading.product_id)
        .where(mine)
    )
    return {reading_id: _Need(*need) for reading_id, *need in rows}


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
