"""A shop in memory with the shape of a real source: what sync reads, changed by the test between two syncs."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from tests.support.factories import make_customer, make_reading, make_relation
from worker.domain.model import Customer, ProductReading, Relation, View
from worker.errors import ShopError
from worker.shop.source import Account, Disabled, Missing, Unread


class FakeShop:
    """Customers with relations, products with a price per currency and a stock level."""

    def __init__(self) -> None:
        self.customers: dict[str, Customer] = {}
        self.relations: dict[str, Relation] = {}
        self.prices: dict[str, dict[str, str | None]] = {}
        self.stock: dict[str, str | None] = {}
        self.names: dict[str, str] = {}
        self.hidden: set[str] = set()
        """Products the shop does not show."""
        self.disabled: set[str] = set()
        """Customers whose account is switched off."""
        self.broken: dict[str, ShopError] = {}
        """Customers who can't be read."""
        self.products_broken: ShopError | None = None
        self.reads: list[tuple[View, tuple[str, ...]]] = []

    def customer(self, shop_id: str = "7", **fields: object) -> None:
        """Add or change a customer."""
        known = self.customers.get(shop_id, make_customer(id=shop_id, email=f"c{shop_id}@example.com"))
        self.customers[shop_id] = replace(known, **fields)

    def watch(self, shop_id: str = "1", **fields: object) -> None:
        """Add a relation, or change one that exists."""
        known = self.relations.get(shop_id)
        self.relations[shop_id] = replace(known, **fields) if known else make_relation(id=shop_id, **fields)

    def product(self, shop_id: str = "42", *, stock: str | None | type[Ellipsis] = ..., **prices: str | None) -> None:
        """Add or change a product: `product("42", EUR="99.00", stock="3")`; level None is unlimited."""
        self.prices.setdefault(shop_id, {}).update(prices)
        self.names.setdefault(shop_id, f"Product {shop_id}")
        if stock is not ... or shop_id not in self.stock:
            self.stock[shop_id] = "0" if stock is ... else stock  # type: ignore[assignment]

    def accounts(self) -> Iterator[Account | Disabled | Unread]:
        for key, customer in sorted(self.customers.items()):
            if key in self.broken:
                yield Unread(key, self.broken[key])
            elif key in self.disabled:
                yield Disabled(key)
            else:
                mine = tuple(relation for relation in self.relations.values() if relation.customer_id == key)
                yield Account(key, customer, mine)

    def products(self, ids: Sequence[str], view: View) -> Iterator[ProductReading | Missing]:
        self.reads.append((view, tuple(ids)))
        if self.products_broken is not None:
            raise self.products_broken
        for shop_id in ids:
            if shop_id in self.hidden or shop_id not in self.prices:
                yield Missing(shop_id)
            else:
                yield make_reading(
                    self.prices[shop_id].get(view.currency),
                    self.stock[shop_id],
                    view=view,
                    id=shop_id,
                    name=f"{self.names[shop_id]} ({view.language})",
                )

    def close(self) -> None:
        """Nothing to give back."""

