"""The decision: every rule alone, with the moments and values at which it changes sides."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from tests.support.rules import POLICY, T0, at, make_situation, make_terms, money, stock_terms
from worker.domain.episode import Policy, State, Why
from worker.domain.interval import Interval
from worker.domain.model import Defect, Kind
from worker.domain.reasons import Outcome, Reason
from worker.domain.rules import Decision, Situation, decide, holds, interval_of

NOW = at(1)
MOMENT = timedelta.resolution
ARMED = State(armed=True, why=Why.ARRIVAL)

PRICE = make_situation()
STOCK = make_situation(kind=Kind.STOCK)
FIRES = {Kind.PRICE: Reason.PRICE_BELOW_LIMIT, Kind.STOCK: Reason.BACK_IN_STOCK}
EITHER = pytest.mark.parametrize("fits", [PRICE, STOCK], ids=["price", "stock"])


def decision(situation: Situation, policy: Policy = POLICY) -> tuple[Outcome, Reason]:
    found = decide(situation, NOW, policy)
    return found.outcome, found.reason


def waits(situation: Situation, policy: Policy = POLICY) -> Reason:
    outcome, reason = decision(situation, policy)
    assert outcome is Outcome.WAIT, reason
    return reason


def fires(situation: Situation, policy: Policy = POLICY) -> bool:
    outcome, reason = decision(situation, policy)
    assert (outcome is Outcome.FIRE) == (reason is FIRES[situation.kind])
    return outcome is Outcome.FIRE


@EITHER
def test_a_watch_for_which_everything_fits_fires(fits: Situation) -> None:
    assert decide(fits, NOW, POLICY) == Decision(Outcome.FIRE, FIRES[fits.kind])


# the relation


@EITHER
def test_what_is_no_product_watch_has_nothing_to_do(fits: Situation) -> None:
    assert decision(replace(fits, is_watch=False)) == (Outcome.IDLE, Reason.NOT_A_WATCH)


@EITHER
@pytest.mark.parametrize(
    ("code", "reason"),
    [(reason.value, reason) for reason in Reason if reason.value.startswith("bad_")]
    + [("bad_date", Reason.UNREADABLE), ("no_refid", Reason.UNREADABLE), ("", Reason.UNREADABLE)],
)
def test_an_illegible_relation_is_rejected_with_its_reason(fits: Situation, code: str, reason: Reason) -> None:
    assert decision(replace(fits, terms=Defect(code, "x='y'"))) == (Outcome.REJECT, reason)


def test_a_kind_whose_flag_is_off_is_idle() -> None:
    assert decision(replace(PRICE, terms=stock_terms())) == (Outcome.IDLE, Reason.IDLE)
    assert decision(replace(STOCK, terms=make_terms())) == (Outcome.IDLE, Reason.IDLE)


@EITHER
def test_a_watch_of_both_kinds_fires_for_each(fits: Situation) -> None:
    assert fires(replace(fits, terms=make_terms(stock=True)))


@EITHER
@pytest.mark.parametrize("ahead", [timedelta(seconds=300) + MOMENT, timedelta(days=1), timedelta(days=9000)])
def test_a_relation_from_the_future_is_rejected(fits: Situation, ahead: timedelta) -> None:
    assert decision(replace(fits, ctime=NOW + ahead)) == (Outcome.REJECT, Reason.FUTURE_CTIME)


@EITHER
@pytest.mark.parametrize("ahead", [MOMENT, timedelta(seconds=300)])
def test_a_shop_clock_five_minutes_ahead_makes_it_wait_until_then(fits: Situation, ahead: timedelta) -> None:
    early = replace(fits, ctime=NOW + ahead)
    assert waits(early) is Reason.NOT_STARTED
    assert decide(early, NOW + ahead, POLICY).outcome is Outcome.FIRE


def test_the_allowed_skew_is_a_setting() -> None:
    ahead = replace(PRICE, ctime=NOW + timedelta(seconds=11))
    assert decision(ahead, Policy(clock_skew_seconds=Decimal(10))) == (Outcome.REJECT, Reason.FUTURE_CTIME)
    assert waits(ahead, Policy(clock_skew_seconds=Decimal(11))) is Reason.NOT_STARTED


@EITHER
def test_a_relation_that_vanished_from_the_shop_waits(fits: Situation) -> None:
    assert waits(replace(fits, retired=True)) is Reason.RETIRED


@EITHER
@pytest.mark.parametrize("status", [0, -1, -2, 2])
def test_only_status_one_is_active(fits: Situation, status: int) -> None:
    assert waits(replace(fits, status=status)) is Reason.INACTIVE


@EITHER
def test_nothing_fires_before_the_first_sync_of_the_customer_has_completed(fits: Situation) -> None:
    assert waits(replace(fits, synced=False)) is Reason.NOT_SYNCED


# the active interval


@EITHER
def test_it_fires_from_datestart_on(fits: Situation) -> None:
    assert waits(replace(fits, datestart=NOW + MOMENT)) is Reason.NOT_STARTED
    assert fires(replace(fits, datestart=NOW))


@EITHER
def test_it_fires_until_before_dateend(fits: Situation) -> None:
    assert waits(replace(fits, dateend=NOW)) is Reason.EXPIRED
    assert fires(replace(fits, dateend=NOW + MOMENT))


@EITHER
def test_it_fires_until_before_the_timeframe_is_over(fits: Situation) -> None:
    month = timedelta(days=30)
    assert waits(replace(fits, ctime=NOW - month)) is Reason.EXPIRED
    assert fires(replace(fits, ctime=NOW - month + MOMENT))


@EITHER
def test_it_fires_from_the_moment_it_was_created(fits: Situation) -> None:
    assert fires(replace(fits, ctime=NOW))


def test_the_interval_is_told_for_a_legible_watch_only() -> None:
    assert interval_of(replace(PRICE, dateend=at(5))) == Interval(T0, at(5))
    assert interval_of(replace(PRICE, datestart=at(2))) == Interval(at(2), at(30 * 24))
    assert interval_of(replace(PRICE, is_watch=False)) is None
    assert interval_of(replace(PRICE, terms=Defect(Reason.BAD_CONFIG, ""))) is None
    assert interval_of(replace(PRICE, terms=make_terms(price=False))) is None


# the product


@EITHER
def test_a_product_the_shop_does_not_show_makes_it_wait(fits: Situation) -> None:
    assert waits(replace(fits, product_enabled=False)) is Reason.PRODUCT_UNAVAILABLE


@EITHER
def test_a_product_counts_from_its_start_until_before_its_end(fits: Situation) -> None:
    assert waits(replace(fits, product_start=NOW + MOMENT)) is Reason.PRODUCT_NOT_STARTED
    assert fires(replace(fits, product_start=NOW, product_end=NOW + MOMENT))
    assert waits(replace(fits, product_end=NOW)) is Reason.PRODUCT_ENDED


@EITHER
def test_a_product_that_was_not_read_yet_makes_it_wait(fits: Situation) -> None:
    assert waits(replace(fits, observed=False)) is Reason.NOT_OBSERVED


# the condition


@pytest.mark.parametrize(
    ("price", "limit"), [("19.99", "20.00"), ("19.9999", "20"), ("9.00", "10.00"), ("20", "100"), ("0.0001", "0.0002")]
)
def test_the_price_watch_fires_below_its_limit(price: str, limit: str) -> None:
    assert fires(replace(PRICE, terms=make_terms(limit), price=Decimal(price)))


@pytest.mark.parametrize(("price", "limit"), [("20.00", "20"), ("20", "20.0000"), ("20.0001", "20"), ("100", "20")])
def test_at_or_above_its_limit_the_price_watch_waits(price: str, limit: str) -> None:
    assert waits(replace(PRICE, terms=make_terms(limit), price=Decimal(price))) is Reason.NOT_BELOW_LIMIT


@pytest.mark.parametrize("price", [None, "0", "0.00", "-1"])
def test_without_a_usable_price_the_price_watch_waits(price: str | None) -> None:
    assert waits(replace(PRICE, price=money(price))) is Reason.NO_PRICE


def test_without_a_limit_of_ones_own_the_stored_base_price_is_the_limit() -> None:
    state = replace(ARMED, base_limit=Decimal(20), base_currency="EUR")
    watch = replace(PRICE, terms=make_terms(None), state=state)
    assert fires(replace(watch, price=Decimal("19.99")))
    assert waits(replace(watch, price=Decimal(20))) is Reason.NOT_BELOW_LIMIT


def test_a_base_price_in_another_currency_is_never_compared() -> None:
    state = replace(ARMED, base_limit=Decimal(20), base_currency="USD")
    assert waits(replace(PRICE, terms=make_terms(None), state=state)) is Reason.NO_PRICE


def test_ones_own_limit_counts_and_not_the_base_price() -> None:
    state = replace(ARMED, base_limit=Decimal(10), base_currency="EUR")
    assert fires(replace(PRICE, state=state))


def test_a_price_alert_does_not_ask_for_the_stock() -> None:
    assert fires(replace(PRICE, in_stock=False))


def test_out_of_stock_the_stock_watch_waits() -> None:
    assert waits(replace(STOCK, in_stock=False)) is Reason.OUT_OF_STOCK


def test_a_stock_state_that_could_not_be_read_makes_it_wait() -> None:
    assert waits(replace(STOCK, in_stock=None)) is Reason.NOT_OBSERVED


@pytest.mark.parametrize("price", [None, "0", "100"])
def test_a_stock_alert_does_not_ask_for_the_price(price: str | None) -> None:
    assert fires(replace(STOCK, price=money(price)))


@pytest.mark.parametrize(("price", "still"), [("95.00", True), ("94.99", True), ("95.01", False), ("99", False)])
def test_what_a_further_drop_armed_fires_only_while_the_drop_holds(price: str, still: bool) -> None:
    state = State(armed=True, why=Why.FURTHER_DROP, episode=2, last_notified_price=Decimal(100))
    watch = replace(PRICE, terms=make_terms("120"), state=state, price=Decimal(price))
    assert fires(watch) if still else waits(watch) is Reason.NO_FURTHER_DROP


def test_what_anything_else_armed_needs_no_further_drop() -> None:
    state = State(armed=True, why=Why.ENDED, episode=2, last_notified_price=Decimal(15))
    assert fires(replace(PRICE, state=state))


@EITHER
def test_a_condition_holds_whoever_was_told(fits: Situation) -> None:
    told = replace(fits, state=State(armed=False, why=Why.FIRED, last_notified_at=NOW), status=0)
    broken = replace(told, price=Decimal(20), in_stock=False)
    terms = make_terms() if fits.kind is Kind.PRICE else stock_terms()
    assert holds(told, terms, POLICY)
    assert not holds(broken, terms, POLICY)


# armed, cooled down, deliverable


@EITHER
@pytest.mark.parametrize(
    ("why", "reason"),
    [
        (Why.FIRED, Reason.ALREADY_TOLD),
        (Why.HELD_AT_IMPORT, Reason.HELD_AT_IMPORT),
        (Why.IN_STOCK_AT_ARRIVAL, Reason.NEVER_OUT_OF_STOCK),
        (Why.ARRIVING, Reason.NOT_OBSERVED),
    ],
)
def test_a_disarmed_watch_waits_and_says_what_disarmed_it(fits: Situation, why: Why, reason: Reason) -> None:
    assert waits(replace(fits, state=State(armed=False, why=why))) is reason


@EITHER
def test_a_watch_that_was_never_folded_waits(fits: Situation) -> None:
    assert waits(replace(fits, state=None)) is Reason.NOT_OBSERVED


@EITHER
def test_the_first_time_no_cooldown_bounds_it(fits: Situation) -> None:
    assert fires(replace(fits, state=ARMED), Policy(cooldown_hours=Decimal(8760)))


@EITHER
@pytest.mark.parametrize("hours", ["24", "1", "0.5", "0"])
def test_after_a_notification_it_fires_again_from_the_end_of_the_cooldown_on(fits: Situation, hours: str) -> None:
    policy = Policy(cooldown_hours=Decimal(hours))
    over = NOW - timedelta(hours=float(hours))
    state = State(armed=True, why=Why.ENDED, episode=2)
    assert waits(replace(fits, state=replace(state, last_notified_at=over + MOMENT)), policy) is Reason.COOLDOWN
    assert fires(replace(fits, state=replace(state, last_notified_at=over)), policy)


def test_the_cooldown_is_a_day_and_the_skew_five_minutes_and_the_further_drop_five_percent_by_default() -> None:
    assert Policy() == Policy(
        cooldown_hours=Decimal(24), further_drop_percent=Decimal(5), clock_skew_seconds=Decimal(300)
    )


@EITHER
@pytest.mark.parametrize("reason", [Reason.CUSTOMER_DISABLED, Reason.NO_ADDRESS, Reason.SUPPRESSED])
def test_a_customer_who_cannot_be_mailed_makes_it_wait_and_fires_when_that_changes(
    fits: Situation, reason: Reason
) -> None:
    assert waits(replace(fits, undeliverable=lambda: reason)) is reason
    assert fires(fits)
