"""A shop that is not well: an ASGI application in front of it that answers in its place, spoils its answers, or says nothing."""

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send


@dataclass(frozen=True, slots=True)
class Asked:
    """One request as it arrived."""

    method: str
    path: str
    query: str
    url: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def step(self) -> str:
        """What sync asks for, whatever the interface: relations, products, prices or stock that changed, a removal."""
        if self.method == "DELETE":
            return "removal"
        if self.path.endswith("/graphql"):
            query = json.loads(self.body)["query"] if self.body else ""
            return next((step for search, step in _SEARCHES.items() if search in query), "")
        resource = parse_qs(self.query).get("related", [self.path.partition("/json")[2].partition("/")[2]])[0]
        return _RESOURCES.get(resource, "")


@dataclass(frozen=True, slots=True)
class Told:
    """One answer."""

    status: int = 200
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()

    def with_json(self, change: Callable[[dict[str, Any]], dict[str, Any]]) -> "Told":
        """The same answer with another document."""
        return replace(self, body=json.dumps(change(json.loads(self.body))).encode())


_SEARCHES = {
    "searchCustomers": "relations",
    "searchProducts": "products",
    "searchPrices": "prices",
    "searchStocks": "stock",
}
_RESOURCES = {
    "customer": "relations",
    "relationships": "relations",
    "customer/lists": "relations",
    "product": "products",
    "price": "prices",
    "stock": "stock",
}

Shop = Callable[[], Awaitable[Told]]
Fault = Callable[[Asked, Shop], Awaitable[Told | None]]
"""Answers a request; `Shop` tells what the shop would have said. None: nobody answers, and the connection stays open."""


@dataclass
class IllShop:
    """Lets the shop answer, but for what `fault` says about requests of the steps in `where` ("" is all of them)."""

    app: ASGIApp
    fault: Fault | None = None
    where: str = ""
    asked: list[Asked] = field(default_factory=list)
    struck: int = 0
    """How many requests the fault was asked about."""

    def falls_ill(self, fault: Fault, where: str = "") -> None:
        """From now on."""
        self.fault, self.where, self.struck = fault, where, 0

    def recovers(self) -> None:
        """From now on it is well."""
        self.fault = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        asked = await _asked(request)
        self.asked.append(asked)

        async def shop() -> Told:
            return await _told(self.app, scope, asked.body)

        told: Told | None
        if self.fault is None or asked.path == "/login" or self.where not in {"", asked.step}:
            told = await shop()
        else:
            self.struck += 1
            told = await self.fault(asked, shop)
        if told is None:
            await request.receive()  # until nobody waits any more
            return
        response = Response(told.body, told.status)
        del response.headers["content-length"]
        response.raw_headers += [(name.encode(), value.encode("latin-1")) for name, value in told.headers]
        if told.status != 304:
            response.headers["content-length"] = str(len(told.body))
        await response(scope, receive, send)


async def _asked(request: Request) -> Asked:
    headers = dict(request.headers)
    return Asked(request.method, request.url.path, request.url.query, str(request.url), headers, await request.body())


async def _told(app: ASGIApp, scope: Scope, body: bytes) -> Told:
    status, content = 0, b""
    raw: list[tuple[bytes, bytes]] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Message) -> None:
        nonlocal status, content
        if message["type"] == "http.response.start":
            status = message["status"]
            raw.extend(message["headers"])
        else:
            content += message.get("body", b"")

    await app(scope, receive, send)
    kept = [(name.decode(), value.decode("latin-1")) for name, value in raw if name != b"content-length"]
    return Told(status, content, tuple(kept))


def always(told: Told) -> Fault:
    """The same answer to everything."""

    async def fault(_: Asked, _shop: Shop) -> Told:
        return told

    return fault


def once(told: Told) -> Fault:
    """An answer to the first request; then it is well."""
    left = [told]

    async def fault(_: Asked, shop: Shop) -> Told:
        return left.pop() if left else await shop()

    return fault


async def silence(_: Asked, _shop: Shop) -> None:
    """No answer at all."""


async def cut(_: Asked, shop: Shop) -> Told:
    """Documents end in the middle."""
    told = await shop()
    return replace(told, body=told.body[: len(told.body) // 2])


async def in_a_circle(asked: Asked, _: Shop) -> Told:
    """Every address leads to itself."""
    return Told(302, headers=(("Location", asked.url),))


def html(status: int, page: str, **headers: str) -> Told:
    """A page for people."""
    named = {"Content-Type": "text/html", **headers}
    return Told(status, f"<!DOCTYPE html><html><body>{page}</body></html>".encode(), tuple(named.items()))


def json_told(body: bytes, **headers: str) -> Told:
    """What calls itself JSON."""
    return Told(200, body, tuple({"Content-Type": "application/vnd.api+json", **headers}.items()))


LOGIN_PAGE = html(200, '<form method="post"><input name="email"><input type="password" name="password"></form> s3cret')


def of_nobody(document: dict[str, Any]) -> dict[str, Any]:
    """A customer's document as a stranger gets it."""
    return document | {"data": {"id": None, "type": "customer"}} if "data" in document else document
