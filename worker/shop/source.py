"""What sync needs from a shop, whichever interface it is read through (customer JSON:API, admin JSON API, GraphQL)."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Protocol, TypeAlias, runtime_checkable

from worker.domain.model import Customer, ProductReading, Relation, View
from worker.errors import ShopError


@dataclass(frozen=True, slots=True, kw_only=True)
class Abilities:
    """What an interface can tell and do; `watchpost sync --check` prints it."""

    ctime: bool
    """It tells when a relation was created; else the moment first seen stands in for it."""
    mtime: bool
    """It tells what changed since a moment, so that a sync need not read everything (implements Incremental)."""
    inactive: bool
    """It also lists relations that are disabled or outside their dates."""
    fractional_stock: bool
    """It tells stock levels such as 0.5, which others cut to 0."""
    removes: bool
    """Relations can be removed through it (implements Remover)."""


@dataclass(frozen=True, slots=True)
class Account:
    """One customer with relations."""

    key: str
    """What the settings call this customer; the shop's customer id where the interface lists customers itself."""
    customer: Customer | None
    """None where the interface does not tell it here; `key` is the id to ask `Incremental.customers` for, if it is not known."""
    relations: tuple[Relation, ...]
    unreadable: int = 0
    """Records without a usable id. While there are any, an absent relation may be one of them and must not be retired."""
    complete: bool = True
    """These are all the relations the shop has of this customer: what is absent has vanished from it."""


@dataclass(frozen=True, slots=True)
class Disabled:
    """The shop says this customer's account is switched off (404 although we are logged in)."""

    key: str


@dataclass(frozen=True, slots=True)
class Unread:
    """This customer could not be read; nothing may be concluded, and the others go on."""

    key: str
    error: ShopError


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One piece of the shop's relations, stored as a whole together with its cursor."""

    entries: tuple[Account | Disabled | Unread, ...]
    cursor: str
    """Where to go on after this page; means something to its source only."""
    newest: str | None = None
    """The latest mtime in it, as the shop writes it ("YYYY-MM-DD HH:MM:SS", naive, in the shop's zone)."""
    unreadable: int = 0
    """Records that belong to nobody we could name."""
    total: int | None = None
    """How many relations there are in all, for progress only; never trusted."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A product to read, and every view it is needed in."""

    product_id: str
    views: tuple[View, ...]


@dataclass(frozen=True, slots=True)
class Missing:
    """The shop does not show this product: deleted, disabled or outside its dates."""

    product_id: str


@dataclass(frozen=True, slots=True)
class Request:
    """A question for products in one view, complete, so that an answer to it stands for the next one."""

    url: str = field(repr=False)
    login: str = field(repr=False)
    """The secret of whoever asks; empty for a stranger."""
    product_ids: tuple[str, ...]
    view: View


@dataclass(frozen=True, slots=True)
class Answered:
    """What the shop said about some products."""

    items: tuple[ProductReading | Missing, ...]
    request: Request | None = None
    etag: str | None = None
    """What the shop names its answer to the request by (RFC 9110, 8.8.3); None where the items came in other answers, too."""


@dataclass(frozen=True, slots=True)
class Unchanged:
    """The shop said that what was recalled for this request is still so (304)."""

    request: Request


Recall: TypeAlias = Callable[[Request], str | None]
"""Tells the etag of a former answer to the request, all of which is still remembered; None where it is to be answered anew."""


class Feed(StrEnum):
    """What an incremental interface lists by the time it changed last, besides relations."""

    CUSTOMERS = "customers"
    PRODUCTS = "products"
    PRICES = "prices"
    STOCK = "stock"


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """One piece of what changed."""

    cursor: str
    newest: str | None = None
    """As in Page."""
    customers: tuple[Customer, ...] = ()
    product_ids: tuple[str, ...] = ()
    """Products to read again, whether somebody watches them or not."""
    price_ids: tuple[str, ...] = ()
    """Prices that changed, where the interface does not tell whose they are; `Price.id` of a reading tells."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ids:
    """One piece of the ids of all relations."""

    ids: tuple[str, ...]
    cursor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """What `watchpost sync --check` found out beyond the abilities."""

    login: str
    """Who the shop takes us for, without secrets: "customer anna", "administrator"."""
    would_read: dict[str, str] = field(default_factory=dict)
    """What a sync would read: {"relations": "about 9,400", "customers": "10,000 or more"}."""
    notes: tuple[str, ...] = ()


class Source(Protocol):
    """One shop connection. Every failure is a ShopError; what one record fails at is counted, never raised.

    Times given and taken as text are the shop's own: naive, in its zone. An empty answer means that the shop, knowing who
    we are, has nothing to show; a source that is not sure raises.
    """

    abilities: Abilities
    problems: Counter[str]
    """What could not be read so far, by field: counted, and never a reason to stop."""

    @property
    def clock_gap(self) -> timedelta | None:
        """How far the shop's clock is ahead of ours, by the Date header of its newest answer; None while unknown."""

    def relations(self, since: str | None, after: str | None) -> Iterator[Page]:
        """Every customer's product relations in a stable order, or with `since` at least those changed at or after it.

        `after` is the cursor to go on from. Relations of the other domains need not be listed.
        """

    def products(self, wanted: Sequence[Wanted]) -> Iterator[ProductReading | Missing]:
        """Every product in every view wanted, in any order; a Missing stands for all views of its product."""

    def check(self) -> Check:
        """Log in and look around, cheaply. Raises ShopError."""

    def close(self) -> None:
        """Give back connections."""


@runtime_checkable
class Incremental(Protocol):
    """What the admin interfaces can do besides."""

    def customers(self, ids: Sequence[str]) -> Iterator[Customer]:
        """The customers with these ids, in any order; those the shop does not have are left out."""

    def changed(self, feed: Feed, since: str, after: str | None) -> Iterator[Changed]:
        """What changed at or after `since`, in a stable order."""

    def relation_ids(self, after: str | None) -> Iterator[Ids]:
        """The ids of all product relations in a stable order, as cheaply as the interface allows."""


@runtime_checkable
class Remover(Protocol):
    """Removes relations in the shop (settings: write_back)."""

    def remove(self, relations: Sequence[tuple[str, str]]) -> Iterator[set[str] | Unread]:
        """Remove relations, given as (account key, relation id).

        Tells piece by piece which ids are gone now, read back to be sure, and which customer's could not be removed.
        Raises ShopError where it is the shop that does not go on; what was told until then is true.
        """


@runtime_checkable
class Conditional(Protocol):
    """Asks for products on condition that they changed, where the shop supports that (RFC 9110, 13.1)."""

    def answers(self, wanted: Sequence[Wanted], recall: Recall) -> Iterator[Answered | Unchanged]:
        """As Source.products, answer by answer. `recall` is asked right before each request."""
