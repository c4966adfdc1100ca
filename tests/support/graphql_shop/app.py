"""The shop's GraphQL as an ASGI application: bodies and content types, groups, and the ways it misbehaves.

Login and CSRF are the host's (tests/support/admin_host.py), which puts the account's groups into the scope.
"""

import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs
from zoneinfo import ZoneInfo

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.support.graphql_shop.execute import Engine, as_text
from worker.shopserver.store import ShopStore

PATH = "/admin/default/graphql"
_READERS = frozenset({"admin", "editor", "super"})
_GATE = _READERS | {"api"}


@dataclass(slots=True)
class Faults:
    """What goes wrong, as long as it is set."""

    slow_above: int | None = None
    """Searches for more items than this are not answered at all."""
    repeats: bool = False
    """Every page is the first one again."""
    cuts: bool = False
    """Answers end in the middle."""
    failing: set[str] = field(default_factory=set)
    """Searches that fail inside of the shop, though it may be asked to count."""
    untold: list[str] = field(default_factory=list)
    """Fields that the shop fails to tell, by path ("searchCustomers.items.0.lists.product.1.config"): null and an error."""


class GraphqlShop:
    """The interface over one store; `app` serves it at PATH."""

    def __init__(self, store: ShopStore, *, timezone: str = "UTC") -> None:
        self.engine = Engine(store, ZoneInfo(timezone))
        self.faults = Faults()
        self.asked: list[Any] = []
        """The body of every request."""
        self.lengths: list[int] = []
        """The bytes of every answer."""
        self.app = Starlette(
            routes=[
                Route(PATH, self._answer, methods=["POST"]),
                Route(PATH, _not_allowed, methods=["GET", "PUT", "PATCH", "DELETE"]),
            ]
        )

    def limits(self) -> list[int]:
        """How many items each request asked for."""
        return [body["variables"]["limit"] for body in self.asked]

    async def _answer(self, request: Request) -> Response:
        groups = request.scope.get("groups", frozenset())
        if not groups & _GATE:
            return JSONResponse({"message": "This action is unauthorized."}, 403)
        body = _parsed(await request.body(), request.headers.get("content-type", ""))
        self.asked.append(body)
        if self.faults.slow_above is not None and _limit(body) > self.faults.slow_above:
            await request.receive()  # the body is read: this is when nobody waits any more
        written = as_text(await run_in_threadpool(self._document, body, bool(groups & _READERS)))
        self.lengths.append(len(written))
        if self.faults.cuts:
            written = written[: len(written) // 2]
        return Response(written, headers={"Cache-Control": "no-cache, private"}, media_type="text/html")

    def _document(self, body: Any, may_read: bool) -> dict[str, Any]:
        counts = _limit(body) == 0
        if self.faults.repeats:
            body = next(asked for asked in self.asked if asked["query"] == body["query"])
        self.engine.allowed = lambda search: may_read and (counts or search not in self.faults.failing)
        document = self.engine.answer(body)
        for path in self.faults.untold:
            _untell(document, [int(step) if step.isdigit() else step for step in path.split(".")])
        return document


def _untell(document: dict[str, Any], path: list[Any]) -> None:
    found = document["data"]
    for step in path[:-1]:
        found = found[step]
    found[path[-1]] = None
    document.setdefault("errors", []).append({"message": "Internal server error", "path": path})


def _limit(body: Any) -> int:
    variables = body.get("variables") if isinstance(body, dict) else None
    limit = variables.get("limit") if isinstance(variables, dict) else None
    return limit if isinstance(limit, int) else 0


async def _not_allowed(_request: Request) -> Response:
    return JSONResponse({"message": "Method not allowed"}, 405, {"Allow": "POST"})


def _parsed(content: bytes, content_type: str) -> Any:
    """The body as PHP sees it: a form, JSON, or under any other content type an empty query."""
    if content_type.startswith("application/x-www-form-urlencoded"):
        return {name: values[-1] for name, values in parse_qs(content.decode()).items()}
    if not content_type.startswith("application/json"):
        return {"query": ""}
    try:
        return json.loads(content)
    except ValueError:
        return None
