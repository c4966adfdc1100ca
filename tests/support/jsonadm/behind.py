"""A shop's admin JSON API behind its host, for one test, and sources connected to it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.shopserver.front import Front, plain
from tests.support.admin_host import TOKEN, AdminHost, Asked
from tests.support.jsonadm.app import BASE, JsonAdmShop
from worker.settings import Shop
from worker.shop.admin_json import AdminJsonSource


class AdminFront:
    """The interface, the host and the sources."""

    def __init__(self, front: Front) -> None:
        self.front = front
        self.shop = JsonAdmShop(front.store)
        self.host = AdminHost(self.shop)
        self._sources: list[AdminJsonSource] = []
        front.serve(self.host)

    def connect(self, **settings: Any) -> AdminJsonSource:
        """A source with these settings besides what it needs; `admin` is the token."""
        self._sources.append(AdminJsonSource("main", settings_for(self.front.url, **settings), transport=plain()))
        return self._sources[-1]

    def asked(self, resource: str) -> list[Asked]:
        """The requests for one resource."""
        return [asked for asked in self.host.asked if asked.path == f"{BASE}/{resource}"]

    def close(self) -> None:
        for source in self._sources:
            source.close()


def settings_for(url: str, **settings: Any) -> Shop:
    """The settings of a source that reads the interface at a server's root URL."""
    base = {"url": url + BASE, "interface": "jsonadm", "currency": "EUR", "admin": {"token": TOKEN}}
    return Shop.model_validate({**base, "media_url": f"{url}/media", **settings})


@contextmanager
def admin_front(front: Front) -> Iterator[AdminFront]:
    """Serve the interface instead of the customer-facing API while the block runs."""
    opened = AdminFront(front)
    try:
        yield opened
    finally:
        opened.close()
