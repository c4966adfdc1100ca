"""`customer.lists` records -> relations. A field that can't be read makes the relation defective, never the run."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from zoneinfo import ZoneInfo

from worker.domain.model import Defect, Json, Relation
from worker.shop.record import Record, obj, shown, text, usable_id, whole_number
from worker.shop.times import parse_time

PREFIX = "customer.lists."


@dataclass(frozen=True, slots=True)
class Relations:
    """All relations of one answer, each id once, and how many records had no usable id."""

    relations: tuple[Relation, ...]
    unreadable: int


def parse_relations(listed: Iterable[Record], customer_id: str, zone: ZoneInfo) -> Relations:
    """Read a customer's relations. An id that occurs twice with different content is kept once, as defective."""
    return gathered(parse_relation(record, customer_id, zone) for record in listed)


def gathered(parsed: Iterable[Relation | None]) -> Relations:
    """Each relation once, and how many had no usable id."""
    found: dict[str, Relation] = {}
    unreadable = 0
    for relation in parsed:
        if relation is None:
            unreadable += 1
        elif (known := found.setdefault(relation.id, relation)) != relation and known.defect is None:
            found[relation.id] = replace(known, defect=Defect("duplicate_id", f"{PREFIX}id={shown(relation.id)}"))
    return Relations(tuple(found.values()), unreadable)


def parse_relation(record: Record, customer_id: str, zone: ZoneInfo) -> Relation | None:
    """Read one record (seed, "Add relations"); None where it has no usable id.

    `config` is passed on as it is. Times are naive in the shop and become UTC; an end in the doubled hour of a clock
    change is the later one.
    """
    fields = Fields(obj(record.get("attributes")), PREFIX)
    relation_id = usable_id(record.get("id")) or usable_id(fields.value("id"))
    return None if relation_id is None else relation_of(fields, relation_id, customer_id, zone)


def relation_of(fields: "Fields", relation_id: str, customer_id: str, zone: ZoneInfo) -> Relation:
    """The relation these fields make, whichever interface they came by."""
    return Relation(
        id=relation_id,
        customer_id=customer_id,
        domain=fields.name("domain", missing="no_domain", bad="bad_domain"),
        type=fields.name("type", missing=None, bad="bad_type") or "default",
        refid=fields.refid(),
        config=fields.value("config"),
        datestart=fields.time("datestart", zone),
        dateend=fields.time("dateend", zone, later=True),
        position=fields.number("position", 0, "bad_position"),
        status=fields.number("status", 1, "bad_status"),
        ctime=fields.time("ctime", zone),
        defect=fields.defect,
    )


class Fields:
    """The attributes of one record, whose names begin with `prefix`; remembers the first that could not be read."""

    __slots__ = ("_attributes", "_prefix", "defect")

    def __init__(self, attributes: Record, prefix: str) -> None:
        self._attributes = attributes
        self._prefix = prefix
        self.defect: Defect | None = None

    def value(self, name: str) -> Json:
        """As the shop gives it; None where it does not."""
        return self._attributes.get(self._prefix + name)

    def note(self, code: str, field: str) -> None:
        """This field could not be read."""
        if self.defect is None:
            self.defect = Defect(code, f"{PREFIX}{field}={shown(self.value(field))}")

    def name(self, field: str, *, missing: str | None, bad: str) -> str:
        """A name of something; empty where there is none."""
        value = self.value(field)
        if isinstance(value, str) and value:
            return value
        if value is not None and value != "":
            self.note(bad, field)
            return text(value)
        if missing is not None:
            self.note(missing, field)
        return ""

    def refid(self) -> str:
        """The id of what the relation points to; empty where there is none."""
        value = self.value("refid")
        refid = usable_id(value)
        if refid is not None:
            return refid
        self.note("no_refid" if value is None or value == "" else "bad_refid", "refid")
        return text(value)

    def number(self, field: str, default: int, bad: str) -> int:
        """A whole number; `default` where the shop does not give the field at all, 0 where it can't be read."""
        value = self._attributes.get(self._prefix + field, default)
        try:
            return whole_number(value)
        except ValueError:
            self.note(bad, field)
            return 0

    def time(self, field: str, zone: ZoneInfo, *, later: bool = False) -> datetime | None:
        """A time as UTC; None for null and for what can't be read."""
        value = self.value(field)
        if value is None:
            return None
        try:
            return parse_time(value, zone, later=later)
        except ValueError:
            self.note("bad_date", field)
            return None
