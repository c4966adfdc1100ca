"""What sync needs from a shop, whichever interface it is read through (customer JSON:API, admin JSON API, GraphQL)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from worker.domain.model import Customer, ProductReading, Relation, View
from worker.errors import ShopError


@dataclass(frozen=True, slots=True)
class Account:
    """One customer with all relations the interface shows, read completely: what is absent has vanished from the shop."""

    key: str
    """What the settings call this customer; the shop's customer id where the interface lists customers itself."""
    customer: Customer
    relations: tuple[Relation, ...]
    unreadable: int = 0
    """Records without a usable id. While there are any, an absent relation may be one of them and must not be retired."""


@dataclass(frozen=True, slots=True)
class Disabled:
    """The shop says this customer's account is switched off (404 although we are logged in)."""

    key: str


@dataclass(frozen=True, slots=True)
class Unread:
    """This customer could not be read; nothing may be concluded, and the others go on."""

    key: str
    error: ShopError


@dataclass(frozen=True, slots=True)
class Missing:
    """The shop does not show this product: deleted, disabled or outside its dates."""

    product_id: str


class Source(Protocol):
    """One shop connection."""

    def accounts(self) -> Iterator[Account | Disabled | Unread]:
        """Every customer once, in a stable order. Raises ShopError where the shop as a whole can't be read."""

    def products(self, ids: Sequence[str], view: View) -> Iterator[ProductReading | Missing]:
        """Every id once, in any order, as the shop shows it in this view. Raises ShopError."""

    def close(self) -> None:
        """Give back connections."""
