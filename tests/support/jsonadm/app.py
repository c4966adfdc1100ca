"""The admin JSON API over HTTP: OPTIONS, GET with filters and pages, DELETE; with misbehaviour to switch on."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import delete
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from tests.support.jsonadm.query import BrokenQueryError, Row, by_name, matching, page_of, shown
from tests.support.jsonadm.rows import RESOURCES, Rows
from worker.shop.document import encode
from worker.shopserver import params, tables
from worker.shopserver.params import Params
from worker.shopserver.store import ShopStore

BASE = "/admin/default/jsonadm"
MEDIA_TYPE = 'application/vnd.api+json; supported-ext="bulk"'

_MAY_READ = {"customer": {"super"}, "customer/lists": {"super", "admin"}}
_OTHERS_MAY_READ = {"super", "admin", "editor"}

Twist = Callable[[str, Params, dict[str, Any]], dict[str, Any] | None]
"""May change a document before it is sent, given the resource and the parameters; None leaves it as it is."""


@dataclass(slots=True)
class JsonAdmShop:
    """An ASGI application, to be put behind an AdminHost."""

    store: ShopStore
    timezone: str = "UTC"
    prefix: str | None = None
    total_cap: int = 10_000
    """No total beyond it is told, and no `next` link leads there."""
    slow_above: int | None = None
    """Requests for more records than this are not answered at all."""
    cut_off: bool = False
    """Documents end in the middle."""
    hides: frozenset[str] = frozenset()
    """Resources nobody may read."""
    twist: Twist | None = None
    origin: str = ""
    """Where the resources are said to be, instead of here."""
    limits: list[tuple[str, int]] = field(default_factory=list)
    """The page sizes that were asked for, by resource."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        body = await request.body()
        path = request.url.path.removeprefix(BASE).strip("/")
        outer = params.parse(scope["query_string"])
        inner = params.group(outer, self.prefix) if self.prefix else outer
        if request.method == "GET" and path:
            self.limits.append((path, self._limit(inner)))
            if self.slow_above is not None and self._limit(inner) > self.slow_above:
                await receive()  # the body is read: this is when nobody waits any more
        response = await run_in_threadpool(self._answer, request, path, inner, body)
        await response(scope, receive, send)

    def _limit(self, inner: Params) -> int:
        page = inner.get("page", {})
        return int(str(page.get("limit", "25"))) if isinstance(page, dict) else 25

    def _answer(self, request: Request, path: str, inner: Params, body: bytes) -> Response:
        resource, _, key = path.rpartition("/") if path.rpartition("/")[2].isdigit() else (path, "", "")
        if resource and resource not in RESOURCES:
            return _document({"meta": {"total": 0}, "errors": [_ERROR]}, 404)
        if resource in self.hides or not self._may_read(request, resource):
            return JSONResponse({"message": "Forbidden"}, 403)
        if request.method == "OPTIONS":
            return _document({"meta": self._discovery(request)}, 200)
        if request.method == "DELETE":
            return self._delete(key, body)
        links = {"self": f"{self._url(request, resource)}?{request.url.query}"}
        try:
            content = self._one(request, resource, key, inner) if key else self._list(request, resource, inner)
        except (BrokenQueryError, ValueError):
            return _document({"meta": {"total": 0}, "links": links, "errors": [_ERROR]}, 500)
        if content is None:
            return _document({"meta": {"total": 0}, "links": links, "errors": [_ERROR]}, 404)
        if self.twist is not None:
            content = self.twist(resource, inner, content) or content
        return _document(content, 200, cut_off=self.cut_off)

    def _may_read(self, request: Request, resource: str) -> bool:
        return bool(request.scope["groups"] & _MAY_READ.get(resource, _OTHERS_MAY_READ))

    def _discovery(self, request: Request) -> dict[str, Any]:
        # As recorded: some resources that are there are not in the list.
        listed = [name for name in RESOURCES if "/" not in name]
        return {
            "prefix": self.prefix,
            "resources": {name: self._url(request, name) for name in listed},
            "attributes": {},
        }

    def _url(self, request: Request, resource: str) -> str:
        return f"{self.origin or str(request.base_url).rstrip('/')}{BASE}/{resource}"

    def _list(self, request: Request, resource: str, inner: Params) -> dict[str, Any]:
        offset, limit = page_of(inner)
        with self.store.read() as session:
            rows = Rows(session, ZoneInfo(self.timezone))
            found = matching(rows.of(resource), inner, f"{_dotted(resource)}.id")
            page = found[offset : offset + limit]
            data, included = self._items(request, rows, resource, page, inner)
        total = min(len(found), self.total_cap)
        return {
            "meta": {"total": total},
            "links": self._links(request, resource, offset, limit, total),
            "data": data,
            "included": included,
        }

    def _one(self, request: Request, resource: str, key: str, inner: Params) -> dict[str, Any] | None:
        with self.store.read() as session:
            rows = Rows(session, ZoneInfo(self.timezone))
            found = [row for row in rows.of(resource) if row[f"{_dotted(resource)}.id"] == key]
            data, included = self._items(request, rows, resource, found, inner)
        links = {"self": f"{self._url(request, resource)}/{key}"}
        return {"meta": {"total": 1}, "links": links, "data": data[0], "included": included} if data else None

    def _links(self, request: Request, resource: str, offset: int, limit: int, total: int) -> dict[str, str]:
        offsets = {
            "first": 0 if offset else None,
            "prev": max(0, offset - limit) if offset else None,
            "next": offset + limit if offset + limit < total else None,
            "last": total // limit * limit if limit and total // limit * limit > offset else None,
            "self": offset,
        }
        address = self._url(request, resource)
        return {name: f"{address}?page[offset]={to}" for name, to in offsets.items() if to is not None}

    def _items(
        self, request: Request, rows: Rows, resource: str, page: Sequence[Row], inner: Params
    ) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        include = str(inner.get("include", "")).split(",")
        related = self._related(rows, resource, page, include)
        data = []
        for row in page:
            key = row[f"{_dotted(resource)}.id"]
            data.append(
                {
                    "id": key,
                    "type": resource,
                    "attributes": shown(row, inner, resource),
                    "links": {"self": f"{self._url(request, resource)}/{key}"},
                    "relationships": {kind: {"data": items} for kind, items in related.get(key, {}).items()} or [],
                }
            )
        return data, _included(rows, resource, related)

    def _related(
        self, rows: Rows, resource: str, page: Sequence[Row], include: Sequence[str]
    ) -> Mapping[str, dict[str, list[dict[str, Any]]]]:
        """What the records refer to, by record and kind."""
        if resource == "customer/lists":
            return _of_relations(page, by_name(rows.of(resource), "customer.lists.parentid"))
        if resource != "product":
            return {}
        lists = by_name(rows.of("product/lists"), "product.lists.parentid")
        found: dict[str, dict[str, list[dict[str, Any]]]] = {}
        for row in page:
            for item in lists.get(row["product.id"], []):
                kind = item["product.lists.domain"]
                if kind in include:  # `stock` is ignored: it has no list
                    entry = {"id": item["product.lists.refid"], "type": kind, "attributes": item, "links": {}}
                    found.setdefault(row["product.id"], {}).setdefault(kind, []).append(entry)
        return found

    def _delete(self, key: str, body: bytes) -> Response:
        ids = [key] if key else [str(entry["id"]) for entry in json.loads(body)["data"]]
        with self.store.begin() as session:
            session.execute(delete(tables.Relation).where(tables.Relation.id.in_([int(found) for found in ids])))
        return _document({"meta": {"total": len(ids)}}, 200)


def _of_relations(
    page: Sequence[Row], by_customer: Mapping[Any, list[Row]]
) -> Mapping[str, dict[str, list[dict[str, Any]]]]:
    """The item each relation points to, and, as the shop takes a relation for a customer, that customer's relations."""
    found: dict[str, dict[str, list[dict[str, Any]]]] = {}
    for row in page:
        key, kind = row["customer.lists.id"], row["customer.lists.domain"]
        found[key] = {kind: [{"type": kind, "id": row["customer.lists.refid"]}]}
        for other in by_customer.get(key, []):
            entry = {
                "id": other["customer.lists.refid"],
                "type": other["customer.lists.domain"],
                "attributes": other,
                "links": {},
            }
            found[key].setdefault(other["customer.lists.domain"], []).append(entry)
    return found


def _included(
    rows: Rows, resource: str, related: Mapping[str, dict[str, list[dict[str, Any]]]]
) -> list[dict[str, Any]]:
    if resource != "product":
        return []
    wanted = {(entry["type"], entry["id"]) for kinds in related.values() for items in kinds.values() for entry in items}
    return [
        {"id": row[f"{kind}.id"], "type": kind, "attributes": row, "links": {}}
        for kind in ("text", "price", "media")
        for row in rows.of(kind)
        if (kind, row[f"{kind}.id"]) in wanted
    ]


def _dotted(resource: str) -> str:
    return resource.replace("/", ".")


def _document(content: dict[str, Any], status: int, *, cut_off: bool = False) -> Response:
    body = encode(content).encode()
    return Response(body[: len(body) // 2] if cut_off else body, status, {"Content-Type": MEDIA_TYPE})


_ERROR = {"title": "s3cret message", "detail": "#0 /var/www/s3cret/trace.php(123)"}
