"""The settings' shape as a tree: what stands at a dotted key, and which key an unknown one was meant to be."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import takewhile
from typing import Any, TypeAlias, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from worker.settings import Settings

KeyPath: TypeAlias = tuple[str, ...]
"""The parts of a dotted key."""


@dataclass(frozen=True, slots=True)
class Option:
    """A single value."""

    secret: bool


@dataclass(frozen=True, slots=True)
class NamedTables:
    """Tables under names that the operator chooses: `[sources.NAME]`."""

    table: type[BaseModel]


Node: TypeAlias = type[BaseModel] | NamedTables | Option


def at(path: KeyPath) -> Node | None:
    """What stands at `path`, or None where the settings know nothing of that name."""
    node: Node | None = Settings
    for key in path:
        node = None if node is None else _child(node, key)
    return node


def dotted(path: KeyPath) -> str:
    """The key as a TOML file would write it; parts that are no bare keys are quoted."""
    return ".".join(part if re.fullmatch("[A-Za-z0-9_-]+", part) else json.dumps(part) for part in path)


def suggestion(path: KeyPath) -> KeyPath | None:
    """The known section or option that an unknown key most resembles: a sibling, or the same words at another place."""
    best, best_score = None, 0.0
    for known in _known(Settings, (), path):
        common = _common_length(path, known)
        score = _likeness("_".join(path[common:]), "_".join(known[common:]))
        if score > max(best_score, 0.6):
            best, best_score = known, score
    return best


def _child(node: Node, key: str) -> Node | None:
    match node:
        case Option():
            return None
        case NamedTables(table):
            return table
        case _:
            field = node.model_fields.get(key)
            return None if field is None else _node(field)


def _node(field: FieldInfo) -> Node:
    annotation: Any = field.annotation
    if get_origin(annotation) is dict:
        table: type[BaseModel] = get_args(annotation)[1]
        return NamedTables(table)
    types = (annotation, *get_args(annotation))  # a table that may be missing is written `Table | None`
    section = next((found for found in types if isinstance(found, type) and issubclass(found, BaseModel)), None)
    return section or Option(secret=SecretStr in types)


def _known(node: Node, path: KeyPath, like: KeyPath) -> Iterator[KeyPath]:
    """Every section and option below `path`; names the operator chooses are taken from the same place in `like`."""
    match node:
        case Option():
            return
        case NamedTables(table):
            named = len(like) > len(path) + 1  # the last part of an unknown key is an option's name, not one of these
            children: dict[str, Node] = {like[len(path)]: table} if named else {}
        case _:
            children = {key: _node(field) for key, field in node.model_fields.items()}
    for key, child in children.items():
        yield (*path, key)
        yield from _known(child, (*path, key), like)


def _common_length(one: KeyPath, other: KeyPath) -> int:
    pairs = zip(one, other, strict=False)
    return len(list(takewhile(lambda pair: pair[0] == pair[1], pairs)))


def _likeness(one: str, other: str) -> float:
    return SequenceMatcher(None, one.lower(), other, autojunk=False).ratio()
