"""Watermarks and cursors: how far each resource of a source was read. Each is committed with the page it speaks of.

All times here are texts as the shop writes them, "YYYY-MM-DD HH:MM:SS", naive, in its zone: they are compared with the
shop's own, so neither a wrong zone in the settings nor a clock change can make a change slip through.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import delete
from sqlalchemy.orm import Session

from worker.store.mirror_tables import SyncPass

RELATIONS = "relations"
IDS = "relation_ids"

OVERLAP = timedelta(hours=2)
"""Asked for again each time: the hour that a clock change repeats, transactions that committed late, clocks that differ."""

_FORMAT = "%Y-%m-%d %H:%M:%S"
_SHOP_TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", re.ASCII)


@dataclass(frozen=True, slots=True)
class Plan:
    """What to ask for: everything, or what changed at or after `since`; from the start, or after a cursor."""

    since: str | None
    after: str | None
    started_at: datetime
    resumed: bool


def begin(
    session: Session, source: str, resource: str, now: datetime, *, resume_within: timedelta | None = None
) -> Plan:
    """Go on with the pass under way, or begin one. A pass older than `resume_within` is begun anew."""
    row = session.get(SyncPass, (source, resource))
    if row is None:
        row = SyncPass(source=source, resource=resource)
        session.add(row)
    if row.started_at is not None and (resume_within is None or now - row.started_at <= resume_within):
        return Plan(row.since, row.cursor, row.started_at, resumed=row.cursor is not None)
    row.started_at, row.since = now, _before(row.watermark)
    row.cursor = row.newest = row.ceiling = None
    return Plan(row.since, None, now, resumed=False)


def advance(session: Session, source: str, resource: str, *, cursor: str, newest: str | None, ceiling: str) -> None:
    """A page was stored. `ceiling` is the shop's clock as it was when this run began; the first one of a pass counts."""
    row = session.get_one(SyncPass, (source, resource))
    row.cursor = cursor
    row.ceiling = row.ceiling or ceiling
    if newest is not None and is_shop_time(newest):
        row.newest = max(row.newest or newest, newest)


def finish(session: Session, source: str, resource: str, now: datetime) -> None:
    """All pages were stored: the watermark moves up to what was seen, but never beyond the moment the pass began.

    What changes behind the cursor while a pass runs is thereby asked for again by the next one.
    """
    row = session.get_one(SyncPass, (source, resource))
    if row.newest is not None:
        reached = min(row.newest, row.ceiling or row.newest)
        row.watermark = max(row.watermark or reached, reached)
    row.started_at = row.cursor = row.since = row.newest = None
    row.finished_at = now


def start_from(session: Session, source: str, resource: str, watermark: str) -> None:
    """Give a resource that has no watermark yet its first one."""
    row = session.get(SyncPass, (source, resource))
    if row is None:
        row = SyncPass(source=source, resource=resource)
        session.add(row)
    row.watermark = row.watermark or watermark


def has_watermark(session: Session, source: str, resource: str) -> bool:
    """Whether the resource was ever read to its end."""
    row = session.get(SyncPass, (source, resource))
    return row is not None and row.watermark is not None


def ceiling_of(session: Session, source: str, resource: str) -> str | None:
    """The shop's clock when the newest pass began; None where it found nothing."""
    row = session.get(SyncPass, (source, resource))
    return row.ceiling if row else None


def is_under_way(session: Session, source: str, resource: str) -> bool:
    """Whether a pass was begun and not finished."""
    row = session.get(SyncPass, (source, resource))
    return row is not None and row.started_at is not None


def forget(session: Session, source: str, *resources: str) -> None:
    """Begin from nothing: what these resources (none named: all) show is read again as a whole."""
    query = delete(SyncPass).where(SyncPass.source == source)
    session.execute(query.where(SyncPass.resource.in_(resources)) if resources else query)


def shop_text(moment: datetime, zone: ZoneInfo) -> str:
    """A moment as the shop writes it."""
    return moment.astimezone(zone).strftime(_FORMAT)


def is_shop_time(text: str) -> bool:
    """Whether a text is a time as the shop writes it, so that it compares rightly."""
    if not _SHOP_TIME.fullmatch(text):
        return False
    try:
        datetime.strptime(text, _FORMAT)  # noqa: DTZ007 - naive on purpose, see above
    except ValueError:
        return False
    return True


def _before(watermark: str | None) -> str | None:
    if watermark is None:
        return None
    try:
        return (datetime.strptime(watermark, _FORMAT) - OVERLAP).strftime(_FORMAT)  # noqa: DTZ007
    except OverflowError:
        return None
