"""Episodes: a notification that is cancelled before it was sent."""

from dataclasses import replace
from decimal import Decimal

from tests.support.rules import T0, at, make_terms, price_after, priced, version
from worker.domain.episode import State, Why, cancelled, fired

BEFORE = State(armed=True, why=Why.ENDED, episode=2, last_notified_at=at(-48), last_notified_price=Decimal(18))


def cancel(state: State, before: State) -> State:
    return cancelled(
        state,
        armed_by=before.why,
        previous_at=before.last_notified_at,
        previous_price=before.last_notified_price,
    )


def test_a_cancelled_notification_arms_a_new_episode_and_was_never_told() -> None:
    after = cancel(fired(BEFORE, at=T0, price=Decimal(15)), BEFORE)
    assert after == replace(BEFORE, why=Why.CANCELLED, episode=3)


def test_the_first_notification_cancelled_leaves_nothing_told() -> None:
    first = State(armed=True, why=Why.ARRIVAL)
    after = cancel(fired(first, at=T0, price=Decimal(15)), first)
    assert after == State(armed=True, why=Why.CANCELLED, episode=2)


def test_what_had_begun_with_a_further_drop_still_needs_one_after_its_cancellation() -> None:
    before = replace(BEFORE, why=Why.FURTHER_DROP)
    assert cancel(fired(before, at=T0, price=Decimal(15)), before) == replace(before, episode=3)


def test_an_end_seen_before_the_cancellation_makes_the_next_episode_an_ordinary_one() -> None:
    before = replace(BEFORE, why=Why.FURTHER_DROP)
    ended = price_after(fired(before, at=T0, price=Decimal(15)), priced(9, "25"))
    assert ended is not None
    assert cancel(ended, before) == replace(before, why=Why.CANCELLED, episode=4)


def test_a_patch_seen_before_the_cancellation_makes_the_next_episode_an_ordinary_one() -> None:
    before = replace(BEFORE, why=Why.FURTHER_DROP)
    patched = price_after(fired(before, at=T0, price=Decimal(15)), version(2, make_terms("19")))
    assert patched is not None
    assert cancel(patched, before) == replace(before, why=Why.CANCELLED, episode=4)


def test_a_second_further_drop_seen_before_the_cancellation_is_still_one() -> None:
    before = replace(BEFORE, why=Why.FURTHER_DROP)
    dropped = price_after(fired(before, at=T0, price=Decimal(15)), priced(9, "10"))
    assert dropped is not None
    assert cancel(dropped, before) == replace(before, episode=4)
