"""The resource product: single ones by id, or the list of those on sale, with prices, stock, texts and pictures on request."""

from collections.abc import Collection, Sequence
from typing import TypeVar

from sqlalchemy import ColumnElement, Select, and_, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from worker.shopserver import locales, paging, params, tables
from worker.shopserver.calls import Answer, Call, Document, Resource, attribute_help
from worker.shopserver.problems import not_found
from worker.shopserver.render_products import Parts, included_parts, product_attributes, relationships

Part = TypeVar("Part", tables.ProductText, tables.Price, tables.Media, tables.Stock)

PAGE = 48
"""Products on a page where the request doesn't say."""


def as_included(session: Session, call: Call, ids: Collection[str], include: Collection[str]) -> list[Document]:
    """The products on sale among `ids`, and their parts, as an answer's `included`."""
    found = session.scalars(_on_sale(call).where(tables.Product.id.in_(ids))).all()
    parts = _parts(session, call, found, include)
    items: list[Document] = []
    for product in found:
        item: Document = {"id": product.id, "type": "product", "attributes": product_attributes(product, parts, call)}
        if related := relationships(product, parts):
            item["relationships"] = related
        items.append(item)
    return items + included_parts(parts, call)


def _links(call: Call) -> Document:
    return {"self": paging.address(call, "product", 0)}


def _options(_call: Call) -> Answer:
    return Answer(meta={"filter": {}, "sort": {"product.id": attribute_help("string", default=True, label="By id")}})


def _get(call: Call) -> Answer:
    wanted = params.text(call.params, "id")
    with call.store.read() as session:
        if wanted is None:
            return _list(session, call)
        product = session.scalar(_on_sale(call).where(tables.Product.id == wanted))
        if product is None:
            raise not_found("There is no such product on sale.", parameter="id")
        data, included = _items(session, call, [product])
        return Answer(total=1, content={"links": _links(call), "data": data[0], "included": included})


def _list(session: Session, call: Call) -> Answer:
    query = _on_sale(call)
    ids = paging.wanted(call, "==", "product.id")
    if ids is not None:
        query = query.where(tables.Product.id.in_(ids))
    page = paging.read(session, call, "product", query, PAGE)
    data, included = _items(session, call, page.rows)
    return Answer(total=page.total, content={"links": page.links, "data": data, "included": included})


def _items(session: Session, call: Call, found: Sequence[tables.Product]) -> tuple[list[Document], list[Document]]:
    parts = _parts(session, call, found, params.included(call.params))
    data: list[Document] = []
    for product in found:
        href = call.addresses.resource("product", {"id": product.id})
        item: Document = {
            "id": product.id,
            "type": "product",
            "links": {"self": {"href": href, "allow": ["GET"]}},
            "attributes": product_attributes(product, parts, call),
        }
        if related := relationships(product, parts):
            item["relationships"] = related
        data.append(item)
    return data, included_parts(parts, call)


def _on_sale(call: Call) -> Select[tables.Product]:
    product = tables.Product
    query = select(product).where(product.status == 1, _in_time(call, product.datestart, product.dateend))
    return query.order_by(func.length(product.id), product.id)  # ids are texts, but mostly numbers


def _in_time(
    call: Call, start: InstrumentedAttribute[str | None], end: InstrumentedAttribute[str | None]
) -> ColumnElement[bool]:
    # Naive dates of one zone sort like texts.
    now = call.local(call.now)
    return and_(or_(start.is_(None), start <= now), or_(end.is_(None), end >= now))


def _parts(session: Session, call: Call, found: Sequence[tables.Product], include: Collection[str]) -> Parts:
    ids = [product.id for product in found]
    parts = Parts(include)
    parts.stock = _by_product(session, tables.Stock, ids)
    if "media" in include:
        parts.media = _by_product(session, tables.Media, ids)
        parts.codes = {product.id: product.code for product in found}
    if "text" in include:
        language = tables.ProductText.language
        fits = or_(language.is_(None), language == locales.language(session, call))
        parts.texts = _by_product(session, tables.ProductText, ids, fits)
    if "price" in include:
        price = tables.Price
        fits = and_(price.currency == locales.currency(session, call), price.status == 1, price.list_status == 1)
        parts.prices = _by_product(session, price, ids, fits, _in_time(call, price.datestart, price.dateend))
    return parts


def _by_product(
    session: Session, kind: type[Part], ids: Sequence[str], *conditions: ColumnElement[bool]
) -> dict[str, list[Part]]:
    found: dict[str, list[Part]] = {product_id: [] for product_id in ids}
    for row in session.scalars(select(kind).where(kind.product_id.in_(ids), *conditions).order_by(kind.id)):
        found[row.product_id].append(row)
    return found


RESOURCE = Resource({"OPTIONS": _options, "GET": _get}, _links, tagged=True)
