"""`watchpost mail-test`: one mail, told step by step."""

import ssl

import pytest
from aiosmtplib import SMTPException, SMTPResponseException

from tests.dispatch.dispatching import make_settings
from tests.support.smtp_script import CERTIFICATES, ScriptedRelay, server_context
from worker.dispatch.probe import send_one
from worker.dispatch.remedies import remedy
from worker.dispatch.replies import Phase, lacking, of_error

_MESSAGE = b"To: ann@mail.test\r\n\r\nHello.\r\n"


def test_every_step_is_told() -> None:
    with ScriptedRelay(tls=server_context("localhost.pem"), login="shop:right") as relay:
        trust = f'ca_file = "{CERTIFICATES / "authority.pem"}"'
        settings = make_settings(relay.port, f'tls = "starttls"\n{trust}\nusername = "shop"\npassword = "right"')
        report = send_one(settings, "watch@shop.test", "ann@mail.test", _MESSAGE)
        assert [arrived.content for arrived in relay.arrived] == [_MESSAGE]
    assert report.accepted
    assert report.steps == (
        f"220 connected to 127.0.0.1:{relay.port}",
        "250 said hello",
        "220 encrypted the connection; the certificate is good",
        "250 said hello",
        "235 logged in as shop",
        "250 the sender is accepted",
        "250 the recipient is accepted",
        "354 the relay is ready for the message",
        "250 the message is accepted",
    )
    assert "right" not in repr(report)


def test_a_refusal_ends_it_with_its_code_and_without_the_relays_words(relay: ScriptedRelay) -> None:
    relay.on("rcpt", "550 5.1.1 SECRET words of the relay")
    report = send_one(make_settings(relay.port), "watch@shop.test", "ann@mail.test", _MESSAGE)
    assert not report.accepted
    assert report.steps[-1] == (
        f"550 it ended here: the relay 127.0.0.1:{relay.port} refuses the recipient; "
        "if it refuses all, allow this machine or login to relay there (rcpt_550_5.1.1)"
    )
    assert (report.verdict, report.reason, report.code) == ("address_rejected", "rcpt_550_5.1.1", 550)
    assert "SECRET" not in repr(report)


def test_a_relay_that_is_not_there_is_told_as_such() -> None:
    with ScriptedRelay() as gone:
        port = gone.port
    report = send_one(make_settings(port), "watch@shop.test", "ann@mail.test", _MESSAGE)
    (step,) = report.steps
    assert f"127.0.0.1:{port} can't be reached; check smtp.host and smtp.port" in step
    assert step.endswith("(connect_unreachable)")


@pytest.mark.parametrize(
    ("phase", "error", "named"),
    [
        (Phase.CONNECT, ConnectionRefusedError(), "check smtp.host and smtp.port"),
        (Phase.CONNECT, TimeoutError(), "did not answer within 5 s (smtp.timeout_seconds)"),
        (Phase.CONNECT, UnicodeError(), "127.0.0.1 is no host name; check smtp.host"),
        (Phase.CONNECT, ssl.SSLCertVerificationError(), "smtp.ca_file"),
        (Phase.CONNECT, ssl.SSLError(), 'check smtp.tls ("none" now'),
        (Phase.EHLO, ConnectionResetError(), "closed the connection"),
        (Phase.GREETING, SMTPResponseException(554, "go"), "does not want this machine"),
        (Phase.GREETING, SMTPResponseException(421, "later"), "refuses for now"),
        (Phase.GREETING, SMTPResponseException(99, "hum"), "no SMTP; check smtp.port"),
        (Phase.STARTTLS, SMTPException("missing"), 'offers no STARTTLS, which smtp.tls = "starttls" demands'),
        (Phase.STARTTLS, SMTPResponseException(502, "no"), 'smtp.tls = "starttls"'),
        (Phase.AUTH, SMTPException("missing"), "smtp.username"),
        (Phase.AUTH, SMTPResponseException(535, "no"), "check smtp.username and smtp.password"),
        (Phase.MAIL, SMTPResponseException(550, "no"), "check mail.from_address"),
        (Phase.MAIL, ValueError(), "check mail.from_address and the address"),
        (Phase.DATA, SMTPResponseException(554, "no"), "refuses the message"),
        (Phase.BODY, TimeoutError(), "it may have arrived"),
    ],
)
def test_what_the_relay_did_is_told_with_the_setting_to_look_at(phase: Phase, error: Exception, named: str) -> None:
    verdict = of_error(phase, error)
    assert verdict is not None
    told = remedy(f"configuration:{verdict.reason}", make_settings(2525).smtp)
    assert named in told
    assert remedy(verdict.reason, make_settings(2525).smtp) == told


def test_a_relay_that_lacks_an_extension_is_told_as_such() -> None:
    assert "SMTPUTF8" in remedy(lacking("smtputf8").reason, make_settings(2525).smtp)
    assert "8BITMIME" in remedy(lacking("8bitmime").reason, make_settings(2525).smtp)
