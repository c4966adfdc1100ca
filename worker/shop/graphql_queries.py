"""The queries sent to the shop's GraphQL. Each is one search by ascending id, of which only filter and limit vary.

Nothing is asked for that is not used. Without `include` the lists and stock of an item are silently empty.
"""

from typing import NamedTuple

_PERSON = "id email status languageid salutation firstname lastname"


class Search(NamedTuple):
    """One query with one search, whose items are of a `kind` such as customer."""

    name: str
    kind: str
    text: str


def _search(name: str, kind: str, fields: str, *, include: str = "", total: bool = False) -> Search:
    included = f", include: [{include}]" if include else ""
    counted = "total " if total else ""
    return Search(
        name,
        kind,
        "query ($filter: String, $limit: Int) {"
        f' {name}(filter: $filter{included}, sort: ["{kind}.id"], limit: $limit)'
        f" {{ {counted}items {{ {fields} }} }} }}",
    )


RELATIONS = _search(
    "searchCustomers",
    "customer",
    f"{_PERSON} lists {{ product {{ id type refid datestart dateend config position status ctime mtime }} }}",
    include='"product"',
)
RELATION_IDS = _search("searchCustomers", "customer", "id lists { product { id } }", include='"product"')
CUSTOMERS = _search("searchCustomers", "customer", _PERSON, total=True)
CUSTOMER_CHANGES = _search("searchCustomers", "customer", f"{_PERSON} mtime")
PRODUCTS = _search(
    "searchProducts",
    "product",
    "id code label url status datestart dateend instock"
    " stock { type stocklevel }"
    " lists {"
    " price { type status datestart dateend item { id type currencyid quantity value status } }"
    ' text(type: ["name"]) { type status item { id type languageid content status } }'
    " media { type status item { id mimetype url previews filesystem status } }"
    " }",
    include='"price", "text", "media", "stock"',
    total=True,
)
PRODUCT_IDS = _search("searchProducts", "product", "id")
PRODUCT_CHANGES = _search("searchProducts", "product", "id mtime")
PRICE_CHANGES = _search("searchPrices", "price", "id mtime")
STOCK_CHANGES = _search("searchStocks", "stock", "id productid mtime")

COUNTS = (
    "query ($customers: String) {"
    " customers: searchCustomers(filter: $customers, limit: 0) { total }"
    " products: searchProducts(limit: 0) { total }"
    " prices: searchPrices(limit: 0) { total }"
    " stock: searchStocks(limit: 0) { total } }"
)
"""How much there is to read; each search may fail by itself."""
