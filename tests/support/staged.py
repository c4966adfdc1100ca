"""An installation whose shop is in memory; everything else is real."""

from collections.abc import Iterator
from contextlib import contextmanager

from tests.support.fake_shop import FakeShop
from tests.support.stages import KEY, Play
from worker.installation import Installation
from worker.settings import Settings
from worker.shop.source import Source
from worker.store.session import Store


class Staged(Installation):
    """Its functions are what tasks and commands call."""

    def __init__(self, settings: Settings, store: Store, shop: FakeShop) -> None:
        super().__init__(settings)
        self.__dict__.update(store=store, key=KEY)
        self._shop = shop

    @contextmanager
    def source(self, name: str) -> Iterator[Source]:
        assert name == "main"
        yield self._shop


def staged(play: Play) -> Staged:
    """The installation a play is about."""
    parts = Staged(play.settings, play.store, play.shop)
    parts.__dict__["renderer"] = play.renderer
    return parts
