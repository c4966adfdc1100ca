"""A shop that tests talk to over HTTP: the server, its clock, clients for its customers."""

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
from starlette.types import ASGIApp, Receive, Scope, Send

from worker.shopserver.app import create_app
from worker.shopserver.store import ShopStore

FIXTURES = Path(__file__).parent.parent / "fixtures" / "shopserver"
RECORDED_AT = datetime(2026, 11, 23, 11, 41, 27, tzinfo=UTC)


_NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # making one for every client would take longer than the tests


def plain() -> httpx2.HTTPTransport:
    """For a source that speaks to a server of this machine without TLS."""
    return httpx2.HTTPTransport(verify=_NO_TLS)


class Clock:
    """A clock that tests turn."""

    def __init__(self) -> None:
        self.now = RECORDED_AT

    def __call__(self) -> datetime:
        return self.now

    def turn(self, **by: float) -> None:
        self.now += timedelta(**by)


class Door:
    """The application that the server serves just now; starting a server for every test would be slow."""

    app: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, send)


class Front:
    """A shop, its clock, and clients for its customers (whose tokens are `token-of-customer-N`)."""

    def __init__(self, url: str, door: Door, store: ShopStore, clock: Clock) -> None:
        self.url = url
        self.store = store
        self.clock = clock
        self._door = door
        self._clients: list[httpx2.Client] = []
        self.open()

    def open(self, **modes: Any) -> None:
        """Serve the shop in another mode (prefix, csrf, timezone, ...)."""
        self._door.app = create_app(self.store, **{"currency": "USD", **modes})

    def serve(self, app: ASGIApp) -> None:
        """Serve something else made of the same store, such as another interface."""
        self._door.app = app

    def client(self, customer: str | None = None, host: str | None = None) -> httpx2.Client:
        """A client with the customer's token, or with cookies only; `host` is what it believes to talk to."""
        headers = {"Host": host} if host else {}
        if customer is not None:
            headers["Authorization"] = f"Bearer token-of-customer-{customer}"
        client = httpx2.Client(base_url=self.url, headers=headers, trust_env=False, verify=_NO_TLS)
        self._clients.append(client)
        return client

    def close(self) -> None:
        for client in self._clients:
            client.close()


RELATIONS = "/jsonapi/customer?related=relationships&include=product"
WATCH = {"timeframe": "7", "stock": "1", "price": "1", "currency": "EUR", "pricevalue": "100.00"}


def one(number: str) -> str:
    """The address of one relation."""
    return f"/jsonapi/customer?related=relationships&relatedid={number}"


def attributes(**fields: Any) -> dict[str, Any]:
    """A relation's attributes: a watch of product 12, with other or further fields."""
    named = {"domain": "product", "type": "watch", "refid": "12", "config": WATCH, **fields}
    return {f"customer.lists.{name}": value for name, value in named.items()}


def document(*items: dict[str, Any]) -> dict[str, Any]:
    """A request document with a list of attributes."""
    return {"data": [{"attributes": item} for item in items]}


def change(**fields: Any) -> dict[str, Any]:
    """A request document for PATCH."""
    return {"data": {"attributes": {f"customer.lists.{name}": value for name, value in fields.items()}}}


def listed(client: httpx2.Client, include: str = "product,service") -> dict[str, dict[str, Any]]:
    """The customer's relations by id, without the prefix of their attributes' names."""
    answer = client.get(f"/jsonapi/customer?related=relationships&include={include}")
    assert answer.status_code == 200, answer.text
    return {
        item["id"]: {name.removeprefix("customer.lists."): value for name, value in item["attributes"].items()}
        for item in answer.json()["data"]
    }


def problems(answer: httpx2.Response) -> list[tuple[str, str]]:
    """The errors of an answer as (status, place); each has a title and a detail, too."""
    found = []
    for error in answer.json()["errors"]:
        assert set(error) == {"status", "title", "detail", "source"}
        assert error["title"]
        assert error["detail"]
        found.append((error["status"], *error["source"].values()))
    return found
