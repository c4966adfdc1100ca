"""What a relay's answer, or its silence, means for a mail. Pure; texts of replies go no further than this file."""

import re
import socket
import ssl
from dataclasses import dataclass
from enum import StrEnum

from aiosmtplib import (
    SMTPConnectError,
    SMTPException,
    SMTPResponseException,
    SMTPServerDisconnected,
    SMTPTimeoutError,
)


class Phase(StrEnum):
    """How far the conversation had come (RFC 5321, 3.1 to 3.3); in order."""

    CONNECT = "connect"
    GREETING = "greeting"
    EHLO = "ehlo"
    STARTTLS = "starttls"
    AUTH = "auth"
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"
    """The DATA command; the message has not been written."""
    BODY = "body"
    """The message has been written, or at least a part of it."""


class Kind(StrEnum):
    """What becomes of the mail."""

    SENT = "sent"
    TRANSIENT = "transient"
    """Refused for now: try again later."""
    PERMANENT = "permanent"
    ADDRESS_REJECTED = "address_rejected"
    """Permanent, because the mailbox does not exist: suppress the address."""
    ROUTE_PAUSED = "route_paused"
    """The relay does not want us, or we don't want it: nothing about this mail."""
    AMBIGUOUS = "ambiguous"
    """Nobody can know whether the relay has it."""
    UNSENT_TRANSIENT = "unsent_transient"
    """Provably unsent, and the relay said nothing about this mail: no attempt is counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What one answer means. `reason` is a code such as `rcpt_550_5.1.1` or `body_timeout`."""

    kind: Kind
    phase: Phase
    reason: str
    code: int | None = None
    slow_down: bool = False
    """The relay asks for fewer mails to this destination."""


_SAYS_YES = {
    Phase.GREETING: range(220, 221),
    Phase.EHLO: range(250, 251),
    Phase.STARTTLS: range(220, 221),
    Phase.AUTH: range(235, 236),
    # RFC 5321, 4.2.1: the first digit decides. Before these two the client library insists on one code.
    Phase.MAIL: range(200, 300),
    Phase.RCPT: range(200, 300),
    Phase.DATA: range(354, 355),
    Phase.BODY: range(200, 300),
}
_SESSION = frozenset({Phase.CONNECT, Phase.GREETING, Phase.EHLO, Phase.STARTTLS, Phase.AUTH})
_SLOW_DOWN = frozenset({421, 451, 452})
_SHUTTING_DOWN = 421
_FAILS_THIS_MAIL_ONLY = frozenset({552, 555})  # too big; an option of MAIL or RCPT that the relay does not know
_ENHANCED = re.compile(r"([245]\.\d{1,3}\.\d{1,3})(?!\d)")


def of_reply(phase: Phase, code: int, text: str = "") -> Verdict | None:
    """The meaning of a reply; None where the relay says yes and the conversation goes on.

    Of `text` only an enhanced status code at its start is read (RFC 2034), and only one that agrees with `code`.
    """
    yes = code in _SAYS_YES.get(phase, ())
    if yes and phase is not Phase.BODY:
        return None
    enhanced = _enhanced(code, text)
    if yes:
        kind = Kind.SENT
    elif 400 <= code <= 499:
        kind = _temporary(phase, code)
    elif 500 <= code <= 599:
        kind = _final(phase, code, enhanced)
    else:
        return _no_answer(phase, "garbage")
    reason = "_".join(filter(None, (phase, str(code), enhanced)))
    return Verdict(kind=kind, phase=phase, reason=reason, code=code, slow_down=code in _SLOW_DOWN)


def of_error(phase: Phase, error: Exception) -> Verdict | None:
    """The meaning of an exception of aiosmtplib, ssl or the socket; None where it hides a reply that says yes."""
    if isinstance(error, SMTPResponseException):
        return of_reply(phase, error.code, error.message)
    if isinstance(error, TimeoutError | SMTPTimeoutError):
        return _no_answer(phase, "timeout")
    if isinstance(error, SMTPConnectError) and isinstance(error.__cause__, ssl.SSLError):
        return _of_tls(phase, error.__cause__)
    if isinstance(error, ssl.SSLError):
        return _of_tls(phase, error)
    if isinstance(error, SMTPConnectError) and isinstance(error.__cause__, socket.gaierror):
        return _no_answer(phase, "unknown_host")
    if isinstance(error, SMTPServerDisconnected | OSError):
        return _no_answer(phase, "unreachable" if phase is Phase.CONNECT else "closed")
    if isinstance(error, SMTPException) and phase in _SESSION:
        return _route(phase, "missing")  # the relay does not offer STARTTLS, or no way to log in that we know
    if isinstance(error, ValueError) and phase in {Phase.MAIL, Phase.RCPT}:
        return unusable()
    if isinstance(error, ValueError):
        return _route(phase, "unusable") if phase is Phase.CONNECT else _no_answer(phase, "garbage")
    raise error


def lacking(extension: str) -> Verdict:
    """The relay does not offer an extension that this mail needs: it fails, others may go."""
    return Verdict(kind=Kind.PERMANENT, phase=Phase.MAIL, reason=f"relay_lacks_{extension}")


def unusable() -> Verdict:
    """The sender or the recipient can't be said on an SMTP command line."""
    return Verdict(kind=Kind.PERMANENT, phase=Phase.MAIL, reason="address_unusable")


def _temporary(phase: Phase, code: int) -> Kind:
    # 421 closes the connection; before a recipient was named that is about the relay, not about the mail.
    if phase in _SESSION or (phase is Phase.MAIL and code == _SHUTTING_DOWN):
        return Kind.UNSENT_TRANSIENT
    return Kind.TRANSIENT


def _final(phase: Phase, code: int, enhanced: str) -> Kind:
    if phase in _SESSION:
        return Kind.ROUTE_PAUSED
    if phase is Phase.MAIL:
        return Kind.PERMANENT if code in _FAILS_THIS_MAIL_ONLY else Kind.ROUTE_PAUSED
    if phase is Phase.RCPT and enhanced.startswith("5.7."):
        return Kind.ROUTE_PAUSED  # relaying denied, blocked, not authenticated: others would fare no better
    return Kind.ADDRESS_REJECTED if enhanced == "5.1.1" else Kind.PERMANENT


def _enhanced(code: int, text: str) -> str:
    match = _ENHANCED.match(text)
    return match[1] if match and match[1][0] == str(code)[0] else ""


def _no_answer(phase: Phase, what: str) -> Verdict:
    kind = Kind.AMBIGUOUS if phase is Phase.BODY else Kind.UNSENT_TRANSIENT
    return Verdict(kind=kind, phase=phase, reason=f"{phase}_{what}")


def _route(phase: Phase, what: str) -> Verdict:
    return Verdict(kind=Kind.ROUTE_PAUSED, phase=phase, reason=f"{phase}_{what}")


def _of_tls(phase: Phase, error: ssl.SSLError) -> Verdict:
    if isinstance(error, ssl.SSLCertVerificationError):
        return _route(phase, "certificate")
    if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        return _no_answer(phase, "closed")
    return _route(phase, "tls")
