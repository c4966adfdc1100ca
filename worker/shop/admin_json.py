"""The admin JSON API as a source for sync: all customers' relations with one login, by id or by mtime."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import nullcontext
from datetime import timedelta
from zoneinfo import ZoneInfo

import httpx2

from worker import settings
from worker.domain.model import Customer, ProductReading
from worker.errors import ShopAnswerError, ShopError, ShopUnreachableError
from worker.shop.admin_changes import CUSTOMER_FIELDS, AdminChanges, as_superuser, parsed_customers
from worker.shop.admin_products import AdminProducts
from worker.shop.admin_session import AdminSession, ForbiddenError
from worker.shop.jsonadm import Condition, JsonAdm, changed_since, ids_of, newest
from worker.shop.keyset import CAPPED_TOTAL, Rows
from worker.shop.page_size import PageSize
from worker.shop.parse_relation import parse_relations
from worker.shop.picture import UNTOLD
from worker.shop.record import Record, member, obj, records, text, usable_id
from worker.shop.source import Abilities, Account, Changed, Check, Feed, Ids, Missing, Page, Wanted

_LISTS = "customer/lists"
_PRODUCTS_ONLY: tuple[Condition, ...] = (("==", "customer.lists.domain", "product"),)
_RELATION_FIELDS = (
    *("id", "parentid", "domain", "type", "refid", "datestart", "dateend"),
    *("config", "position", "status", "ctime", "mtime"),
)
_USUAL_PAGE = 250
_LARGEST_PAGE = 500
_LARGEST_LIGHT_PAGE = 1000
"""Beyond it a real shop collapses (20 seconds for a page of 10,000)."""
_BATCH = 100
_REMOVED_AT_ONCE = 100


class AdminJsonSource:
    """One shop read through its admin JSON API (implements Source, Incremental and Remover of worker.shop.source)."""

    abilities = Abilities(ctime=True, mtime=True, inactive=True, fractional_stock=False, removes=True)

    def __init__(self, name: str, shop: settings.Shop, *, transport: httpx2.BaseTransport | None = None) -> None:
        self.name = name
        self.problems: Counter[str] = Counter()
        """What could not be read so far, by field: counted, and never a reason to stop."""
        self._zone = ZoneInfo(shop.timezone)
        self._pictures = bool(shop.media_url)
        self._session = AdminSession(name, shop, transport=transport)
        self._api = JsonAdm(self._session)
        most = min(shop.page_size or _LARGEST_PAGE, _LARGEST_LIGHT_PAGE)
        light = min(shop.page_size or _LARGEST_LIGHT_PAGE, _LARGEST_LIGHT_PAGE)
        self._size = PageSize(_USUAL_PAGE, most)
        self._light_size = PageSize(_LARGEST_PAGE, light)
        self._batch_size = PageSize(_BATCH, min(_BATCH, most))
        self._changes = AdminChanges(self._api, self._light_size, self.problems)
        self._products = AdminProducts(self._api, shop, PageSize(_BATCH, min(_BATCH, most)), self.problems)

    @property
    def clock_gap(self) -> timedelta | None:
        """How far the shop's clock is ahead of ours."""
        return self._session.clock_gap

    def relations(self, since: str | None, after: str | None) -> Iterator[Page]:
        """Product relations by id, a page's relations grouped by customer."""
        conditions = [*_PRODUCTS_ONLY, *changed_since(_LISTS, since)]
        seen = 0
        for rows in self._api.pages(_LISTS, conditions, self._size, after, fields=_RELATION_FIELDS):
            total = None if rows.left is None or after is not None else seen + rows.left
            yield self._page(rows, total)
            seen += len(rows.records)

    def relation_ids(self, after: str | None) -> Iterator[Ids]:
        """Only ids, which is all a comparison needs."""
        for rows in self._api.pages(_LISTS, _PRODUCTS_ONLY, self._light_size, after, fields=("id",)):
            yield Ids(ids=ids_of(rows.records), cursor=rows.cursor)

    def customers(self, ids: Sequence[str]) -> Iterator[Customer]:
        """The customers in batches. Raises ForbiddenError where the login may not read customers."""
        asked = dict.fromkeys(filter(usable_id, ids))
        with as_superuser():
            for batch, page in self._api.by_ids("customer", asked, self._batch_size, fields=CUSTOMER_FIELDS):
                found = parsed_customers(records(page.get("data")), self.problems)
                yield from (customer for customer in found if customer.id in batch)

    def changed(self, feed: Feed, since: str, after: str | None) -> Iterator[Changed]:
        """What changed by its own mtime: a product's does not move with its prices and stock, a price names no product."""
        return self._changes.read(feed, since, after)

    def products(self, wanted: Sequence[Wanted]) -> Iterator[ProductReading | Missing]:
        """Products by id; disabled ones are delivered as such, deleted ones are Missing."""
        return self._products.read(wanted)

    def remove(self, relations: Sequence[tuple[str, str]]) -> Iterator[set[str]]:
        """Remove relations in batches. What belongs to another customer than named, or to another domain, is left alone."""
        for start in range(0, len(relations), _REMOVED_AT_ONCE):
            owners = {relation_id: key for key, relation_id in relations[start : start + _REMOVED_AT_ONCE]}
            there = self._owners(owners)
            ours = [relation_id for relation_id, owner in there.items() if owner == owners[relation_id]]
            failure = self._delete(ours) if ours else None
            there = self._owners(owners) if ours else there
            yield owners.keys() - there.keys()
            if failure is not None and not there.keys().isdisjoint(ours):
                raise failure

    def check(self) -> Check:
        """The login, and how many records of each kind it may read."""
        would_read, notes = {}, []
        for kind, resource, conditions in (
            ("relations", _LISTS, _PRODUCTS_ONLY),
            ("customers", "customer", ()),
            ("products", "product", ()),
            ("prices", "price", ()),
            ("stock entries", "stock", ()),
        ):
            try:
                with as_superuser() if resource == "customer" else nullcontext():
                    would_read[kind] = self._about(resource, conditions)
            except ForbiddenError as error:
                if resource == _LISTS:
                    raise
                notes.append(str(error))
        if not self._pictures:
            notes.append(UNTOLD)
        return Check(login=self._session.who, would_read=would_read, notes=tuple(notes))

    def close(self) -> None:
        """Give back connections."""
        self._session.close()

    def _page(self, rows: Rows, total: int | None) -> Page:
        by_customer: dict[str, list[Record]] = {}
        nobodys = rows.broken
        for record in rows.records:
            owner = usable_id(obj(record.get("attributes")).get("customer.lists.parentid"))
            if owner is None:
                nobodys += 1
            else:
                by_customer.setdefault(owner, []).append(record)
        accounts = tuple(self._account(owner, listed) for owner, listed in by_customer.items())
        if nobodys:
            self.problems["customer.lists.parentid"] += nobodys
        latest = newest(rows.records, "customer.lists.mtime")
        return Page(entries=accounts, cursor=rows.cursor, newest=latest, unreadable=nobodys, total=total)

    def _account(self, owner: str, listed: Sequence[Record]) -> Account:
        parsed = parse_relations(listed, owner, self._zone)
        if parsed.unreadable:
            self.problems["customer.lists.id"] += parsed.unreadable
        return Account(owner, None, parsed.relations, unreadable=parsed.unreadable, complete=False)

    def _delete(self, ids: Sequence[str]) -> ShopError | None:
        """What went wrong, where nobody knows whether it was carried out: reading back tells."""
        try:
            self._api.delete(_LISTS, ids)
        except (ShopUnreachableError, ShopAnswerError) as error:
            return error
        return None

    def _owners(self, ids: Iterable[str]) -> dict[str, str]:
        """Of those relations the ones that are there, with their customers (empty for another domain's)."""
        found: dict[str, str] = {}
        for batch, page in self._api.by_ids(_LISTS, ids, self._batch_size, fields=("id", "parentid", "domain")):
            for record in records(page.get("data")):
                relation_id = usable_id(record.get("id"))
                if relation_id not in batch:
                    raise ShopAnswerError("the shop was asked for certain relations and answered with others")
                attributes = obj(record.get("attributes"))
                ours = attributes.get("customer.lists.domain") == "product"
                found[relation_id] = text(attributes.get("customer.lists.parentid")) if ours else ""
        return found

    def _about(self, resource: str, conditions: Sequence[Condition]) -> str:
        total = member(self._api.first(resource, conditions), "meta", "total")
        if not isinstance(total, int):
            return "unknown"
        return f"{CAPPED_TOTAL:,} or more" if total >= CAPPED_TOTAL else f"about {total:,}"
