"""Products, prices, texts, pictures and stock as resource objects, with the names and types of a real shop's answers."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from itertools import chain
from typing import TypeVar
from urllib.parse import quote

from worker.shopserver.calls import Call, Document
from worker.shopserver.tables import Media, Price, Product, ProductText, Stock

Part = TypeVar("Part")

_PREVIEWS = (240, 720)


@dataclass(slots=True)
class Parts:
    """What belongs to some products, by product id. Kinds nobody asked for are empty, but stock tells who is in stock."""

    include: Collection[str]
    texts: dict[str, list[ProductText]] = field(default_factory=dict)
    prices: dict[str, list[Price]] = field(default_factory=dict)
    media: dict[str, list[Media]] = field(default_factory=dict)
    stock: dict[str, list[Stock]] = field(default_factory=dict)
    codes: dict[str, str] = field(default_factory=dict)


def money(amount: Decimal) -> str:
    """An amount with two decimals, or as many as it has."""
    written = f"{amount:.4f}"
    return written[:-2] if written.endswith("00") else written.rstrip("0")


def product_attributes(product: Product, parts: Parts, call: Call) -> Document:
    """The attributes of a product. `instock` follows the stock entries where there are some."""
    levels = [entry.level for entry in parts.stock.get(product.id, ())]
    in_stock = any(level is None or level > 0 for level in levels) if levels else product.instock
    return {
        "product.id": product.id,
        "product.url": product.slug,
        "product.type": product.type,
        "product.code": product.code,
        "product.label": product.label,
        "product.status": product.status,
        "product.dataset": "",
        "product.datestart": product.datestart,
        "product.dateend": product.dateend,
        "product.config": [],
        "product.scale": 1,
        "product.target": "",
        "product.ctime": call.local(product.ctime),
        "product.ratings": 0,
        "product.rating": "0.00",
        "product.instock": int(in_stock),
        "product.boost": 1,
    }


def relationships(product: Product, parts: Parts) -> Document:
    """The identifiers of a product's parts, by kind; kinds without parts are left out."""
    own = product.id
    texts = [_listed(text) for text in parts.texts.get(own, ())]
    prices = [_listed(price) for price in parts.prices.get(own, ())]
    media = [_listed(item) for item in parts.media.get(own, ())]
    stock: list[Document] = [{"id": str(entry.id), "type": "stock"} for entry in parts.stock.get(own, ())]
    found = {"text": texts, "price": prices, "media": media, "stock": stock if "stock" in parts.include else []}
    return {name: {"data": items} for name, items in found.items() if items}


def included_parts(parts: Parts, call: Call) -> list[Document]:
    """All parts themselves, as an answer's `included`."""
    items = [_part("text", text.id, text_attributes(text)) for text in _all(parts.texts)]
    items += [_part("price", price.id, price_attributes(price)) for price in _all(parts.prices)]
    items += [
        _part("media", item.id, media_attributes(item, parts.codes[item.product_id])) for item in _all(parts.media)
    ]
    if "stock" in parts.include:
        # An included stock has an integer id: that is how a real shop answers.
        items += (
            {"id": entry.id, "type": "stock", "attributes": stock_attributes(entry), "links": stock_links(entry, call)}
            for entry in _all(parts.stock)
        )
    return items


def stock_attributes(entry: Stock) -> Document:
    """The attributes of a stock entry. Decimals of the level are cut off, as a real shop's JSON:API does."""
    return {
        "stock.id": str(entry.id),
        "stock.productid": entry.product_id,
        "stock.stocklevel": None if entry.level is None else int(entry.level),
        "stock.timeframe": entry.timeframe,
        "stock.dateback": entry.dateback,
        "stock.type": entry.type,
    }


def stock_links(entry: Stock, call: Call) -> Document:
    """Where a stock entry can be read by itself."""
    return {"self": {"href": call.addresses.resource("stock", {"id": str(entry.id)}), "allow": ["GET"]}}


def text_attributes(text: ProductText) -> Document:
    """The attributes of a text."""
    return {
        "text.id": str(text.id),
        "text.languageid": text.language,
        "text.type": text.type,
        "text.label": text.content[:100],
        "text.domain": "product",
        "text.content": text.content,
        "text.status": 1,
    }


def price_attributes(price: Price) -> Document:
    """The attributes of a price."""
    value = None if price.value is None else money(price.value)
    gross = (price.value or Decimal(0)) + price.costs
    tax = (gross * price.taxrate / (100 + price.taxrate)).quantize(Decimal("0.0001"), ROUND_HALF_UP)
    return {
        "price.id": str(price.id),
        "price.type": price.type,
        "price.currencyid": price.currency,
        "price.domain": "product",
        "price.quantity": price.quantity,
        "price.value": value,
        "price.costs": money(price.costs),
        "price.rebate": money(price.rebate),
        "price.taxvalue": str(tax),
        "price.taxrates": {"tax": money(price.taxrate)},
        "price.taxrate": money(price.taxrate),
        "price.taxflag": True,
        "price.status": price.status,
        "price.label": f"{value or 'on request'} {price.currency}/{price.quantity}",
    }


def media_attributes(item: Media, code: str) -> Document:
    """The attributes of the picture of the product with this code."""
    name = quote(code, safe="")
    previews = {str(width): f"preview/{width}/{name}.png" for width in _PREVIEWS}
    return {
        "media.id": str(item.id),
        "media.filesystem": "fs-media",
        "media.domain": "product",
        "media.label": code,
        "media.languageid": None,
        "media.mimetype": "image/png",
        "media.type": "default",
        "media.preview": previews["240"],
        "media.previews": previews,
        "media.url": f"product/{name}.png",
        "media.status": 1,
    }


def list_attributes(part: ProductText | Price | Media) -> Document:
    """The attributes of the list item that ties a part to its product."""
    # Every part has exactly one list item; making its id of the part's own saves a table and stays unique.
    place, domain = {ProductText: (0, "text"), Price: (1, "price"), Media: (2, "media")}[type(part)]
    price = part if isinstance(part, Price) else None
    attributes: Document = {
        "id": str(part.id * 3 + place),
        "domain": domain,
        "refid": str(part.id),
        "datestart": price.datestart if price else None,
        "dateend": price.dateend if price else None,
        "config": [],
        "position": 0,
        "status": price.list_status if price else 1,
        "type": price.list_type if price else "default",
    }
    return {f"product.lists.{name}": value for name, value in attributes.items()}


def _part(kind: str, part_id: int, attributes: Document) -> Document:
    return {"id": str(part_id), "type": kind, "attributes": attributes}


def _all(parts: Mapping[str, list[Part]]) -> Iterator[Part]:
    return chain.from_iterable(parts.values())


def _listed(part: ProductText | Price | Media) -> Document:
    attributes = list_attributes(part)
    return {"id": str(part.id), "type": attributes["product.lists.domain"], "attributes": attributes}
