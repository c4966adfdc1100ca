"""A shop in memory with the shape of a real source: what sync reads, changed by the test between two syncs."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from tests.support.factories import make_config, make_customer, make_reading, make_relation
from worker.domain.model import Customer, Json, ProductReading, Relation, View
from worker.errors import ShopError
from worker.shop.frontend_products import by_view
from worker.shop.source import Abilities, Account, Check, Disabled, Missing, Page, Unread, Wanted


def _nothing(_what: str) -> None:
    """Not a lambda, so that a shop can be handed to another process."""


class FakeShop:
    """Customers with relations, products with a price per currency and a stock level."""

    def __init__(self) -> None:
        self.customers: dict[str, Customer] = {}
        """By the key the settings would call them."""
        self.listed: dict[str, Relation] = {}
        self.doubles: list[Relation] = []
        """Listed besides `listed`, whatever their ids."""
        self.prices: dict[str, dict[str, str | None]] = {}
        self.stock: dict[str, str | None] = {}
        self.names: dict[str, str] = {}
        self.details: dict[str, dict[str, Any]] = {}
        """Other fields of a product's readings, by product."""
        self.hidden: set[str] = set()
        """Products the shop does not show."""
        self.disabled: set[str] = set()
        """Customers whose account is switched off."""
        self.broken: dict[str, ShopError] = {}
        """Customers who can't be read."""
        self.unreadable: dict[str, int] = {}
        """How many records of a customer's answer have no usable id."""
        self.accounts_broken: ShopError | None = None
        """Raised after the first customer."""
        self.products_broken: ShopError | None = None
        """Raised after the first product of each answer."""
        self.while_reading: Callable[[str], None] = _nothing
        """Called with `accounts` or `products` before each of them is handed out."""
        self.problems: Counter[str] = Counter()
        self.reads: list[tuple[View, tuple[str, ...]]] = []

    def customer(self, key: str = "7", **fields: Any) -> None:
        """Add or change a customer."""
        known = self.customers.get(key) or make_customer(id=key, email=f"c{key}@mail.test")
        self.customers[key] = replace(known, **fields)

    def watch(self, shop_id: str = "1", **fields: Any) -> None:
        """Add a relation, or change one that exists."""
        known = self.listed.get(shop_id)
        self.listed[shop_id] = replace(known, **fields) if known else make_relation(id=shop_id, **fields)

    def patch(self, shop_id: str = "1", **config: Json) -> None:
        """The customer changes the watch: the default config with these keys replaces the old one; None leaves a key out."""
        self.watch(shop_id, config=make_config(**config))

    def delete(self, shop_id: str = "1") -> Relation:
        """The customer gives up a relation; returns what it was."""
        return self.listed.pop(shop_id)

    def product(self, shop_id: str = "42", *, stock: Any = ..., **prices: str | None) -> None:
        """Add or change a product: `product("42", EUR="99.00", stock="3")`; level None is unlimited."""
        self.prices.setdefault(shop_id, {}).update(prices)
        self.names.setdefault(shop_id, f"Product {shop_id}")
        if stock is not ... or shop_id not in self.stock:
            self.stock[shop_id] = "0" if stock is ... else stock

    def detail(self, shop_id: str = "42", **fields: Any) -> None:
        """Set other fields of a product's readings."""
        self.details.setdefault(shop_id, {}).update(fields)

    abilities = Abilities(ctime=True, mtime=False, inactive=True, fractional_stock=True, removes=False)
    clock_gap: timedelta | None = None

    def relations(self, since: str | None, after: str | None) -> Iterator[Page]:  # noqa: ARG002 - it has no mtime
        """Every customer after `after`, by key, a page each."""
        for number, (key, customer) in enumerate(sorted(self.customers.items())):
            if after is not None and key <= after:
                continue
            if self.accounts_broken is not None and number:
                raise self.accounts_broken
            self.while_reading("accounts")
            yield Page(entries=(self._account(key, customer),), cursor=key)

    def _account(self, key: str, customer: Customer) -> Account | Disabled | Unread:
        if key in self.broken:
            return Unread(key, self.broken[key])
        if key in self.disabled:
            return Disabled(key)
        listed = (*self.listed.values(), *self.doubles)
        mine = tuple(relation for relation in listed if relation.customer_id == customer.id)
        return Account(key, customer, mine, unreadable=self.unreadable.get(key, 0))

    def products(self, wanted: Sequence[Wanted]) -> Iterator[ProductReading | Missing]:
        """View by view."""
        for view, ids in by_view(wanted).items():
            self.reads.append((view, tuple(ids)))
            for number, shop_id in enumerate(ids):
                if self.products_broken is not None and number:
                    raise self.products_broken
                self.while_reading("products")
                yield self._shown(shop_id, view)
        if self.products_broken is not None:
            raise self.products_broken

    def check(self) -> Check:
        """Anybody may read it."""
        return Check(login="anybody")

    def _shown(self, shop_id: str, view: View) -> ProductReading | Missing:
        if shop_id in self.hidden or shop_id not in self.prices:
            return Missing(shop_id)
        reading = make_reading(
            self.prices[shop_id].get(view.currency),
            self.stock[shop_id],
            view=view,
            id=shop_id,
            name=f"{self.names[shop_id]} ({view.language})",
        )
        return replace(reading, **self.details.get(shop_id, {}))

    def close(self) -> None:
        """Nothing to give back."""
