"""Whatever interface a shop is read through, sync leads to the same tables and scan to the same alerts, for what all can tell.

Left out: ctime and what follows from it, levels of stock with decimals, when a price will begin (the customer-facing API
hides those), and relations or products that not every interface shows.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from tests.shop.contract.conftest import OpenWorld
from tests.shop.contract.interfaces import INTERFACES, Interface
from tests.shop.contract.world import World
from tests.support.databases import SqliteTemplate, opened
from tests.support.settings import load_text
from tests.support.stages import KEY
from worker.scan import scan
from worker.settings import Settings
from worker.shopserver import tables as shop_tables
from worker.store import tables
from worker.store.session import Store
from worker.sync import SyncCounts, sync

ACTIVE = ("1", "2", "3", "4", "6", "10", "12")
WATCHED = ("11", "12", "13")
CHANGED = {"timeframe": "28", "price": 0, "stock": 1}

Dump = dict[str, Any]


class Mirror:
    """A store that mirrors a world."""

    def __init__(self, world: World, store: Store) -> None:
        self._world = world
        self._store = store
        base = load_text('[mail]\nfrom_address = "watch@shop.example"').settings
        shop = world.interface.settings(world.url, world.store, world.timezone)
        self._settings: Settings = base.model_copy(update={"sources": {"main": shop}})

    def sync(self) -> SyncCounts:
        counts = sync(self._store, self._world.connect(), "main", self._settings, KEY, now=self._world.clock.now)
        assert counts.errors == ()
        return counts

    def fired(self) -> list[tuple[str, str]]:
        """Scan; relation and kind of everything that fired so far."""
        scan(self._store, "main", self._settings, KEY, now=self._world.clock.now)
        with self._store.read() as session:
            names = {row.id: row.shop_id for row in session.scalars(select(tables.Relation))}
            return sorted((names[row.relation_id], row.kind) for row in session.scalars(select(tables.Notification)))

    def dump(self) -> Dump:
        """The tables, by the shop's ids."""
        with self._store.read() as session:
            customers = {row.id: row for row in session.scalars(select(tables.Customer))}
            products = {row.id: row for row in session.scalars(select(tables.Product))}
            relations = [row for row in session.scalars(select(tables.Relation)) if row.shop_id in ACTIVE]
            readings = {row.id: row for row in session.scalars(select(tables.Reading))}
            watched = {key for key, row in products.items() if row.shop_id in WATCHED}
            return {
                "relations": {
                    row.shop_id: _columns(row, *_RELATION)
                    | {"customer": customers[row.customer_id].shop_id, "gone": row.retired_at is not None}
                    | {"product": products[row.product_id].shop_id if row.product_id else None}
                    for row in relations
                },
                "customers": {
                    customers[row.customer_id].shop_id: _columns(customers[row.customer_id], *_CUSTOMER)
                    for row in relations
                },
                "products": {products[key].shop_id: _columns(products[key], *_PRODUCT) for key in watched},
                "texts": {
                    (products[row.product_id].shop_id, row.language): _columns(row, "name", "slug", "picture")
                    for row in session.scalars(select(tables.ProductText))
                    if row.product_id in watched
                },
                "observations": sorted(
                    (products[reading.product_id].shop_id, reading.kind, reading.currency, row.series, str(row.price), row.in_stock)
                    for row in session.scalars(select(tables.Observation))
                    if (reading := readings[row.reading_id]).product_id in watched
                ),
            }  # fmt: skip


_RELATION = ("domain", "type", "refid", "position", "status", "datestart", "dateend", "config", "defect_code")
_CUSTOMER = ("email", "language", "salutation", "firstname", "lastname", "enabled")
_PRODUCT = ("code", "label", "enabled", "datestart", "dateend")


def _columns(row: tables.Base, *names: str) -> Dump:
    return {name: getattr(row, name) for name in names}


@pytest.fixture
def open_mirror(open_world: OpenWorld, sqlite_template: SqliteTemplate, tmp_path: Path) -> Iterator[Any]:
    """Opens a shop and an empty store for it; one at a time is served."""
    with ExitStack() as stack:

        def open_one(interface: Interface) -> tuple[World, Mirror]:
            folder = tmp_path / interface.name
            folder.mkdir()
            world = stack.enter_context(open_world(interface))
            store = stack.enter_context(opened(sqlite_template.copy_to(folder)))
            return world, Mirror(world, store)

        yield open_one


def a_day_later(world: World) -> None:
    """The shop's owner and its customers change something of every kind."""
    world.clock.turn(hours=25)
    world.store.set_price("11", "EUR", "89.00")
    world.store.set_price("12", "USD", "14.00")
    world.store.set_stock("12", 4)
    world.store.set_product("13", enabled=False)
    world.change(shop_tables.Customer, "1", email="anna@elsewhere.test")
    watch = {"domain": "product", "type": "watch"}
    world.store.load(
        {
            "relations": [
                {"customer": "1", "refid": "12", "config": CHANGED, **watch},
                {"customer": "3", "refid": "13", "config": CHANGED, **watch},
            ]
        }
    )
    with world.store.begin() as session:
        session.delete(session.get_one(shop_tables.Relation, 6))


def history(world: World, mirror: Mirror) -> list[Any]:
    """What the tables hold and what fired after the first sync, after a day of changes, and after a sync that finds nothing."""
    told: list[Any] = []
    for change in (lambda _: None, a_day_later, lambda world: world.clock.turn(minutes=5)):
        change(world)
        mirror.sync()
        told += [mirror.dump(), mirror.fired()]
    return told


def test_all_interfaces_lead_to_the_same_tables_and_alerts(open_mirror: Any) -> None:
    histories = {interface.name: history(*open_mirror(interface)) for interface in INTERFACES}
    expected = histories["jsonapi"]
    for name, told in histories.items():
        for place, (ours, theirs) in enumerate(zip(told, expected, strict=True)):
            assert ours == theirs, f"{name}, step {place}"


def test_the_history_is_one_in_which_something_happens(open_mirror: Any) -> None:
    first, quiet, later, fired, last, still = history(*open_mirror(INTERFACES[0]))
    assert quiet == []
    assert sorted(fired) == sorted({("1", "price"), ("10", "price"), ("2", "stock")})
    assert still == fired
    assert set(first["relations"]) == {"1", "2", "3", "4", "6", "10"}
    assert later["relations"]["6"]["gone"]
    assert later["customers"]["1"]["email"] == "anna@elsewhere.test"
    assert not later["products"]["13"]["enabled"]
    assert last == later
