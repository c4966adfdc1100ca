"""What the steps of one sync share."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from worker.domain.terms import Defaults
from worker.progress import Progress
from worker.settings import Settings, Shop
from worker.shop.source import Incremental, Source
from worker.store.customers import Mirror
from worker.store.lease import Lease
from worker.store.passes import shop_text
from worker.store.session import Store
from worker.sync.counts import SyncCounts


@dataclass
class Work:
    """One run over one source. `now` is the moment it began."""

    store: Store
    source: Source
    name: str
    settings: Settings
    key: bytes
    """What erased customers are recognised with."""
    lease: Lease
    now: datetime
    progress: Progress
    counts: SyncCounts = field(default_factory=SyncCounts)
    imported: bool = False
    """The shop had been imported as a whole before."""
    products_done: int = 0
    """How many products were read, for the progress."""

    @property
    def shop(self) -> Shop:
        """The source's settings."""
        return self.settings.sources[self.name]

    @cached_property
    def defaults(self) -> Defaults:
        """What stands in for what a watch leaves out."""
        return Defaults(timeframe_days=self.settings.rules.default_timeframe_days, currency=self.shop.currency)

    @cached_property
    def incremental(self) -> Incremental | None:
        """The source, where it can tell what changed."""
        return self.source if isinstance(self.source, Incremental) else None

    @cached_property
    def mirror(self) -> Mirror:
        """What pages are stored with; asked for once `imported` is known."""
        return Mirror(
            source=self.name,
            defaults=self.defaults,
            language=self.shop.language,
            now=self.now,
            lists_customers=self.incremental is not None,
            imported=self.imported,
        )

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """A write transaction, fenced by the run's lease. Raises LeaseLostError."""
        with self.store.begin() as session:
            self.lease.renew(session)
            yield session

    def shop_now(self) -> str:
        """The shop's clock when this run began, as the shop writes it."""
        return shop_text(self.now + (self.source.clock_gap or timedelta(0)), ZoneInfo(self.shop.timezone))
