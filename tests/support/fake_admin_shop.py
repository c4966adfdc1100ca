"""A shop in memory read through an admin interface: it tells what changed, in pages, by its own clock.

Every change through the methods of FakeShop moves the mtime it would move in a real shop, to `clock` (naive, in the shop's
zone); a test sets `mtimes` itself for what is late, early or equal.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from tests.support.fake_shop import FakeShop
from worker.domain.model import Customer, Relation
from worker.shop.source import Abilities, Account, Changed, Feed, Ids, Page


@dataclass
class Asked:
    """What sync asked for."""

    relations: list[tuple[str | None, str | None]]
    """since and after of each pass"""
    pages: int
    feeds: list[tuple[str, str]]
    ids: int


class _Customers(dict[str, Customer]):
    """FakeShop's customers, who can also be asked for (Incremental.customers)."""

    def __init__(self) -> None:
        super().__init__()
        self.untold: set[str] = set()
        """Customers the shop does not tell of."""
        self.asked: list[str] = []

    def __call__(self, ids: Sequence[str]) -> Iterator[Customer]:
        self.asked += ids
        return (self[key] for key in ids if key in self and key not in self.untold)


class FakeAdminShop(FakeShop):
    """Customers and relations in keyset pages of `page` customers; implements Source and Incremental."""

    abilities = Abilities(ctime=True, mtime=True, inactive=True, fractional_stock=True, removes=False)

    def __init__(self, clock: str = "2026-03-01 10:00:00") -> None:
        super().__init__()
        self.customers: _Customers = _Customers()
        self.clock = clock
        self.page = 2
        self.anonymous = False
        """True: relations come without their customers and not customer by customer, as in the admin JSON API."""
        self.mtimes: dict[tuple[str, str], str] = {}
        """By feed (or `relations`) and id."""
        self.hidden_ids: set[str] = set()
        """Relations that are there, but left out when all ids are listed."""
        self.asked = Asked([], 0, [], 0)

    def customer(self, key: str = "7", **fields: Any) -> None:
        super().customer(key, **fields)
        self._moved(Feed.CUSTOMERS, key)

    def watch(self, shop_id: str = "1", **fields: Any) -> None:
        super().watch(shop_id, **fields)
        self._moved("relations", shop_id)

    def product(self, shop_id: str = "42", *, stock: Any = ..., **prices: str | None) -> None:
        super().product(shop_id, stock=stock, **prices)
        if stock is not ...:
            self._moved(Feed.STOCK, shop_id)
        if prices:
            self._moved(Feed.PRICES, shop_id)

    def relations(self, since: str | None, after: str | None) -> Iterator[Page]:
        self.asked.relations.append((since, after))
        keys = [key for key in sorted(self.customers) if after is None or key > after]
        found = [key for key in keys if self._changed_since(key, since)]
        for number, start in enumerate(range(0, len(found), self.page)):
            if self.accounts_broken is not None and number:
                raise self.accounts_broken
            self.while_reading("accounts")
            some = found[start : start + self.page]
            self.asked.pages += 1
            yield self._page(some, since)

    def changed(self, feed: Feed, since: str, after: str | None) -> Iterator[Changed]:
        self.asked.feeds.append((feed.value, since))
        found = [(key, moved) for (kind, key), moved in sorted(self.mtimes.items()) if kind == feed and moved >= since]
        for key, moved in found:
            if after is not None and key <= after:
                continue
            if feed is Feed.CUSTOMERS:
                yield Changed(cursor=key, newest=moved, customers=(self.customers[key],))
            else:
                yield Changed(cursor=key, newest=moved, product_ids=(key,))

    def relation_ids(self, after: str | None) -> Iterator[Ids]:
        self.asked.ids += 1
        self.while_reading("ids")
        while some := self._ids_after(after or "")[: self.page]:
            yield Ids(ids=some, cursor=some[-1])
            after = some[-1]
            self.while_reading("ids")

    def _ids_after(self, after: str) -> tuple[str, ...]:
        return tuple(sorted(key for key in self.listed if key not in self.hidden_ids and key > after))

    def _moved(self, kind: str, key: str) -> None:
        self.mtimes[str(kind), key] = self.clock

    def _mine(self, key: str) -> tuple[Relation, ...]:
        customer = self.customers[key]
        return tuple(relation for relation in self.listed.values() if relation.customer_id == customer.id)

    def _changed_since(self, key: str, since: str | None) -> bool:
        moved = [self.mtimes["relations", relation.id] for relation in self._mine(key)]
        return bool(moved) and (since is None or max(moved) >= since)

    def _page(self, keys: Sequence[str], since: str | None) -> Page:
        entries, newest = [], ""
        for key in keys:
            mine = self._mine(key)
            if self.anonymous:
                mine = tuple(one for one in mine if since is None or self.mtimes["relations", one.id] >= since)
            newest = max(newest, *(self.mtimes["relations", relation.id] for relation in mine))
            entries.append(
                Account(key, None if self.anonymous else self.customers[key], mine, complete=not self.anonymous)
            )
        return Page(entries=tuple(entries), cursor=keys[-1], newest=newest)
