"""A dispatch on which everything goes wrong, logged at debug level: no address, body, login or word of the relay is in it."""

import io
import logging
from collections.abc import Iterator
from datetime import datetime

import pytest
import structlog
from sqlalchemy.orm import Session

from tests.dispatch.dispatching import Dispatching, make_settings
from tests.support.settings import load_text
from tests.support.smtp_script import CERTIFICATES, CUT, ScriptedRelay, server_context
from worker import log
from worker.store import tables
from worker.store.session import Store

WORDS = "confidential words of the relay about ann@mail.test"
BODY = b"Subject: private subject\r\n\r\nprivate body\r\n"
PASSWORD = "pass-phrase-of-the-relay"
SECRETS = ("ann@", "person", "eve@", "mail.test", "confidential", "private", PASSWORD, "watch@shop.test")


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """Everything that any library logs meanwhile, as the service would write it."""
    root, stream = logging.getLogger(), io.StringIO()
    before, handlers = {name: logging.getLogger(name).level for name in log.CHATTY}, list(root.handlers)
    level = root.level
    log.setup(load_text('[logs]\nlevel = "debug"\nformat = "json"').settings, stream)
    for name in set(log.CHATTY) - {"sqlalchemy"}:  # which shows rows then; the settings can't turn it up so far
        logging.getLogger(name).setLevel(logging.DEBUG)
    yield stream
    for handler in set(root.handlers) - set(handlers):
        root.removeHandler(handler)
    root.setLevel(level)
    for name, old in before.items():
        logging.getLogger(name).setLevel(old)
    structlog.reset_defaults()


@pytest.fixture
def trusted() -> Iterator[ScriptedRelay]:
    with ScriptedRelay(tls=server_context("localhost.pem"), login=f"shop:{PASSWORD}") as running:
        yield running


def _play(store: Store, relay: ScriptedRelay, password: str = PASSWORD) -> Dispatching:
    lines = (
        'tls = "starttls"',
        f'ca_file = "{CERTIFICATES / "authority.pem"}"',
        'username = "shop"',
        f'password = "{password}"',
        "timeout_seconds = 1",
        "data_timeout_seconds = 1",
        "connections = 1",
    )
    return Dispatching(store, make_settings(relay.port, "\n".join(lines)))


def _tells_nothing(stream: io.StringIO) -> None:
    text = stream.getvalue()
    assert [line for line in text.splitlines() if any(secret in line for secret in SECRETS)] == []


@pytest.mark.parametrize("point", ["mail", "rcpt", "data", "dot"])
@pytest.mark.parametrize("code", ["451 4.7.1", "550 5.1.1", "554 5.7.1", "421 4.3.2", "299", "zzz"])
def test_no_refusal_gets_into_the_log(
    sqlite_store: Store, trusted: ScriptedRelay, written: io.StringIO, point: str, code: str
) -> None:
    play = _play(sqlite_store, trusted)
    trusted.on(point, f"{code} {WORDS}")
    play.add("ann@mail.test", message=BODY)
    play.add("eve@mail.test", message=BODY)
    play.dispatch()
    assert trusted.commands
    _tells_nothing(written)


@pytest.mark.parametrize("point", ["greeting", "ehlo", "starttls", "auth"])
def test_nor_what_the_relay_says_before(
    sqlite_store: Store, trusted: ScriptedRelay, written: io.StringIO, point: str
) -> None:
    play = _play(sqlite_store, trusted)
    trusted.always(point, f"554 5.7.1 {WORDS}")
    play.add("ann@mail.test", message=BODY)
    assert (play.dispatch().paused or "").startswith("configuration:")
    assert "route closed" in written.getvalue()
    _tells_nothing(written)


def test_nor_a_password_that_is_refused(sqlite_store: Store, trusted: ScriptedRelay, written: io.StringIO) -> None:
    play = _play(sqlite_store, trusted, "private-but-wrong")
    play.add("ann@mail.test", message=BODY)
    assert play.dispatch().paused == "configuration:auth_535_5.7.8"
    _tells_nothing(written)


def test_nor_a_mail_in_doubt(sqlite_store: Store, trusted: ScriptedRelay, written: io.StringIO) -> None:
    play = _play(sqlite_store, trusted)
    trusted.on("dot", CUT)
    play.add("ann@mail.test", message=BODY)
    assert play.dispatch().ambiguous == 1
    assert "body_closed" in written.getvalue()
    _tells_nothing(written)


def test_nor_an_error_that_quotes_a_mail(sqlite_store: Store, trusted: ScriptedRelay, written: io.StringIO) -> None:
    play = _play(sqlite_store, trusted)

    def fail(_session: Session, mail: tables.Mail, _now: datetime) -> str | None:
        raise LookupError(f"nothing known of {mail.recipient}")

    play.recheck = fail
    play.add("ann@mail.test", message=BODY)
    play.add("eve@mail.test", message=BODY)
    try:
        play.dispatch()
    except LookupError:
        structlog.get_logger("worker.tasks").exception("stage failed")  # as whoever calls the stage logs it
    assert "LookupError" in written.getvalue()
    _tells_nothing(written)
