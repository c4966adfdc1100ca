"""JSON:API relationships resolved: each list item of a record together with the included item it points to."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from worker.domain.model import Json
from worker.shop.record import Record, member, obj, records, usable_id

Included: TypeAlias = Mapping[tuple[str, str], dict[str, Json]]


@dataclass(frozen=True, slots=True)
class Linked:
    """One relationship: attributes of the list item, and of the item itself (None where it is not included)."""

    listed: Record
    item: Record | None


def index(page: Mapping[str, Json]) -> Included:
    """The attributes of everything in `included`, by type and id; of doubles the first."""
    found: dict[tuple[str, str], dict[str, Json]] = {}
    for record in records(page.get("included")):
        kind, item_id = record.get("type"), usable_id(record.get("id"))
        if isinstance(kind, str) and item_id is not None:
            found.setdefault((kind, item_id), obj(record.get("attributes")))
    return found


def linked(record: Record, kind: str, included: Included) -> list[Linked]:
    """The relationships of one kind (`price`, `text`, ...) in the shop's order."""
    return [
        Linked(obj(entry.get("attributes")), included.get((kind, usable_id(entry.get("id")) or "")))
        for entry in records(member(obj(record.get("relationships")), kind, "data"))
    ]
