"""Plays a real shop over HTTP: its owner and its customers change it, time passes on its clock, and sync reads it."""

from contextlib import closing
from dataclasses import dataclass
from typing import Any

from tests.shop.contract.world import World
from tests.shopserver.front import plain
from tests.support.settings import load_text
from tests.support.stages import KEY, Play
from worker.settings import Settings, Shop
from worker.store.session import Store
from worker.sync import SyncCounts, sync


@dataclass
class WorldPlay(Play):
    """A play whose shop is a world of the contract, read through its interface."""

    world: World = None  # type: ignore[assignment] - always given, see `played`

    def sync(self, *, accept_shrink: bool = False, full: bool = False, scheduled: bool = False) -> SyncCounts:
        self.now = self.world.clock.now
        source = self.world.interface.source("main", self.settings.sources["main"], transport=plain())
        with closing(source):
            return sync(
                self.store,
                source,
                "main",
                self.settings,
                KEY,
                now=self.now,
                accept_shrink=accept_shrink,
                full=full,
                scheduled=scheduled,
            )

    def later(self, **by: float) -> "WorldPlay":
        """Turn the shop's clock, which is ours, too."""
        self.world.clock.turn(**by)
        return self

    def configure(self, **settings: Any) -> None:
        """Change settings of the source."""
        shop = self.settings.sources["main"]
        self.settings = _with(self.settings, Shop.model_validate(shop.model_dump(exclude_unset=True) | settings))


def played(world: World, store: Store, **settings: Any) -> WorldPlay:
    """A play with an empty store."""
    shop = world.interface.settings(world.url, world.store, world.timezone, **settings)
    base = load_text('[mail]\nfrom_address = "watch@shop.example"').settings
    return WorldPlay(store, settings=_with(base, shop), world=world)


def _with(settings: Settings, shop: Shop) -> Settings:
    return settings.model_copy(update={"sources": {"main": shop}})
