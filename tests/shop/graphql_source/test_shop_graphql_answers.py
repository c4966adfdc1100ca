"""Answers: errors name fields, and nothing that an error left empty is ever taken for a value."""

from collections.abc import Sequence
from typing import Any

import pytest

from worker.errors import ShopAnswerError
from worker.shop.graphql_answer import UNTOLD, items_of, outcome
from worker.shop.graphql_paging import Keyset


def error(*path: Any) -> dict[str, Any]:
    return {"message": "s3cret", "path": list(path)}


def test_of_several_searches_one_may_fail_alone() -> None:
    found = outcome({"data": {"a": None, "b": {"total": 3}}, "errors": [error("a")]}, "POST /graphql")
    assert found.failed == {"a"}
    assert found.data["b"] == {"total": 3}


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"data": None},
        {"data": []},
        {"errors": [{"message": "s3cret"}]},
        {"errors": [{"message": "s3cret"}], "data": None},
        {"errors": "s3cret"},
        {"message": "s3cret"},
    ],
)
def test_an_answer_without_data_is_an_error_that_does_not_quote_the_shop(document: dict[str, Any]) -> None:
    with pytest.raises(ShopAnswerError, match="POST /graphql: the shop's GraphQL") as caught:
        outcome(document, "POST /graphql")
    assert "s3cret" not in str(caught.value)


def test_a_field_that_was_not_told_is_no_null() -> None:
    items: Any = [{"id": "1", "stock": [{"stocklevel": None}, {"stocklevel": None}]}, {"id": "2", "lists": None}]
    failed: Any = [error("s", "items", 0, "stock", 1, "stocklevel"), error("s", "items", 1, "lists")]
    found = outcome({"data": {"s": {"items": items}}, "errors": failed}, "")
    first, second = items_of(found.data["s"], "s")
    assert first["stock"] == [{"stocklevel": None}, {"stocklevel": UNTOLD}]
    assert second["lists"] is UNTOLD
    assert found.failed == frozenset()


@pytest.mark.parametrize(
    "path",
    [
        None,
        [],
        "s",
        ["s", "items", 9, "id"],
        ["s", "items", -1, "config"],
        ["x", 0],
        [0],
        ["s", "items", 0, "id"],
        [{}],
        [["s"]],
    ],
)
def test_paths_that_lead_nowhere_change_nothing(path: Any) -> None:
    items: Any = [{"id": "1", "config": None}]
    found = outcome({"data": {"s": {"items": items}}, "errors": [{"path": path}]}, "")
    assert found.data == {"s": {"items": [{"id": "1", "config": None}]}}


@pytest.mark.parametrize("result", [None, {}, {"items": None}, {"items": {}}, [], "s3cret"])
def test_a_search_without_items_is_an_error(result: Any) -> None:
    with pytest.raises(ShopAnswerError, match="searchStocks without items"):
        items_of(result, "searchStocks")


def test_items_that_are_no_objects_have_no_fields() -> None:
    assert items_of({"items": [None, "x", {"id": "1"}]}, "s") == [{}, {}, {"id": "1"}]


def moved(after: str | None, *pages: Sequence[Any]) -> str:
    keyset = Keyset(after)
    for page in pages:
        keyset.moved([{"id": item} for item in page], "searchStocks")
    assert keyset.after is not None
    return keyset.after


def test_the_cursor_is_the_last_id() -> None:
    assert moved(None, ["1", "9"], ["10", "11"]) == "11"
    assert moved("7", [8, 9]) == "9"
    assert moved(None, ["b", "a"], ["c"]) == "c"  # the shop knows how it sorts them
    assert moved(None, ["1", None, "2", None]) == "2"


@pytest.mark.parametrize(
    ("after", "pages"),
    [
        (None, [["1", "2"], ["1", "2"]]),
        (None, [["1", "2"], ["2", "3"]]),
        (None, [["1", "1"]]),
        (None, [["a", "a"]]),
        (None, [["2", "1"]]),
        ("9", [["9"]]),
        ("9", [["8"]]),
        (None, [["a", "b"], ["c", "d"], ["a", "b"]]),
        ("b", [["a", "b"]]),
        ("09", [["9"]]),
    ],
)
def test_pages_that_do_not_go_on_are_an_error(after: str | None, pages: list[list[str]]) -> None:
    with pytest.raises(ShopAnswerError, match="searchStocks: the pages go in a circle"):
        moved(after, *pages)


def test_a_page_without_any_id_is_an_error() -> None:
    with pytest.raises(ShopAnswerError, match="without ids"):
        moved(None, [None, ""])
