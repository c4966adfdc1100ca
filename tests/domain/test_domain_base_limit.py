"""A watch without a limit of its own: any decrease below the price in force at ctime counts."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

import pytest

from tests.support.rules import LIMIT, POLICY, T0, at, make_situation, make_terms, money, priced, version
from worker.domain.episode import Observed, State, Version, Why, advance, base_price, limit_in_force, usable
from worker.domain.model import Kind
from worker.domain.reasons import Outcome
from worker.domain.rules import decide
from worker.domain.terms import Terms

ANY = make_terms(None)
ANY_USD = make_terms(None, currency="USD")


@pytest.mark.parametrize(
    ("seen", "base"),
    [
        ([], None),
        ([priced(1, "20", hours=-2)], "20"),
        ([priced(1, "20", hours=-2), priced(2, "18", hours=-1)], "18"),
        ([priced(1, "20", hours=-1), priced(2, "18", hours=0)], "18"),
        ([priced(1, "20", hours=-1), priced(2, "18", hours=1), priced(3, "16", hours=2)], "20"),
        ([priced(1, "18", hours=1), priced(2, "16", hours=2)], "18"),
        ([priced(1, None, hours=1), priced(2, "0", hours=2), priced(3, "16", hours=3)], "16"),
        ([priced(1, None, hours=-1), priced(2, "18", hours=1)], "18"),
        ([priced(1, "20", hours=-2), priced(2, None, hours=-1), priced(3, "18", hours=1)], "18"),
        ([priced(1, "20", hours=-2), priced(2, "0", hours=-1)], None),
        ([priced(1, "9", hours=-1, currency="USD"), priced(2, "18", hours=1)], "18"),
        ([priced(1, "20", hours=-1), priced(2, "9", hours=0, currency="USD")], "20"),
        ([priced(1, None, hours=1)], None),
    ],
)
def test_the_base_price_is_the_one_in_force_at_ctime_else_the_first_one_after(
    seen: Sequence[Observed], base: str | None
) -> None:
    assert base_price(seen, "EUR", T0) == money(base)


@pytest.mark.parametrize(
    ("price", "comparable"), [(None, False), ("0", False), ("0.00", False), ("-1", False), ("0.0001", True)]
)
def test_only_a_price_above_zero_can_be_compared(price: str | None, comparable: bool) -> None:
    assert usable(money(price)) == (money(price) if comparable else None)


def after(
    *events: Version | Observed,
    state: State | None = None,
    in_force: Terms | None = None,
    seen: Sequence[Observed] = (),
) -> State:
    """The watch after these events; `seen` is what had been observed before."""
    history = [*seen, *(event for event in events if isinstance(event, Observed))]
    found = advance(
        Kind.PRICE, state, events,
        in_force=in_force, known=None, ctime=T0, quiet=False, policy=POLICY, base=history,
    )  # fmt: skip
    assert found is not None
    return found


def base_of(state: State) -> tuple[Decimal | None, str | None]:
    return state.base_limit, state.base_currency


def test_it_is_stored_on_the_watch_and_stays_whatever_the_price_does() -> None:
    arrived = after(version(1, ANY), priced(1, "20", hours=-1))
    assert base_of(arrived) == (Decimal(20), "EUR")
    later = after(priced(2, "30"), priced(3, "10"), state=arrived, in_force=ANY)
    assert base_of(later) == (Decimal(20), "EUR")


def test_it_is_stored_as_soon_as_a_price_is_observed() -> None:
    arrived = after(version(1, ANY))
    assert base_of(arrived) == (None, None)
    assert limit_in_force(arrived, ANY) is None
    assert base_of(after(priced(1, None), priced(2, "20"), state=arrived, in_force=ANY)) == (Decimal(20), "EUR")


@pytest.mark.parametrize(
    ("price", "outcome"), [("19.9999", Outcome.FIRE), ("20", Outcome.WAIT), ("20.01", Outcome.WAIT)]
)
def test_any_decrease_below_it_fires(price: str, outcome: Outcome) -> None:
    state = after(version(1, ANY), priced(1, "20", hours=-1), priced(2, price))
    watch = replace(make_situation(ANY), state=state, price=Decimal(price))
    assert decide(watch, at(2), POLICY).outcome is outcome


def test_a_rise_to_it_arms_a_new_episode() -> None:
    told = State(
        armed=False, why=Why.FIRED, last_notified_price=Decimal(15), base_limit=Decimal(20), base_currency="EUR"
    )
    assert not after(priced(2, "19.99"), state=told, in_force=ANY).armed
    assert after(priced(2, "20"), state=told, in_force=ANY) == replace(told, armed=True, why=Why.ENDED, episode=2)


def test_a_limit_of_ones_own_needs_none() -> None:
    assert base_of(after(version(1, LIMIT), priced(1, "15", hours=-1))) == (None, None)


def test_a_patch_to_no_limit_goes_back_to_the_price_at_ctime() -> None:
    seen = [priced(1, "30", hours=-1), priced(2, "12", hours=5)]
    arrived = after(version(1, LIMIT), *seen)
    patched = after(version(2, ANY, hours=6), state=arrived, in_force=LIMIT, seen=seen)
    assert base_of(patched) == (Decimal(30), "EUR")
    assert (patched.armed, patched.why, patched.episode) == (True, Why.CHANGED, 2)


def test_a_patch_to_a_limit_and_back_finds_the_same_one() -> None:
    arrived = after(version(1, ANY), priced(1, "20", hours=-1))
    limited = after(version(2, LIMIT), priced(2, "10"), state=arrived, in_force=ANY)
    freed = after(version(3, ANY), state=limited, in_force=LIMIT)
    assert limit_in_force(limited, LIMIT) == LIMIT.limit
    assert limit_in_force(freed, ANY) == Decimal(20)


def test_another_currency_gets_one_of_its_own() -> None:
    seen = [
        priced(1, "20", hours=-1),
        priced(2, "25", hours=-1, currency="USD"),
        priced(3, "24", hours=2, currency="USD"),
    ]
    arrived = after(version(1, ANY), *seen)
    patched = after(version(2, ANY_USD, hours=3), state=arrived, in_force=ANY, seen=seen)
    assert base_of(patched) == (Decimal(25), "USD")


def test_another_currency_nobody_observed_waits_for_its_first_price() -> None:
    arrived = after(version(1, ANY), priced(1, "20", hours=-1))
    patched = after(version(2, ANY_USD, hours=3), state=arrived, in_force=ANY, seen=[priced(1, "20", hours=-1)])
    assert limit_in_force(patched, ANY_USD) is None
    seen = after(priced(2, "24", hours=4, currency="USD"), state=patched, in_force=ANY_USD)
    assert limit_in_force(seen, ANY_USD) == Decimal(24)


def test_a_price_in_another_currency_does_not_become_it() -> None:
    assert base_of(after(version(1, ANY), priced(1, "9", currency="USD"))) == (None, None)


def test_nothing_is_stored_while_the_price_is_not_watched() -> None:
    off = make_terms(None, price=False)
    arrived = after(version(1, ANY))
    switched_off = after(version(2, off), priced(2, "20"), state=arrived, in_force=ANY)
    assert base_of(switched_off) == (None, None)


def test_a_limit_is_unknown_where_the_watch_was_never_folded() -> None:
    assert limit_in_force(None, ANY) is None
    assert limit_in_force(None, LIMIT) == LIMIT.limit
