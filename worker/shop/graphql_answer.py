"""What an answer of the shop's GraphQL holds: the searches that worked and those that failed, and what it failed to tell."""

from dataclasses import dataclass

from worker.domain.model import Json
from worker.errors import ShopAnswerError
from worker.shop.record import Record, obj, records

UNTOLD: Json = False
"""Stands for a field the shop failed to tell, in place of its null: no reader takes it for a value."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """Results by name (an alias where the query gives one), and the names of the searches that failed."""

    data: Record
    failed: frozenset[str]


def outcome(document: Record, where: str) -> Outcome:
    """Judge a document. Errors come with HTTP 200 and say nothing worth reading, so only their paths are looked at.

    Raises ShopAnswerError where the query as a whole was refused.
    """
    data, errors = obj(document.get("data")), records(document.get("errors"))
    if not data:
        why = "refuses the whole query, so it is of a version we do not know" if errors else "answers without data"
        raise ShopAnswerError(f"{where}: the shop's GraphQL {why}; check the source's url and interface")
    for error in errors:
        _mark(data, error.get("path"))
    return Outcome(data, frozenset(name for name, result in data.items() if not isinstance(result, dict)))


def items_of(result: Json, name: str) -> list[Record]:
    """The items of a search; an empty one stands for what is no object. Raises ShopAnswerError where there is no list."""
    listed = obj(result).get("items")
    if not isinstance(listed, list):
        raise ShopAnswerError(f"the shop's GraphQL answered {name} without items")
    return [obj(item) for item in listed]


def _mark(data: Json, path: Json) -> None:
    """Put UNTOLD in place of the null an error left: else a stock level would count as unlimited."""
    steps = path if isinstance(path, list) else []
    for step in steps[:-1]:
        data = _at(data, step)
    last = steps[-1] if steps else None
    if isinstance(data, dict) and isinstance(last, str) and last in data and data[last] is None:
        data[last] = UNTOLD


def _at(data: Json, step: Json) -> Json:
    if isinstance(data, dict) and isinstance(step, str):
        return data.get(step)
    if isinstance(data, list) and isinstance(step, int) and 0 <= step < len(data):
        return data[step]
    return None
