"""The 113 prepared cases of the shop's own notification job: what we decide, and why where it is something else."""

import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.support.reference import Case, Run, load_cases
from worker.domain.model import Kind
from worker.domain.reasons import Outcome, Reason
from worker.domain.rules import Decision

PINNED = tomllib.loads((Path(__file__).parents[1] / "fixtures" / "reference_outcomes.toml").read_text(encoding="utf-8"))
RULES: dict[str, dict[str, Any]] = PINNED["rules"]
OURS: dict[str, dict[str, Any]] = {case["name"]: case for case in PINNED["case"]}
CASES = {case["name"]: case for case in load_cases()}
RUNS = {"was_in_stock": True, "was_out_of_stock": False}

EACH_CASE = pytest.mark.parametrize("name", CASES)


def products(case: Case) -> list[list[Case]]:
    """The prices of the product, and those of a second one that the customer watches the same way."""
    return [case["prices"], *([case["second_product_prices"]] if case["second_product_prices"] else [])]


@cache
def decided(name: str, run: str) -> list[dict[Kind, Decision]]:
    """For each product and kind; `run` says whether the product was in stock at ctime."""
    case = CASES[name]
    return [Run(case, RUNS[run]).decisions(prices) for prices in products(case)]


def mailed(decisions: list[dict[Kind, Decision]]) -> bool:
    return any(decision.outcome is Outcome.FIRE for product in decisions for decision in product.values())


def as_pinned(decisions: list[dict[Kind, Decision]]) -> dict[str, str]:
    return {
        f"{prefix}{kind.value}": f"{decision.outcome.value} {decision.reason.value}"
        for prefix, product in zip(("", "second_"), decisions, strict=False)
        for kind, decision in product.items()
    }


def test_every_case_is_pinned() -> None:
    assert len(CASES) == 113
    assert list(OURS) == list(CASES)


@EACH_CASE
def test_our_outcome_is_the_pinned_one(name: str) -> None:
    for run in RUNS:
        pinned = {key: text for key, text in OURS[name][run].items() if key != "differs"}
        assert as_pinned(decided(name, run)) == pinned, run


@EACH_CASE
def test_a_rule_is_named_where_we_differ_from_the_reference_and_only_there(name: str) -> None:
    reference: bool = CASES[name]["reference_outcome"]["run1_mailed"]
    for run in RUNS:
        assert ("differs" in OURS[name][run]) == (mailed(decided(name, run)) != reference), run


@pytest.mark.parametrize("run", RUNS)
def test_the_rule_that_is_named_gave_the_reason_of_a_decision(run: str) -> None:
    for name, ours in OURS.items():
        if "differs" in ours[run]:
            reasons = {decision.reason for product in decided(name, run) for decision in product.values()}
            assert reasons & {Reason(reason) for reason in RULES[ours[run]["differs"]]["reasons"]}, name


def test_every_rule_makes_a_case_differ() -> None:
    named = {case[run].get("differs") for case in OURS.values() for run in RUNS}
    assert named - {None} == set(RULES)


@pytest.mark.parametrize("run", RUNS)
def test_a_second_scan_of_the_same_snapshot_tells_nobody_again(run: str) -> None:
    for name, case in CASES.items():
        again = [Run(case, RUNS[run]).decisions_after_firing(prices) for prices in products(case)]
        assert not mailed(again), name


@pytest.mark.parametrize("run", RUNS)
def test_the_relation_that_killed_the_whole_job_is_a_rejection(run: str) -> None:
    name = "job-killed-by-one-malformed-relation"
    assert CASES[name]["reference_outcome"]["job_died"]
    assert [decision.outcome for decision in decided(name, run)[0].values()] == [Outcome.REJECT, Outcome.REJECT]
