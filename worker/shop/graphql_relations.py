"""Customers of the shop's GraphQL, with their relations, as sync takes them."""

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from zoneinfo import ZoneInfo

from worker.domain.model import Customer, Json, Relation
from worker.errors import ShopAnswerError
from worker.shop.document import DocumentError, parse_value
from worker.shop.graphql_filters import has
from worker.shop.parse_customer import parse_customer
from worker.shop.parse_relation import Fields, gathered, relation_of
from worker.shop.record import Record, obj, usable_id
from worker.shop.source import Account, Ids, Page, Unread
from worker.shop.times import latest

WITH_RELATIONS = has("customer", "product")
"""Customers with a relation of any type to a product, whether it is active or not."""

_PERSON = ("email", "status", "languageid", "salutation", "firstname", "lastname")


def relation_page(items: Sequence[Record], cursor: str, zone: ZoneInfo) -> Page:
    """One piece of the relations: every customer in it with all of them."""
    entries: list[Account | Unread] = []
    times: list[Json] = []
    for item in items:
        customer = customer_of(item)
        if customer is None:
            continue
        entry = _entry(item, customer, zone)
        entries.append(entry)
        times += [record.get("mtime") for record in _listed(item) or ()]
    return Page(entries=tuple(entries), cursor=cursor, newest=latest(times), unreadable=len(items) - len(entries))


def id_page(items: Sequence[Record], cursor: str) -> Ids:
    """The ids of these customers' relations. Raises ShopAnswerError where one can't be read: it would seem deleted."""
    found: list[str] = []
    for item in items:
        listed = _listed(item)
        ids = [usable_id(record.get("id")) for record in listed or ()]
        if listed is None or None in ids:
            raise ShopAnswerError("the shop's GraphQL lists relations without ids, so what is gone can't be told")
        found += [relation_id for relation_id in ids if relation_id is not None]
    return Ids(ids=tuple(found), cursor=cursor)


def people(items: Iterable[Record]) -> Iterator[Customer]:
    """The customers among items; those without a usable id are left out."""
    return (customer for item in items if (customer := customer_of(item)) is not None)


def customer_of(item: Record) -> Customer | None:
    """The customer; None without a usable id."""
    return parse_customer(
        {"id": item.get("id"), "attributes": {f"customer.{name}": item.get(name) for name in _PERSON}}
    )


def parse_listed(record: Record, customer_id: str, zone: ZoneInfo) -> Relation | None:
    """One relation out of a customer's `lists { product }`; None without a usable id.

    Its config is JSON in a string. A string that is none stays what it is and makes the relation defective.
    """
    relation_id = usable_id(record.get("id"))
    if relation_id is None:
        return None
    written = record.get("config")
    try:
        config = _config(written) if isinstance(written, str) else written
        defect = False
    except DocumentError:
        config, defect = written, True
    fields = Fields({**record, "domain": "product", "config": config}, "")
    if defect:
        fields.note("bad_config", "config")
    return relation_of(fields, relation_id, customer_id, zone)


@lru_cache(maxsize=10_000)
def _config(written: str) -> Json:
    """Customers choose among the same days, flags and prices. What is returned is shared: nobody changes a config."""
    return parse_value(written)


def _entry(item: Record, customer: Customer, zone: ZoneInfo) -> Account | Unread:
    listed = _listed(item)
    if not listed:  # it was found by its relations
        told = "removed just now, or not told"
        return Unread(customer.id, ShopAnswerError(f"the shop's GraphQL lists no relations of this customer: {told}"))
    parsed = gathered(parse_listed(record, customer.id, zone) for record in listed)
    return Account(customer.id, customer, parsed.relations, unreadable=parsed.unreadable)


def _listed(item: Record) -> list[Record] | None:
    listed = obj(item.get("lists")).get("product")
    if not isinstance(listed, list):
        return None
    return [record if isinstance(record, dict) else {} for record in listed]
