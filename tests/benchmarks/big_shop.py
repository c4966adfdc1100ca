"""A shop of any size behind the admin GraphQL API: its pages are made from formulas, so that serving costs next to nothing.

Every customer has two watches. `python -m tests.benchmarks.big_shop RELATIONS` serves it on a free port of the loopback
interface and prints its address; a line on standard input such as `touch 1000` changes that many relations.
"""

import json
import re
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

PER_CUSTOMER = 2
PRODUCTS = 5000
WRITTEN = "2026-10-01 12:00:00"
CHANGED = "2026-11-20 12:00:00"

_SEARCH = re.compile(r"(search[A-Z]\w+)\(")
_CUSTOMER = (
    '{{"id":"{id}","email":"customer{id}@shop.example","status":1,"languageid":"de","salutation":"ms","firstname":"Anna",'
    '"lastname":"Schmidt","mtime":"{mtime}","lists":{{"product":[{lists}]}}}}'
)
_RELATION = (
    '{{"id":"{id}","type":"watch","refid":"{refid}","datestart":null,"dateend":null,"config":"{{\\"timeframe\\":\\"180\\",'
    '\\"price\\":\\"1\\",\\"stock\\":\\"1\\",\\"pricevalue\\":\\"{limit}\\",\\"currency\\":\\"EUR\\"}}","position":0,'
    '"status":1,"ctime":"{ctime}","mtime":"{mtime}"}}'
)
_PRODUCT = (
    '{{"id":"{id}","code":"p{id}","label":"Product {id}","url":"product-{id}","status":1,"datestart":null,"dateend":null,'
    '"instock":1,"stock":[{{"type":"default","stocklevel":0}}],"lists":{{"price":[{{"type":"default","status":1,'
    '"datestart":null,"dateend":null,"item":{{"id":"{id}","type":"default","currencyid":"EUR","quantity":1,'
    '"value":"120.00","status":1}}}}],"text":[],"media":[]}}}}'
)


class BigShop:
    """What the shop answers. Customers are numbered from 1, their relations from 1 on, too."""

    def __init__(self, relations: int) -> None:
        self.customers = relations // PER_CUSTOMER
        self.changed = 0
        """So many relations were changed lately, those of the first customers."""

    def answer(self, body: dict[str, Any]) -> str:
        """The answer to one query of ours."""
        found = _SEARCH.search(body["query"])
        name = found.group(1) if found else ""
        variables = body.get("variables") or {}
        condition = json.loads(variables.get("filter") or "{}")
        after = int(_value(condition, ">", r"\w+\.id") or 0)
        limit = int(variables.get("limit") or 0)
        items: Iterator[str] = iter(())
        if name == "searchCustomers" and "lists" in body["query"]:
            since = _value(condition, ">=", r"customer\.lists\.mtime")
            items = (self.customer(number) for number in self._numbers(after, limit, since))
        elif name == "searchProducts" and (ids := _value(condition, "==", r"product\.id")):
            items = (_PRODUCT.format(id=product_id) for product_id in ids[:limit])
        listed = list(items)
        return f'{{"data":{{"{name}":{{"total":{len(listed)},"items":[{",".join(listed)}]}}}}}}'

    def pages(self, limit: int) -> Iterator[str]:
        """The answers a first import gets for its relations, one after the other."""
        after = 0
        while after < self.customers:
            items = ",".join(self.customer(number) for number in self._numbers(after, limit, None))
            yield f'{{"data":{{"searchCustomers":{{"items":[{items}]}}}}}}'
            after += limit

    def customer(self, number: int) -> str:
        """One customer with both watches."""
        first = (number - 1) * PER_CUSTOMER + 1
        lists = ",".join(self._relation(relation) for relation in range(first, first + PER_CUSTOMER))
        return _CUSTOMER.format(id=number, mtime=WRITTEN, lists=lists)

    def _relation(self, number: int) -> str:
        is_changed = number <= self.changed
        product = number * 7 % PRODUCTS + 1
        return _RELATION.format(
            id=number,
            refid=product,
            limit="10.00" if is_changed else f"{20 + product / 100:.2f}",  # customers take the price they see
            ctime=WRITTEN,
            mtime=CHANGED if is_changed else WRITTEN,
        )

    def _numbers(self, after: int, limit: int, since: str | None) -> range:
        last = self.customers
        if since is not None and since > WRITTEN:
            last = self.changed // PER_CUSTOMER
        return range(after + 1, min(after + limit, last) + 1)


def _value(condition: Any, operator: str, key: str) -> Any:
    """The value a filter compares a key with, wherever it stands."""
    if isinstance(condition, list):
        return next(filter(None, (_value(part, operator, key) for part in condition)), None)
    if not isinstance(condition, dict):
        return None
    for name, value in condition.items():
        if name == operator and isinstance(value, dict):
            for compared, wanted in value.items():
                if re.fullmatch(key, compared):
                    return wanted
        elif (found := _value(value, operator, key)) is not None:
            return found
    return None


def serve(shop: BigShop) -> ThreadingHTTPServer:
    """Serve it in a thread."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            answer = shop.answer(body).encode()
            self.send_response(200)
            self.send_header("content-type", "text/html; charset=UTF-8")
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: Any) -> None:
            """Nobody reads it."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    return server


def main() -> None:
    """Serve until standard input ends."""
    shop = BigShop(int(sys.argv[1]))
    server = serve(shop)
    print(f"http://127.0.0.1:{server.server_address[1]}/admin/default/graphql", flush=True)
    for line in sys.stdin:
        shop.changed = int(line.split()[1])
        print("changed", flush=True)
    server.shutdown()


if __name__ == "__main__":
    main()
