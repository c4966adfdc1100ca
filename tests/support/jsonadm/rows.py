"""The records of the admin JSON API, made from our shop's tables: attribute names and types as recorded."""

from collections.abc import Callable
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from tests.support.jsonadm.query import Row
from worker.shop.document import parse
from worker.shopserver import render_products as render
from worker.shopserver import tables
from worker.shopserver.fields import DATE_FORMAT


class Rows:
    """Reads one resource at a time, every row of it."""

    def __init__(self, session: Session, zone: ZoneInfo) -> None:
        self._session = session
        self._zone = zone

    def of(self, resource: str) -> list[Row]:
        """All rows of a resource. Raises KeyError for one that is not there."""
        return _READERS[resource](self)

    def customers(self) -> list[Row]:
        return [
            self._dated("customer", customer)
            | _named("customer", customer, "salutation", "firstname", "lastname", "email", "code", "status")
            | dict.fromkeys((f"customer.{name}" for name in _EMPTY), "")
            | dict.fromkeys(f"customer.{name}" for name in _NULL)
            | {"customer.languageid": customer.language, "customer.groups": [], "customer.password": "(hash)"}
            | {"customer.label": f"{customer.firstname} {customer.lastname}".strip()}
            for customer in self._all(tables.Customer)
        ]

    def relations(self) -> list[Row]:
        names = ("domain", "refid", "datestart", "dateend", "position", "status", "type")
        return [
            self._dated("customer.lists", relation)
            | _named("customer.lists", relation, *names)
            | {
                "customer.lists.config": parse(relation.config.encode()) or [],
                "customer.lists.key": f"{relation.domain}|{relation.type}|{relation.refid}",
                "customer.lists.parentid": relation.customer_id,
            }
            for relation in self._all(tables.Relation)
        ]

    def products(self) -> list[Row]:
        names = ("type", "code", "label", "status", "datestart", "dateend")
        return [
            self._dated("product", product)
            | _named("product", product, *names)
            | {"product.url": product.slug, "product.instock": int(product.instock)}
            | {"product.dataset": "", "product.config": [], "product.scale": 1, "product.target": ""}
            | {"product.ratings": 0, "product.rating": "0.00", "product.boost": 1}
            for product in self._all(tables.Product)
        ]

    def prices(self) -> list[Row]:
        return [self._dated("price", price) | render.price_attributes(price) for price in self._all(tables.Price)]

    def texts(self) -> list[Row]:
        return [self._of_product("text", text) | render.text_attributes(text) for text in self._all(tables.ProductText)]

    def media(self) -> list[Row]:
        return [
            self._of_product("media", item) | render.media_attributes(item, self._product(item).code)
            for item in self._all(tables.Media)
        ]

    def stock(self) -> list[Row]:
        return [self._dated("stock", entry) | render.stock_attributes(entry) for entry in self._all(tables.Stock)]

    def product_lists(self) -> list[Row]:
        """What ties texts, prices and pictures to products; only those of prices have times of their own here."""
        found = []
        for table in (tables.ProductText, tables.Price, tables.Media):
            for part in self._all(table):
                row = self._of_product("product.lists", part) | render.list_attributes(part)
                if isinstance(part, tables.Price):
                    row |= self._times("product.lists", part.ctime, part.list_mtime)
                key = "|".join(str(row[f"product.lists.{name}"]) for name in ("domain", "type", "refid"))
                found.append(row | {"product.lists.key": key, "product.lists.parentid": part.product_id})
        return found

    def _product(self, part: Any) -> tables.Product:
        return self._session.get_one(tables.Product, part.product_id)

    def _of_product(self, prefix: str, part: Any) -> Row:
        """The times of something that has none of its own here."""
        return self._times(prefix, self._product(part).ctime, self._product(part).ctime)

    def _all(self, table: type[Any]) -> list[Any]:
        return list(self._session.scalars(select(table).order_by(table.id)))

    def _dated(self, prefix: str, row: Any) -> Row:
        return {f"{prefix}.id": str(row.id)} | self._times(prefix, row.ctime, row.mtime)

    def _times(self, prefix: str, ctime: datetime, mtime: datetime) -> Row:
        def local(moment: datetime) -> str:
            return moment.astimezone(self._zone).strftime(DATE_FORMAT)

        times = {"ctime": local(ctime), "mtime": local(mtime)}
        return {f"{prefix}.{name}": value for name, value in {"siteid": "1.", **times, "editor": "editor"}.items()}


def _named(prefix: str, row: Any, *names: str) -> Row:
    return {f"{prefix}.{name}": getattr(row, name) for name in names}


_EMPTY = (
    *("company", "vatid", "title", "address1", "address2", "address3", "postal", "city", "state"),
    *("telephone", "mobile", "telefax", "website"),
)
_NULL = ("countryid", "longitude", "latitude", "birthday", "dateverified")
_READERS: dict[str, Callable[[Rows], list[Row]]] = {
    "customer": Rows.customers,
    "customer/lists": Rows.relations,
    "product": Rows.products,
    "product/lists": Rows.product_lists,
    "price": Rows.prices,
    "text": Rows.texts,
    "media": Rows.media,
    "stock": Rows.stock,
}
RESOURCES = tuple(_READERS)
