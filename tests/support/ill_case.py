"""A shop that was read once, in which something happened since, and which falls ill: what a whole sync makes of that."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import stamina

from tests.shop.contract.conftest import OpenWorld
from tests.shop.contract.interfaces import INTERFACES, Interface
from tests.shopserver.front import Door
from tests.support.admin_host import PASSWORD, USERNAME, AdminHost
from tests.support.ill_shop import IllShop
from tests.support.world_play import WorldPlay, played
from worker.errors import ShopError
from worker.shop.http import READ_ATTEMPTS
from worker.shopserver import tables as shop_tables
from worker.store import tables
from worker.store.session import Store

JSONAPI, JSONADM, GRAPHQL = INTERFACES
BY_FORM = {"admin": {"username": USERNAME, "password": PASSWORD}}
STEPS = ("relations", "products")
"""What a shop can fail at (see ill_shop.Asked.step)."""
_WATCHED = ("11", "12", "13")


def through(*interfaces: Interface) -> pytest.MarkDecorator:
    """Through each of these interfaces."""
    return pytest.mark.parametrize("interface", interfaces, ids=[interface.name for interface in interfaces])


@dataclass
class Case:
    """A shop that was read once when it was well, and in which something happened since."""

    play: WorldPlay
    shop: IllShop
    host: AdminHost | None
    known: dict[str, Any] = field(default_factory=dict)

    def fails(self, says: str, *, where: str = "relations", scheduled: bool = False) -> None:
        """The sync ends with an error that says this, and has changed nothing that it should not."""
        with pytest.raises(ShopError, match=says) as refused:
            self.play.sync(scheduled=scheduled)
        assert self.shop.struck
        run = [row for row in self.play.rows(tables.Run) if row.stage == "sync"][-1]
        assert run.error == str(refused.value)
        assert "s3cret" not in run.error
        state = self.state()
        for name in ("enabled", "last good", *(["retired", "watermarks"] if where == "relations" else [])):
            assert state[name] == self.known[name]
        assert state["retired"] | state["vanished"] <= {"6"}  # which is gone indeed

    def reads_no_customer(self, says: str) -> None:
        """The sync ends well, but tells of each customer that this was wrong, and has taken nothing from them."""
        counts = self.play.sync()
        assert (counts.accounts, counts.unread) == (0, 3)
        told = [re.fullmatch(rf"(anna|ben|cem): .*{says}.*", error) for error in counts.errors]
        assert [match and match[1] for match in told] == ["anna", "ben", "cem"]
        state = self.state()
        assert (state["retired"], state["vanished"], state["enabled"]) == (set(), set(), self.known["enabled"])
        unread = {row.account: row.unread_since for row in self.play.rows(tables.Customer)}
        assert unread == dict.fromkeys(("anna", "ben", "cem"), self.play.now)

    def recovers(self) -> None:
        """The next sync of the shop, which is well again, finds everything."""
        self.shop.recovers()
        self.play.later(minutes=5)
        self.finds_everything()

    def finds_everything(self) -> None:
        counts = self.play.sync()
        assert counts.errors == ()
        there = {row.shop_id: row.retired_at is None for row in self.play.rows(tables.Relation)}
        assert (there["6"], there["12"], there["1"]) == (False, True, True)
        names = {row.id: row.shop_id for row in self.play.rows(tables.Product)}
        newest = {
            (names[row.product_id], row.kind, row.currency): (str(row.price), row.in_stock)
            for row in self.play.rows(tables.Reading)
        }
        assert newest["11", "price", "EUR"] == ("89", None)
        assert newest["12", "stock", ""] == ("None", True)
        assert newest["13", "price", "EUR"] == ("100", None)
        assert all(row.enabled for row in self.play.rows(tables.Product) if row.shop_id in _WATCHED)
        assert self.play.row(tables.SourceState).last_good_sync_at == self.play.now

    def state(self) -> dict[str, Any]:
        """What a sync that fails leaves as it is; where it fails at the products, only what comes after them."""
        play = self.play
        return {
            "retired": {row.shop_id for row in play.rows(tables.Relation) if row.retired_at is not None},
            "vanished": {row.shop_id for row in play.rows(tables.Relation) if row.vanished_at is not None},
            "watermarks": {row.resource: (row.watermark, row.finished_at) for row in play.rows(tables.SyncPass)},
            "enabled": {row.shop_id: row.enabled for row in play.rows(tables.Product) if row.shop_id in _WATCHED},
            "last good": play.row(tables.SourceState).last_good_sync_at,
        }


@pytest.fixture
def case(interface: Interface, open_world: OpenWorld, door: tuple[Door, str], sqlite_store: Store) -> Iterator[Case]:
    """The shop through the interface a test names; an administrator logs in by the form. Retries come without pauses."""
    with open_world(interface) as world, stamina.set_testing(True, attempts=READ_ATTEMPTS, cap=True):
        app = door[0].app
        door[0].app = shop = IllShop(app)
        play = played(world, sqlite_store, page_size=10, **({} if interface is JSONAPI else BY_FORM))
        play.sync()
        play.later(hours=25)  # all ids are to be compared again
        _something_happens(play)
        found = Case(play, shop, app if isinstance(app, AdminHost) else None)
        found.known = found.state()
        yield found


def _something_happens(play: WorldPlay) -> None:
    """A price falls, a product is back in stock, a watch is added and another one given up."""
    store = play.world.store
    store.set_price("11", "EUR", "89.00")
    store.set_stock("12", 4)
    watch = {"customer": "3", "domain": "product", "type": "watch", "refid": "13"}
    store.load({"relations": [watch | {"config": {"timeframe": "30", "price": 1, "currency": "EUR"}}]})
    with store.begin() as session:
        session.delete(session.get_one(shop_tables.Relation, 6))
