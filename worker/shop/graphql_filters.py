"""Filters of the shop's GraphQL searches: JSON written into a string, in which a function's parameters are JSON once more."""

from collections.abc import Sequence

from worker.domain.model import Json
from worker.shop.document import encode

Filter = dict[str, Json]


def has(resource: str, *parameters: str | Sequence[str]) -> Filter:
    """Those of a resource that have list items: has("customer", "product"), has("product", "price", "default", ids).

    Only compared with `!= null` it means what it says. Of the parameters each may be a list, which means any of them.
    """
    written = ",".join(_parameter(value) for value in parameters)
    return {"!=": {f"{resource}:has({written})": None}}


def one_of(field: str, values: Sequence[str]) -> Filter:
    """The field is one of these."""
    return {"==": {field: list(values)}}


def at_least(field: str, value: str) -> Filter:
    """The field is this or more; for times: then or later."""
    return {">=": {field: value}}


def beyond(field: str, value: str) -> Filter:
    """The field is more than this."""
    return {">": {field: value}}


def every(*conditions: Filter | None) -> str:
    """All conditions that are given, as the text the shop takes.

    The shop finds nothing that a condition on list items names unless has() stands beside it.
    """
    given: list[Json] = [condition for condition in conditions if condition is not None]
    return encode(given[0] if len(given) == 1 else {"&&": given}) if given else "{}"


def _parameter(value: str | Sequence[str]) -> str:
    # The shop turns every round bracket of a function into a square one before it reads the parameters.
    written = encode(value if isinstance(value, str) else list(value))
    return written.replace("(", "\\u0028").replace(")", "\\u0029")
