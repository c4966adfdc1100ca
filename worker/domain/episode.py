"""Episodes: one numbered arming of a (relation, kind). A pure state machine folded over observations and relation versions.

An armed watch fires once, which disarms it; it is armed again (episode + 1) when its condition ended, when the price dropped
further, when the customer changed the watch, or when the notification was cancelled before it was sent.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from worker.domain.model import Kind
from worker.domain.terms import Terms


class Why(StrEnum):
    """What last armed or disarmed a watch."""

    ARRIVING = "arriving"
    """Not decided yet: no observation so far."""
    ARRIVAL = "arrival"
    HELD_AT_IMPORT = "held_at_import"
    IN_STOCK_AT_ARRIVAL = "in_stock_at_arrival"
    FIRED = "fired"
    ENDED = "ended"
    """The condition was seen to end: the price was at or above the limit, or the product out of stock."""
    FURTHER_DROP = "further_drop"
    CHANGED = "changed"
    """A PATCH changed the limit or the currency, or switched the flag on."""
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """What the shop showed from `at` on: a price (kind price; None: no price in this currency) or the stock state."""

    id: int
    at: datetime
    currency: str = ""
    price: Decimal | None = None
    in_stock: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """What the relation asked for from `at` on; `terms` None where it is rejected or idle. Number 1 is its arrival."""

    number: int
    at: datetime
    terms: Terms | None


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """One (relation, kind) between two scans."""

    armed: bool
    why: Why
    episode: int = 1
    last_notified_at: datetime | None = None
    last_notified_price: Decimal | None = None
    base_limit: Decimal | None = None
    base_currency: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The settings the rules depend on."""

    cooldown_hours: Decimal = Decimal(24)
    further_drop_percent: Decimal = Decimal(5)
    clock_skew_seconds: Decimal = Decimal(300)


def watches(terms: Terms | None, kind: Kind) -> bool:
    """The flag of this kind is on."""
    return terms is not None and (terms.price if kind is Kind.PRICE else terms.stock)


def limit_in_force(state: State | None, terms: Terms) -> Decimal | None:
    """The customer's own limit, else the base price stored on the watch; None while that has not been observed."""
    if terms.limit is not None:
        return terms.limit
    return state.base_limit if state is not None and state.base_currency == terms.currency else None


def base_price(observations: Iterable[Observed], currency: str, ctime: datetime) -> Decimal | None:
    """The price in force at ctime as far as we observed, else the first one observed after it."""
    at_ctime: Decimal | None = None
    for seen in observations:
        if seen.currency != currency:
            continue
        if seen.at <= ctime:
            at_ctime = usable(seen.price)
        elif at_ctime is not None:
            break
        elif usable(seen.price) is not None:
            return seen.price
    return at_ctime


def usable(price: Decimal | None) -> Decimal | None:
    """A price that can be compared: null, zero and negative ones make a watch wait."""
    return price if price is not None and price > 0 else None


def dropped_further(price: Decimal, told: Decimal | None, policy: Policy) -> bool:
    """The price is `further_drop_percent` or more below the one the customer was told."""
    return told is not None and price < told and price <= told * (1 - policy.further_drop_percent / 100)


def advance(
    kind: Kind,
    state: State | None,
    events: Iterable[Version | Observed],
    *,
    in_force: Terms | None,
    known: Observed | None,
    ctime: datetime,
    quiet: bool,
    policy: Policy,
    base: Iterable[Observed] = (),
) -> State | None:
    """Fold what happened since the last scan into the state; None while nothing was ever watched.

    `events` ascend in time, a version before the observations of the same sync. `in_force` are the terms and `known` the
    observation before the first event. `quiet`: version 1 arrived in a quiet first import. `base`: all observations since
    the last one at ctime, needed only where a watch without a limit of its own has no base price yet.
    """
    history = tuple(base)
    for event in events:
        if isinstance(event, Version):
            state = _changed(kind, state, before=in_force, event=event, known=known, quiet=quiet)
            in_force = event.terms
        else:
            known = event
        if state is None or in_force is None or not watches(in_force, kind):
            continue
        if kind is Kind.PRICE:
            state = _with_base(state, in_force, history, ctime)
        if isinstance(event, Observed) and (kind is Kind.STOCK or event.currency == in_force.currency):
            state = _seen(kind, state, event, in_force, policy)
    return state


def _changed(
    kind: Kind, state: State | None, *, before: Terms | None, event: Version, known: Observed | None, quiet: bool
) -> State | None:
    after = event.terms
    if after is None or not watches(after, kind):
        return state
    if state is None:
        if kind is Kind.PRICE and not (quiet and event.number == 1):
            return State(armed=True, why=Why.ARRIVAL)
        arriving = State(armed=False, why=Why.ARRIVING)
        return arriving if known is None or event.number == 1 else _arrive_stock(arriving, known)
    switched_on = not watches(before, kind)
    if kind is Kind.PRICE:
        moved = before is not None and (before.limit, before.currency) != (after.limit, after.currency)
        return _rearm(state, Why.CHANGED) if switched_on or moved else state
    if switched_on:
        arriving = replace(state, armed=False, why=Why.ARRIVING, episode=state.episode + 1)
        return arriving if known is None else _arrive_stock(arriving, known)
    return state


def _with_base(state: State, terms: Terms, history: Iterable[Observed], ctime: datetime) -> State:
    if terms.limit is not None or state.base_currency == terms.currency:
        return state
    base = base_price(history, terms.currency, ctime)
    return state if base is None else replace(state, base_limit=base, base_currency=terms.currency)


def _seen(kind: Kind, state: State, event: Observed, terms: Terms, policy: Policy) -> State:
    if kind is Kind.STOCK:
        if event.in_stock is None:
            return state
        if state.why is Why.ARRIVING:
            return _arrive_stock(state, event)
        return state if state.armed or event.in_stock else _rearm(state, Why.ENDED)
    price, limit = usable(event.price), limit_in_force(state, terms)
    if state.why is Why.ARRIVING:
        if price is not None and limit is not None and price < limit:
            return replace(state, why=Why.HELD_AT_IMPORT, last_notified_price=price)
        return replace(state, armed=True, why=Why.ARRIVAL)
    if price is None or limit is None:
        return state
    if state.armed:
        # A price at the limit makes an arming by a further drop an ordinary one: the next drop below the limit counts.
        return replace(state, why=Why.ENDED) if state.why is Why.FURTHER_DROP and price >= limit else state
    if price >= limit:
        return _rearm(state, Why.ENDED)
    return _rearm(state, Why.FURTHER_DROP) if dropped_further(price, state.last_notified_price, policy) else state


def _arrive_stock(state: State, seen: Observed) -> State:
    if seen.in_stock is None:
        return state
    if seen.in_stock:
        return replace(state, armed=False, why=Why.IN_STOCK_AT_ARRIVAL)
    return replace(state, armed=True, why=Why.ARRIVAL)


def _rearm(state: State, why: Why) -> State:
    return replace(state, armed=True, why=why, episode=state.episode + 1)


def fired(state: State, *, at: datetime, price: Decimal | None) -> State:
    """The state after its notification was written to the ledger."""
    return replace(
        state, armed=False, why=Why.FIRED, last_notified_at=at, last_notified_price=price or state.last_notified_price
    )


def cancelled(state: State, *, armed_by: Why, previous_at: datetime | None, previous_price: Decimal | None) -> State:
    """The state after a notification was cancelled before it was sent: no cooldown starts and no price counts as told.

    What had begun with a further drop still needs one, the customer knows the price before it; unless its condition was
    seen to end since, or the customer changed the watch: then it is armed without that.
    """
    still_dropping = armed_by is Why.FURTHER_DROP and state.why in (Why.FIRED, Why.FURTHER_DROP)
    why = Why.FURTHER_DROP if still_dropping else Why.CANCELLED
    return replace(_rearm(state, why), last_notified_at=previous_at, last_notified_price=previous_price)
