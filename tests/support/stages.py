"""Runs the stages against a shop in memory, at times the test names."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from sqlalchemy import select

from tests.support.fake_shop import FakeShop
from tests.support.settings import load_text
from worker.compose import ComposeCounts, compose
from worker.mail.render import Renderer
from worker.scan import ScanCounts, scan
from worker.settings import Settings
from worker.store import tables
from worker.store.session import Store
from worker.sync import SyncCounts, sync

START = datetime(2026, 3, 1, 10, 0, tzinfo=UTC)
KEY = b"k" * 32
_SETTINGS = """
[mail]
from_address = "watch@shop.example"
from_name = "Test Shop"
digest_wait_seconds = 0
[sources.main]
url = "https://shop.test/jsonapi"
currency = "EUR"
product_url = "https://shop.test/p/{slug}"
account_url = "https://shop.test/account"
"""


def make_settings(extra: str = "") -> Settings:
    """One shop, `main`, in EUR; the digest does not wait."""
    return load_text(_SETTINGS + extra).settings


@dataclass
class Play:
    """A store, a shop and a clock that only moves when the test says so."""

    store: Store
    shop: FakeShop = field(default_factory=FakeShop)
    settings: Settings = field(default_factory=make_settings)
    now: datetime = START

    def __post_init__(self) -> None:
        self.renderer = Renderer(None, "en")

    def later(self, **by: float) -> "Play":
        """Move the clock."""
        self.now += timedelta(**by)
        return self

    def sync(self, **options: bool) -> SyncCounts:
        return sync(self.store, self.shop, "main", self.settings, now=self.now, **options)

    def scan(self) -> ScanCounts:
        return scan(self.store, "main", self.settings, KEY, now=self.now)

    def compose(self) -> ComposeCounts:
        return compose(self.store, self.settings, self.renderer, KEY, now=self.now)

    def fires(self) -> int:
        """Sync and scan; how many watches fired."""
        self.sync()
        return self.scan().fired

    def notifications(self) -> list[tables.Notification]:
        with self.store.read() as session:
            return list(session.scalars(select(tables.Notification).order_by(tables.Notification.id)))

    def mails(self) -> list[tables.Mail]:
        with self.store.read() as session:
            return list(session.scalars(select(tables.Mail).order_by(tables.Mail.id)))
