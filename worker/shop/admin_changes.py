"""What changed in a shop by its own mtime, as the admin JSON API tells it."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from worker.domain.model import Customer
from worker.errors import ShopRefusedError
from worker.shop.admin_session import ForbiddenError
from worker.shop.jsonadm import JsonAdm, changed_since, ids_of, named, newest
from worker.shop.keyset import Rows
from worker.shop.page_size import PageSize
from worker.shop.parse_customer import parse_customer
from worker.shop.record import Record
from worker.shop.source import Changed, Feed

CUSTOMER_FIELDS = ("id", "email", "languageid", "salutation", "firstname", "lastname", "status", "mtime")
"""Named one by one: the shop would also tell password hashes."""

_LISTS = "product/lists"


class AdminChanges:
    """Reads the feeds: a product's mtime moves with none of its parts, and a price does not tell whose it is."""

    def __init__(self, api: JsonAdm, size: PageSize, problems: Counter[str]) -> None:
        self._api = api
        self._size = size
        self._problems = problems

    def read(self, feed: Feed, since: str, after: str | None) -> Iterator[Changed]:
        """Everything of one kind that changed at or after `since`, by id."""
        match feed:
            case Feed.CUSTOMERS:
                return self._customers(since, after)
            case Feed.PRODUCTS:
                return self._products(since, after)
            case Feed.STOCK:
                return self._stock(since, after)
            case Feed.PRICES:
                return self._prices(since, after)

    def _customers(self, since: str, after: str | None) -> Iterator[Changed]:
        with as_superuser():
            for rows in self._pages("customer", since, after, CUSTOMER_FIELDS):
                customers = tuple(parsed_customers(rows.records, self._problems))
                yield Changed(cursor=rows.cursor, newest=newest(rows.records, "customer.mtime"), customers=customers)

    def _products(self, since: str, after: str | None) -> Iterator[Changed]:
        for rows in self._pages("product", since, after, ("id", "mtime")):
            latest = newest(rows.records, "product.mtime")
            yield Changed(cursor=rows.cursor, newest=latest, product_ids=ids_of(rows.records))

    def _stock(self, since: str, after: str | None) -> Iterator[Changed]:
        for rows in self._pages("stock", since, after, ("id", "productid", "mtime")):
            product_ids = named(rows.records, "stock.productid")
            yield Changed(cursor=rows.cursor, newest=newest(rows.records, "stock.mtime"), product_ids=product_ids)

    def _prices(self, since: str, after: str | None) -> Iterator[Changed]:
        """Prices that changed themselves, then products whose list of prices did: a new price, other dates or status."""
        kind, _, last = (after or "price:").partition(":")
        if kind == "price":
            for rows in self._pages("price", since, last or None, ("id", "mtime")):
                latest = newest(rows.records, "price.mtime")
                yield Changed(cursor=f"price:{rows.cursor}", newest=latest, price_ids=ids_of(rows.records))
            last = ""
        try:
            yield from self._price_lists(since, last or None)
        except (ShopRefusedError, ForbiddenError):
            self._problems[_LISTS] += 1  # then the regular reading of all watched products finds them

    def _price_lists(self, since: str, after: str | None) -> Iterator[Changed]:
        conditions = [("==", "product.lists.domain", "price"), *changed_since(_LISTS, since)]
        for rows in self._api.pages(_LISTS, conditions, self._size, after, fields=("id", "parentid", "mtime")):
            latest = newest(rows.records, "product.lists.mtime")
            product_ids = named(rows.records, "product.lists.parentid")
            yield Changed(cursor=f"list:{rows.cursor}", newest=latest, product_ids=product_ids)

    def _pages(self, resource: str, since: str, after: str | None, fields: Sequence[str]) -> Iterator[Rows]:
        return self._api.pages(resource, changed_since(resource, since), self._size, after, fields=fields)


def parsed_customers(listed: Iterable[Record], problems: Counter[str]) -> Iterator[Customer]:
    """The customers with a usable id; the others are counted."""
    for record in listed:
        customer = parse_customer(record)
        if customer is None:
            problems["customer.id"] += 1
        else:
            yield customer


@contextmanager
def as_superuser() -> Iterator[None]:
    """Says what is missing where customers may not be read."""
    try:
        yield
    except ForbiddenError as error:
        raise ForbiddenError(
            f"{error}. Customers may be read by superusers only, unless the shop's setting "
            "admin/jsonadm/resource/customer/groups names the account's group"
        ) from None
