"""Episodes: how a watch arrives, in a first import and after it."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

import pytest

from tests.support.rules import (
    LIMIT,
    POLICY,
    STOCK,
    T0,
    make_terms,
    price_after,
    priced,
    stock_after,
    stocked,
    version,
)
from worker.domain.episode import Observed, State, Why, advance
from worker.domain.model import Kind
from worker.domain.terms import Terms

# arrival after the first import


@pytest.mark.parametrize("seen", [[], [priced(1, "15")], [priced(1, "25")], [priced(1, None)]], ids=len)
def test_a_price_watch_arrives_armed_whatever_the_price(seen: Sequence[Observed]) -> None:
    assert price_after(None, version(1, LIMIT), *seen, in_force=None) == State(armed=True, why=Why.ARRIVAL)


def test_a_stock_watch_arrives_armed_where_the_product_was_out_of_stock() -> None:
    arrived = stock_after(None, version(1, STOCK), stocked(1, False, hours=-1), in_force=None)
    assert arrived == State(armed=True, why=Why.ARRIVAL)


def test_a_stock_watch_arrives_disarmed_where_the_product_was_in_stock() -> None:
    arrived = stock_after(None, version(1, STOCK), stocked(1, True, hours=-1), in_force=None)
    assert arrived == State(armed=False, why=Why.IN_STOCK_AT_ARRIVAL)


@pytest.mark.parametrize("seen", [[], [stocked(1, None)]], ids=["no observation", "an unreadable one"])
def test_a_stock_watch_of_a_product_nobody_observed_waits_for_the_first_observation(seen: Sequence[Observed]) -> None:
    assert stock_after(None, version(1, STOCK), *seen, in_force=None) == State(armed=False, why=Why.ARRIVING)


@pytest.mark.parametrize(("in_stock", "armed"), [(True, False), (False, True)])
def test_the_first_observation_of_a_product_is_only_the_baseline(in_stock: bool, armed: bool) -> None:
    waiting = State(armed=False, why=Why.ARRIVING)
    arrived = stock_after(waiting, stocked(1, None), stocked(2, in_stock))
    assert arrived is not None
    assert (arrived.armed, arrived.episode) == (armed, 1)


def test_a_stock_watch_that_was_out_of_stock_at_ctime_stays_armed_when_the_product_returns() -> None:
    arrived = stock_after(None, version(1, STOCK), stocked(1, False, hours=-1), stocked(2, True), in_force=None)
    assert arrived == State(armed=True, why=Why.ARRIVAL)


def test_an_arrival_is_judged_by_what_was_observed_at_ctime_and_not_before_it() -> None:
    arriving = stock_after(None, version(1, STOCK), in_force=None, known=stocked(1, True, hours=-9))
    assert arriving == State(armed=False, why=Why.ARRIVING)


# arrival in a first import; "quiet" says that conditions which hold then count as told


def test_in_a_quiet_first_import_a_price_that_is_below_the_limit_counts_as_told() -> None:
    arrived = price_after(None, version(1, LIMIT), priced(1, "15"), in_force=None, quiet=True)
    assert arrived == State(armed=False, why=Why.HELD_AT_IMPORT, last_notified_price=Decimal(15))


@pytest.mark.parametrize("price", ["20", "25", None, "0"])
def test_in_a_quiet_first_import_any_other_price_leaves_the_watch_armed(price: str | None) -> None:
    arrived = price_after(None, version(1, LIMIT), priced(1, price), in_force=None, quiet=True)
    assert arrived == State(armed=True, why=Why.ARRIVAL)


def test_in_a_quiet_first_import_the_price_watch_waits_for_the_first_price_in_its_currency() -> None:
    waiting = price_after(None, version(1, LIMIT), priced(1, "15", currency="USD"), in_force=None, quiet=True)
    assert waiting == State(armed=False, why=Why.ARRIVING)
    arrived = price_after(waiting, priced(2, "15"))
    assert arrived == State(armed=False, why=Why.HELD_AT_IMPORT, last_notified_price=Decimal(15))


def test_a_quiet_first_import_without_a_limit_of_ones_own_arms_at_the_price_that_becomes_the_limit() -> None:
    seen = priced(1, "15", hours=0)
    arrived = advance(
        Kind.PRICE, None, [version(1, make_terms(None)), seen],
        in_force=None, known=None, ctime=T0, quiet=True, policy=POLICY, base=[seen],
    )  # fmt: skip
    assert arrived == State(armed=True, why=Why.ARRIVAL, base_limit=Decimal(15), base_currency="EUR")


def test_a_quiet_first_import_arms_where_the_limit_is_not_known() -> None:
    arrived = price_after(None, version(1, make_terms(None)), priced(1, "15"), in_force=None, quiet=True)
    assert arrived == State(armed=True, why=Why.ARRIVAL)


def test_a_first_import_that_notifies_arms_a_price_that_is_below_the_limit() -> None:
    arrived = price_after(None, version(1, LIMIT), priced(1, "15"), in_force=None, quiet=False)
    assert arrived == State(armed=True, why=Why.ARRIVAL)


@pytest.mark.parametrize("quiet", [True, False])
@pytest.mark.parametrize(("in_stock", "armed"), [(True, False), (False, True)])
def test_a_stock_watch_arrives_the_same_in_any_first_import(quiet: bool, in_stock: bool, armed: bool) -> None:
    arrived = stock_after(None, version(1, STOCK), stocked(1, in_stock), in_force=None, quiet=quiet)
    assert arrived is not None
    assert arrived.armed == armed


@pytest.mark.parametrize("first", [None, make_terms(price=False), STOCK], ids=["rejected", "idle", "stock only"])
def test_what_a_later_version_asks_for_is_not_part_of_the_quiet_import(first: Terms | None) -> None:
    arrived = price_after(None, version(1, first), version(2, LIMIT, hours=1), priced(2, "15"), quiet=True)
    assert arrived == State(armed=True, why=Why.ARRIVAL)


def test_what_held_at_the_import_is_told_after_it_ended_and_began_again() -> None:
    held = State(armed=False, why=Why.HELD_AT_IMPORT, last_notified_price=Decimal(15))
    assert price_after(held, priced(2, "20")) == replace(held, armed=True, why=Why.ENDED, episode=2)


def test_what_held_at_the_import_is_told_when_the_price_drops_further() -> None:
    held = State(armed=False, why=Why.HELD_AT_IMPORT, last_notified_price=Decimal(15))
    assert price_after(held, priced(2, "14.26")) == held
    assert price_after(held, priced(2, "14.25")) == replace(held, armed=True, why=Why.FURTHER_DROP, episode=2)
