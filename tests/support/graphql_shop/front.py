"""A shop that tests talk to through its GraphQL: the recorded one's data, the host around it, and sources for it."""

import ssl
from pathlib import Path
from typing import Any

import httpx2

from tests.shopserver.front import Clock, Door
from tests.support.admin_host import TOKEN, AdminHost
from tests.support.graphql_shop.app import PATH, Faults, GraphqlShop
from worker.settings import Shop
from worker.shop.graphql import GraphqlSource
from worker.shopserver.store import ShopStore

RECORDINGS = Path(__file__).parents[2] / "fixtures" / "recordings"
"""`graphql-shop.json` is the shop the recordings in `graphql/` were made with."""

_NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # making one for every client would take longer than the tests


class GraphqlFront:
    """One shop behind a real server; `store` changes it, `clock` dates that, `faults` make it misbehave."""

    def __init__(self, url: str, door: Door, store: ShopStore, clock: Clock) -> None:
        self.url = url + PATH
        self.store = store
        self.clock = clock
        self._door = door
        self.open()
        self.client = httpx2.Client(trust_env=False, verify=_NO_TLS)
        self._sources: list[GraphqlSource] = []

    def open(self, timezone: str = "UTC") -> None:
        """Serve the shop in another time zone; its sources know it."""
        self.timezone = timezone
        self.shop = GraphqlShop(self.store, timezone=timezone)
        self.host = self._door.app = AdminHost(self.shop.app)

    @property
    def faults(self) -> Faults:
        return self.shop.faults

    def source(self, **settings: Any) -> GraphqlSource:
        """A source with other settings than the usual ones."""
        usual = {"url": self.url, "interface": "graphql", "currency": "EUR", "admin": {"token": TOKEN}}
        usual["timezone"] = self.timezone
        source = GraphqlSource(
            "main", Shop.model_validate(usual | settings), transport=httpx2.HTTPTransport(verify=_NO_TLS)
        )
        self._sources.append(source)
        return source

    def close(self) -> None:
        self.client.close()
        for source in self._sources:
            source.close()
