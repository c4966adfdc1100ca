"""A `product` record with its included price, stock, text and media -> one reading of the product in one view."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from worker.domain.model import ProductReading, View
from worker.shop.linked import Included, Linked, linked
from worker.shop.parse_price import parse_prices, parse_stock
from worker.shop.picture import Media, picture
from worker.shop.record import Record, obj, text, usable_id, whole_number
from worker.shop.times import parse_time

INCLUDE = "price,stock,text,media"


@dataclass(frozen=True, slots=True)
class ProductParser:
    """Reads the products of one answer; `problems` counts by field what could not be read."""

    view: View
    zone: ZoneInfo
    media: Media
    included: Included
    problems: Counter[str] = field(default_factory=Counter)
    price_ids: bool = False
    """Whether prices are told with their ids."""

    def parse(self, record: Record) -> ProductReading | None:
        """One product; None where the record has no usable id.

        What can't be read never makes a watch fire: such a price has no value, such a stock is not known, and a product
        whose status or dates can't be read is not enabled.
        """
        product_id = usable_id(record.get("id"))
        if product_id is None:
            self.problems["product.id"] += 1
            return None
        fields = obj(record.get("attributes"))
        label = text(fields.get("product.label"))
        enabled, datestart, dateend = self._visibility(fields)
        stock = parse_stock(self._linked(record, "stock"), self.problems)
        return ProductReading(
            id=product_id,
            view=self.view,
            code=text(fields.get("product.code")),
            label=label,
            name=_name(self._linked(record, "text"), self.view.language) or label,
            slug=text(fields.get("product.url")),
            picture=picture(self._linked(record, "media"), self.media),
            enabled=enabled,
            datestart=datestart,
            dateend=dateend,
            instock_flag=self._instock(fields) if stock is not None else None,
            prices=parse_prices(
                self._linked(record, "price"),
                self.view.currency,
                self.zone,
                self.problems,
                with_ids=self.price_ids,
            ),
            stock=stock or (),
        )

    def _linked(self, record: Record, kind: str) -> list[Linked]:
        return linked(record, kind, self.included)

    def _visibility(self, fields: Record) -> tuple[bool, datetime | None, datetime | None]:
        try:
            return (
                whole_number(fields.get("product.status")) == 1,
                parse_time(fields.get("product.datestart"), self.zone),
                parse_time(fields.get("product.dateend"), self.zone, later=True),
            )
        except ValueError:
            self.problems["product.status or dates"] += 1
            return False, None, None

    def _instock(self, fields: Record) -> bool | None:
        if fields.get("product.instock") is None:
            return None
        try:
            return whole_number(fields["product.instock"]) > 0
        except ValueError:
            self.problems["product.instock"] += 1
            return None


def _name(texts: Iterable[Linked], language: str) -> str:
    """The text of type `name` in the language, else one for all languages; empty where there is none."""
    names = {
        text(entry.item.get("text.languageid")): text(entry.item.get("text.content"))
        for entry in reversed(list(texts))  # of several the first counts
        if entry.item is not None
        and entry.item.get("text.type") == "name"
        and entry.item.get("text.status", 1) in (1, "1")
        and (text(entry.listed.get("product.lists.type")) or "default") == "default"
    }
    return names.get(language) or names.get("") or ""
