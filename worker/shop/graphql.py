"""The admin GraphQL API as a source for sync: one login sees all customers, what changed, and everything about products."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from zoneinfo import ZoneInfo

import httpx2

from worker import settings
from worker.domain.model import Customer, ProductReading, View
from worker.errors import ShopRefusedError
from worker.shop import graphql_queries as queries
from worker.shop.admin_session import AdminSession
from worker.shop.graphql_api import RIGHTS, GraphqlApi
from worker.shop.graphql_changes import GraphqlChanges
from worker.shop.graphql_filters import at_least, every
from worker.shop.graphql_products import resource_of
from worker.shop.graphql_relations import WITH_RELATIONS, id_page, people, relation_page
from worker.shop.keyset import CAPPED_TOTAL
from worker.shop.page_size import PageSize
from worker.shop.parse_product import ProductParser
from worker.shop.picture import UNTOLD, Media
from worker.shop.record import Record, obj, usable_id
from worker.shop.source import Abilities, Account, Changed, Check, Feed, Ids, Missing, Page, Wanted

_CUSTOMERS, _MOST_CUSTOMERS = 1000, 2500
_PRODUCTS, _MOST_PRODUCTS = 250, 1000
_IDS, _MOST_IDS = 1000, 2500


class GraphqlSource:
    """One shop read through its admin GraphQL API (implements Source and Incremental of worker.shop.source).

    It lists customers with their relations; a customer whose relation changed comes with all of them.
    """

    abilities = Abilities(ctime=True, mtime=True, inactive=True, fractional_stock=True, removes=False)

    def __init__(self, name: str, shop: settings.Shop, *, transport: httpx2.BaseTransport | None = None) -> None:
        self.name = name
        self.problems: Counter[str] = Counter()
        """What could not be read so far, by field: counted, and never a reason to stop."""
        self._shop = shop
        self._zone = ZoneInfo(shop.timezone)
        self._session = AdminSession(name, shop, transport=transport)
        self._api = GraphqlApi(self._session)
        self._customers = self._size(_CUSTOMERS, _MOST_CUSTOMERS)
        self._products = self._size(_PRODUCTS, _MOST_PRODUCTS)
        self._ids = self._size(_IDS, _MOST_IDS)
        self._changes = GraphqlChanges(self._api, self._customers, self._ids, self.problems)

    @property
    def clock_gap(self) -> timedelta | None:
        """How far the shop's clock is ahead of ours; None before the first answer."""
        return self._session.clock_gap

    def relations(self, since: str | None, after: str | None) -> Iterator[Page]:
        """All customers with relations to products, or those of whom one changed at or after `since`; each with all of them."""
        changed = None if since is None else at_least("customer.lists.mtime", since)
        pages = self._api.pages(queries.RELATIONS, self._customers, after, WITH_RELATIONS, changed)
        for items, cursor in pages:
            page = relation_page(items, cursor, self._zone)
            lost = page.unreadable + sum(entry.unreadable for entry in page.entries if isinstance(entry, Account))
            if lost:
                self.problems["customer.lists.id"] += lost
            yield page

    def customers(self, ids: Sequence[str]) -> Iterator[Customer]:
        """The customers with these ids that the shop has."""
        for asked, items in self._api.by_id(queries.CUSTOMERS, self._customers, filter(usable_id, ids)):
            wanted = set(asked)
            yield from (customer for customer in people(items) if customer.id in wanted)

    def changed(self, feed: Feed, since: str, after: str | None) -> Iterator[Changed]:
        """What changed at or after `since`, by ascending id."""
        return self._changes.read(feed, since, after)

    def relation_ids(self, after: str | None) -> Iterator[Ids]:
        """The ids of all relations to products, customer by customer."""
        for items, cursor in self._api.pages(queries.RELATION_IDS, self._ids, after, WITH_RELATIONS):
            yield id_page(items, cursor)

    def products(self, wanted: Sequence[Wanted]) -> Iterator[ProductReading | Missing]:
        """Each product once for all its views: the shop tells all languages and currencies together."""
        views: dict[str, dict[View, None]] = {}
        for item in wanted:
            views.setdefault(item.product_id, {}).update(dict.fromkeys(item.views))
        for asked, items in self._api.by_id(queries.PRODUCTS, self._products, filter(usable_id, views)):
            found = {usable_id(item.get("id")): item for item in items}
            for product_id in asked:
                if product_id in found:
                    yield from self._readings(found[product_id], views[product_id])
                else:
                    yield Missing(product_id)
        yield from (Missing(product_id) for product_id in views if not usable_id(product_id))

    def check(self) -> Check:
        """Log in and count. A search that is refused is noted; ShopRefusedError where all are."""
        found = self._api.ask(queries.COUNTS, {"customers": every(WITH_RELATIONS)})
        if len(found.failed) == len(found.data):
            raise ShopRefusedError(
                f"the shop's GraphQL refuses every search: {RIGHTS}; if it is, the shop's own log says why"
            )
        notes = [f"{name} can't be read: {RIGHTS}" for name in sorted(found.failed)]
        if not self._shop.media_url:
            notes.append(UNTOLD)
        total = obj(found.data.get("customers")).get("total")
        would_read = {"customers with relations": _counted(total)} if isinstance(total, int) else {}
        return Check(login=self._session.who, would_read=would_read, notes=tuple(notes))

    def close(self) -> None:
        """Give back connections."""
        self._session.close()

    def _readings(self, item: Record, views: Iterable[View]) -> Iterator[ProductReading]:
        record, included = resource_of(item)
        media = Media(self._shop.media_url, {}, self._session.base)
        for view in views:
            reading = ProductParser(view, self._zone, media, included, self.problems).parse(record)
            if reading is not None:
                yield reading

    def _size(self, start: int, most: int) -> PageSize:
        return PageSize(start=start, most=self._shop.page_size or most)


def _counted(total: int) -> str:
    return f"{total:,}" if total < CAPPED_TOTAL else f"{CAPPED_TOTAL:,} or more"
