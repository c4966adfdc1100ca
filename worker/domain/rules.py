"""The decision: does this watch fire now, wait, get rejected, or have nothing to do, and why.

`judge` walks the rules in order and names each with its inputs, so that the scan (which stops at the first rule that
fails) and `explain` (which prints them all) can never disagree.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from worker.domain.episode import Policy, State, Why, dropped_further, limit_in_force, usable, watches
from worker.domain.interval import Interval, active_interval
from worker.domain.model import Defect, Kind
from worker.domain.reasons import Outcome, Reason
from worker.domain.terms import Terms

ARMED, COOLDOWN, FURTHER_DROP, CUSTOMER = "armed", "cooldown", "further drop", "customer"
_SETTLED_BY_FIRING = frozenset({ARMED, COOLDOWN, FURTHER_DROP})


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """Everything a decision depends on, at one moment. Times are aware UTC."""

    kind: Kind
    is_watch: bool
    terms: Terms | Defect
    ctime: datetime
    datestart: datetime | None
    dateend: datetime | None
    status: int
    retired: bool
    synced: bool
    """The first sync of the customer has been completed."""
    product_enabled: bool
    product_start: datetime | None
    product_end: datetime | None
    undeliverable: Callable[[], Reason | None]
    """customer_disabled, no_address, suppressed, or None; asked only where everything before it fits."""
    state: State | None
    observed: bool
    """There is a reading of this kind (and currency) in the current series."""
    price: Decimal | None
    in_stock: bool | None


@dataclass(frozen=True, slots=True)
class Check:
    """One rule with its inputs: passed, or the reason it ends the walk with."""

    rule: str
    inputs: dict[str, object]
    failed: Reason | None = None
    outcome: Outcome = Outcome.WAIT
    final: bool = False
    """Nothing after this rule can be judged."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What the rules came to."""

    outcome: Outcome
    reason: Reason


def decide(situation: Situation, now: datetime, policy: Policy) -> Decision:
    """The first rule that fails decides; when none does, the watch fires."""
    for check in judge(situation, now, policy):
        if check.failed is not None:
            return Decision(check.outcome, check.failed)
    return Decision(Outcome.FIRE, Reason.PRICE_BELOW_LIMIT if situation.kind is Kind.PRICE else Reason.BACK_IN_STOCK)


def judge(s: Situation, now: datetime, policy: Policy) -> Iterator[Check]:
    """Every rule in order. Stops where the rest could not be judged."""
    for check in _legible(s, now, policy):
        yield check
        if check.final:
            return
    terms = s.terms
    if isinstance(terms, Defect):
        return
    yield from _in_time(s, terms, now)
    yield from _product_fits(s, now)
    yield from _price_holds(s, terms, policy) if s.kind is Kind.PRICE else _stock_holds(s)
    yield _armed(s)
    yield _cooled_down(s, now, policy)
    undeliverable = s.undeliverable()
    yield _check(CUSTOMER, undeliverable is None, undeliverable or Reason.NO_ADDRESS, reachable=undeliverable is None)


def no_longer_true(situation: Situation, now: datetime, policy: Policy) -> Reason | None:
    """Why a notification that fired must not be sent any more; None while everything it says still holds.

    Whether the watch is armed and cooled down was decided when it fired, and so was the further drop.
    """
    for check in judge(situation, now, policy):
        if check.failed is not None and check.rule not in _SETTLED_BY_FIRING:
            return check.failed
    return None


def interval_of(s: Situation) -> Interval | None:
    """The active interval; None for a relation that is no legible watch."""
    if not s.is_watch or isinstance(s.terms, Defect) or s.terms.idle:
        return None
    return active_interval(
        ctime=s.ctime, timeframe_days=s.terms.timeframe_days, datestart=s.datestart, dateend=s.dateend
    )


def holds(s: Situation, terms: Terms, policy: Policy) -> bool:
    """The condition itself holds, whoever was told and whether or not the watch is active."""
    checks = _price_holds(s, terms, policy) if s.kind is Kind.PRICE else _stock_holds(s)
    return all(check.failed is None for check in checks)


def _check(
    rule: str, ok: bool, reason: Reason, outcome: Outcome = Outcome.WAIT, final: bool = False, **inputs: object
) -> Check:
    return Check(rule, inputs, None if ok else reason, outcome, final and not ok)


def _legible(s: Situation, now: datetime, policy: Policy) -> Iterator[Check]:
    yield _check("product watch", s.is_watch, Reason.NOT_A_WATCH, Outcome.IDLE, final=True, watch=s.is_watch)
    if isinstance(s.terms, Defect):
        yield Check("config", {"defect": s.terms.detail}, _reason(s.terms), Outcome.REJECT, final=True)
        return
    terms = s.terms
    yield _check("config", True, Reason.BAD_CONFIG, price=terms.price, stock=terms.stock, currency=terms.currency,
                 limit=terms.limit, timeframe_days=terms.timeframe_days)  # fmt: skip
    yield _check("flag on", watches(terms, s.kind), Reason.IDLE, Outcome.IDLE, final=True, kind=s.kind.value)
    latest = now + timedelta(seconds=float(policy.clock_skew_seconds))
    yield _check("ctime", s.ctime <= latest, Reason.FUTURE_CTIME, Outcome.REJECT, ctime=s.ctime, now=now)


def _reason(defect: Defect) -> Reason:
    try:
        return Reason(defect.code)
    except ValueError:
        return Reason.UNREADABLE


def _in_time(s: Situation, terms: Terms, now: datetime) -> Iterator[Check]:
    interval = active_interval(
        ctime=s.ctime, timeframe_days=terms.timeframe_days, datestart=s.datestart, dateend=s.dateend
    )
    yield _check("in the shop", not s.retired, Reason.RETIRED, retired=s.retired)
    yield _check("enabled", s.status == 1, Reason.INACTIVE, status=s.status)
    yield _check("first sync", s.synced, Reason.NOT_SYNCED, completed=s.synced)
    yield _check("started", interval.start <= now, Reason.NOT_STARTED, start=interval.start, now=now)
    yield _check("not expired", now < interval.end, Reason.EXPIRED, end=interval.end, now=now)


def _product_fits(s: Situation, now: datetime) -> Iterator[Check]:
    yield _check("product shown", s.product_enabled, Reason.PRODUCT_UNAVAILABLE, shown=s.product_enabled)
    begun = s.product_start is None or s.product_start <= now
    yield _check("product started", begun, Reason.PRODUCT_NOT_STARTED, start=s.product_start, now=now)
    going_on = s.product_end is None or now < s.product_end
    yield _check("product not ended", going_on, Reason.PRODUCT_ENDED, end=s.product_end, now=now)


def _price_holds(s: Situation, terms: Terms, policy: Policy) -> Iterator[Check]:
    yield _check("observed", s.observed, Reason.NOT_OBSERVED, observed=s.observed)
    price, limit = usable(s.price), limit_in_force(s.state, terms)
    yield _check(
        "has a price", price is not None and limit is not None, Reason.NO_PRICE, currency=terms.currency, price=s.price
    )
    below = price is not None and limit is not None and price < limit
    yield _check(
        "price below limit", below, Reason.NOT_BELOW_LIMIT, price=price, limit=limit, own_limit=terms.limit is not None
    )
    if s.state is not None and s.state.why is Why.FURTHER_DROP:
        told = s.state.last_notified_price
        yield _check(FURTHER_DROP, price is not None and dropped_further(price, told, policy), Reason.NO_FURTHER_DROP,
                     price=price, told=told, percent=policy.further_drop_percent)  # fmt: skip


def _stock_holds(s: Situation) -> Iterator[Check]:
    yield _check("observed", s.observed and s.in_stock is not None, Reason.NOT_OBSERVED, observed=s.observed)
    yield _check("in stock", s.in_stock is True, Reason.OUT_OF_STOCK, in_stock=s.in_stock)


_DISARMED = {
    Why.HELD_AT_IMPORT: Reason.HELD_AT_IMPORT,
    Why.IN_STOCK_AT_ARRIVAL: Reason.NEVER_OUT_OF_STOCK,
    Why.ARRIVING: Reason.NOT_OBSERVED,
}


def _armed(s: Situation) -> Check:
    if s.state is None:
        return Check(ARMED, {}, Reason.NOT_OBSERVED)
    reason = _DISARMED.get(s.state.why, Reason.ALREADY_TOLD)
    return _check(ARMED, s.state.armed, reason, episode=s.state.episode, because=s.state.why.value)


def _cooled_down(s: Situation, now: datetime, policy: Policy) -> Check:
    told = s.state.last_notified_at if s.state else None
    until = told + timedelta(hours=float(policy.cooldown_hours)) if told else None
    return _check(COOLDOWN, until is None or now >= until, Reason.COOLDOWN, told=told, until=until, now=now)
