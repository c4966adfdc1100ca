"""The customer-facing JSON:API as a source for sync: one session for each configured customer, one for the catalogue."""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import timedelta
from zoneinfo import ZoneInfo

import httpx2

from worker import settings
from worker.domain.model import ProductReading
from worker.errors import ShopAnswerError, ShopError, ShopRefusedError, ShopUnreachableError
from worker.shop.api import Api, Discovery
from worker.shop.client import CustomerClient
from worker.shop.clock_gap import ClockGap
from worker.shop.frontend_products import FrontendProducts
from worker.shop.http import Session, open_http
from worker.shop.reading import CustomerDisabledError, CustomerReader
from worker.shop.source import (
    Abilities,
    Account,
    Answered,
    Check,
    Disabled,
    Missing,
    Page,
    Recall,
    Unchanged,
    Unread,
    Wanted,
)

MAX_SILENT = 5
"""So many customers in a row without an answer, and the shop as a whole counts as unreachable."""

_DOMAINS = ("product",)


class FrontendSource:
    """One shop read through its customer-facing API (implements Source, Conditional and Remover of worker.shop.source).

    Discovery is asked once and shared by all sessions; cookies, tokens and CSRF values are each session's own.
    """

    abilities = Abilities(ctime=False, mtime=False, inactive=False, fractional_stock=False, removes=True)

    def __init__(self, name: str, shop: settings.Shop, *, transport: httpx2.BaseTransport | None = None) -> None:
        self.name = name
        self.problems: Counter[str] = Counter()
        """What could not be read so far, by field: counted, and never a reason to stop."""
        self._shop = shop
        self._zone = ZoneInfo(shop.timezone)
        self._http = open_http(shop.timeout_seconds, transport)
        self._gap = ClockGap()
        self._discovery: Discovery | None = None
        self._products = FrontendProducts(shop, self._zone, self._api, self.problems)
        self._owners: dict[str, str] = {}
        """Customers read so far: the shop's id, and what the settings call them."""

    @property
    def clock_gap(self) -> timedelta | None:
        """How far the shop's clock is ahead of ours; None before its first answer."""
        return self._gap.value

    def relations(self, since: str | None, after: str | None) -> Iterator[Page]:  # noqa: ARG002 - it has no mtime
        """Every configured customer once, by key, from the one after `after` on; one customer's failure is Unread.

        Raises ShopUnreachableError or ShopAnswerError where discovery fails, and ShopUnreachableError after several
        customers in a row without an answer.
        """
        silent = 0
        customers = self._customers()
        for key, account in customers:
            if after is not None and key <= after:
                continue
            found = self._account(key, account)
            unanswered = isinstance(found, Unread) and isinstance(found.error, ShopUnreachableError)
            silent = silent + 1 if unanswered else 0
            if isinstance(found, Unread):
                if self._discovery is None and isinstance(found.error, ShopUnreachableError | ShopAnswerError):
                    raise found.error
                if silent == MAX_SILENT:
                    raise ShopUnreachableError(f"{silent} customers in a row got no answer; the last: {found.error}")
            yield Page(entries=(found,), cursor=key, total=len(customers))

    def products(self, wanted: Sequence[Wanted]) -> Iterator[ProductReading | Missing]:
        """Every product as the shop shows it to strangers, or to `catalogue_customer`. Raises ShopError."""
        for answer in self.answers(wanted, lambda _: None):
            if isinstance(answer, Answered):
                yield from answer.items

    def answers(self, wanted: Sequence[Wanted], recall: Recall) -> Iterator[Answered | Unchanged]:
        """The same, on condition that it changed where an answer is recalled."""
        return self._products.answers(wanted, recall)

    def remove(self, relations: Sequence[tuple[str, str]]) -> set[str]:
        """Remove relations, each as its own customer; those the shop does not show are left, for nobody can reach them."""
        gone: set[str] = set()
        by_account: dict[str, set[str]] = {}
        for key, relation_id in relations:
            by_account.setdefault(key, set()).add(relation_id)
        for key, ids in by_account.items():
            if key in self._shop.customers:
                client = CustomerClient(self._api(self._shop.customers[key]), self._zone)
                shown = sorted(ids & {relation.id for relation in client.fetch(*_DOMAINS).relations})
                if shown:
                    client.delete(*shown)
                    gone.update(shown)
        return gone

    def check(self) -> Check:
        """Ask for every configured customer. Raises ShopError where none could be read."""
        found = [entry for page in self.relations(None, None) for entry in page.entries]
        accounts = [entry for entry in found if isinstance(entry, Account)]
        unread = [entry for entry in found if isinstance(entry, Unread)]
        if unread and len(unread) == len(found):
            raise unread[0].error
        notes = [f"customer {entry.key}: {entry.error}" for entry in unread]
        notes += [f"customer {entry.key} is disabled in the shop" for entry in found if isinstance(entry, Disabled)]
        return Check(
            login=f"{len(accounts)} of {len(found)} configured customers",
            would_read={"relations": f"{sum(len(entry.relations) for entry in accounts):,}"},
            notes=tuple(notes),
        )

    def close(self) -> None:
        """Give back connections."""
        self._http.close()

    def _customers(self) -> list[tuple[str, settings.Account]]:
        return sorted(self._shop.customers.items())

    def _api(self, account: settings.Account | None) -> Api:
        session = Session(self._http, self._shop.url, account, self._shop.timeout_seconds, self._gap)
        api = Api(session, self._discovery)
        self._discovery = api.discovery()
        return api

    def _account(self, key: str, account: settings.Account) -> Account | Disabled | Unread:
        try:
            reader = CustomerReader(self._api(account), self._zone)
            identity = reader.who()
            listing = reader.listing(identity, _DOMAINS)
        except CustomerDisabledError:
            return Disabled(key)
        except ShopError as error:
            return Unread(key, error)
        if listing.unreadable:
            self.problems["customer.lists.id"] += listing.unreadable
        known = self._owners.setdefault(identity.customer.id, key)
        if known != key:
            twice = f"is the same customer of the shop as {known}; remove one of them from the settings"
            return Unread(key, ShopRefusedError(f"customers.{key} {twice}"))
        relations = tuple(row.relation for row in listing.rows.values())
        return Account(key, identity.customer, relations, unreadable=listing.unreadable)
