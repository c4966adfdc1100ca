"""Reading back: what counts as the same, and what is told about a difference."""

from decimal import Decimal
from typing import Any

import pytest

from worker.domain.model import Json
from worker.shop.readback import differences, same


@pytest.mark.parametrize(
    ("sent", "found"),
    [
        ({}, []),
        ([], {}),
        ({"e": {}, "l": [1, {"x": {}}]}, {"l": [1, {"x": []}], "e": []}),
        (Decimal("1.50"), Decimal("1.5")),
        (1, Decimal("1.0")),
        (None, None),
        (True, True),
    ],
)
def test_what_json_makes_no_difference_between_is_the_same(sent: Any, found: Any) -> None:
    assert same(sent, found)


@pytest.mark.parametrize(
    ("sent", "found"),
    [
        ({"a": 1}, []),
        ({"a": 1}, {"a": 1, "b": 2}),
        ({"a": "1"}, {"a": 1}),
        ([1, 2], [1]),
        ([1, 2], [2, 1]),
        (True, 1),
        (0, False),
        (None, ""),
        ("a", "a "),
        ([], None),
        ({"0": "a"}, ["a"]),
    ],
)
def test_anything_else_is_a_difference(sent: Any, found: Any) -> None:
    assert not same(sent, found)


def test_ids_and_numbers_may_come_as_text_or_number() -> None:
    sent: dict[str, Json] = {"customer.lists.refid": "5", "customer.lists.status": 1, "customer.lists.position": 0}
    found: dict[str, Json] = {"customer.lists.refid": 5, "customer.lists.status": "1", "customer.lists.position": "0"}
    assert differences(sent, found) == []


def test_a_difference_names_the_field_and_both_values_but_nothing_of_the_config() -> None:
    sent: dict[str, Json] = {"customer.lists.refid": "4", "customer.lists.config": {"token": "s3cret"}}
    found: dict[str, Json] = {"customer.lists.refid": "1", "customer.lists.config": {"token": "0ther"}}
    assert differences(sent, found) == [
        "customer.lists.refid reads back as '1' instead of '4'",
        "customer.lists.config reads back differently",
    ]


def test_a_field_that_is_not_there_is_a_difference() -> None:
    assert differences({"customer.lists.position": 3}, {}) == [
        "customer.lists.position reads back as 'None' instead of '3'"
    ]
