"""The order of the rules: the first that fails decides, `explain` sees them all, and a mail is checked again before it leaves."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.rules import POLICY, T0, at, make_situation, make_terms
from worker.domain.episode import State, Why
from worker.domain.model import Defect, Kind
from worker.domain.reasons import SENTENCES, Outcome, Reason
from worker.domain.rules import Decision, Situation, decide, judge, no_longer_true

NOW = at(1)
PRICE = make_situation()
STOCK = make_situation(kind=Kind.STOCK)
FIRES = {Kind.PRICE: Reason.PRICE_BELOW_LIMIT, Kind.STOCK: Reason.BACK_IN_STOCK}
EITHER = pytest.mark.parametrize("fits", [PRICE, STOCK], ids=["price", "stock"])


def _state(**changes: object) -> Callable[[Situation], Situation]:
    def broken(situation: Situation) -> Situation:
        state = situation.state
        assert state is not None
        return replace(situation, state=replace(state, **changes))  # type: ignore[arg-type]  # one field each

    return broken


def _with(**changes: object) -> Callable[[Situation], Situation]:
    return lambda situation: replace(situation, **changes)  # type: ignore[arg-type]  # one field each


_BEFORE: list[tuple[Reason, Callable[[Situation], Situation]]] = [
    (Reason.NOT_A_WATCH, _with(is_watch=False)),
    (Reason.BAD_CONFIG, _with(terms=Defect(Reason.BAD_CONFIG, ""))),
    (Reason.IDLE, _with(terms=make_terms(price=False))),
    (Reason.FUTURE_CTIME, _with(ctime=at(3))),
    (Reason.RETIRED, _with(retired=True)),
    (Reason.INACTIVE, _with(status=0)),
    (Reason.NOT_SYNCED, _with(synced=False)),
    (Reason.NOT_STARTED, _with(datestart=at(2))),
    (Reason.EXPIRED, _with(dateend=at(1))),
    (Reason.PRODUCT_UNAVAILABLE, _with(product_enabled=False)),
    (Reason.PRODUCT_NOT_STARTED, _with(product_start=at(2))),
    (Reason.PRODUCT_ENDED, _with(product_end=at(1))),
    (Reason.NOT_OBSERVED, _with(observed=False)),
]
_AFTER: list[tuple[Reason, Callable[[Situation], Situation]]] = [
    (Reason.ALREADY_TOLD, _state(armed=False)),
    (Reason.COOLDOWN, _state(last_notified_at=T0)),
    (Reason.NO_ADDRESS, _with(undeliverable=lambda: Reason.NO_ADDRESS)),
]
IN_ORDER = {
    Kind.PRICE: [
        *_BEFORE,
        (Reason.NO_PRICE, _with(price=None)),
        (Reason.NOT_BELOW_LIMIT, _with(price=Decimal(20))),
        (Reason.NO_FURTHER_DROP, _state(why=Why.FURTHER_DROP, last_notified_price=Decimal("15.5"))),
        *_AFTER,
    ],
    Kind.STOCK: [*_BEFORE, (Reason.OUT_OF_STOCK, _with(in_stock=False)), *_AFTER],
}
OUTCOMES = {
    Reason.NOT_A_WATCH: Outcome.IDLE,
    Reason.IDLE: Outcome.IDLE,
    Reason.BAD_CONFIG: Outcome.REJECT,
    Reason.FUTURE_CTIME: Outcome.REJECT,
}
SETTLED_BY_FIRING = {Reason.ALREADY_TOLD, Reason.COOLDOWN, Reason.NO_FURTHER_DROP}

subsets = st.sets(st.integers(0, len(IN_ORDER[Kind.PRICE]) - 1))


def broken(fits: Situation, wanted: set[int]) -> tuple[Situation, list[Reason]]:
    """The situation with so many rules broken at once, and their reasons in order."""
    rules = [rule for number, rule in enumerate(IN_ORDER[fits.kind]) if number in wanted]
    for _, spoil in reversed(rules):  # where two spoil the same field, the earlier rule's way stays
        fits = spoil(fits)
    return fits, [reason for reason, _ in rules]


@EITHER
def test_each_rule_broken_alone_decides(fits: Situation) -> None:
    for number, (reason, _) in enumerate(IN_ORDER[fits.kind]):
        situation, _ = broken(fits, {number})
        assert decide(situation, NOW, POLICY) == Decision(OUTCOMES.get(reason, Outcome.WAIT), reason)


@EITHER
def test_of_two_broken_rules_the_earlier_decides(fits: Situation) -> None:
    count = len(IN_ORDER[fits.kind])
    for first in range(count):
        for second in range(first + 1, count):
            situation, reasons = broken(fits, {first, second})
            assert decide(situation, NOW, POLICY).reason is reasons[0]


@settings(deadline=None)
@given(st.sampled_from([PRICE, STOCK]), subsets)
def test_decide_is_the_first_rule_that_fails_and_fires_where_none_does(fits: Situation, wanted: set[int]) -> None:
    situation, reasons = broken(fits, wanted)
    failed = [check for check in judge(situation, NOW, POLICY) if check.failed is not None]
    found = decide(situation, NOW, POLICY)
    if failed:
        assert found == Decision(failed[0].outcome, failed[0].failed or Reason.UNREADABLE)
        assert found.reason is reasons[0]
    else:
        assert not reasons
        assert found == Decision(Outcome.FIRE, FIRES[fits.kind])


@settings(deadline=None)
@given(st.sampled_from([PRICE, STOCK]), subsets)
def test_before_a_mail_leaves_every_rule_but_those_of_the_episode_is_checked_again(
    fits: Situation, wanted: set[int]
) -> None:
    situation, reasons = broken(fits, wanted)
    still = [reason for reason in reasons if reason not in SETTLED_BY_FIRING]
    assert no_longer_true(situation, NOW, POLICY) is (still[0] if still else None)


NAMES = [
    "product watch",
    "config",
    "flag on",
    "ctime",
    "in the shop",
    "enabled",
    "first sync",
    "started",
    "not expired",
    "product shown",
    "product started",
    "product not ended",
    "observed",
]


def test_every_rule_of_a_price_watch_is_named_in_order() -> None:
    names = [check.rule for check in judge(PRICE, NOW, POLICY)]
    assert names == [*NAMES, "has a price", "price below limit", "armed", "cooldown", "customer"]


def test_every_rule_of_a_stock_watch_is_named_in_order() -> None:
    names = [check.rule for check in judge(STOCK, NOW, POLICY)]
    assert names == [*NAMES, "in stock", "armed", "cooldown", "customer"]


@EITHER
@pytest.mark.parametrize(
    ("changes", "last"),
    [
        ({"is_watch": False}, "product watch"),
        ({"terms": Defect(Reason.BAD_FLAG, "price='x'")}, "config"),
        ({"terms": make_terms(price=False)}, "flag on"),
    ],
)
def test_the_walk_ends_where_the_rest_cannot_be_judged(fits: Situation, changes: dict[str, object], last: str) -> None:
    checks = list(judge(_with(**changes)(fits), NOW, POLICY))
    assert [check.rule for check in checks] == NAMES[: NAMES.index(last) + 1]
    assert checks[-1].final


@EITHER
def test_any_other_broken_rule_lets_the_walk_go_on(fits: Situation) -> None:
    complete = [check.rule for check in judge(fits, NOW, POLICY)]
    for number, (reason, _) in enumerate(IN_ORDER[fits.kind]):
        if reason not in {Reason.NOT_A_WATCH, Reason.BAD_CONFIG, Reason.IDLE}:
            situation, _ = broken(fits, {number})
            rules = [check.rule for check in judge(situation, NOW, POLICY)]
            assert [rule for rule in rules if rule != "further drop"] == complete


def test_a_customer_is_looked_up_only_where_everything_before_fits() -> None:
    asked: list[None] = []
    decide(replace(PRICE, price=Decimal(20), undeliverable=lambda: asked.append(None)), NOW, POLICY)
    assert not asked


def test_every_reason_has_its_sentence_for_operators() -> None:
    assert set(SENTENCES) == set(Reason)
    assert all(sentence.endswith(".") for sentence in SENTENCES.values())


def test_the_inputs_of_a_rule_are_told() -> None:
    by_rule = {check.rule: check.inputs for check in judge(PRICE, NOW, POLICY)}
    assert by_rule["price below limit"] == {"price": Decimal(15), "limit": Decimal(20), "own_limit": True}
    assert by_rule["not expired"] == {"end": at(30 * 24), "now": NOW}
    assert by_rule["armed"] == {"episode": 1, "because": "arrival"}


@pytest.mark.parametrize(
    "changes",
    [
        {"price": None},
        {"terms": make_terms(None)},
        {"state": None},
        {"state": None, "price": None, "observed": False},
        {"state": State(armed=True, why=Why.FURTHER_DROP), "price": None},
        {"state": State(armed=True, why=Why.FURTHER_DROP)},
    ],
    ids=["no price", "no limit known", "no state", "nothing at all", "a drop without a price", "a drop from nothing"],
)
def test_the_walk_goes_to_its_end_whatever_is_not_known(changes: dict[str, object]) -> None:
    assert [check.rule for check in judge(_with(**changes)(PRICE), NOW, POLICY)][-1] == "customer"
