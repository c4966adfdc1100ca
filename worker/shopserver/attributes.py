"""From a relation's attributes in a request to the values stored, with every limit checked and every problem named."""

from collections.abc import Callable, Mapping
from typing import Any

from worker.domain.model import Json
from worker.shopserver import fields
from worker.shopserver.problems import Problem, Refused, pointer_to

PREFIX = "customer.lists."

_CHECKS: dict[str, fields.Check] = {
    "domain": fields.domain,
    "type": fields.list_type,
    "refid": fields.refid,
    "datestart": fields.date,
    "dateend": fields.date,
    "config": fields.config,
    "position": fields.position,
    "status": fields.status,
}
_REQUIRED = ("domain", "refid")
_FIXED = ("domain", "refid")
_OURS = ("id", "ctime", "mtime")
_DEFAULTS: dict[str, Json] = {
    "type": "default",
    "datestart": None,
    "dateend": None,
    "config": {},
    "position": 0,
    "status": 1,
}
_NAME_SHOWN = 64


def new(given: Mapping[str, Json], pointer: str) -> dict[str, Any]:
    """The columns of a new relation. Raises Refused: 403 for what only the shop sets, 400 for the rest."""
    values, problems = _read(given, pointer, _reject_ours)
    problems += [
        Problem(400, f"{PREFIX}{name} is required.", pointer=f"{pointer}/attributes")
        for name in _REQUIRED
        if PREFIX + name not in given
    ]
    if values.get("domain") == "group":
        problems.append(
            Problem(403, "Customers don't put themselves into groups.", pointer=_at(pointer, f"{PREFIX}domain"))
        )
    if problems:
        raise Refused(problems)
    return {**_DEFAULTS, **values}


def change(given: Mapping[str, Json], current: Mapping[str, object], pointer: str) -> dict[str, Any]:
    """The columns that a PATCH changes; `current` are the relation's attributes as clients see them.

    Raises Refused: 403 for another id, ctime or mtime, 409 for another domain or refid, 400 for the rest.
    All of them may be sent unchanged.
    """

    def keep(name: str, value: Json, place: str) -> Problem | None:
        if name in _OURS and value != current[PREFIX + name]:
            return Problem(403, f"{PREFIX}{name} is set by the shop alone.", pointer=place)
        if name in _FIXED and value != current[PREFIX + name]:
            return Problem(409, f"{PREFIX}{name} can't be changed; remove the relation and add another.", pointer=place)
        return None

    values, problems = _read(given, pointer, keep)
    if problems:
        raise Refused(problems)
    return {name: value for name, value in values.items() if name not in _FIXED}


def _read(
    given: Mapping[str, Json], pointer: str, guard: Callable[[str, Json, str], Problem | None]
) -> tuple[dict[str, Any], list[Problem]]:
    values: dict[str, Any] = {}
    problems: list[Problem] = []
    for attribute, value in given.items():
        name, place = attribute.removeprefix(PREFIX), _at(pointer, attribute)
        if not attribute.startswith(PREFIX) or name not in (*_CHECKS, *_OURS):
            problems.append(Problem(400, f"There is no attribute {fields.shown(attribute)}.", pointer=place))
        elif (problem := guard(name, value, place)) is not None:
            problems.append(problem)
        elif name in _CHECKS:
            try:
                values[name] = _CHECKS[name](value)
            except ValueError as error:
                problems.append(Problem(400, f"{attribute} {error}.", pointer=place))
    return values, problems


def _reject_ours(name: str, _value: Json, place: str) -> Problem | None:
    return Problem(403, f"{PREFIX}{name} is set by the shop alone.", pointer=place) if name in _OURS else None


def _at(pointer: str, attribute: str) -> str:
    inside = f"{pointer}/attributes"
    return inside + pointer_to(attribute) if len(attribute) <= _NAME_SHOWN else inside
