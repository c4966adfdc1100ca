"""Products of the shop's GraphQL, brought into the shape of the JSON:API, which one parser reads for all interfaces."""

from collections.abc import Iterable, Mapping

from worker.domain.model import Json
from worker.shop.document import DocumentError, parse_value
from worker.shop.linked import Included
from worker.shop.record import Record, obj

_LISTED = ("price", "text", "media")
_ENABLED = (1, "1")


def resource_of(item: Record) -> tuple[Record, Included]:
    """A product as a JSON:API record, and what it includes. Parts the shop failed to tell are linked but not included.

    Unlike the JSON:API the shop also lists disabled texts and pictures here, which are left out.
    """
    included: dict[tuple[str, str], dict[str, Json]] = {}
    relationships: dict[str, Json] = {}
    lists = obj(item.get("lists"))
    for kind in _LISTED:
        entries = [entry for entry in _objects(lists.get(kind)) if kind == "price" or entry.get("status") in _ENABLED]
        relationships[kind] = _linked(kind, entries, [obj(entry.get("item")) for entry in entries], included)
    stock = _objects(item.get("stock"))
    relationships["stock"] = _linked("stock", [{} for _ in stock], stock, included)
    record: dict[str, Json] = {
        "id": item.get("id"),
        "attributes": _named("product.", item),
        "relationships": relationships,
    }
    return record, included


def _linked(
    kind: str,
    entries: Iterable[Record],
    items: Iterable[Record],
    included: dict[tuple[str, str], dict[str, Json]],
) -> Json:
    data: list[Json] = []
    for number, (entry, item) in enumerate(zip(entries, items, strict=True)):
        key = str(number)
        if item:
            included[kind, key] = _named(f"{kind}.", item)
        data.append({"id": key, "attributes": _named("product.lists.", entry)})
    return {"data": data}


def _named(prefix: str, fields: Record) -> dict[str, Json]:
    return {prefix + name: _previews(value) if name == "previews" else value for name, value in fields.items()}


def _previews(written: Json) -> Json:
    """JSON in a string; broken previews are none."""
    try:
        return parse_value(written) if isinstance(written, str) else written
    except DocumentError:
        return None


def _objects(listed: Json) -> list[Mapping[str, Json]]:
    """The entries of a list; one that can't be read, or a list that was not told, is an empty object."""
    if not isinstance(listed, list):
        return [{}]
    return [entry if isinstance(entry, dict) else {} for entry in listed]
