"""Rows of the shop -> items of its GraphQL, with their lists; each page reads what belongs to its items at once."""

import json
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from worker.shopserver.fields import DATE_FORMAT
from worker.shopserver.render_products import media_attributes, money
from worker.shopserver.tables import Customer, Media, Price, Product, ProductText, Relation, Stock

Item = dict[str, Any]
_COMMON = {"siteid": "1.", "editor": "editor"}


class Items:
    """Makes the items of one answer."""

    def __init__(self, session: Session, zone: ZoneInfo, include: Collection[str]) -> None:
        self._session = session
        self._zone = zone
        self._include = include

    def customers(self, rows: Iterable[Customer]) -> list[Item]:
        """Customers with their relations to products, whether those are active or not."""
        found = list(rows)
        relations = self._children(Relation, Relation.customer_id, found) if "product" in self._include else {}
        refids = {relation.refid for listed in relations.values() for relation in listed}
        products = {product.id: product for product in self._by_id(refids)} if refids else {}

        def entries(customer: Customer) -> Callable[..., list[Item]]:
            listed = [relation for relation in relations.get(customer.id, ()) if relation.domain == "product"]
            listed.sort(key=lambda relation: (relation.position, relation.id))
            return _listed([self._relation(relation, products.get(relation.refid)) for relation in listed])

        return [
            _COMMON
            | self._times(customer)
            | {
                "id": customer.id,
                "code": customer.code,
                "label": customer.code,
                "status": customer.status,
                "salutation": customer.salutation,
                "company": "",
                "title": "",
                "firstname": customer.firstname,
                "lastname": customer.lastname,
                "languageid": customer.language,
                "email": customer.email,
                "password": "$2y$10$a-hash-that-nobody-should-ask-for",
                "lists": {"product": entries(customer)},
            }
            for customer in found
        ]

    def products(self, rows: Iterable[Product]) -> list[Item]:
        """Products with their prices, texts, pictures and stock, whatever their status or dates."""
        found = list(rows)
        parts = {
            name: self._children(table, table.product_id, found) if name in self._include else {}
            for name, table in (("price", Price), ("text", ProductText), ("media", Media), ("stock", Stock))
        }
        return [
            self._product(product, {name: listed.get(product.id, []) for name, listed in parts.items()})
            for product in found
        ]

    def prices(self, rows: Iterable[Price]) -> list[Item]:
        return [self._price(price) for price in rows]

    def stocks(self, rows: Iterable[Stock]) -> list[Item]:
        return [self._stock(entry) for entry in rows]

    def _children(self, table: Any, column: Any, owners: Collection[Any]) -> dict[str, list[Any]]:
        children = defaultdict(list)
        ids = [owner.id for owner in owners]
        for start in range(0, len(ids), 1000):
            query = select(table).where(column.in_(ids[start : start + 1000])).order_by(table.id)
            for row in self._session.scalars(query):
                children[getattr(row, column.key)].append(row)
        return children

    def _by_id(self, ids: Collection[str]) -> list[Product]:
        asked = sorted(ids)
        return [
            product
            for start in range(0, len(asked), 1000)
            for product in self._session.scalars(select(Product).where(Product.id.in_(asked[start : start + 1000])))
        ]

    def _relation(self, relation: Relation, product: Product | None) -> Item:
        return self._times(relation) | {
            "id": str(relation.id),
            "parentid": int(relation.customer_id) if relation.customer_id.isdigit() else 0,
            "domain": relation.domain,
            "type": relation.type,
            "refid": relation.refid,
            "datestart": relation.datestart,
            "dateend": relation.dateend,
            "config": "[]" if relation.config == "{}" else relation.config.replace("/", "\\/"),
            "position": relation.position,
            "status": relation.status,
            "key": f"{relation.domain}|{relation.type}|{relation.refid}",
            "editor": "editor",
            "item": None if product is None else self._product(product, {}),
        }

    def _product(self, product: Product, parts: dict[str, list[Any]]) -> Item:
        stock = [self._stock(entry) for entry in parts.get("stock", ())]
        prices = [self._list_price(price) for price in parts.get("price", ())]
        texts = [self._list_item(text.id, self._text(text, product)) for text in parts.get("text", ())]
        media = [self._list_item(item.id, self._media(item, product)) for item in parts.get("media", ())]
        return (
            _COMMON
            | self._times(product)
            | {
                "id": product.id,
                "code": product.code,
                "type": product.type,
                "label": product.label,
                "url": product.slug,
                "status": product.status,
                "datestart": product.datestart,
                "dateend": product.dateend,
                "instock": lambda _: int(self._in_stock(product)),
                "scale": 1,
                "target": "",
                "stock": _typed(stock),
                "lists": {
                    "price": _listed(prices),
                    "text": _listed(texts),
                    "media": _listed(media),
                    "product": _listed([]),
                },
            }
        )

    def _in_stock(self, product: Product) -> bool:
        levels = list(self._session.scalars(select(Stock.level).where(Stock.product_id == product.id)))
        return any(level is None or level > 0 for level in levels) if levels else product.instock

    def _list_price(self, price: Price) -> Item:
        return self._list_item(price.id, self._price(price)) | {
            "type": price.list_type,
            "status": price.list_status,
            "datestart": price.datestart,
            "dateend": price.dateend,
            "mtime": self._local(price.list_mtime),
        }

    @staticmethod
    def _list_item(part_id: int, item: Item) -> Item:
        entry = {"id": str(part_id), "type": "default", "refid": str(part_id), "position": 0, "status": 1, "item": item}
        return entry | {"datestart": None, "dateend": None}

    def _price(self, price: Price) -> Item:
        return self._times(price) | {
            "id": str(price.id),
            "type": price.type,
            "domain": "product",
            "label": "",
            "currencyid": price.currency,
            "quantity": price.quantity,
            "value": None if price.value is None else money(price.value),
            "costs": money(price.costs),
            "rebate": money(price.rebate),
            "taxrates": json.dumps({"tax": money(price.taxrate)}, separators=(",", ":")),
            "status": price.status,
        }

    def _text(self, text: ProductText, product: Product) -> Item:
        named = {"id": str(text.id), "type": text.type, "languageid": text.language, "content": text.content}
        return named | {"status": 1, "mtime": self._local(product.mtime)}

    def _media(self, item: Media, product: Product) -> Item:
        media = media_attributes(item, product.code)
        previews = json.dumps(media["media.previews"], separators=(",", ":")).replace("/", "\\/")
        return {
            "id": str(item.id),
            "type": "default",
            "languageid": None,
            "label": product.code,
            "mimetype": "image/png",
            "url": media["media.url"],
            "preview": previews,
            "previews": previews,
            "filesystem": "fs-media",
            "status": 1,
            "mtime": self._local(product.mtime),
        }

    def _stock(self, entry: Stock) -> Item:
        return self._times(entry) | {
            "id": str(entry.id),
            "productid": entry.product_id,
            "type": entry.type,
            "stocklevel": None if entry.level is None else float(entry.level),
            "dateback": entry.dateback,
            "timeframe": entry.timeframe,
            "editor": "editor",
        }

    def _times(self, row: Any) -> Item:
        return {"ctime": self._local(row.ctime), "mtime": self._local(row.mtime)}

    def _local(self, moment: datetime) -> str:
        return moment.astimezone(self._zone).strftime(DATE_FORMAT)


def _typed(entries: list[Item]) -> Callable[..., list[Item]]:
    def resolve(_info: Any, type: list[str] | None = None) -> list[Item]:  # noqa: A002 - the argument's name
        return [entry for entry in entries if type is None or entry["type"] in type]

    return resolve


def _listed(entries: list[Item]) -> Callable[..., list[Item]]:
    """A list that the query narrows by list type, and by the type of what is listed."""

    def resolve(_info: Any, listtype: list[str] | None = None, type: list[str] | None = None) -> list[Item]:  # noqa: A002
        return [
            entry
            for entry in entries
            if (listtype is None or entry["type"] in listtype)
            and (type is None or (entry["item"] is not None and entry["item"].get("type") in type))
        ]

    return resolve
