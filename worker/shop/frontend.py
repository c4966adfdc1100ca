"""The customer-facing JSON:API as a source for sync: one session for each configured customer, one for the catalogue."""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import TypeVar
from zoneinfo import ZoneInfo

import httpx2

from worker import settings
from worker.domain.model import ProductReading, View
from worker.errors import ShopAnswerError, ShopError, ShopLoginError, ShopRefusedError, ShopUnreachableError
from worker.shop.answer import MissingError
from worker.shop.api import Api, Discovery
from worker.shop.client import CustomerClient
from worker.shop.clock_gap import ClockGap
from worker.shop.http import Session, TimedOutError, open_http
from worker.shop.linked import index
from worker.shop.page_size import PageSize
from worker.shop.parse_product import INCLUDE, ProductParser
from worker.shop.picture import Media
from worker.shop.reading import CustomerDisabledError, CustomerReader
from worker.shop.record import Record, obj, records, usable_id
from worker.shop.source import Abilities, Account, Check, Disabled, Missing, Page, Unread, Wanted
from worker.shop.urls import Parameters, batches

MAX_SILENT = 5
"""So many customers in a row without an answer, and the shop as a whole counts as unreachable."""

_FILTER = "filter[==][product.id][]"
_MAX_QUERY = 6000  # common web servers refuse request lines beyond 8 KiB
_DOMAINS = ("product",)
_PAGE_SIZE = 100

T = TypeVar("T")


class FrontendSource:
    """One shop read through its customer-facing API (implements worker.shop.source.Source).

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
        self._size = PageSize(start=shop.page_size or _PAGE_SIZE, most=shop.page_size or _PAGE_SIZE)
        self._discovery: Discovery | None = None
        self._catalogue: Api | None = None
        self._readers: Iterator[settings.Account | None] = iter(self._catalogue_readers())
        self._owners: dict[str, str] = {}
        """Customers read so far: the shop's id, and what the settings call them."""
        self._refused: ShopLoginError | None = None

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
        """Every product as the shop shows it to strangers, or to `catalogue_customer`. Raises ShopError.

        Where strangers are refused, it is read as the first customer that is not.

        Lists leave out products without a category, so what is left out is asked for by itself.
        """
        for view, ids in by_view(wanted).items():
            yield from self._in_view(list(dict.fromkeys(ids)), view)

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

    def _in_view(self, asked: Sequence[str], view: View) -> Iterator[ProductReading | Missing]:
        prefix = self._ask(lambda api: api.discovery()).prefix
        rest = [product_id for product_id in asked if usable_id(product_id)]
        while rest:
            batch = next(iter(batches(rest, _FILTER, prefix, self._size.size, _MAX_QUERY)))
            found = self._listed_in_time(batch, view)
            if found is None:
                continue  # with a smaller batch
            for product_id in batch:
                yield found.get(product_id) or self._single(product_id, view)
            rest = rest[len(batch) :]
        yield from (Missing(product_id) for product_id in asked if not usable_id(product_id))

    def _catalogue_readers(self) -> list[settings.Account | None]:
        """As whom products may be read, in order; None is a stranger."""
        if self._shop.catalogue_customer:
            return [self._shop.customers[self._shop.catalogue_customer]]
        return [None, *(account for _, account in self._customers())]

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

    def _listed_in_time(self, ids: Sequence[str], view: View) -> dict[str, ProductReading] | None:
        """None where the shop took too long: it is asked for fewer from now on."""
        began = time.monotonic()
        try:
            found = self._listed(ids, view, patient=len(ids) <= self._size.least)
        except TimedOutError:
            if not self._size.timed_out():
                raise
            return None
        self._size.answered(len(ids), time.monotonic() - began)
        return found

    def _listed(self, ids: Sequence[str], view: View, *, patient: bool) -> dict[str, ProductReading]:
        parameters = [(_FILTER, product_id) for product_id in ids]
        parameters += [("page[limit]", str(len(ids))), *_shown_in(view)]

        def read(api: Api) -> dict[str, ProductReading]:
            url, found = api.resource("product"), dict[str, ProductReading]()
            for page in api.pages(url, parameters, keep={"include", "locale", "currency"}, patient=patient):
                found = self._parsed(page, url, view) | found
            return found

        return self._ask(read)

    def _single(self, product_id: str, view: View) -> ProductReading | Missing:
        def read(api: Api) -> dict[str, ProductReading]:
            url = api.resource("product")
            return self._parsed(api.get(url, [("id", product_id), *_shown_in(view)]), url, view)

        try:
            found = self._ask(read)
        except MissingError:
            return Missing(product_id)
        if product_id not in found:
            raise ShopAnswerError(f"the shop was asked for product {product_id} and answered with something else")
        return found[product_id]

    def _parsed(self, page: Record, url: str, view: View) -> dict[str, ProductReading]:
        media = Media(self._shop.media_url, obj(page.get("meta")), url)
        parser = ProductParser(view, self._zone, media, index(page), self.problems)
        readings = (parser.parse(record) for record in records(page.get("data")))
        return {reading.id: reading for reading in readings if reading is not None}

    def _ask(self, ask: Callable[[Api], T]) -> T:
        """Ask as a stranger; where the shop wants a login, as the first customer it accepts, and so from then on."""
        while True:
            try:
                if self._catalogue is None:
                    self._catalogue = self._api(next(self._readers))
                return ask(self._catalogue)
            except ShopLoginError as error:
                self._catalogue = None
                self._refused = error
            except StopIteration:
                raise self._refused or ShopLoginError("nobody is left to read the catalogue as") from None


def by_view(wanted: Sequence[Wanted]) -> Mapping[View, list[str]]:
    """The products needed in each view, views in a stable order."""
    found: dict[View, list[str]] = {}
    for product in wanted:
        for view in product.views:
            found.setdefault(view, []).append(product.product_id)
    return dict(sorted(found.items(), key=lambda item: (item[0].currency, item[0].language)))


def _shown_in(view: View) -> Parameters:
    return [("include", INCLUDE), ("locale", view.language), ("currency", view.currency)]
