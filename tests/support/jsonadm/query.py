"""What a query string of the admin JSON API asks for, answered by looking at every row: filters, order, page, fields."""

from collections.abc import Callable, Mapping, Sequence
from operator import eq, ge, gt, le, lt, ne
from typing import Any

from worker.shopserver.params import Params

Row = dict[str, Any]
"""The attributes of one record."""

DEFAULT_LIMIT = 25

_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {"==": eq, "!=": ne, ">": gt, ">=": ge, "<": lt, "<=": le}
_NUMBERS = (".id", ".parentid", ".productid", ".status", ".position", ".stocklevel", ".quantity")


class BrokenQueryError(Exception):
    """The shop answers it with 500 and a stack trace."""


def matching(rows: Sequence[Row], params: Params, key: str) -> list[Row]:
    """The rows that `filter` lets through, in the order of `sort`, which is by `key` where nothing is said."""
    names = frozenset(name for row in rows for name in row)
    condition = params.get("filter", {})
    if not isinstance(condition, dict):
        raise BrokenQueryError
    return _sorted(
        [row for row in rows if not condition or _holds(row, condition, names)], params.get("sort", key), names
    )


def page_of(params: Params) -> tuple[int, int]:
    """Offset and limit."""
    page = params.get("page", {})
    if not isinstance(page, dict):
        raise BrokenQueryError
    return int(str(page.get("offset", "0"))), int(str(page.get("limit", str(DEFAULT_LIMIT))))


def shown(row: Row, params: Params, kind: str) -> Row:
    """The attributes named by `fields[type]`, whose key is the resource type with its slash."""
    fields = params.get("fields", {})
    named = fields.get(kind) if isinstance(fields, dict) else None
    if not isinstance(named, str):
        return row
    wanted = named.split(",")
    return {name: value for name, value in row.items() if name in wanted}


def _holds(row: Row, condition: Params, names: frozenset[str]) -> bool:
    if len(condition) != 1:
        raise BrokenQueryError
    ((operator, inner),) = condition.items()
    if not isinstance(inner, dict):
        raise BrokenQueryError
    if operator in {"&&", "||", "!"}:
        every = [_holds(row, part, names) for part in inner.values() if isinstance(part, dict)]
        return all(every) if operator == "&&" else any(every) if operator == "||" else not any(every)
    if operator not in _OPERATORS or len(inner) != 1:
        raise BrokenQueryError
    ((name, given),) = inner.items()
    if names and name not in names:
        raise BrokenQueryError
    values = list(given.values()) if isinstance(given, dict) else [given]
    if operator == "==":
        return any(eq(_typed(name, row[name]), _typed(name, value)) for value in values)
    return all(_OPERATORS[operator](_typed(name, row[name]), _typed(name, value)) for value in values)


def _sorted(rows: list[Row], given: "str | Params", names: frozenset[str]) -> list[Row]:
    keys = list(given.values()) if isinstance(given, dict) else [given]
    for key in reversed(keys):
        name = str(key).removeprefix("-")
        if names and name not in names:
            raise BrokenQueryError  # a comma list, too, is no name
        rows = sorted(rows, key=lambda row, name=name: _typed(name, row[name]), reverse=str(key).startswith("-"))  # type: ignore[misc]
    return rows


def _typed(name: str, value: Any) -> Any:
    """As the shop's database compares it: numbers by value, everything else as text, null as the least."""
    if value is None:
        return -1 if name.endswith(_NUMBERS) else ""
    return int(value) if name.endswith(_NUMBERS) and str(value).lstrip("-").isdigit() else str(value)


def by_name(rows: Sequence[Row], name: str) -> Mapping[Any, list[Row]]:
    """The rows by the value of one attribute."""
    found: dict[Any, list[Row]] = {}
    for row in rows:
        found.setdefault(row[name], []).append(row)
    return found
