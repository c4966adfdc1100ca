"""The mail as bytes (RFC 5322, MIME): headers, plain text and HTML. Equal input gives equal bytes."""

import hashlib
from base64 import encodebytes
from binascii import b2a_qp
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from functools import lru_cache
from urllib.parse import quote

from worker.errors import SettingsError
from worker.mail.address import Address, parse_address
from worker.mail.headers import mailbox_line, text_line
from worker.mail.render import Rendered
from worker.settings import Sender

_STAGING = "[staging] "


@dataclass(frozen=True, slots=True)
class Letterhead:
    """What the settings put on every mail."""

    address: Address
    """From, and the envelope's sender."""
    lines: tuple[str, ...]
    """The header lines that are the same in every mail."""


@lru_cache(maxsize=8)
def letterhead(sender: Sender) -> Letterhead:
    """The sender's settings, read once. Raises SettingsError naming the key."""
    address = _address("from_address", sender.from_address)
    lines = [mailbox_line("From", address, sender.from_name)]
    if sender.reply_to:
        lines.append(mailbox_line("Reply-To", _address("reply_to", sender.reply_to)))
    lines.append(f"List-Id: <{sender.list_id or f'watchpost.{address.domain}'}>")
    if sender.unsubscribe_mailto:
        mailto = quote(_address("unsubscribe_mailto", sender.unsubscribe_mailto).email, safe="@")
        lines.append(f"List-Unsubscribe: <mailto:{mailto}?subject=unsubscribe>")
    lines.append("Auto-Submitted: auto-generated")  # RFC 3834: nobody's holiday notice answers
    return Letterhead(address, tuple(lines))


def make_message_id(token: str, domain: str) -> str:
    """The Message-ID of the mail `token` names, always the same one, on the sender's domain; angle brackets included."""
    return f"<{hashlib.sha256(token.encode()).hexdigest()[:32]}@{domain}>"


def build(
    rendered: Rendered, *, sender: Sender, recipient: Address, message_id: str, date: datetime, staging: bool = False
) -> bytes:
    """The message to `recipient`, lines ended by CRLF and at most 998 bytes long.

    `message_id` comes from `make_message_id`, `date` is aware. `staging` is for mails that `redirect_all_to` sends to
    another `recipient`: the subject says `[staging]`, and no header tells whom the mail was for. Raises SettingsError
    where the sender's settings are wrong.
    """
    # Neither encoding of a part can contain "=_", so the boundary is unique in every message.
    boundary = "=_" + hashlib.sha256(message_id.encode()).hexdigest()[:24]
    head = [
        f"Date: {format_datetime(date)}",
        f"Message-ID: {message_id}",
        *letterhead(sender).lines,
        mailbox_line("To", recipient),
        text_line("Subject", _STAGING + rendered.subject if staging else rendered.subject),
        f"Content-Language: {rendered.language}",
        "MIME-Version: 1.0",
        f'Content-Type: multipart/alternative; boundary="{boundary}"',
    ]
    delimiter = f"--{boundary}"
    return b"".join(
        [
            _lines(*head, "", delimiter),
            _part("plain", rendered.text),
            _lines("", delimiter),
            _part("html", rendered.html),
            _lines("", delimiter + "--"),
        ]
    )


def _address(key: str, value: str) -> Address:
    try:
        return parse_address(value)
    except ValueError as error:
        raise SettingsError(f"mail.{key} is no e-mail address ({error}): write it like watch@shop.example") from None


def _part(subtype: str, content: str) -> bytes:
    """A text part that is pure ASCII on the wire: any relay takes it, with or without 8BITMIME."""
    body = _lines(*content.splitlines())
    foreign = len(body) - len(body.decode("ascii", "ignore"))
    if foreign * 6 > len(body):  # quoted-printable trebles them, base64 costs a third
        encoding, encoded = "base64", encodebytes(body).replace(b"\n", b"\r\n")
    else:
        encoding, encoded = "quoted-printable", b2a_qp(body, istext=True)
    head = f'Content-Type: text/{subtype}; charset="utf-8"', f"Content-Transfer-Encoding: {encoding}", ""
    return _lines(*head) + encoded


def _lines(*lines: str) -> bytes:
    return "".join(f"{line}\r\n" for line in lines).encode("utf-8", "replace")
