"""What changed in a shop by its own mtime, as the shop's GraphQL tells it."""

from collections import Counter
from collections.abc import Iterable, Iterator

from worker.shop import graphql_queries as queries
from worker.shop.graphql_api import GraphqlApi, SearchFailedError
from worker.shop.graphql_filters import at_least, has
from worker.shop.graphql_relations import WITH_RELATIONS, people
from worker.shop.page_size import PageSize
from worker.shop.record import Record, usable_id
from worker.shop.source import Changed, Feed
from worker.shop.times import latest

_LISTS = "product/lists"


class GraphqlChanges:
    """Reads the feeds. A product's mtime moves with none of its parts, and a price does not tell whose it is."""

    def __init__(self, api: GraphqlApi, customers: PageSize, others: PageSize, problems: Counter[str]) -> None:
        self._api = api
        self._customers = customers
        self._others = others
        self._problems = problems

    def read(self, feed: Feed, since: str, after: str | None) -> Iterator[Changed]:
        """Everything of one kind that changed at or after `since`, by ascending id; of customers those with relations."""
        match feed:
            case Feed.CUSTOMERS:
                return self._people(since, after)
            case Feed.PRODUCTS:
                return self._products(queries.PRODUCT_CHANGES, "id", since, after)
            case Feed.STOCK:
                return self._products(queries.STOCK_CHANGES, "productid", since, after)
            case Feed.PRICES:
                return self._prices(since, after)

    def _people(self, since: str, after: str | None) -> Iterator[Changed]:
        changed = at_least("customer.mtime", since)
        pages = self._api.pages(queries.CUSTOMER_CHANGES, self._customers, after, WITH_RELATIONS, changed)
        for items, cursor in pages:
            yield Changed(cursor=cursor, newest=_newest(items), customers=tuple(people(items)))

    def _products(self, search: queries.Search, name: str, since: str, after: str | None) -> Iterator[Changed]:
        changed = at_least(f"{search.kind}.mtime", since)
        for items, cursor in self._api.pages(search, self._others, after, changed):
            yield Changed(cursor=cursor, newest=_newest(items), product_ids=_ids(items, name))

    def _prices(self, since: str, after: str | None) -> Iterator[Changed]:
        """Products of prices that changed themselves, then those whose list of prices did: a new one, other dates or status."""
        kind, _, last = (after or "price:").partition(":")
        if kind == "price":
            changed = at_least("price.mtime", since)
            for items, cursor in self._api.pages(queries.PRICE_CHANGES, self._others, last or None, changed):
                listed = has("product", "price", "default", _ids(items, "id"))
                owners = self._api.pages(queries.PRODUCT_IDS, self._others, None, listed)
                product_ids = tuple(found for products, _ in owners for found in _ids(products, "id"))
                yield Changed(cursor=f"price:{cursor}", newest=_newest(items), product_ids=product_ids)
            last = ""
        yield from self._price_lists(since, last or None)

    def _price_lists(self, since: str, after: str | None) -> Iterator[Changed]:
        conditions = (has("product", "price"), at_least("product.lists.mtime", since))
        try:
            for items, cursor in self._api.pages(queries.PRODUCT_IDS, self._others, after, *conditions):
                yield Changed(cursor=f"list:{cursor}", product_ids=_ids(items, "id"))
        except SearchFailedError:
            self._problems[_LISTS] += 1  # then the regular reading of all watched products finds them


def _newest(items: Iterable[Record]) -> str | None:
    return latest(item.get("mtime") for item in items)


def _ids(items: Iterable[Record], name: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(found for item in items if (found := usable_id(item.get(name))) is not None))
