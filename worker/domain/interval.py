"""When a watch is active: [max(ctime, datestart), min(ctime + timeframe x 24 h, dateend)), half-open."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

_END_OF_TIME = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Interval:
    """A half-open stretch of time, aware UTC."""

    start: datetime
    end: datetime

    def __contains__(self, moment: datetime) -> bool:
        return self.start <= moment < self.end


def active_interval(
    *, ctime: datetime, timeframe_days: int, datestart: datetime | None, dateend: datetime | None
) -> Interval:
    """The interval counts from the relation's creation, which a PATCH never moves (seed, "Modify relations")."""
    try:
        end = ctime + timedelta(days=timeframe_days)
    except OverflowError:
        end = _END_OF_TIME
    return Interval(
        start=max(ctime, datestart) if datestart else ctime,
        end=min(end, dateend) if dateend else end,
    )
