"""Watermarks and cursors: how far each resource of a source was read. Each is committed with the page it speaks of.

All times here are texts as the shop writes them, "YYYY-MM-DD HH:MM:SS", naive, in its zone: they are compared with the
shop's own, so neither a wrong zone in the settings nor a clock change can make a change slip through.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import delete, update
from sqlalchemy.orm import Session

from worker.store.mirror_tables import SyncPass

RELATIONS = "relations"
IDS = "relation_ids"

OVERLAP = timedelta(hours=2)
"""Asked for again each time: the hour that a clock change repeats, transactions that committed late, clocks that differ."""

_FARTHEST_ZONES = timedelta(hours=26)
"""No two time zones are farther apart: so far the zone in the settings may be wrong."""

_FORMAT = "%Y-%m-%d %H:%M:%S"
_SHOP_TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", re.ASCII)


@dataclass(frozen=True, slots=True)
class Plan:
    """What to ask for: everything, or what changed at or after `since`; from the start, or after a cursor."""

    since: str | None
    after: str | None
    started_at: datetime
    resumed: bool

    @property
    def is_whole(self) -> bool:
        """Whether it asks for everything."""
        return self.since is None


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


def finish(session: Session, source: str, resource: str, now: datetime, *, ceiling: str) -> None:
    """All pages were stored: move the watermark. `ceiling` counts where there was no page."""
    row = session.get_one(SyncPass, (source, resource))
    row.ceiling = row.ceiling or ceiling
    row.watermark, row.anchor = _reached(row, row.ceiling), row.ceiling
    row.latest = max(filter(None, (row.latest, row.newest)), default=None)
    row.started_at = row.cursor = row.since = row.newest = None
    row.finished_at = now


def _reached(row: SyncPass, ceiling: str) -> str | None:
    """A time the shop's clock had certainly passed when the pass began, in the shop's own terms.

    What changes later, behind the cursor of this pass included, gets an mtime after it. The first pass knows what it saw.
    From then on the shop's clock has at least come to what was seen before, and goes on like any clock: so the watermark
    moves on with time, whatever zone the shop really is in, and an old burst of changes is not read for ever.
    """
    certain = _plus(ceiling, -_FARTHEST_ZONES)
    if row.watermark is None:
        return None if row.newest is None else min(max(row.newest, certain), ceiling)
    moved = _plus(row.watermark, _time(ceiling) - _time(row.anchor)) if row.anchor else row.watermark
    return min(max(row.latest or moved, moved, certain), ceiling)


def start_from(session: Session, source: str, resource: str, watermark: str) -> None:
    """Give a resource that has no watermark yet its first one."""
    row = session.get(SyncPass, (source, resource))
    if row is None:
        row = SyncPass(source=source, resource=resource)
        session.add(row)
    if row.watermark is None:
        row.watermark = row.anchor = watermark


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
    """Begin from nothing: what these resources show is read again as a whole."""
    session.execute(delete(SyncPass).where(SyncPass.source == source, SyncPass.resource.in_(resources)))


def begin_anew(session: Session, source: str) -> None:
    """All relations are read again, and every pass under way begins anew: its cursor may mean nothing any more.

    What else changed is told since the same time as before: the shop's clock is the same whatever it is read through, and
    what changed before that was not all read.
    """
    forget(session, source, RELATIONS, IDS)
    under_way = {"started_at": None, "cursor": None, "since": None, "newest": None, "ceiling": None}
    session.execute(update(SyncPass).where(SyncPass.source == source).values(under_way))


def forget_anchors(session: Session, source: str) -> None:
    """The shop's clock is read in another zone now: how far it went on since the last passes can't be told."""
    session.execute(update(SyncPass).where(SyncPass.source == source).values(anchor=None))


def shop_text(moment: datetime, zone: ZoneInfo) -> str:
    """A moment as the shop writes it."""
    return moment.astimezone(zone).strftime(_FORMAT)


def is_shop_time(text: str) -> bool:
    """Whether a text is a time as the shop writes it, so that it compares rightly."""
    if not _SHOP_TIME.fullmatch(text):
        return False
    try:
        _time(text)
    except ValueError:
        return False
    return True


def _before(watermark: str | None) -> str | None:
    return None if watermark is None else _plus(watermark, -OVERLAP)


def _time(text: str) -> datetime:
    return datetime.strptime(text, _FORMAT)  # noqa: DTZ007 - naive on purpose, see above


def _plus(text: str, by: timedelta) -> str:
    try:
        return (_time(text) + by).strftime(_FORMAT)
    except OverflowError:
        return text
