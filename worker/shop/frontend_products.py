"""The products of the customer-facing API, view by view and batch by batch; what has not changed since is not read again."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar
from zoneinfo import ZoneInfo

from worker import settings
from worker.domain.model import ProductReading, View
from worker.errors import ShopAnswerError, ShopLoginError
from worker.shop.answer import MissingError, UnchangedError
from worker.shop.api import Api
from worker.shop.keyset import asked_in_time
from worker.shop.linked import index
from worker.shop.page_size import PageSize
from worker.shop.parse_product import INCLUDE, ProductParser
from worker.shop.picture import Media
from worker.shop.record import Record, obj, records, usable_id
from worker.shop.source import Answered, Missing, Recall, Request, Unchanged, Wanted
from worker.shop.urls import Parameters, batches

_FILTER = "filter[==][product.id][]"
_MAX_QUERY = 6000  # common web servers refuse request lines beyond 8 KiB
_PAGE_SIZE = 100

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Listed:
    """What a list holds of the products it was asked for."""

    found: Mapping[str, ProductReading]
    request: Request
    etag: str | None


class FrontendProducts:
    """Reads them as a stranger; where strangers are refused, as the first customer that is not, and so from then on."""

    def __init__(
        self,
        shop: settings.Shop,
        zone: ZoneInfo,
        connect: Callable[[settings.Account | None], Api],
        problems: Counter[str],
    ) -> None:
        """`connect` opens a session as a customer, or as a stranger."""
        self._shop = shop
        self._zone = zone
        self._connect = connect
        self._problems = problems
        self._size = PageSize(start=shop.page_size or _PAGE_SIZE, most=shop.page_size or _PAGE_SIZE)
        self._api: Api | None = None
        self._reader: settings.Account | None = None
        self._readers = iter(_readers(shop))
        self._refused: ShopLoginError | None = None

    def answers(self, wanted: Sequence[Wanted], recall: Recall) -> Iterator[Answered | Unchanged]:
        """Every product wanted. Raises ShopError.

        Lists leave out products without a category, so what is left out is asked for by itself.
        """
        for view, ids in by_view(wanted).items():
            asked = dict.fromkeys(ids)
            rest = [product_id for product_id in asked if usable_id(product_id)]
            while rest:
                batch, listed = asked_in_time(self._size, partial(self._next, rest, view, recall), _number_of)
                yield listed if isinstance(listed, Unchanged) else self._completed(batch, listed)
                rest = rest[len(batch) :]
            if nowhere := [product_id for product_id in asked if not usable_id(product_id)]:
                yield Answered(tuple(map(Missing, nowhere)))

    def _next(
        self, rest: Sequence[str], view: View, recall: Recall, limit: int, patient: bool
    ) -> tuple[list[str], _Listed | Unchanged]:
        prefix = self._ask(lambda api: api.discovery()).prefix
        batch = next(iter(batches(rest, _FILTER, prefix, limit, _MAX_QUERY)))
        return batch, self._ask(lambda api: self._listed(api, batch, view, recall, patient))

    def _listed(self, api: Api, batch: Sequence[str], view: View, recall: Recall, patient: bool) -> _Listed | Unchanged:
        url, shown = api.resource("product"), _shown_in(view)
        query = [*((_FILTER, product_id) for product_id in batch), ("page[limit]", str(len(batch))), *shown]
        request = Request(api.address(url, query), _login(self._reader), tuple(batch), view)
        troubles, etags = self._problems.total(), list[str | None]()
        found: dict[str, ProductReading] = {}
        try:
            for reply in api.replies(request.url, shown, patient=patient, etag=recall(request)):
                found = self._parsed(reply.page, url, view) | found
                etags.append(reply.etag)
        except UnchangedError:
            return Unchanged(request)
        # Of several pages one can change by itself; and what can't be read is to be counted each time.
        lasting = len(etags) == 1 and self._problems.total() == troubles
        return _Listed(found, request, etags[0] if lasting else None)

    def _completed(self, batch: Sequence[str], listed: _Listed) -> Answered:
        view, found = listed.request.view, listed.found
        items = tuple(found.get(product_id) or self._single(product_id, view) for product_id in batch)
        return Answered(items, listed.request, listed.etag if found.keys() >= set(batch) else None)

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
        parser = ProductParser(view, self._zone, media, index(page), self._problems)
        readings = (parser.parse(record) for record in records(page.get("data")))
        return {reading.id: reading for reading in readings if reading is not None}

    def _ask(self, ask: Callable[[Api], T]) -> T:
        while True:
            try:
                if self._api is None:
                    self._reader = next(self._readers)
                    self._api = self._connect(self._reader)
                return ask(self._api)
            except ShopLoginError as error:
                self._api = None
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


def _readers(shop: settings.Shop) -> list[settings.Account | None]:
    """As whom products may be read, in order; None is a stranger."""
    if shop.catalogue_customer:
        return [shop.customers[shop.catalogue_customer]]
    return [None, *(account for _, account in sorted(shop.customers.items()))]


def _login(reader: settings.Account | None) -> str:
    secrets = (reader.token, reader.cookie) if reader else ()
    return "\n".join(secret.get_secret_value() for secret in secrets if secret is not None)


def _number_of(answered: tuple[list[str], _Listed | Unchanged]) -> int:
    batch, listed = answered
    return 0 if isinstance(listed, Unchanged) else len(batch)


def _shown_in(view: View) -> Parameters:
    return [("include", INCLUDE), ("locale", view.language), ("currency", view.currency)]
