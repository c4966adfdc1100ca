"""The shop over real HTTP: one server for each file, a fresh copy of the recorded shop's data for each test.

Not one for the whole run: a test elsewhere that freezes the clock stops the timers of a server in this process for good.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path

import httpx2
import pytest

from tests.shopserver.front import FIXTURES, Clock, Door, Front
from worker.shop.document import parse
from worker.shopserver.serving import serve
from worker.shopserver.store import ShopStore


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[Door, str]]:
    door = Door()
    with serve(door) as url:
        yield door, url


@pytest.fixture(scope="module")
def make_front(
    served: tuple[Door, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[], AbstractContextManager[Front]]]:
    """Opens the shop with the recorded data as it was first loaded, whatever a test before has done to it."""
    folder = tmp_path_factory.mktemp("shop")
    door, url = served
    store = ShopStore(f"sqlite:///{folder / 'shop.db'}", clock=Clock())
    store.load(parse((FIXTURES / "recorded-shop.json").read_bytes()))

    @contextmanager
    def make() -> Iterator[Front]:
        _copy(folder / "first.db", folder / "shop.db")
        store.clock = clock = Clock()
        with closing(Front(url, door, store, clock)) as front:
            yield front

    _copy(folder / "shop.db", folder / "first.db")
    yield make
    store.dispose()


def _copy(source: Path, target: Path) -> None:
    """Copy a database into one that may be open: its engine goes on with everything it has prepared."""
    with closing(sqlite3.connect(source)) as from_here, closing(sqlite3.connect(target)) as to_there:
        from_here.backup(to_there)


@pytest.fixture
def front(make_front: Callable[[], AbstractContextManager[Front]]) -> Iterator[Front]:
    with make_front() as front:
        yield front


@pytest.fixture
def anna(front: Front) -> httpx2.Client:
    """The customer 1 with the relations 1 to 5."""
    return front.client("1")


@pytest.fixture
def cem(front: Front) -> httpx2.Client:
    """The customer 3, without relations."""
    return front.client("3")
