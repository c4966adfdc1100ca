"""Episodes: what a PATCH does to a watch."""

from collections.abc import Sequence
from dataclasses import replace

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
    stock_terms,
    stocked,
    told,
    version,
)
from worker.domain.episode import Observed, State, Version, Why, advance, watches
from worker.domain.model import Kind
from worker.domain.terms import Terms


@pytest.mark.parametrize(
    "after",
    [make_terms("25"), make_terms("20.01"), make_terms(None), make_terms("20", currency="USD")],
    ids=["limit", "a cent", "no limit", "currency"],
)
@pytest.mark.parametrize("before", [told("15"), State(armed=True, why=Why.FURTHER_DROP)], ids=["told", "armed"])
def test_a_patch_of_the_limit_or_the_currency_arms_a_new_episode(before: State, after: Terms) -> None:
    assert price_after(before, version(2, after)) == replace(before, armed=True, why=Why.CHANGED, episode=2)


def test_a_patch_from_no_limit_to_one_of_ones_own_arms_a_new_episode() -> None:
    patched = price_after(told("15"), version(2, LIMIT), in_force=make_terms(None))
    assert patched == replace(told("15"), armed=True, why=Why.CHANGED, episode=2)


@pytest.mark.parametrize(
    "after",
    [LIMIT, make_terms("20.00"), make_terms(timeframe_days=60), make_terms(stock=True), make_terms(price=False), None],
    ids=["nothing", "zeros", "timeframe", "stock on", "price off", "illegible"],
)
def test_a_patch_of_anything_else_leaves_the_price_episode_as_it_is(after: Terms | None) -> None:
    assert price_after(told("15"), version(2, after)) == told("15")


def test_a_patch_that_switches_the_price_flag_on_arms_a_new_episode() -> None:
    patched = price_after(told("15"), version(2, make_terms(price=False)), version(3, LIMIT))
    assert patched == replace(told("15"), armed=True, why=Why.CHANGED, episode=2)


def test_a_patch_that_makes_an_illegible_relation_legible_switches_its_flags_on() -> None:
    patched = price_after(told("15"), version(2, LIMIT), in_force=None)
    assert patched == replace(told("15"), armed=True, why=Why.CHANGED, episode=2)


def test_a_price_flag_that_was_never_on_before_begins_the_first_episode() -> None:
    patched = price_after(None, version(1, STOCK), version(2, make_terms(stock=True)), in_force=None)
    assert patched == State(armed=True, why=Why.ARRIVAL)


@pytest.mark.parametrize(
    ("known", "armed", "why"),
    [
        (stocked(1, False), True, Why.ARRIVAL),
        (stocked(1, True), False, Why.IN_STOCK_AT_ARRIVAL),
        (stocked(1, None), False, Why.ARRIVING),
        (None, False, Why.ARRIVING),
    ],
)
def test_a_patch_that_switches_the_stock_flag_on_is_an_arrival_in_a_new_episode(
    known: Observed | None, armed: bool, why: Why
) -> None:
    for before in (
        State(armed=False, why=Why.FIRED, episode=4, last_notified_at=T0),
        State(armed=True, why=Why.ENDED, episode=4),
    ):
        patched = stock_after(before, version(3, STOCK), in_force=LIMIT, known=known)
        assert patched == replace(before, armed=armed, why=why, episode=5)


def test_what_was_seen_while_the_stock_flag_was_off_counts_at_its_switching_on() -> None:
    before = State(armed=False, why=Why.FIRED)
    patched = stock_after(
        before, version(2, LIMIT), stocked(2, False), version(3, STOCK, hours=3), known=stocked(1, True)
    )
    assert patched == State(armed=True, why=Why.ARRIVAL, episode=2)


@pytest.mark.parametrize(
    ("seen", "begun"),
    [
        ([stocked(1, False, hours=-1)], State(armed=True, why=Why.ARRIVAL)),
        ([stocked(1, True, hours=-1)], State(armed=False, why=Why.IN_STOCK_AT_ARRIVAL)),
        ([], State(armed=False, why=Why.ARRIVING)),
    ],
    ids=["out of stock", "in stock", "never seen"],
)
def test_a_stock_flag_that_was_never_on_before_begins_the_first_episode(seen: Sequence[Observed], begun: State) -> None:
    patch = version(2, make_terms(stock=True), hours=1)
    assert stock_after(None, version(1, LIMIT), *seen, patch, in_force=None) == begun


@pytest.mark.parametrize(
    "after",
    [STOCK, make_terms("5", stock=True), stock_terms(currency="USD"), stock_terms(timeframe_days=60), LIMIT, None],
)
def test_a_patch_of_anything_else_leaves_the_stock_episode_as_it_is(after: Terms | None) -> None:
    before = State(armed=False, why=Why.FIRED)
    assert stock_after(before, version(2, after), known=stocked(1, False)) == before


def test_while_a_flag_is_off_nothing_arms_its_watch() -> None:
    off = make_terms(price=False)
    assert price_after(told("15"), priced(2, "25"), in_force=off) == told("15")
    assert price_after(told("15"), priced(2, "25"), in_force=None) == told("15")
    assert stock_after(State(armed=False, why=Why.FIRED), stocked(2, False), in_force=off) == State(
        armed=False, why=Why.FIRED
    )


@pytest.mark.parametrize("kind", list(Kind))
def test_nothing_is_kept_of_a_relation_that_never_watched_the_kind(kind: Kind) -> None:
    other = STOCK if kind is Kind.PRICE else LIMIT
    events: list[Version | Observed] = [
        version(1, None),
        priced(1, "15"),
        stocked(2, False),
        version(2, other),
        priced(3, "5"),
    ]
    assert advance(kind, None, events, in_force=None, known=None, ctime=T0, quiet=False, policy=POLICY) is None


def test_a_kind_is_watched_where_its_flag_is_on() -> None:
    assert (watches(LIMIT, Kind.PRICE), watches(LIMIT, Kind.STOCK)) == (True, False)
    assert (watches(STOCK, Kind.PRICE), watches(STOCK, Kind.STOCK)) == (False, True)
    assert not watches(None, Kind.PRICE)
