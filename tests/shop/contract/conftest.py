"""One server for each file; for each test a fresh shop in the contract's state, served through the interface it names."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from tests.shop.contract.interfaces import INTERFACES, Interface
from tests.shop.contract.state import STATE
from tests.shop.contract.world import World
from tests.shopserver.front import Clock, Door
from worker.shopserver.serving import serve
from worker.shopserver.store import ShopStore

OpenWorld = Callable[..., AbstractContextManager[World]]
ZONE = "Europe/Berlin"


@pytest.fixture(scope="module")
def door() -> Iterator[tuple[Door, str]]:
    door = Door()
    with serve(door) as url:
        yield door, url


@pytest.fixture(scope="session")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shop's database in the contract's state, closed."""
    path = tmp_path_factory.mktemp("contract") / "shop.db"
    store = ShopStore(f"sqlite:///{path}", clock=Clock())
    store.load(STATE)
    store.dispose()
    return path


@pytest.fixture(scope="module")
def open_world(door: tuple[Door, str], loaded: Path, tmp_path_factory: pytest.TempPathFactory) -> OpenWorld:
    """Opens the shop; the interface of the world opened last is served."""
    served, url = door

    @contextmanager
    def opened(interface: Interface, timezone: str = ZONE) -> Iterator[World]:
        path = tmp_path_factory.mktemp("world") / "shop.db"
        shutil.copy(loaded, path)
        clock = Clock()
        store = ShopStore(f"sqlite:///{path}", clock=clock)
        served.app = interface.serve(store, timezone)
        world = World(interface, url, store, clock, timezone)
        yield world
        for source in world.opened:
            source.close()
        store.dispose()

    return opened


@pytest.fixture(params=INTERFACES, ids=lambda interface: interface.name)
def world(request: pytest.FixtureRequest, open_world: OpenWorld) -> Iterator[World]:
    """The shop through each of the interfaces."""
    with open_world(request.param) as opened:
        yield opened


INCREMENTAL = [interface for interface in INTERFACES if interface.abilities.mtime]
REMOVING = [interface for interface in INTERFACES if interface.abilities.removes]


@pytest.fixture(params=INCREMENTAL, ids=lambda interface: interface.name)
def telling(request: pytest.FixtureRequest, open_world: OpenWorld) -> Iterator[World]:
    """The shop through each of the interfaces that tell what changed."""
    with open_world(request.param) as opened:
        yield opened


@pytest.fixture(params=REMOVING, ids=lambda interface: interface.name)
def removing(request: pytest.FixtureRequest, open_world: OpenWorld) -> Iterator[World]:
    """The shop through each of the interfaces that relations can be removed through."""
    with open_world(request.param) as opened:
        yield opened
