"""The retry schedule."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.domain.retry import delay

_MINUTES = [5, 15, 30, 60, 120, 240, 240]
jitters = st.floats(-1, 1)


@pytest.mark.parametrize(("attempt", "minutes"), list(enumerate(_MINUTES, start=1)))
def test_without_jitter_the_steps_are_those_of_the_schedule(attempt: int, minutes: int) -> None:
    assert delay(attempt, 0) == timedelta(minutes=minutes)


@given(st.integers(1, 100), jitters)
def test_jitter_moves_a_step_by_a_fifth_at_most(attempt: int, jitter: float) -> None:
    base = timedelta(minutes=_MINUTES[min(attempt, len(_MINUTES)) - 1])
    assert abs(delay(attempt, jitter) - base) <= base * 0.2 + timedelta(microseconds=1)


@given(st.integers(1, 100), jitters, jitters)
def test_the_wait_grows_with_the_jitter(attempt: int, one: float, other: float) -> None:
    low, high = sorted([one, other])
    assert delay(attempt, low) <= delay(attempt, high)


@given(st.integers(6, 10_000))
def test_from_the_sixth_on_it_is_every_four_hours(attempt: int) -> None:
    assert delay(attempt, 0) == timedelta(hours=4)


@pytest.mark.parametrize(("attempt", "jitter"), [(0, 0.0), (-1, 0.0), (1, 1.01), (1, -1.01), (1, float("nan"))])
def test_what_makes_no_sense_is_refused(attempt: int, jitter: float) -> None:
    with pytest.raises(ValueError, match=r"attempt|jitter"):
        delay(attempt, jitter)
