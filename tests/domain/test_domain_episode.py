"""Episodes: firing disarms a watch; its condition's end or a further drop arms it again."""

from dataclasses import replace
from decimal import Decimal

import pytest

from tests.support.rules import POLICY, T0, at, make_terms, price_after, priced, stock_after, stocked, told
from worker.domain.episode import Policy, State, Why, dropped_further, fired

# firing


def test_firing_disarms_and_remembers_when_and_at_which_price() -> None:
    armed = State(armed=True, why=Why.ENDED, episode=3, base_limit=Decimal(30), base_currency="EUR")
    assert fired(armed, at=at(5), price=Decimal(15)) == State(
        armed=False,
        why=Why.FIRED,
        episode=3,
        last_notified_at=at(5),
        last_notified_price=Decimal(15),
        base_limit=Decimal(30),
        base_currency="EUR",
    )


def test_firing_a_stock_watch_remembers_no_price() -> None:
    assert fired(State(armed=True, why=Why.ARRIVAL), at=at(5), price=None).last_notified_price is None


def test_firing_without_a_price_keeps_the_one_that_was_told_before() -> None:
    before = State(armed=True, why=Why.ENDED, last_notified_price=Decimal(15))
    assert fired(before, at=at(5), price=None).last_notified_price == Decimal(15)


# the condition ended


@pytest.mark.parametrize("price", ["20", "20.00", "25"])
def test_a_price_at_or_above_the_limit_arms_a_new_episode(price: str) -> None:
    assert price_after(told("15"), priced(2, price)) == replace(told("15"), armed=True, why=Why.ENDED, episode=2)


@pytest.mark.parametrize("price", ["19.99", "16", "14.50", None, "0", "-1"])
def test_a_price_below_the_limit_or_none_at_all_leaves_the_episode_as_it_is(price: str | None) -> None:
    assert price_after(told("15"), priced(2, price)) == told("15")


def test_a_product_seen_out_of_stock_arms_a_new_episode() -> None:
    state = State(armed=False, why=Why.FIRED, last_notified_at=T0)
    assert stock_after(state, stocked(2, False)) == replace(state, armed=True, why=Why.ENDED, episode=2)


@pytest.mark.parametrize("why", [Why.FIRED, Why.IN_STOCK_AT_ARRIVAL])
@pytest.mark.parametrize("in_stock", [True, None])
def test_a_product_still_in_stock_or_illegible_leaves_the_episode_as_it_is(why: Why, in_stock: bool | None) -> None:
    state = State(armed=False, why=why)
    assert stock_after(state, stocked(2, in_stock)) == state


def test_a_watch_that_was_in_stock_at_its_arrival_is_armed_once_the_product_is_gone() -> None:
    state = State(armed=False, why=Why.IN_STOCK_AT_ARRIVAL)
    assert stock_after(state, stocked(2, False)) == State(armed=True, why=Why.ENDED, episode=2)


def test_an_end_between_two_scans_counts_although_no_scan_saw_it() -> None:
    arms = price_after(told("15"), priced(2, "25"), priced(3, "16"))
    assert arms == replace(told("15"), armed=True, why=Why.ENDED, episode=2)
    gone = stock_after(State(armed=False, why=Why.FIRED), stocked(2, False), stocked(3, True))
    assert gone == State(armed=True, why=Why.ENDED, episode=2)


def test_an_armed_watch_stays_in_its_episode_however_often_the_condition_ends() -> None:
    armed = State(armed=True, why=Why.ARRIVAL)
    prices = [priced(number, price) for number, price in enumerate(["25", "15", "25", "15"])]
    assert price_after(armed, *prices) == armed
    assert stock_after(armed, *(stocked(number, bool(number % 2)) for number in range(4))) == armed


def test_a_price_in_another_currency_is_never_compared() -> None:
    assert price_after(told("15"), priced(2, "99", currency="USD"), priced(3, "1", currency="USD")) == told("15")


def test_while_the_limit_is_not_known_nothing_is_compared() -> None:
    assert price_after(told("15"), priced(2, "25"), priced(3, "1"), in_force=make_terms(None)) == told("15")


# a further drop


@pytest.mark.parametrize(
    ("price", "percent", "arms"),
    [
        ("95", "5", True),
        ("95.0001", "5", False),
        ("94.99", "5", True),
        ("99.9999", "0", True),
        ("100", "0", False),
        ("90", "10", True),
        ("90.01", "10", False),
        ("66.6600", "33.34", True),
        ("66.6601", "33.34", False),
    ],
)
def test_a_drop_by_the_percentage_below_the_price_told_arms_a_new_episode(price: str, percent: str, arms: bool) -> None:
    after = price_after(
        told("100"),
        priced(2, price),
        in_force=make_terms("120"),
        policy=Policy(further_drop_percent=Decimal(percent)),
    )
    assert after == (replace(told("100"), armed=True, why=Why.FURTHER_DROP, episode=2) if arms else told("100"))


def test_a_further_drop_is_computed_without_rounding() -> None:
    state = told("999999999999.9999")
    terms = make_terms("9999999999999")
    exact = Decimal("999999999999.9999") * Decimal("0.95")
    assert exact == Decimal("949999999999.999905")
    above = price_after(state, priced(2, "949999999999.9999"), in_force=terms)
    assert above is not None
    assert above.armed
    assert price_after(state, priced(2, "950000000000.0000"), in_force=terms) == state


def test_without_a_price_that_was_told_no_price_is_a_further_drop() -> None:
    assert not dropped_further(Decimal("0.01"), None, POLICY)


def test_a_drop_between_two_scans_counts_only_while_it_lasts_but_keeps_its_episode() -> None:
    after = price_after(told("100"), priced(2, "90"), priced(3, "99"), in_force=make_terms("120"))
    assert after == replace(told("100"), armed=True, why=Why.FURTHER_DROP, episode=2)


def test_small_drops_add_up_against_the_price_that_was_told() -> None:
    after = price_after(told("100"), priced(2, "98"), priced(3, "96"), priced(4, "95"), in_force=make_terms("120"))
    assert after == replace(told("100"), armed=True, why=Why.FURTHER_DROP, episode=2)


def test_a_price_at_the_limit_turns_an_arming_by_a_further_drop_into_an_ordinary_one() -> None:
    armed = State(armed=True, why=Why.FURTHER_DROP, episode=2, last_notified_price=Decimal(100))
    after = price_after(armed, priced(3, "120"), in_force=make_terms("120"))
    assert after == replace(armed, why=Why.ENDED)
