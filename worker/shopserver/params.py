"""Query strings with brackets, as the seed's `window.param()` writes them: `filter[==][product.id][]=1`, `ai[id]=2`."""

import re
from collections.abc import Iterator, Mapping
from typing import TypeAlias
from urllib.parse import quote, unquote

from worker.shopserver.problems import malformed

Params: TypeAlias = "dict[str, str | Params]"
"""Nested parameters; a list `name[]` has the keys "0", "1", ..."""

MAX_PARAMS = 1000
MAX_LEVELS = 6

_NAME = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")


def parse(query: bytes) -> Params:
    """The parameters of a raw query string; of a name given twice the last counts. Raises Refused (400) for anything odd."""
    pairs = [pair for pair in query.split(b"&") if pair]
    if len(pairs) > MAX_PARAMS:
        raise malformed(f"More than {MAX_PARAMS} query parameters.", parameter="")
    result: Params = {}
    for pair in pairs:
        name, _, value = pair.partition(b"=")
        _put(result, _path(_decode(name)), _decode(value))
    return result


def build(params: Mapping[str, "str | Params"]) -> str:
    """The query string of the parameters, in their order."""
    return "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in _flatten(params))


def text(params: Params, name: str) -> str | None:
    """A parameter that has one value; None where it is missing. Raises Refused (400) for a list."""
    value = params.get(name)
    if isinstance(value, dict):
        raise malformed(f"The parameter {name} takes one value.", parameter=name)
    return value


def texts(value: "str | Params", name: str) -> list[str]:
    """One or several values of the parameter called `name`. Raises Refused (400) for anything nested."""
    if isinstance(value, str):
        return [value]
    found = [item for item in value.values() if isinstance(item, str)]
    if len(found) != len(value):
        raise malformed(f"The parameter {name} takes a list of values.", parameter=name)
    return found


def included(params: Params) -> frozenset[str]:
    """The domains named by `include`."""
    return frozenset(domain for domain in (text(params, "include") or "").split(",") if domain)


def whole_number(params: Params, name: str, parent: str) -> int | None:
    """A small non-negative integer inside another parameter, as in `page[limit]`. Raises Refused (400)."""
    value = text(params, name)
    if value is None:
        return None
    if not re.fullmatch("[0-9]{1,9}", value):
        raise malformed(f"{parent}[{name}] must be a whole number.", parameter=f"{parent}[{name}]")
    return int(value)


def group(params: Params, name: str) -> Params:
    """The parameters inside `name[...]`. Raises Refused (400) for a plain value."""
    value = params.get(name, {})
    if isinstance(value, str):
        raise malformed(f"The parameter {name} is written {name}[...]=.", parameter=name)
    return value


def _decode(raw: bytes) -> str:
    try:
        return unquote(raw.replace(b"+", b" ").decode("ascii"), errors="strict")
    except UnicodeDecodeError as error:
        raise malformed("The query string is not UTF-8.", parameter="") from error


def _path(name: str) -> list[str]:
    match = _NAME.fullmatch(name)
    if match is None:
        raise malformed("A query parameter has no name, or its brackets don't match.", parameter=name[:64])
    keys = [match[1], *re.findall(r"\[([^\]]*)\]", match[2])]
    if len(keys) > MAX_LEVELS:
        raise malformed(f"A query parameter has more than {MAX_LEVELS} levels.", parameter=match[1][:64])
    return keys


def _put(params: Params, keys: list[str], value: str) -> None:
    here = params
    for key in keys[:-1]:
        inner = here.setdefault(key or str(len(here)), {})
        if isinstance(inner, str):
            raise malformed("A query parameter is both a value and a group.", parameter=keys[0][:64])
        here = inner
    last = keys[-1] or str(len(here))
    if isinstance(here.get(last), dict):
        raise malformed("A query parameter is both a value and a group.", parameter=keys[0][:64])
    here[last] = value


def _flatten(params: Mapping[str, "str | Params"], outer: str = "") -> Iterator[tuple[str, str]]:
    for key, value in params.items():
        name = f"{outer}[{key}]" if outer else key
        if isinstance(value, str):
            yield name, value
        else:
            yield from _flatten(value, name)
