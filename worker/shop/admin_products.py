"""Products of the admin JSON API with their prices, texts, pictures and stock, in every view at once."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from zoneinfo import ZoneInfo

from worker.domain.model import Json, ProductReading, View
from worker.settings import Shop
from worker.shop.jsonadm import JsonAdm, ids_of
from worker.shop.linked import Included, index
from worker.shop.page_size import PageSize
from worker.shop.parse_product import ProductParser
from worker.shop.picture import Media
from worker.shop.record import Record, obj, records, text, usable_id
from worker.shop.source import Missing, Wanted

_INCLUDE = "price,text,media"  # the shop ignores `stock` here
_STOCK_FIELDS = ("id", "productid", "stocklevel", "type")

Stock = dict[str, list[Json]]
"""Stock records by product."""


class AdminProducts:
    """Reads products in batches as large as the shop answers quickly."""

    def __init__(self, api: JsonAdm, shop: Shop, size: PageSize, problems: Counter[str]) -> None:
        self._api = api
        self._shop = shop
        self._zone = ZoneInfo(shop.timezone)
        self._size = size
        self._stock_size = PageSize(size.most, most=10 * size.most)
        self._problems = problems

    def read(self, wanted: Sequence[Wanted]) -> Iterator[ProductReading | Missing]:
        """Every product in every view; what the shop does not list is missing."""
        views: dict[str, dict[View, None]] = {}
        for want in wanted:
            views.setdefault(want.product_id, {}).update(dict.fromkeys(want.views))
        usable = [product_id for product_id in views if usable_id(product_id)]
        yield from (Missing(product_id) for product_id in views.keys() - set(usable))
        for batch, page in self._api.by_ids("product", usable, self._size, include=_INCLUDE):
            yield from self._parsed(page, batch, views)
            told = set(ids_of(records(page.get("data"))))
            yield from (Missing(product_id) for product_id in batch if product_id not in told)

    def _parsed(
        self, page: dict[str, Json], batch: Sequence[str], views: Mapping[str, Mapping[View, None]]
    ) -> Iterator[ProductReading]:
        """The readings of one answer, with the stock that is asked for now."""
        found = {usable_id(record.get("id")): record for record in records(page.get("data"))}
        if None in found:
            self._problems["product.id"] += 1
        asked = [product_id for product_id in batch if product_id in found]
        stock = self._stock(asked)
        included = {**index(page), **_stock_index(stock)}
        media = Media(self._shop.media_url, obj(page.get("meta")), self._api.url("product"))
        for product_id in asked:
            record = _with_stock(found[product_id], stock.get(product_id, []))
            for view in views[product_id]:
                reading = self._parser(view, media, included).parse(record)
                if reading is not None:
                    yield reading

    def _parser(self, view: View, media: Media, included: Included) -> ProductParser:
        return ProductParser(view, self._zone, media, included, self._problems, price_ids=True)

    def _stock(self, ids: Sequence[str]) -> Stock:
        found: Stock = {}
        left = list(ids)
        while left:
            batch = self._api.batch(left, "stock.productid", len(left))
            del left[: len(batch)]
            among = ("stock.productid", batch)
            for rows in self._api.pages("stock", [], self._stock_size, fields=_STOCK_FIELDS, among=among):
                for record in rows.records:
                    product_id = text(obj(record.get("attributes")).get("stock.productid"))
                    found.setdefault(product_id, []).append(record)
        return found


def _stock_index(stock: Stock) -> Included:
    return {
        ("stock", usable_id(record.get("id")) or ""): obj(record.get("attributes"))
        for entries in stock.values()
        for record in records(entries)
    }


def _with_stock(record: Record, entries: list[Json]) -> Record:
    """The product as the customer-facing API would tell it: related to its stock."""
    listed: list[Json] = [{"type": "stock", "id": entry.get("id")} for entry in records(entries)]
    return {**record, "relationships": {**obj(record.get("relationships")), "stock": {"data": listed}}}
