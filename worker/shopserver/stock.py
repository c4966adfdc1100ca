"""The resource stock: levels of products by `filter[s_prodid][]`, also of products that are not on sale."""

from sqlalchemy import select

from worker.shopserver import paging, params, tables
from worker.shopserver.calls import Answer, Call, Document, Resource, attribute_help
from worker.shopserver.problems import not_found
from worker.shopserver.render_products import stock_attributes, stock_links

PAGE = 100
"""Stock entries on a page where the request doesn't say."""


def _links(call: Call) -> Document:
    return {"self": paging.address(call, "stock", 0)}


def _options(_call: Call) -> Answer:
    return Answer(meta={"filter": {"s_prodid": attribute_help("array", "[]", label="Product IDs")}})


def _get(call: Call) -> Answer:
    wanted = params.text(call.params, "id")
    query = select(tables.Stock).order_by(tables.Stock.id)
    with call.store.read() as session:
        if wanted is None:
            products = paging.wanted(call, "s_prodid")
            if products is not None:
                query = query.where(tables.Stock.product_id.in_(products))
            page = paging.read(session, call, "stock", query, PAGE)
            data = [_item(call, entry) for entry in page.rows]
            return Answer(total=page.total, content={"links": page.links, "data": data, "included": []})
        entry = (
            session.get(tables.Stock, int(wanted))
            if wanted.isascii() and wanted.isdigit() and len(wanted) < 19
            else None
        )
        if entry is None:
            raise not_found("There is no such stock entry.", parameter="id")
        return Answer(total=1, content={"links": _links(call), "data": _item(call, entry), "included": []})


def _item(call: Call, entry: tables.Stock) -> Document:
    return {
        "id": str(entry.id),
        "type": "stock",
        "links": stock_links(entry, call),
        "attributes": stock_attributes(entry),
    }


RESOURCE = Resource({"OPTIONS": _options, "GET": _get}, _links)
