"""Runs the stages against a shop in memory, at times the test names."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from functools import cache
from typing import Any, TypeVar

from sqlalchemy import event, select

from tests.support.fake_shop import FakeShop
from tests.support.settings import load_text
from worker.compose import ComposeCounts, compose
from worker.domain.model import Json, Kind
from worker.explain import explain
from worker.freshness import recheck
from worker.mail.render import Renderer
from worker.scan import rehearse, scan
from worker.scan_counts import Hit, ScanCounts
from worker.settings import Settings
from worker.status import status
from worker.store import tables
from worker.store.session import Store
from worker.sync import SyncCounts, sync

START = datetime(2026, 3, 1, 10, 0, tzinfo=UTC)
KEY = b"k" * 32
_SETTINGS = """
[mail]
from_address = "watch@shop.example"
from_name = "Test Shop"
digest_wait_seconds = {digest_wait_seconds}
{mail}
[rules]
{rules}
[sources.main]
url = "https://shop.test/jsonapi"
currency = "EUR"
product_url = "https://shop.test/p/{{slug}}"
account_url = "https://shop.test/account"
{source}
"""

Row = TypeVar("Row", bound=tables.Base)


@cache
def make_settings(*, mail: str = "", rules: str = "", source: str = "", digest_wait_seconds: float = 0) -> Settings:
    """One shop, `main`, in EUR; the digest does not wait. The texts are further lines of those tables."""
    text = _SETTINGS.format(mail=mail, rules=rules, source=source, digest_wait_seconds=digest_wait_seconds)
    return load_text(text).settings


@cache
def renderer() -> Renderer:
    """The shipped templates, read once."""
    return Renderer(None, "en")


@dataclass
class Play:
    """A store, a shop and a clock that only moves when the test says so."""

    store: Store
    shop: FakeShop = field(default_factory=FakeShop)
    settings: Settings = field(default_factory=make_settings)
    renderer: Renderer = field(default_factory=renderer)
    now: datetime = START

    def __post_init__(self) -> None:
        if self.store.is_sqlite:
            event.listen(self.store.engine, "connect", _without_syncing)

    def later(self, **by: float) -> "Play":
        """Move the clock."""
        self.now += timedelta(**by)
        return self

    def sync(self, *, accept_shrink: bool = False, full: bool = False) -> SyncCounts:
        return sync(
            self.store, self.shop, "main", self.settings, KEY, now=self.now, accept_shrink=accept_shrink, full=full
        )

    def scan(self) -> ScanCounts:
        return scan(self.store, "main", self.settings, KEY, now=self.now)

    def compose(self) -> ComposeCounts:
        return compose(self.store, self.settings, self.renderer, KEY, now=self.now)

    def fires(self) -> int:
        """Sync and scan; how many watches fired."""
        self.sync()
        return self.scan().fired

    def told(self) -> list[str]:
        """Sync and scan five minutes later; what fired, such as `["1 price", "1 stock"]` (relation and kind)."""
        known = len(self.notifications())
        self.later(minutes=5).fires()
        names = {row.id: row.shop_id for row in self.rows(tables.Relation)}
        return sorted(f"{names[row.relation_id]} {row.kind}" for row in self.notifications()[known:])

    def waits(self, shop_id: str = "1") -> tuple[str, str]:
        """Sync and scan five minutes later, which fires nothing; why the price and the stock of a relation wait."""
        assert self.told() == []
        return self.reason(Kind.PRICE, shop_id), self.reason(Kind.STOCK, shop_id)

    def rehearse(self, **ahead: float) -> list[Hit]:
        """What a scan so much later would fire."""
        return rehearse(self.store, "main", self.settings, KEY, now=self.now + timedelta(**ahead)).hits

    def recheck(self, mail_id: int | None = None) -> str | None:
        """The last look before the newest mail (or this one) leaves."""
        mail_id = mail_id or self.mails()[-1].id
        with self.store.begin() as session:
            return recheck(session, [session.get_one(tables.Mail, mail_id)], self.now, self.settings, KEY)[0]

    def send(self) -> tables.Mail:
        """The newest mail leaves after the last look."""
        assert self.recheck() is None
        with self.store.begin() as session:
            mail = session.get_one(tables.Mail, self.mails()[-1].id)
            mail.state, mail.settled_at = "sent", self.now
        return mail

    def explain(self, shop_id: str = "1") -> dict[str, Any]:
        with self.store.read() as session:
            return explain(session, "main", shop_id, self.settings, KEY, self.now)

    def reason(self, kind: Kind = Kind.PRICE, shop_id: str = "1") -> str:
        """The code `explain` gives for one kind of a relation."""
        return next(str(found["reason"]) for found in self.explain(shop_id)["decisions"] if found["kind"] == kind)

    def status(self) -> dict[str, Any]:
        with self.store.read() as session:
            return status(session, self.settings, self.now)

    def rows(self, table: type[Row]) -> Sequence[Row]:
        """Every row in the order of the primary key."""
        with self.store.read() as session:
            return session.scalars(select(table).order_by(*table.__table__.primary_key)).all()

    def row(self, table: type[Row]) -> Row:
        """The only row."""
        (row,) = self.rows(table)
        return row

    def relation(self, shop_id: str = "1") -> tables.Relation:
        """The newest generation of a relation."""
        return max(
            (row for row in self.rows(tables.Relation) if row.shop_id == shop_id), key=lambda row: row.generation
        )

    def watch(self, kind: Kind = Kind.PRICE, shop_id: str = "1") -> tables.Watch:
        """The episode state of one kind of a relation."""
        relation_id = self.relation(shop_id).id
        return next(row for row in self.rows(tables.Watch) if (row.relation_id, row.kind) == (relation_id, kind))

    def notifications(self) -> Sequence[tables.Notification]:
        return self.rows(tables.Notification)

    def ledger(self) -> list[tuple[str, int, str]]:
        """Kind, episode and state of every notification."""
        return [(row.kind, row.episode, row.state) for row in self.notifications()]

    def mails(self) -> Sequence[tables.Mail]:
        return self.rows(tables.Mail)

    def mail_states(self) -> list[str]:
        return [row.state for row in self.mails()]

    def everything(self) -> dict[str, list[tuple[Any, ...]]]:
        """Everything that is stored."""
        with self.store.read() as session:
            return {
                table.name: [tuple(row) for row in session.execute(select(table).order_by(*table.primary_key))]
                for table in tables.Base.metadata.sorted_tables
            }


def _without_syncing(connection: sqlite3.Connection, _record: object) -> None:
    connection.execute("PRAGMA synchronous=OFF")  # what a test loses in a power cut, it does not miss


def text_of(mail: tables.Mail) -> str:
    """The plain text part as the customer reads it."""
    body = message_from_bytes(mail.message, policy=policy.default).get_body(("plain",))
    assert body is not None
    content: str = body.get_content()
    return content


def subject_of(mail: tables.Mail) -> str:
    """The subject as the customer reads it."""
    return str(message_from_bytes(mail.message, policy=policy.default)["Subject"])


def imported(store: Store, settings: Settings | None = None) -> Play:
    """A shop that was imported: customer 7 watches nothing yet, product 42 costs 120 EUR and is out of stock."""
    play = Play(store, settings=settings or make_settings())
    play.shop.customer("7")
    play.shop.product("42", EUR="120.00", stock="0")
    assert play.fires() == 0
    return play


def watching(store: Store, settings: Settings | None = None, **config: Json) -> Play:
    """`imported`; five minutes later customer 7 began to watch product 42: below 100 EUR, and back in stock."""
    play = imported(store, settings).later(minutes=5)
    play.shop.watch("1", ctime=play.now)
    play.shop.patch("1", **config)
    assert play.fires() == 0
    return play
