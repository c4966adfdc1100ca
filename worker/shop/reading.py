"""Reads one authenticated customer: who it is, which relations it has, and the items they point to."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from worker.domain.model import Customer, Json, Relation
from worker.errors import FieldError, ShopAnswerError, ShopLoginError, ShopRefusedError
from worker.shop.answer import MissingError
from worker.shop.api import Api
from worker.shop.parse_customer import parse_customer
from worker.shop.parse_relation import parse_relations
from worker.shop.record import Record, member, obj, records, usable_id


class CustomerDisabledError(ShopRefusedError):
    """The shop answers 404 for the very customer who is logged in: the account is switched off."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who the shop says we are, and where the relations of this customer are."""

    customer: Customer
    relationships: str = field(repr=False)
    page: Record = field(repr=False)


@dataclass(frozen=True, slots=True)
class Row:
    """One relation with what is needed to change it: the attributes as sent by the shop, and its own link."""

    relation: Relation
    attributes: Record
    link: Json


@dataclass(frozen=True, slots=True)
class Listing:
    """All relations the shop shows, by id, and how many records had no usable id."""

    rows: dict[str, Row]
    unreadable: int


@dataclass(frozen=True, slots=True)
class Item:
    """An item a relation points to (a product, a service, ...), as the shop includes it."""

    type: str
    id: str
    attributes: Record


@dataclass(frozen=True, slots=True)
class Fetched:
    """A customer, the relations and the items included with them. `unreadable` counts records without a usable id."""

    customer: Customer
    relations: tuple[Relation, ...]
    items: tuple[Item, ...]
    unreadable: int


class CustomerReader:
    """Reads over one session. Every failure is a ShopError."""

    def __init__(self, api: Api, zone: ZoneInfo) -> None:
        self._api = api
        self._zone = zone
        self._customer_id: str | None = None

    def who(self, include: Sequence[str] = ()) -> Identity:
        """Ask the shop who we are, which also renews the CSRF token.

        Raises ShopLoginError when it does not know us (it then answers 200 with a null id) or knows somebody else than
        before, and CustomerDisabledError.
        """
        try:
            page = self._api.get(self._api.resource("customer"), _include(include))
        except MissingError as error:
            if not error.has_meta:
                raise
            raise CustomerDisabledError(f"{error}; the customer's account is disabled in the shop") from None
        data = page.get("data")
        if not isinstance(data, dict):
            raise ShopAnswerError("the shop's answer holds no customer")
        customer = parse_customer(data)
        if customer is None:
            raise ShopLoginError("the shop does not know who we are; check the customer's token or cookie")
        if self._customer_id not in (None, customer.id):
            raise ShopLoginError("the session now belongs to another customer; log in again")
        self._customer_id = customer.id
        return Identity(customer, self._api.follow(member(page, "links", "customer/relationships")), page)

    def listing(self, identity: Identity, domains: Sequence[str]) -> Listing:
        """All relations of these domains that the shop shows: on the customer API the active ones.

        An empty list is what strangers get, too, so it counts only after the login was confirmed once more. Raises
        ShopAnswerError when the answer holds fewer records than it says.
        """
        entries: list[Json] = []
        total: Json = None
        for page in self._api.pages(identity.relationships, _include(domains), keep={"include"}):
            data = page.get("data")
            if not isinstance(data, list):
                raise ShopAnswerError("the shop's answer holds no list of relations")
            entries += data
            total = member(page, "meta", "total")
        if isinstance(total, int) and len(entries) < total:
            raise ShopAnswerError(f"the shop says it has {total} relations but lists {len(entries)}")
        if not entries:
            self.who()
        return self._listing(entries, identity.customer.id)

    def fetch(self, *domains: str) -> Fetched:
        """The customer with all relations of these domains and the items they point to.

        Without a domain the shop shows nothing, so at least one is needed (FieldError).
        """
        if not domains:
            raise FieldError(
                "include: name at least one domain, such as product; without it the shop shows no relations"
            )
        identity = self.who(domains)
        listing = self.listing(identity, domains)
        relations = tuple(row.relation for row in listing.rows.values())
        return Fetched(identity.customer, relations, _items(identity.page), listing.unreadable)

    def _listing(self, entries: list[Json], customer_id: str) -> Listing:
        listed = records(entries)
        parsed = parse_relations(listed, customer_id, self._zone)
        sources: dict[str, Record] = {}
        for record in listed:
            sources.setdefault(usable_id(record.get("id")) or "", record)
        rows = {
            relation.id: Row(relation, obj(sources[relation.id].get("attributes")), _self_link(sources[relation.id]))
            for relation in parsed.relations
        }
        return Listing(rows, parsed.unreadable + len(entries) - len(listed))


def _include(domains: Sequence[str]) -> list[tuple[str, str]]:
    return [("include", ",".join(dict.fromkeys(domains)))] if domains else []


def _self_link(record: Record) -> Json:
    return member(obj(record.get("links")), "self")


def _items(page: Record) -> tuple[Item, ...]:
    found: dict[tuple[str, str], Item] = {}
    for record in records(page.get("included")):
        kind, item_id = record.get("type"), usable_id(record.get("id"))
        if isinstance(kind, str) and item_id is not None:
            found.setdefault((kind, item_id), Item(kind, item_id, obj(record.get("attributes"))))
    return tuple(found.values())
