"""One server for each file, and for each test a shop of its own with the data of the recordings."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path

import pytest

from tests.shopserver.front import Clock, Door
from tests.support.graphql_shop.front import RECORDINGS, GraphqlFront
from worker.shop.document import parse
from worker.shopserver.serving import serve
from worker.shopserver.store import ShopStore


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[Door, str]]:
    door = Door()
    with serve(door) as url:
        yield door, url


@pytest.fixture(scope="session")
def recorded_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The recorded shop's data, closed."""
    path = tmp_path_factory.mktemp("graphql") / "shop.db"
    store = ShopStore(f"sqlite:///{path}", clock=Clock())
    store.load(parse((RECORDINGS / "graphql-shop.json").read_bytes()))
    store.dispose()
    return path


@pytest.fixture(scope="module")
def open_front(
    served: tuple[Door, str], recorded_database: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[], AbstractContextManager[GraphqlFront]]:
    """Opens a shop with the recorded data; only the one opened last is served."""
    door, url = served

    @contextmanager
    def opened() -> Iterator[GraphqlFront]:
        path = tmp_path_factory.mktemp("front") / "shop.db"
        shutil.copy(recorded_database, path)
        clock = Clock()
        store = ShopStore(f"sqlite:///{path}", clock=clock)
        with closing(GraphqlFront(url, door, store, clock)) as front:
            yield front
        store.dispose()

    return opened


@pytest.fixture
def front(open_front: Callable[[], AbstractContextManager[GraphqlFront]]) -> Iterator[GraphqlFront]:
    with open_front() as front:
        yield front
