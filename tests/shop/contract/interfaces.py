"""The three interfaces a shop can be read through, each as a way to serve one shop's state and a source to read it with."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from starlette.types import ASGIApp

from tests.support.admin_host import TOKEN, AdminHost
from tests.support.graphql_shop.app import PATH, GraphqlShop
from tests.support.jsonadm.app import BASE, JsonAdmShop
from worker.settings import Shop
from worker.shop.admin_json import AdminJsonSource
from worker.shop.frontend import FrontendSource
from worker.shop.graphql import GraphqlSource
from worker.shop.source import Abilities
from worker.shopserver.app import create_app
from worker.shopserver.store import ShopStore


@dataclass(frozen=True, slots=True)
class Interface:
    """How to serve a shop and how to read it."""

    name: str
    path: str
    """Where it is on the server."""
    serve: Callable[[ShopStore, str], ASGIApp]
    """Makes the application of a store in a time zone."""
    source: Any
    """The class of its source."""
    login: Callable[[ShopStore], dict[str, Any]]
    """The settings to log in with."""

    @property
    def abilities(self) -> Abilities:
        """What the source says it can do."""
        found: Abilities = self.source.abilities
        return found

    def settings(self, url: str, store: ShopStore, timezone: str, **others: Any) -> Shop:
        """The settings of the source at a server's root URL."""
        usual = {"url": url + self.path, "interface": self.name, "currency": "EUR", "timezone": timezone}
        return Shop.model_validate(usual | {"media_url": f"{url}/media"} | self.login(store) | others)


def _customers(store: ShopStore) -> dict[str, Any]:
    return {
        "customers": {name: {"token": store.add_token(f"{name}@mail.test")} for name in ("anna", "ben", "cem", "dora")}
    }


def _admin(_: ShopStore) -> dict[str, Any]:
    return {"admin": {"token": TOKEN}}


INTERFACES = (
    Interface("jsonapi", "/jsonapi", lambda store, zone: create_app(store, timezone=zone), FrontendSource, _customers),
    Interface(
        "jsonadm",
        BASE,
        lambda store, zone: AdminHost(JsonAdmShop(store, timezone=zone)),
        AdminJsonSource,
        _admin,
    ),
    Interface(
        "graphql",
        PATH,
        lambda store, zone: AdminHost(GraphqlShop(store, timezone=zone).app),
        GraphqlSource,
        _admin,
    ),
)
