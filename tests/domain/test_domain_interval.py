"""The active interval: [max(ctime, datestart), min(ctime + timeframe x 24 h, dateend))."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.rules import T0, at
from worker.domain.interval import Interval, active_interval

DAY = 24
MOMENT = timedelta.resolution


def interval(
    *, days: int = 30, start: datetime | None = None, end: datetime | None = None, ctime: datetime = T0
) -> Interval:
    return active_interval(ctime=ctime, timeframe_days=days, datestart=start, dateend=end)


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        (None, None, (T0, at(30 * DAY))),
        (at(-1), None, (T0, at(30 * DAY))),
        (at(1), None, (at(1), at(30 * DAY))),
        (T0, at(30 * DAY), (T0, at(30 * DAY))),
        (None, at(1), (T0, at(1))),
        (None, at(31 * DAY), (T0, at(30 * DAY))),
        (at(2), at(5), (at(2), at(5))),
    ],
)
def test_it_begins_with_the_later_start_and_ends_with_the_earlier_end(
    start: datetime | None, end: datetime | None, expected: tuple[datetime, datetime]
) -> None:
    found = interval(start=start, end=end)
    assert (found.start, found.end) == expected


def test_it_contains_its_start_and_not_its_end() -> None:
    found = Interval(T0, at(1))
    assert T0 - MOMENT not in found
    assert T0 in found
    assert at(1) - MOMENT in found
    assert at(1) not in found


@pytest.mark.parametrize("end", [T0, at(-1)])
def test_a_dateend_at_or_before_ctime_leaves_no_moment(end: datetime) -> None:
    found = interval(end=end)
    assert not any(moment in found for moment in (at(-2), end, T0, at(1)))


def test_a_datestart_after_the_timeframe_leaves_no_moment() -> None:
    found = interval(days=1, start=at(25))
    assert not any(moment in found for moment in (T0, at(23), at(24), at(25), at(26)))


def test_a_day_of_the_timeframe_is_24_hours_whatever_clocks_do() -> None:
    before_summer_time = datetime(2026, 3, 28, 23, 30, tzinfo=UTC)  # 00:30 in Berlin, in the night clocks go forward
    assert interval(days=1, ctime=before_summer_time).end - before_summer_time == timedelta(hours=24)


@pytest.mark.parametrize("ctime", [datetime(9999, 1, 1, tzinfo=UTC), datetime.max.replace(tzinfo=UTC)])
def test_an_end_after_the_year_9999_is_the_end_of_time(ctime: datetime) -> None:
    assert interval(days=3650, ctime=ctime) == Interval(ctime, datetime.max.replace(tzinfo=UTC))


def test_a_dateend_counts_where_the_timeframe_leaves_the_calendar() -> None:
    end = datetime(9999, 6, 1, tzinfo=UTC)
    assert interval(days=3650, ctime=datetime(9999, 1, 1, tzinfo=UTC), end=end).end == end


times = st.datetimes(min_value=datetime(1970, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - the zone is given beside it
maybe = st.none() | times
days = st.integers(1, 3650)


@settings(deadline=None)
@given(times, days, maybe, maybe, times)
def test_a_moment_is_inside_where_every_single_bound_allows_it(
    ctime: datetime, days: int, start: datetime | None, end: datetime | None, moment: datetime
) -> None:
    allowed = (
        moment >= ctime
        and (start is None or moment >= start)
        and moment - ctime < timedelta(days=days)
        and (end is None or moment < end)
    )
    assert (moment in active_interval(ctime=ctime, timeframe_days=days, datestart=start, dateend=end)) == allowed


near = st.integers(-40 * DAY, 40 * DAY).map(at)


@settings(deadline=None)
@given(near, st.integers(1, 40), st.none() | near, st.none() | near)
def test_its_ends_are_half_open_wherever_they_come_from(
    ctime: datetime, days: int, start: datetime | None, end: datetime | None
) -> None:
    found = active_interval(ctime=ctime, timeframe_days=days, datestart=start, dateend=end)
    assert found.end not in found
    assert found.start - MOMENT not in found
    if found.start < found.end:
        assert found.start in found
        assert found.end - MOMENT in found


@settings(deadline=None)
@given(near, st.integers(1, 40), st.none() | near, st.none() | near, near, near)
def test_a_further_bound_only_ever_takes_moments_away(
    ctime: datetime, days: int, start: datetime | None, end: datetime | None, bound: datetime, moment: datetime
) -> None:
    whole = active_interval(ctime=ctime, timeframe_days=days, datestart=start, dateend=end)
    for smaller in (
        active_interval(ctime=ctime, timeframe_days=days, datestart=max(start, bound) if start else bound, dateend=end),
        active_interval(ctime=ctime, timeframe_days=days, datestart=start, dateend=min(end, bound) if end else bound),
    ):
        assert moment in whole or moment not in smaller
