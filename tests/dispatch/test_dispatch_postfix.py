"""Mails go through a real Postfix into a mailbox, byte for byte."""

from collections.abc import Iterator

import pytest

from tests.dispatch.dispatching import START, Dispatching, make_settings
from tests.support.letters import make_rendered, make_sender
from tests.support.postfix import PASSWORD, USERNAME, Postfix, running_postfix
from tests.support.smtp_script import CERTIFICATES
from worker.mail.address import parse_address
from worker.mail.message import build
from worker.store.session import Store

pytestmark = pytest.mark.external

COMPOSED = build(
    make_rendered(text="Grüße,\n.\n..dots\n" + "x" * 2000 + "\n"),
    sender=make_sender(),
    recipient=parse_address("ann@mail.test"),
    message_id="<1@shop.test>",
    date=START,
)
HEAD = b"Date: Sun, 01 Mar 2026 09:00:00 +0000\r\nMessage-ID: <1@shop.test>\r\nFrom: watch@shop.test\r\n"
DOTS = HEAD + b"\r\n.\r\n..\r\n.x\r\nFrom here\r\n\r\nend\r\n"
EIGHT_BITS = HEAD + "Content-Type: text/plain; charset=utf-8\r\nMIME-Version: 1.0\r\n\r\nGrüße\r\n".encode()
UTF8_HEADER = HEAD + "Subject: Grüße\r\n\r\nHello.\r\n".encode()


@pytest.fixture(scope="module")
def postfix() -> Iterator[Postfix]:
    with running_postfix() as server:
        yield server


def _play(store: Store, port: int, *lines: str, ca: str = "authority.pem", tls: str = "starttls") -> Dispatching:
    extra = [f'tls = "{tls}"', f'ca_file = "{CERTIFICATES / ca}"', *lines]
    return Dispatching(store, make_settings(port, "\n".join(extra)))


def _login(password: str = PASSWORD) -> tuple[str, str]:
    return f'username = "{USERNAME}"', f'password = "{password}"'


@pytest.mark.parametrize("message", [COMPOSED, DOTS], ids=["composed", "dots"])
def test_a_message_arrives_intact_over_starttls(sqlite_store: Store, postfix: Postfix, message: bytes) -> None:
    play = _play(sqlite_store, postfix.plain)
    play.add(message=message)
    assert play.dispatch().sent == 1
    assert postfix.take(1) == [message]
    assert "TLS connection established from" in postfix.log()


@pytest.mark.parametrize("message", [EIGHT_BITS, UTF8_HEADER], ids=["8BITMIME", "SMTPUTF8"])
def test_what_is_not_ascii_arrives_intact(sqlite_store: Store, postfix: Postfix, message: bytes) -> None:
    play = _play(sqlite_store, postfix.plain)
    play.add(message=message)
    assert play.dispatch().sent == 1
    assert postfix.take(1) == [message]


def test_a_local_part_in_utf8_is_delivered(sqlite_store: Store, postfix: Postfix) -> None:
    play = _play(sqlite_store, postfix.plain)
    play.add("jörg@mail.test", message=DOTS)
    assert play.dispatch().sent == 1
    assert postfix.take(1) == [DOTS]
    assert "to=<jörg@mail.test>" in postfix.log()


@pytest.mark.parametrize("tls", ["starttls", "tls"])
def test_with_a_login_mails_go_where_strangers_are_refused(sqlite_store: Store, postfix: Postfix, tls: str) -> None:
    port = postfix.submission if tls == "starttls" else postfix.wrapped
    play = _play(sqlite_store, port, *_login(), tls=tls)
    play.add(message=DOTS)
    assert play.dispatch().sent == 1
    assert postfix.take(1) == [DOTS]


def test_a_wrong_password_pauses_the_route_and_keeps_the_mails(sqlite_store: Store, postfix: Postfix) -> None:
    play = _play(sqlite_store, postfix.submission, *_login("open"))
    mail_id = play.add()
    counts = play.dispatch()
    assert (counts.sent, counts.waiting, counts.paused) == (0, 1, "configuration:auth_535_5.7.8")
    assert play.mail(mail_id).attempts == 0


def test_a_certificate_of_somebody_else_is_not_trusted(sqlite_store: Store, postfix: Postfix) -> None:
    play = _play(sqlite_store, postfix.plain, ca="elsewhere.pem")
    play.add()
    counts = play.dispatch()
    assert (counts.sent, counts.waiting, counts.paused) == (0, 1, "configuration:starttls_certificate")


def test_a_deferred_mail_is_accepted_later(sqlite_store: Store, postfix: Postfix) -> None:
    play = _play(sqlite_store, postfix.plain)
    mail_id = play.add(message=DOTS)
    postfix.answer("ann@mail.test 451 4.7.1 come back later\n")
    assert play.dispatch().retried == 1
    mail = play.mail(mail_id)
    assert (mail.state, mail.reason, mail.attempts) == ("pending", "rcpt_451_4.7.1", 1)
    postfix.answer("")
    assert play.later(minutes=10).dispatch().sent == 1
    assert postfix.take(1) == [DOTS]


def test_an_unknown_recipient_fails_and_is_suppressed(sqlite_store: Store, postfix: Postfix) -> None:
    play = _play(sqlite_store, postfix.plain)
    postfix.answer("eve@mail.test 550 5.1.1 no such user\n")
    play.add("eve@mail.test")
    assert play.dispatch().failed == 1
    assert play.suppressed("eve@mail.test")


def test_a_relay_that_refuses_to_relay_pauses_the_route(sqlite_store: Store, postfix: Postfix) -> None:
    play = _play(sqlite_store, postfix.plain)
    play.add("ann@elsewhere.test")
    counts = play.dispatch()
    assert (counts.sent, counts.waiting, counts.paused) == (0, 1, "configuration:rcpt_554_5.7.1")


def test_many_mails_arrive_once_each(sqlite_store: Store, postfix: Postfix) -> None:
    play = _play(sqlite_store, postfix.plain, "connections = 4")
    ids = play.add_many(60)
    assert play.dispatch().sent == 60
    assert sorted(postfix.take(60)) == sorted(play.mail(mail_id).message for mail_id in ids)
