"""Fault row 7: workers are killed at random while many mails go out, and every mail arrives, hardly one of them twice."""

import asyncio
import os
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from secrets import randbelow

import pytest
from aiosmtpd.smtp import SMTP, Envelope, Session
from redis import Redis
from sqlalchemy import func, select

from tests.e2e.killing import Fleet
from tests.support import service
from tests.support.crowd import news_for
from tests.support.smtp import SmtpSink
from tests.support.stages import KEY
from tests.support.waiting import monotonic, wait_until
from worker.configuration import load
from worker.store import tables
from worker.store.session import Store

SETTINGS = """
data_dir = "data"
hash_key = "{key}"
[database]
url = "{database}"
[broker]
url = "{broker}"
[schedule]
sync_seconds = 86400
scan_seconds = 86400
compose_seconds = 0.5
dispatch_seconds = 0.5
[mail]
from_address = "watch@shop.example"
digest_wait_seconds = 0
[smtp]
host = "127.0.0.1"
port = {smtp}
tls = "none"
connections = {connections}
timeout_seconds = 2
data_timeout_seconds = 2
lease_seconds = 4.5
[sources.main]
url = "http://127.0.0.1:9/jsonapi"
currency = "EUR"
max_staleness_minutes = 10000
"""
UNFINISHED = ("pending", "leased", "submitting")


class BusyRelay(SmtpSink):
    """Takes a moment over each mail, before it has it and after: the time in which a killed client leaves a doubt."""

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        moment = Random(envelope.original_content).uniform(0, 0.08)  # noqa: S311 - a delay
        await asyncio.sleep(moment)
        reply = await super().handle_DATA(server, session, envelope)
        await asyncio.sleep(moment)
        return reply


@dataclass(frozen=True)
class Course:
    """How much goes out, and how hard it is made."""

    mails: int
    connections: int
    """Of each dispatcher."""
    strikes: int
    """The most there are, spread over the mails' arrivals."""
    seconds: float
    """After which it must be over."""


SHORT = Course(mails=200, connections=2, strikes=6, seconds=60)
LONG = Course(mails=10_000, connections=6, strikes=250, seconds=900)


@dataclass
class Outbox:
    """The tables as the operator sees them."""

    store: Store

    def is_empty(self) -> bool:
        """Whether every notification is in a mail, and every mail ended or is held."""
        untold = select(tables.Notification.id).where(tables.Notification.state == "pending").limit(1)
        unfinished = select(tables.Mail.id).where(tables.Mail.state.in_(UNFINISHED)).limit(1)
        with self.store.read() as session:
            return session.scalar(unfinished) is None and session.scalar(untold) is None

    def in_flight(self, *, in_doubt: bool) -> bool:
        """Whether the body of a mail is on its way just now; `in_doubt`: of one that may have arrived before."""
        row = select(tables.Mail.id).where(tables.Mail.state == "submitting").limit(1)
        with self.store.read() as session:
            return session.scalar(row.where(tables.Mail.ambiguous_attempts > 0) if in_doubt else row) is not None

    def held(self) -> int:
        with self.store.read() as session:
            return session.scalar(select(func.count()).where(tables.Mail.state == "held")) or 0

    def mails(self) -> dict[str, tables.Mail]:
        """Every mail by its Message-ID."""
        with self.store.read() as session:
            return {mail.message_id: mail for mail in session.scalars(select(tables.Mail))}


@pytest.fixture
def relay() -> Iterator[BusyRelay]:
    with BusyRelay() as running:
        yield running


def _seed() -> int:
    """A new one each time; KILL_LOOP_SEED repeats one."""
    return int(os.environ.get("KILL_LOOP_SEED", randbelow(10**6)))


@pytest.mark.parametrize("course", [SHORT, pytest.param(LONG, marks=pytest.mark.long)], ids=["short", "long"])
def test_workers_killed_at_random_lose_no_mail(
    course: Course,
    tmp_path: Path,
    postgres_store: Store,
    redis_url: str,
    relay: BusyRelay,
    record_property: Callable[[str, object], None],
) -> None:
    config = tmp_path / "watchpost.toml"
    database = postgres_store.engine.url.render_as_string(hide_password=False)
    config.write_text(
        SETTINGS.format(
            key=KEY.decode(), database=database, broker=redis_url, smtp=relay.port, connections=course.connections
        ),
        encoding="utf-8",
    )
    news_for(course.mails, postgres_store, load(config, {}).settings, datetime.now(UTC))
    with Redis.from_url(redis_url) as redis:
        redis.flushdb()
    outbox = Outbox(postgres_store)
    seed, began = _seed(), monotonic()
    rng = Random(seed)  # noqa: S311 - a game
    with Fleet(tmp_path, service.environment(WATCHPOST_CONFIG=str(config)), rng) as fleet:
        for arrivals in sorted(rng.randint(1, course.mails) for _ in range(course.strikes)):
            _wait_for(arrivals, relay, outbox, course)
            _wait_for_a_bad_moment(outbox, rng)
            fleet.strike()
        wait_until(outbox.is_empty, timeout=course.seconds, what="the outbox to empty")
        missing = set(outbox.mails()) - _arrived(relay).keys()
        assert all(outbox.mails()[name].state == "held" for name in missing)
        while outbox.held():
            service.watchpost(
                "--config", str(config), "outbox", "release", "--all", "--state", "held", "--yes", cwd=tmp_path
            )
            wait_until(outbox.is_empty, timeout=course.seconds, what="the released mails")
    mails, copies = outbox.mails(), _arrived(relay)
    ambiguous = sum(mail.ambiguous_attempts for mail in mails.values())
    releases = sum(mail.releases for mail in mails.values())
    duplicates = copies.total() - len(copies)
    counts = {
        "seed": seed,
        "mails": len(mails),
        "kills": fleet.kills,
        "ambiguous": ambiguous,
        "releases": releases,
        "duplicates": duplicates,
        "seconds": round(monotonic() - began, 1),
    }
    record_property("kill loop", counts)
    assert len({mail.customer_id for mail in mails.values()}) == len(mails) == course.mails, counts
    assert copies.keys() == mails.keys(), counts
    assert {mail.state for mail in mails.values()} == {"sent"}, counts
    assert duplicates <= ambiguous + releases, counts
    assert all(copy.content == mails[_name(copy.content)].message for copy in relay.received())


def _wait_for(arrivals: int, relay: BusyRelay, outbox: Outbox, course: Course) -> None:
    """Until so many mails arrived, or no more can."""
    wait_until(
        lambda: len(relay.received()) >= arrivals or outbox.is_empty(),
        timeout=course.seconds,
        what=f"{arrivals} mails",
    )


def _wait_for_a_bad_moment(outbox: Outbox, rng: Random) -> None:
    """When mails are on their way; as long as none is held often when one goes that is in doubt, so that it will be."""
    latest = monotonic() + 2
    in_doubt = rng.random() < 0.5 and not outbox.held()
    wait_until(lambda: monotonic() > latest or outbox.in_flight(in_doubt=in_doubt))


def _arrived(relay: BusyRelay) -> Counter[str]:
    """How often each Message-ID arrived."""
    return Counter(_name(mail.content) for mail in relay.received())


def _name(content: bytes) -> str:
    found = re.search(rb"^Message-ID: (\S+)\r$", content, re.MULTILINE)
    assert found is not None
    return found[1].decode()
