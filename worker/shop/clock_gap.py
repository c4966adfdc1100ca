"""How far a shop's clock is ahead of ours, by the Date header of its answers (RFC 9110, 6.6.1); shown, and bounds watermarks."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from worker.shop.http_date import http_date

_HALF_A_SECOND = timedelta(seconds=0.5)  # the header has whole seconds, cut off
_BELIEVED = timedelta(days=36_525)
"""Nobody's clock is a century away, and what is reckoned with must stay in the calendar."""


def _system_clock() -> datetime:
    return datetime.now(UTC)


class ClockGap:
    """The newest measurement of one shop; all sessions with it share one."""

    def __init__(self, clock: Callable[[], datetime] = _system_clock) -> None:
        self.value: timedelta | None = None
        """Shop minus ours, exact to about a second; None while unknown."""
        self.now = clock
        """Our time, aware."""

    def note(self, date: str | None, asked: datetime) -> None:
        """An answer whose Date header is given has just arrived; `asked` is when its request left."""
        told = http_date(date)
        if told is None:
            return
        gap = told - (asked + (self.now() - asked) / 2) + _HALF_A_SECOND
        if abs(gap) < _BELIEVED:
            self.value = gap
