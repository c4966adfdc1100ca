"""A store with mails, a clock the test moves, and a dispatcher beside them."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from tests.support.settings import load_text
from worker.dispatch import stage
from worker.dispatch.counts import Counts
from worker.log import address_hash
from worker.settings import Settings
from worker.store import tables
from worker.store.session import Store

START = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
KEY = b"k" * 32
SOURCE = "main"
_SETTINGS = """
[smtp]
host = "127.0.0.1"
port = {port}
tls = "none"
connections = 2
timeout_seconds = 5
data_timeout_seconds = 5
lease_seconds = 60
{extra}
[mail]
from_address = "watch@shop.test"
[sources.main]
url = "https://shop.test/jsonapi"
currency = "EUR"
"""


def make_settings(port: int, extra: str = "") -> Settings:
    """Settings for a relay on loopback; `extra` lines replace defaults of [smtp]."""
    given = {line.partition("=")[0].strip() for line in extra.splitlines()}
    lines = [line for line in _SETTINGS.splitlines() if line.partition("=")[0].strip() not in given - {""}]
    return load_text("\n".join(lines).format(port=port, extra=extra)).settings


def send_it(_session: Session, _mail: tables.Mail, _now: datetime) -> str | None:
    """A recheck that finds everything as it was."""
    return None


@dataclass
class Dispatching:
    """Mails wait in `store`; `now` moves only when the test says so."""

    store: Store
    settings: Settings
    now: datetime = START
    recheck: Callable[[Session, tables.Mail, datetime], str | None] = send_it
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def __post_init__(self) -> None:
        with self.store.begin() as session:
            if session.get(tables.SourceState, SOURCE) is None:
                session.add(tables.SourceState(source=SOURCE, first_synced_at=self.now, last_good_sync_at=self.now))
                session.add(
                    tables.Customer(
                        id=1, source=SOURCE, shop_id="1", account="ann", email="ann@mail.test", seen_at=self.now
                    )
                )

    def later(self, **by: float) -> "Dispatching":
        """Move the clock; the shop was read just then."""
        self.now += timedelta(**by)
        with self.store.begin() as session:
            session.get_one(tables.SourceState, SOURCE).last_good_sync_at = self.now
        return self

    def add(self, recipient: str = "ann@mail.test", **overrides: Any) -> int:
        """Put a mail into the outbox that is due; returns its id."""
        return self._add([recipient], overrides)[0]

    def add_many(self, number: int, domain: str = "mail.test", **overrides: Any) -> list[int]:
        """Mails to different people there."""
        return self._add([f"person{person}@{domain}" for person in range(number)], overrides)

    def _add(self, recipients: list[str], overrides: dict[str, Any]) -> list[int]:
        mails = [tables.Mail(**self._fields(recipient) | overrides) for recipient in recipients]
        with self.store.begin() as session:
            session.add_all(mails)
        return [mail.id for mail in mails]

    def _fields(self, recipient: str) -> dict[str, Any]:
        name = f"mail-{next(self._numbers)}@shop.test"
        return {
            "source": SOURCE,
            "customer_id": 1,
            "message_id": name,
            "sender": "watch@shop.test",
            "recipient": recipient,
            "customer_email": recipient,
            "language": "en",
            "message": f"Message-ID: <{name}>\r\nTo: {recipient}\r\n\r\nHello.\r\n".encode(),
            "created_at": self.now,
            "expires_at": self.now + timedelta(hours=48),
            "next_attempt_at": self.now,
        }

    def dispatch(self, **options: Any) -> Counts:
        """Run the stage once."""
        return stage.run(
            self.store, self.settings, clock=lambda: self.now, recheck=self.recheck_all, hash_key=KEY, **options
        )

    def recheck_all(self, session: Session, mails: Sequence[tables.Mail], now: datetime) -> list[str | None]:
        """Ask `recheck` about each."""
        return [self.recheck(session, mail, now) for mail in mails]

    def mail(self, mail_id: int) -> tables.Mail:
        """The row as it is."""
        with self.store.read() as session:
            return session.get_one(tables.Mail, mail_id)

    def states(self) -> list[str]:
        """The state of every mail, in the order of their ids."""
        with self.store.read() as session:
            return list(session.scalars(select(tables.Mail.state).order_by(tables.Mail.id)))

    def switches(self) -> dict[str, str]:
        """The run-time switches and their reasons."""
        with self.store.read() as session:
            return {row.name: row.reason for row in session.scalars(select(tables.Switch))}

    def switch(self, name: str, reason: str = "") -> None:
        """Throw a switch."""
        with self.store.begin() as session:
            session.merge(tables.Switch(name=name, changed_at=self.now, reason=reason))

    def suppressed(self, address: str) -> bool:
        """Whether this address gets no mail any more."""
        with self.store.read() as session:
            return session.get(tables.Suppression, address_hash(KEY, address)) is not None
