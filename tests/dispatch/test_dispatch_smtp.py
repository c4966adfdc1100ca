"""One connection: what is said to the relay, byte by byte."""

import asyncio
import re
from collections.abc import Awaitable, Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.dispatch.dispatching import make_settings
from tests.support.smtp_script import CUT, STALL, ScriptedRelay
from worker.dispatch.replies import Kind, Verdict
from worker.dispatch.smtp import Connection, dot_stuffed, tls_context
from worker.errors import SettingsError
from worker.settings import Smtp

PLAIN = b"To: ann@mail.test\r\n\r\nHello.\r\n"
lines = st.lists(
    st.one_of(st.binary(max_size=20), st.sampled_from([b"", b".", b"..", b".x", b"x."])), min_size=1, max_size=10
)


def _unstuffed(data: bytes) -> bytes:
    """What a server makes of it (RFC 5321, 4.5.2)."""
    assert data.endswith(b"\r\n.\r\n")
    return re.sub(rb"(?m)^\.(?=.)", b"", data.removesuffix(b".\r\n"))


@given(lines)
def test_a_message_of_crlf_lines_arrives_as_it_was(parts: list[bytes]) -> None:
    message = b"".join(re.sub(rb"[\r\n]", b"", part) + b"\r\n" for part in parts)
    assert _unstuffed(dot_stuffed(message)) == message


@given(st.binary())
def test_whatever_a_message_holds_it_can_not_end_early(message: bytes) -> None:
    data = dot_stuffed(message)
    assert data.index(b"\r\n.\r\n") == len(data) - 5
    assert not re.search(rb"(?<!\r)\n|\r(?!\n)", data)


def _talk(settings: Smtp, script: Callable[[Connection], Awaitable[Verdict | None]]) -> Verdict | None:
    async def conversation() -> Verdict | None:
        connection = Connection(settings, tls_context(settings))
        try:
            return await connection.open() or await script(connection)
        finally:
            await connection.close()

    return asyncio.run(conversation())


def _send(relay: ScriptedRelay, message: bytes = PLAIN, recipient: str = "ann@mail.test") -> Verdict | None:
    async def send(connection: Connection) -> Verdict | None:
        return await connection.envelope("watch@shop.test", recipient, message) or await connection.submit(message)

    return _talk(make_settings(relay.port).smtp, send)


def test_a_message_with_dots_arrives_as_it_was(relay: ScriptedRelay) -> None:
    message = b"To: a\r\n\r\n.\r\n..\r\n.hidden\r\nend\r\n"
    verdict = _send(relay, message)
    assert verdict is not None
    assert verdict.kind is Kind.SENT
    assert relay.arrived[0].content == message


def test_a_plain_mail_asks_for_nothing_but_its_size(relay: ScriptedRelay) -> None:
    _send(relay)
    assert f"MAIL FROM:<watch@shop.test> SIZE={len(PLAIN)}" in relay.commands


def test_eight_bits_are_announced(relay: ScriptedRelay) -> None:
    _send(relay, PLAIN + "grün\r\n".encode())
    assert relay.arrived[0].mail.endswith(" BODY=8BITMIME")


@pytest.mark.parametrize(
    ("message", "recipient"),
    [("Subject: grün\r\n\r\nHello.\r\n".encode(), "ann@mail.test"), (PLAIN, "änn@mail.test")],
)
def test_what_needs_utf8_announces_it(relay: ScriptedRelay, message: bytes, recipient: str) -> None:
    _send(relay, message, recipient)
    assert "SMTPUTF8" in relay.arrived[0].mail.split()
    assert relay.arrived[0].recipient == recipient


@pytest.mark.parametrize(
    "recipient",
    [
        "ann@mail.test\r\nRCPT TO:<eve@mail.test>",
        "ann@mail.test> SIZE=1",
        "an n@mail.test",
        "a\0@mail.test",
        "Ann <ann@mail.test>",
        "ann@mail.test, eve@mail.test",
        "ann@mail.test (eve)",
    ],
)
def test_an_address_can_not_smuggle_a_command(relay: ScriptedRelay, recipient: str) -> None:
    verdict = _send(relay, recipient=recipient)
    assert verdict is not None
    assert verdict.kind is Kind.PERMANENT
    assert not any("eve" in line or "SIZE=1" in line.split() for line in relay.commands)
    assert relay.arrived == []


def test_the_machines_name_or_address_is_told_not_localhost(relay: ScriptedRelay) -> None:
    _send(relay)
    name = relay.commands[0].removeprefix("EHLO ")
    assert name == "[127.0.0.1]" or "." in name
    assert name != "localhost"


def test_a_connection_is_ready_for_the_next_mail_after_a_refusal(relay: ScriptedRelay) -> None:
    relay.on("rcpt", "550 5.2.1 no")

    async def twice(connection: Connection) -> Verdict | None:
        refused = await connection.envelope("watch@shop.test", "bob@mail.test", PLAIN)
        assert refused is not None
        assert connection.usable
        assert await connection.envelope("watch@shop.test", "ann@mail.test", PLAIN) is None
        return await connection.submit(PLAIN)

    verdict = _talk(make_settings(relay.port).smtp, twice)
    assert verdict is not None
    assert verdict.kind is Kind.SENT
    assert relay.connections == 1


def test_a_connection_that_does_not_take_the_reset_is_closed(relay: ScriptedRelay) -> None:
    relay.on("rcpt", "550 5.2.1 no")
    relay.on("rset", CUT)

    async def refused(connection: Connection) -> Verdict | None:
        verdict = await connection.envelope("watch@shop.test", "bob@mail.test", PLAIN)
        assert not connection.usable
        return verdict

    verdict = _talk(make_settings(relay.port).smtp, refused)
    assert verdict is not None
    assert verdict.kind is Kind.PERMANENT


def test_a_relay_that_hung_up_meanwhile_is_not_taken_for_one_that_lacks_extensions(relay: ScriptedRelay) -> None:
    async def send(connection: Connection) -> Verdict | None:
        relay.close()
        while connection.usable:
            await asyncio.sleep(0)
        verdict = await connection.envelope("watch@shop.test", "ann@mail.test", PLAIN + "grün\r\n".encode())
        assert connection.worn
        return verdict

    verdict = _talk(make_settings(relay.port).smtp, send)
    assert verdict is not None
    assert (verdict.kind, verdict.reason) == (Kind.UNSENT_TRANSIENT, "mail_closed")


def test_after_nonsense_the_connection_is_not_used_again(relay: ScriptedRelay) -> None:
    relay.on("rcpt", b"nonsense\r\n")

    async def send(connection: Connection) -> Verdict | None:
        verdict = await connection.envelope("watch@shop.test", "ann@mail.test", PLAIN)
        assert not connection.usable
        return verdict

    verdict = _talk(make_settings(relay.port).smtp, send)
    assert verdict is not None
    assert verdict.kind is Kind.UNSENT_TRANSIENT


def test_after_an_ambiguous_end_the_connection_is_not_used_again(relay: ScriptedRelay) -> None:
    relay.on("dot", b"nonsense\r\n")

    async def send(connection: Connection) -> Verdict | None:
        await connection.envelope("watch@shop.test", "ann@mail.test", PLAIN)
        verdict = await connection.submit(PLAIN)
        assert not connection.usable
        return verdict

    verdict = _talk(make_settings(relay.port).smtp, send)
    assert verdict is not None
    assert verdict.kind is Kind.AMBIGUOUS


def test_a_relay_that_does_not_say_goodbye_is_left_without(relay: ScriptedRelay) -> None:
    relay.on("quit", STALL)
    settings = make_settings(relay.port, "timeout_seconds = 0.3").smtp

    async def nothing(_connection: Connection) -> None:
        return None

    assert _talk(settings, nothing) is None


def test_a_ca_file_that_vanished_is_a_settings_error(relay: ScriptedRelay) -> None:
    settings = make_settings(relay.port).smtp.model_copy(update={"tls": "tls", "ca_file": "/nowhere/ca.pem"})
    with pytest.raises(SettingsError, match=r"smtp\.ca_file"):
        tls_context(settings)


def test_without_a_ca_file_the_systems_authorities_are_asked() -> None:
    context = tls_context(make_settings(1, 'tls = "tls"').smtp)
    assert context is not None
    assert context.check_hostname
