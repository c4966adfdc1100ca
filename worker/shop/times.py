"""The shop's naive local times and our aware UTC."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

from worker.domain.model import Json

_TIME = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)"
    r"(?:[ T](\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?(?:(Z)|([+-])(\d\d):?(\d\d))?)?",
    re.ASCII,
)
_WRITTEN = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", re.ASCII)


def latest(times: Iterable[Json]) -> str | None:
    """The latest of naive times as the shop writes them, as text; anything else is passed over."""
    found = ""
    for time in times:
        if isinstance(time, str) and time > found and _WRITTEN.fullmatch(time):
            found = time
    return found or None


def parse_time(value: Json, zone: ZoneInfo, *, later: bool = False) -> datetime | None:
    """`YYYY-MM-DD HH:mm:ss` of the shop's time zone as UTC; None for null. Raises ValueError that says why.

    Also read: a bare date (midnight), `T` between date and time, and a trailing `Z` or offset, which then counts instead
    of the zone. Where clocks are set back, a time occurs twice: the earlier moment is taken, or with `later` the later one
    (for ends, so that a customer never loses the hour). Where clocks are set forward, a time that does not exist moves
    forward by the length of the gap (PEP 495, fold=0).
    """
    if value is None:
        return None
    if isinstance(value, str) and _is_usual(value):
        try:
            return _from_zone(datetime.fromisoformat(value), zone, later)
        except (ValueError, OverflowError):
            pass  # what follows says why
    match = _TIME.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError("not a time such as 2026-01-31 00:00:00")
    year, month, day, hour, minute, second = (int(part or 0) for part in match.group(1, 2, 3, 4, 5, 6))
    micro = int((match.group(7) or "").ljust(6, "0"))
    naive = datetime(year, month, day, hour, minute, second, micro)  # noqa: DTZ001 - gets its zone below
    try:
        if match.group(8) or match.group(9):
            return (naive - _offset(match)).replace(tzinfo=UTC)
        return _from_zone(naive, zone, later)
    except OverflowError:
        raise ValueError("a time outside the calendar in UTC") from None


def _is_usual(value: str) -> bool:
    """`YYYY-MM-DD HH:mm:ss`, as nearly all times of a shop are; `fromisoformat` is fast, but takes other spellings, too."""
    return (
        len(value) == 19
        and value[4] == value[7] == "-"
        and value[10] == " "
        and value[13] == value[16] == ":"
        and value[11:13] < "24"  # midnight to some Pythons
    )


def _offset(match: re.Match[str]) -> timedelta:
    if match.group(8):
        return timedelta(0)
    hours, minutes = int(match.group(10)), int(match.group(11))
    offset = timedelta(hours=hours, minutes=minutes)
    timezone(offset)  # raises ValueError for a day or more
    return -offset if match.group(9) == "-" else offset


def _from_zone(naive: datetime, zone: ZoneInfo, later: bool) -> datetime:
    first = naive.replace(tzinfo=zone)
    if later:
        second = first.replace(fold=1)
        if _offset_of(first) > _offset_of(second):
            return second.astimezone(UTC)
    return first.astimezone(UTC)


def _offset_of(moment: datetime) -> timedelta:
    return moment.utcoffset() or timedelta(0)
