"""Short ways to write down what the rules speak of: moments, terms, observations, states, situations."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from worker.domain.episode import Observed, Policy, State, Version, Why, advance
from worker.domain.model import Kind
from worker.domain.rules import Situation
from worker.domain.terms import Terms

T0 = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
"""When the relation of a test was created, unless it says otherwise."""
POLICY = Policy()


def at(hours: float) -> datetime:
    """So many hours after T0."""
    return T0 + timedelta(hours=hours)


def money(text: str | None) -> Decimal | None:
    """`"19.99"`, or None for no price."""
    return None if text is None else Decimal(text)


def make_terms(
    limit: str | None = "20",
    *,
    currency: str = "EUR",
    price: bool = True,
    stock: bool = False,
    timeframe_days: int = 30,
) -> Terms:
    """A price watch below 20 EUR, unless told otherwise."""
    return Terms(timeframe_days=timeframe_days, currency=currency, price=price, stock=stock, limit=money(limit))


def stock_terms(**changes: Any) -> Terms:
    """A stock watch."""
    return make_terms(None, price=False, stock=True, **changes)


LIMIT = make_terms()
STOCK = stock_terms()


def priced(number: int, price: str | None, *, hours: float | None = None, currency: str = "EUR") -> Observed:
    """Observation `number`, seen so many hours after T0 (as many as its number)."""
    return Observed(id=number, at=at(number if hours is None else hours), currency=currency, price=money(price))


def stocked(number: int, in_stock: bool | None, *, hours: float | None = None) -> Observed:
    """Observation `number` of the stock, seen so many hours after T0 (as many as its number)."""
    return Observed(id=number, at=at(number if hours is None else hours), in_stock=in_stock)


def version(number: int, terms: Terms | None, *, hours: float = 0) -> Version:
    """What the relation asks for from then on; number 1 is its arrival."""
    return Version(number=number, at=at(hours), terms=terms)


def make_situation(terms: Terms | None = None, *, kind: Kind = Kind.PRICE, **changes: Any) -> Situation:
    """A watch that fires: 15 EUR are below the limit of 20, or the product is back in stock."""
    default = make_terms() if kind is Kind.PRICE else stock_terms()
    situation = Situation(
        kind=kind,
        is_watch=True,
        terms=terms or default,
        ctime=T0,
        datestart=None,
        dateend=None,
        status=1,
        retired=False,
        synced=True,
        product_enabled=True,
        product_start=None,
        product_end=None,
        undeliverable=lambda: None,
        state=State(armed=True, why=Why.ARRIVAL),
        observed=True,
        price=Decimal(15) if kind is Kind.PRICE else None,
        in_stock=True if kind is Kind.STOCK else None,
    )
    return replace(situation, **changes)


def price_after(
    state: State | None,
    *events: Version | Observed,
    in_force: Terms | None = LIMIT,
    policy: Policy = POLICY,
    quiet: bool = False,
) -> State | None:
    """The price watch (below 20 EUR before the events, unless told otherwise) after them."""
    return advance(Kind.PRICE, state, events, in_force=in_force, known=None, ctime=T0, quiet=quiet, policy=policy)


def stock_after(
    state: State | None,
    *events: Version | Observed,
    in_force: Terms | None = STOCK,
    known: Observed | None = None,
    quiet: bool = False,
) -> State | None:
    """The stock watch (on before the events, unless told otherwise) after them."""
    return advance(Kind.STOCK, state, events, in_force=in_force, known=known, ctime=T0, quiet=quiet, policy=POLICY)


def told(price: str, *, why: Why = Why.FIRED, episode: int = 1) -> State:
    """A price watch that was told this price at T0."""
    return State(armed=False, why=why, episode=episode, last_notified_at=T0, last_notified_price=Decimal(price))
