"""Filters as text: whatever an id holds, the shop reads it back as that id and nothing else."""

import json
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from worker.shop.graphql_filters import at_least, beyond, every, has, one_of

IDS = st.lists(st.text(min_size=1, max_size=40), min_size=1, max_size=5)


def read_by_the_shop(written: str) -> tuple[str, list[Any]]:
    """Name and parameters of a function as the shop reads them, brackets first."""
    ((operator, compared),) = json.loads(written).items()
    ((call, value),) = compared.items()
    assert (operator, value) == ("!=", None)
    assert call.endswith(")")
    name, _, parameters = call.partition("(")
    return name, json.loads(f"({parameters}".replace("(", "[").replace(")", "]"))


def test_it_is_written_as_the_shop_knows_it() -> None:
    """The very text of a recorded request, without its spaces."""
    conditions = [has("customer", "product", "watch"), at_least("customer.lists.mtime", "2026-06-01 00:00:00")]
    assert every(*conditions) == (
        r'{"&&":[{"!=":{"customer:has(\"product\",\"watch\")":null}},{">=":{"customer.lists.mtime":"2026-06-01 00:00:00"}}]}'
    )
    assert every(has("product", "price", "default", ["1", "3"])) == (
        r'{"!=":{"product:has(\"price\",\"default\",[\"1\",\"3\"])":null}}'
    )


def test_conditions_that_are_not_given_are_left_out() -> None:
    assert every(None, beyond("stock.id", "7"), None) == '{">":{"stock.id":"7"}}'
    assert every(None) == "{}"


@given(IDS)
@example(['"', "\\", '1"],["2', "(1)", "a)b", "ä€😀", "\u2028", "\ud800", "$1", "\0"])
def test_any_ids_come_through_a_function(ids: list[str]) -> None:
    name, parameters = read_by_the_shop(every(has("product", "price", "default", ids)))
    assert name == "product:has"
    assert parameters == ["price", "default", ids]


@given(IDS)
@example(['"', '1"]}}', "ä€😀", "\ud800"])
def test_any_ids_come_through_a_comparison(ids: list[str]) -> None:
    assert json.loads(every(one_of("product.id", ids))) == {"==": {"product.id": ids}}


@given(IDS)
def test_a_filter_is_plain_ascii(ids: list[str]) -> None:
    assert every(has("product", "price", "default", ids), one_of("product.id", ids)).isascii()
