"""Folding: how often and when somebody looks changes nothing about what happened."""

import operator
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.support.rules import POLICY, T0, at, make_terms
from tests.support.watcher import Notice, Watcher
from worker.domain.episode import Observed, State, Version, Why, advance, limit_in_force
from worker.domain.model import Kind
from worker.domain.reasons import Reason
from worker.domain.terms import Terms

PRICES = [None, *(Decimal(text) for text in ("0", "17.1", "18", "19", "19.5", "20", "21", "25"))]
CURRENCIES = ["EUR", "EUR", "EUR", "USD"]
WISHES = [
    make_terms(limit, currency=currency, price=price, stock=stock)
    for limit in ("20", "25", None)
    for currency in CURRENCIES
    for price, stock in ((True, True), (True, True), (True, False), (False, True))
]
wishes = st.sampled_from([*WISHES, *([None] * 6)])


@dataclass(frozen=True, slots=True)
class Step:
    """What happens so many hours after the step before: a price or a stock state is seen, a version, or a scan."""

    hours: int
    event: Terms | tuple[Decimal | None, str] | bool | str | None


def steps(seen: st.SearchStrategy[object], first: st.SearchStrategy[object]) -> st.SearchStrategy[list[Step]]:
    """A story: mostly observations, and maybe one at ctime."""
    what = st.sampled_from(["see"] * 5 + ["ask"] + ["scan"] * 3 + ["cancel"])
    event = what.flatmap(lambda chosen: {"see": seen, "ask": wishes}.get(chosen, st.just(chosen)))
    at_ctime = st.lists(st.builds(Step, st.just(0), first), max_size=1)
    return st.builds(operator.add, at_ctime, st.lists(st.builds(Step, st.integers(1, 30), event), max_size=12))


price_seen = st.tuples(st.sampled_from(PRICES), st.sampled_from(CURRENCIES))
price_stories = steps(price_seen, price_seen)
stock_stories = steps(st.booleans(), st.just(False))
stories = st.tuples(st.just(Kind.PRICE), price_stories) | st.tuples(st.just(Kind.STOCK), stock_stories)
beginnings = st.sampled_from(WISHES)


def events_of(story: Sequence[Step]) -> list[Version | Observed]:
    """The steps as what `advance` folds."""
    watcher = Watcher(kind=Kind.PRICE)
    play(watcher, [step for step in story if step.event not in ("scan", "cancel")])
    return [replace(event, number=event.number + 1) if isinstance(event, Version) else event for event in watcher.log]


def play(watcher: Watcher, story: Sequence[Step], looks: Sequence[int] = ()) -> list[Notice]:
    """What fires. `looks` are the steps after which another scan looks while the customer can't be mailed."""
    hours = 0
    for number, step in enumerate(story):
        hours += step.hours
        now = at(hours)
        match step.event:
            case "scan":
                watcher.scan(now)
            case "cancel":
                # What a stock watch did between firing and cancellation is ordered by the scans in between.
                if watcher.kind is Kind.PRICE and watcher.told:
                    watcher.cancel(watcher.told[-1])
            case bool(in_stock):
                watcher.see_stock(in_stock, now)
            case (price, str(currency)):
                watcher.see_price(price, now, currency)
            case Terms() | None as wish:
                watcher.ask(wish, now)
        if number in looks:
            watcher.scan(now, lambda: Reason.SUPPRESSED)
    return watcher.ledger


def told(ledger: Sequence[Notice]) -> list[tuple[object, ...]]:
    """What the customer gets; a cancellation before or after a look may number episodes differently."""
    return [(notice.at, notice.price, notice.limit, notice.cancelled) for notice in ledger]


@settings(deadline=None, max_examples=120)
@given(stories, beginnings, st.booleans(), st.sets(st.integers(0, 11)))
def test_scans_that_cannot_fire_change_nothing(
    story: tuple[Kind, list[Step]], first: Terms, quiet: bool, looks: set[int]
) -> None:
    kind, happened = story
    once, often = Watcher(kind=kind, quiet=quiet), Watcher(kind=kind, quiet=quiet)
    for watcher in (once, often):
        watcher.ask(first, T0)
    assert told(play(once, happened)) == told(play(often, happened, sorted(looks)))
    once.fold()
    often.fold()
    assert (once.state is None) == (often.state is None)
    if once.state is not None and often.state is not None:
        assert once.state.armed == often.state.armed


@settings(deadline=None)
@given(stories, beginnings, st.booleans())
def test_the_same_versions_observations_cancellations_and_scan_times_give_the_same_decisions(
    story: tuple[Kind, list[Step]], first: Terms, quiet: bool
) -> None:
    kind, happened = story
    again = []
    for _ in range(2):
        watcher = Watcher(kind=kind, quiet=quiet)
        watcher.ask(first, T0)
        play(watcher, happened)
        again.append((watcher.ledger, watcher.state))
    assert again[0] == again[1]


states = st.builds(
    State,
    armed=st.just(False),
    why=st.sampled_from([Why.FIRED, Why.HELD_AT_IMPORT, Why.IN_STOCK_AT_ARRIVAL, Why.ARRIVING]),
    episode=st.integers(1, 3),
    last_notified_price=st.none() | st.just(Decimal(20)),
) | st.builds(
    State,
    armed=st.just(True),
    why=st.sampled_from([Why.ARRIVAL, Why.ENDED, Why.FURTHER_DROP, Why.CHANGED, Why.CANCELLED]),
    episode=st.integers(1, 3),
    last_notified_price=st.none() | st.just(Decimal(20)),
)


def folded(
    kind: Kind,
    state: State,
    events: Sequence[Version | Observed],
    before: Sequence[Version | Observed],
    history: Sequence[Observed],
) -> State:
    """The state after the events, of which so many were folded before."""
    versions = [event for event in before if isinstance(event, Version)]
    seen = [event for event in before if isinstance(event, Observed)]
    after = advance(
        kind,
        state,
        events,
        in_force=versions[-1].terms,
        known=seen[-1] if seen else None,
        ctime=T0,
        quiet=False,
        policy=POLICY,
        base=history,
    )
    assert after is not None
    return after


@settings(deadline=None, max_examples=120)
@given(stories, states, wishes, st.integers(0, 12))
@example(  # the base price is found while the customer has a limit of his own, and counts once he has none
    (Kind.PRICE, [Step(1, make_terms(None)), Step(1, make_terms("25")), Step(1, (Decimal(20), "EUR"))]),
    State(armed=True, why=Why.ARRIVAL), make_terms("20"), 2,
)  # fmt: skip
def test_folding_in_two_cuts_comes_to_the_same_as_in_one(
    story: tuple[Kind, list[Step]], state: State, in_force: Terms | None, cut: int
) -> None:
    kind, happened = story
    events = events_of(happened)
    begin = [Version(number=1, at=T0, terms=in_force)]
    whole = [event for event in events if isinstance(event, Observed)]
    until_cut = [event for event in events[:cut] if isinstance(event, Observed)]
    in_one = folded(kind, state, events, begin, whole)
    first = folded(kind, state, events[:cut], begin, until_cut)
    in_two = folded(kind, first, events[cut:], [*begin, *events[:cut]], whole)
    assert without_base(in_two) == without_base(in_one)
    newest = [event.terms for event in [*begin, *events] if isinstance(event, Version)][-1]
    if newest is not None and newest.price:
        assert limit_in_force(in_two, newest) == limit_in_force(in_one, newest)


def without_base(state: State) -> State:
    """A stored base price counts only while the customer has no limit of his own, and is found again after that."""
    return replace(state, base_limit=None, base_currency=None)


@settings(deadline=None)
@given(stories, states, wishes)
def test_folding_never_goes_back_in_episodes_nor_touches_what_was_told(
    story: tuple[Kind, list[Step]], state: State, in_force: Terms | None
) -> None:
    kind, happened = story
    before: list[Version | Observed] = [Version(number=1, at=T0, terms=in_force)]
    history = [event for event in events_of(happened) if isinstance(event, Observed)]
    for event in events_of(happened):
        after = folded(kind, state, [event], before, history)
        assert after.episode in (state.episode, state.episode + 1)
        assert after.last_notified_at == state.last_notified_at
        assert after.last_notified_price == state.last_notified_price or after.why is Why.HELD_AT_IMPORT
        assert not (after.armed and not state.armed) or after.episode > state.episode or state.why is Why.ARRIVING
        before.append(event)
        state = after
