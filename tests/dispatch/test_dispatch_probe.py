"""`watchpost mail-test`: one mail, told step by step."""

from tests.dispatch.dispatching import make_settings
from tests.support.smtp_script import CERTIFICATES, ScriptedRelay, server_context
from worker.dispatch.probe import send_one

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
    assert report.steps[-1] == "550 it ended here: rcpt_550_5.1.1"
    assert (report.verdict, report.reason, report.code) == ("address_rejected", "rcpt_550_5.1.1", 550)
    assert "SECRET" not in repr(report)


def test_a_relay_that_is_not_there_is_told_as_such() -> None:
    with ScriptedRelay() as gone:
        port = gone.port
    report = send_one(make_settings(port), "watch@shop.test", "ann@mail.test", _MESSAGE)
    assert report.steps == ("no reply it ended here: connect_unreachable",)
