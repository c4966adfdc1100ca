"""Goes the dispatcher's way to the relay step by step and tells each: `watchpost mail-test`, `watchpost doctor --relay`."""

import asyncio
import ssl
from dataclasses import dataclass

from worker.dispatch.remedies import remedy
from worker.dispatch.replies import Kind, Phase, Verdict
from worker.dispatch.smtp import Connection, Told, tls_context
from worker.settings import Settings, Smtp

_STEPS = {
    Phase.GREETING: "connected to {host}:{port}",
    Phase.EHLO: "said hello",
    Phase.STARTTLS: "encrypted the connection; the certificate is good",
    Phase.AUTH: "logged in as {username}",
    Phase.MAIL: "the sender is accepted",
    Phase.RCPT: "the recipient is accepted",
    Phase.DATA: "the relay is ready for the message",
}


@dataclass(frozen=True, slots=True)
class Report:
    """How far it got: a sentence for each step, and the kind and reason code of the verdict that ended it, if any did."""

    accepted: bool
    steps: tuple[str, ...]
    verdict: str
    """See replies.Kind."""
    reason: str
    code: int | None


def send_one(settings: Settings, sender: str, recipient: str, message: bytes) -> Report:
    """Connect, send this one message and say goodbye; nothing is stored. Raises SettingsError as the dispatcher does."""
    smtp = settings.smtp
    steps: list[str] = []
    verdict = asyncio.run(_send(smtp, tls_context(smtp), _teller(smtp, steps), sender, recipient, message))
    accepted = verdict.kind is Kind.SENT
    steps.append(f"{verdict.code} the message is accepted" if accepted else _end(verdict, smtp))
    return Report(accepted, tuple(steps), verdict.kind.value, verdict.reason, verdict.code)


def knock(settings: Settings) -> Report:
    """Connect, say hello, encrypt and log in as the settings say, and goodbye; no mail is begun. Raises SettingsError."""
    smtp = settings.smtp
    steps: list[str] = []
    verdict = asyncio.run(_knock(smtp, tls_context(smtp), _teller(smtp, steps)))
    if verdict is None:
        return Report(True, tuple(steps), "", "", None)
    steps.append(_end(verdict, smtp))
    return Report(False, tuple(steps), verdict.kind.value, verdict.reason, verdict.code)


def _end(verdict: Verdict, smtp: Smtp) -> str:
    told = "it ended here" if verdict.code is None else f"{verdict.code} it ended here"
    return f"{told}: {remedy(verdict.reason, smtp)} ({verdict.reason})"


def _teller(smtp: Smtp, steps: list[str]) -> Told:
    def told(phase: Phase, code: int) -> None:
        if phase in _STEPS:
            steps.append(f"{code} {_STEPS[phase].format(host=smtp.host, port=smtp.port, username=smtp.username)}")

    return told


async def _knock(smtp: Smtp, tls: ssl.SSLContext | None, told: Told) -> Verdict | None:
    connection = Connection(smtp, tls, told)
    try:
        return await connection.open()
    finally:
        await connection.close()


async def _send(
    smtp: Smtp, tls: ssl.SSLContext | None, told: Told, sender: str, recipient: str, message: bytes
) -> Verdict:
    connection = Connection(smtp, tls, told)
    try:
        refused = await connection.open() or await connection.envelope(sender, recipient, message)
        return refused or await connection.submit(message)
    finally:
        await connection.close()
