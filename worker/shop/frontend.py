"""The customer-facing JSON:API as a source for sync: one session for each configured customer, one for the catalogue."""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import timedelta
from itertools import takewhile
from zoneinfo import ZoneInfo

import httpx2

from worker import settings
from worker.domain.model import ProductReading
from worker.errors import ShopAnswerError, ShopError, ShopRefusedError, ShopUnreachableError
from worker.shop.answer import MissingError
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
        self._products = FrontendProducts(shop, self._zone, self._discovered, self.problems)
        self._owners: dict[str, str] = {}
        """Customers read so far: the shop's id, and what the settings call them."""

    @property
    def clock_gap(self) -> timedelta | None:
        """How far the shop's clock is ahead of ours; None before its first answer."""
        return self._gap.value

    def relations(self, since: str | None, after: str | None) -> Iterator[Page]:  # noqa: ARG002 - it has no mtime
        """Every configured customer once, by key, from the one after `after` on; one customer's failure is Unread.

        Raises ShopUnreachableError or ShopAnswerError where discovery fails, ShopUnreachableError after several customers
        in a row without an answer, and ShopError where nobody at all could be read. Who was asked in vain until then is not
        told of, so that the next sync does not go on after them.
        """
        customers = self._customers()
        in_vain: list[Unread] = []
        anybody = after is not None

        def page(entry: Account | Disabled | Unread) -> Page:
            return Page(entries=(entry,), cursor=entry.key, total=len(customers))

        for key, account in customers:
            if after is not None and key <= after:
                continue
            found = self._account(key, account)
            if isinstance(found, Unread):
                self._give_up_after(found, in_vain)
                in_vain.append(found)
            else:
                anybody = True
                yield from map(page, in_vain)
                in_vain.clear()
                yield page(found)
        if in_vain and not anybody:
            raise self._nobody(in_vain)
        yield from map(page, in_vain)

    def products(self, wanted: Sequence[Wanted]) -> Iterator[ProductReading | Missing]:
        """Every product as the shop shows it to strangers, or to `catalogue_customer`. Raises ShopError."""
        for answer in self.answers(wanted, lambda _: None):
            if isinstance(answer, Answered):
                yield from answer.items

    def answers(self, wanted: Sequence[Wanted], recall: Recall) -> Iterator[Answered | Unchanged]:
        """The same, on condition that it changed where an answer is recalled."""
        return self._products.answers(wanted, recall)

    def remove(self, relations: Sequence[tuple[str, str]]) -> Iterator[set[str] | Unread]:
        """Remove relations, each as its own customer; those the shop does not show are left, for nobody can reach them.

        Raises ShopUnreachableError after several customers in a row without an answer.
        """
        by_account: dict[str, set[str]] = {}
        for key, relation_id in relations:
            if key in self._shop.customers:
                by_account.setdefault(key, set()).add(relation_id)
        in_vain: list[Unread] = []
        for key, ids in by_account.items():
            try:
                gone = self._remove(self._shop.customers[key], ids)
            except ShopError as error:
                in_vain.append(Unread(key, error))
                yield in_vain[-1]
                _give_up_in_silence(in_vain)
            else:
                in_vain.clear()
                yield gone

    def check(self) -> Check:
        """Ask for every configured customer. Raises ShopError where none could be read."""
        found = [entry for page in self.relations(None, None) for entry in page.entries]
        accounts = [entry for entry in found if isinstance(entry, Account)]
        unread = [entry for entry in found if isinstance(entry, Unread)]
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

    def _remove(self, account: settings.Account, ids: set[str]) -> set[str]:
        """Those of the ids that this customer saw and removed."""
        client = CustomerClient(self._api(account), self._zone)
        shown = ids & {relation.id for relation in client.fetch(*_DOMAINS).relations}
        if shown:
            client.delete(*sorted(shown))
        return shown

    def _give_up_after(self, unread: Unread, others: Sequence[Unread]) -> None:
        """Raise where it is the shop that does not answer, rather than for this customer."""
        error = unread.error
        if self._discovery is None and isinstance(error, ShopUnreachableError | ShopAnswerError):
            raise error
        _give_up_in_silence([*others, unread])

    def _nobody(self, unread: Sequence[Unread]) -> ShopError:
        """What to raise where no customer at all could be read."""
        if all(map(_is_silence, unread)):
            return _silence(unread)
        key, error = unread[0].key, unread[0].error
        return ShopError(
            f"{self.name}: no customer could be read: {key}: {error}; see [sources.{self.name}.customers.{key}]"
        )

    def _customers(self) -> list[tuple[str, settings.Account]]:
        if not self._shop.customers:  # and if there were some, nobody says that they are gone
            table = f"[sources.{self.name}.customers.NAME]"
            raise ShopError(f"{self.name}: there is nobody to ask for; add {table} with a token or a cookie")
        return sorted(self._shop.customers.items())

    def _api(self, account: settings.Account | None) -> Api:
        session = Session(
            self._http,
            self._shop.url,
            account,
            self._shop.timeout_seconds,
            self._gap,
            setting=f"sources.{self.name}.url",
        )
        return Api(session, self._discovery)

    def _discovered(self, account: settings.Account | None) -> Api:
        """A session after what may be another's discovery."""
        api = self._api(account)
        try:
            self._discovery = api.discovery()
        except MissingError:  # all that a customer may be told whose account is switched off
            self._discovery = self._api(None).discovery()
            return self._api(account)
        return api

    def _account(self, key: str, account: settings.Account) -> Account | Disabled | Unread:
        try:
            reader = CustomerReader(self._discovered(account), self._zone)
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


def _is_silence(unread: Unread) -> bool:
    return isinstance(unread.error, ShopUnreachableError)


def _give_up_in_silence(unread: Sequence[Unread]) -> None:
    """Raise where the last several customers got no answer."""
    silent = list(takewhile(_is_silence, reversed(unread)))
    if len(silent) == MAX_SILENT:
        raise _silence(silent)


def _silence(unread: Sequence[Unread]) -> ShopUnreachableError:
    who = f"{len(unread)} customers in a row" if len(unread) > 1 else "the only customer"
    pauses = [entry.error.retry_after for entry in unread if isinstance(entry.error, ShopUnreachableError)]
    return ShopUnreachableError(f"{who} got no answer; the last: {unread[-1].error}", pauses[-1])
