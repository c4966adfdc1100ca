"""A shop in one state, served through one interface; and what a source tells of it, in a form all interfaces share."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select

from tests.shop.contract.interfaces import Interface
from tests.shopserver.front import Clock, plain
from worker.domain.model import Customer, Price, ProductReading, Relation, StockEntry, View
from worker.shop.source import (
    Account,
    Changed,
    Disabled,
    Feed,
    Incremental,
    Missing,
    Page,
    Remover,
    Source,
    Unread,
    Wanted,
)
from worker.shopserver import tables
from worker.shopserver.store import ShopStore

GERMAN = View(language="de", currency="EUR")
ENGLISH = View(language="en", currency="USD")
VIEWS = (GERMAN, ENGLISH)


@dataclass(slots=True)
class World:
    """The shop's owner changes `store`, time passes on `clock`, and sources read it through `interface`."""

    interface: Interface
    url: str
    store: ShopStore
    clock: Clock
    timezone: str
    opened: list[Source] = field(default_factory=list)

    def connect(self, **settings: Any) -> Source:
        """A new source; it is closed after the test."""
        shop = self.interface.settings(self.url, self.store, self.timezone, **settings)
        self.opened.append(self.interface.source("main", shop, transport=plain()))
        return self.opened[-1]

    def incremental(self, **settings: Any) -> Incremental:
        """A new source that can tell what changed."""
        source = self.connect(**settings)
        assert isinstance(source, Incremental)
        return source

    def now(self) -> str:
        """The time as the shop writes it."""
        return self.clock.now.astimezone(ZoneInfo(self.timezone)).strftime("%Y-%m-%d %H:%M:%S")

    def change(self, table: type[tables.Base], key: str | int, **columns: Any) -> None:
        """Set columns of one row."""
        with self.store.begin() as session:
            row = session.get_one(table, key)
            for name, value in columns.items():
                setattr(row, name, value)

    def relations(self) -> dict[str, tables.Relation]:
        """What is in the shop, by id."""
        with self.store.read() as session:
            return {str(row.id): row for row in session.scalars(select(tables.Relation))}


def pages_of(source: Source, since: str | None = None, after: str | None = None) -> list[Page]:
    return list(source.relations(since, after))


def accounts(pages: Sequence[Page]) -> Iterator[Account]:
    return (entry for page in pages for entry in page.entries if isinstance(entry, Account))


def relations_of(pages: Sequence[Page]) -> list[Relation]:
    """Everything on the pages, in their order."""
    return [relation for account in accounts(pages) for relation in account.relations]


def ids_of(pages: Sequence[Page]) -> list[str]:
    return [relation.id for relation in relations_of(pages)]


def removed(source: Source, relations: Sequence[tuple[str, str]]) -> set[str]:
    """Have relations removed, given as (account key, relation id); the ids that are gone. Nobody is an obstacle."""
    assert isinstance(source, Remover)
    gone: set[str] = set()
    for told in source.remove(relations):
        assert not isinstance(told, Unread)
        gone |= told
    return gone


def people_of(source: Source, pages: Sequence[Page]) -> dict[str, Customer]:
    """The customers of the pages by id, told in them or asked for."""
    found = {account.customer.id: account.customer for account in accounts(pages) if account.customer is not None}
    unknown = [account.key for account in accounts(pages) if account.customer is None]
    if unknown:
        assert isinstance(source, Incremental)
        found |= {customer.id: customer for customer in source.customers(unknown)}
    return found


def active(relations: Sequence[Relation], now: datetime) -> dict[str, Relation]:
    """Those every interface shows, without the ctime that not all tell."""
    return {
        relation.id: replace(relation, ctime=None)
        for relation in relations
        if relation.status == 1
        and (relation.datestart is None or relation.datestart <= now)
        and (relation.dateend is None or now < relation.dateend)
    }


def read(source: Source, *product_ids: str, views: tuple[View, ...] = VIEWS) -> list[ProductReading | Missing]:
    return list(source.products([Wanted(product_id, views) for product_id in product_ids]))


def shared(reading: ProductReading, now: datetime, *, exact_stock: bool) -> ProductReading:
    """A reading as every interface tells it.

    Only prices that are on sale now, without their ids; stock levels cut, unless all interfaces in question are exact; and no
    flag where stock entries stand, which outrank it.
    """
    return replace(
        reading,
        prices=tuple(sorted((replace(price, id="") for price in reading.prices if _on_sale(price, now)), key=repr)),
        stock=reading.stock if exact_stock else tuple(map(_cut, reading.stock)),
        instock_flag=None if reading.stock else reading.instock_flag,
    )


def changes(source: Incremental, feed: Feed, since: str, after: str | None = None) -> list[Changed]:
    return list(source.changed(feed, since, after))


def products_told(source: Incremental, feed: Feed, since: str, known: Sequence[ProductReading] = ()) -> set[str]:
    """The products that a feed tells, by themselves or by the ids of their prices in readings known before."""
    owners = {price.id: reading.id for reading in known for price in reading.prices}
    pages = changes(source, feed, since)
    by_prices = {owners[price_id] for page in pages for price_id in page.price_ids if price_id in owners}
    return by_prices.union(*(page.product_ids for page in pages))


def disabled(pages: Sequence[Page]) -> list[Disabled]:
    return [entry for page in pages for entry in page.entries if isinstance(entry, Disabled)]


def _on_sale(price: Price, now: datetime) -> bool:
    started = price.datestart is None or price.datestart <= now
    return price.status == price.list_status == 1 and started and (price.dateend is None or now < price.dateend)


def _cut(entry: StockEntry) -> StockEntry:
    return entry if entry.level is None else replace(entry, level=Decimal(int(entry.level)))
