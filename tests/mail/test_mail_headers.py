"""Header lines: folded, encoded, and nothing can be smuggled through them."""

from email import message_from_bytes, policy
from email.header import decode_header, make_header
from email.message import EmailMessage, Message
from email.utils import parseaddr

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from worker.mail.address import parse_address
from worker.mail.headers import mailbox_line, text_line
from worker.mail.text import header_value

ANN = parse_address("ann@shop.test")
hostile = (
    st.text(st.characters(codec=None, exclude_categories=()), max_size=300)
    | st.text(st.sampled_from('aä =?\r\n\x00\u2028\ud800_,;:<>"\\@()B=?UTF-8?Q?=0A?='), max_size=200)
    | st.lists(
        st.sampled_from(["=?UTF-8?Q?=0A?=", "Bcc: x@evil.test", "\r\n", "ä", " ", "=?", "?=", '"', "\\", ","])
    ).map("".join)
)


def parsed(*lines: str) -> EmailMessage:
    """The headers as the newest parser of the standard library reads them."""
    return message_from_bytes("\r\n".join([*lines, "", "x"]).encode(), policy=policy.default)


def raw(*lines: str) -> Message:
    """The headers as the old parser reads them."""
    return message_from_bytes("\r\n".join([*lines, "", "x"]).encode())


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("Lamp now 90", "Subject: Lamp now 90"),
        ("Lamp now €90", "Subject: =?utf-8?q?Lamp_now_=E2=82=AC90?="),
        ("שלום", "Subject: =?utf-8?b?16nXnNeV150=?="),
        ("a\r\nBcc: x@evil.test", "Subject: a Bcc: x@evil.test"),
        ("=?UTF-8?Q?=0A?=Bcc:", "Subject: = ?UTF-8?Q?=0A?=Bcc:"),
    ],
)
def test_a_subject_is_plain_where_it_can_be(text: str, line: str) -> None:
    assert text_line("Subject", text) == line


@given(hostile)
@example("=?UTF-8?Q?=0ABcc=3A_x=40evil.test?=")
@example("ä" * 200)
@example("x" * 300)
def test_any_text_stays_one_header_and_is_read_back(text: str) -> None:
    line = text_line("Subject", text)
    message = parsed(line)
    assert message.keys() == raw(line).keys() == ["Subject"]
    assert " ".join(message["Subject"].split()) == " ".join(header_value(text).split())
    assert all(len(part) <= 76 for part in line.split("\r\n"))
    assert line.isascii()


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("", "From: ann@shop.test"),
        ("Lamp Shop", "From: Lamp Shop <ann@shop.test>"),
        ("Lamps, Inc.", 'From: "Lamps, Inc." <ann@shop.test>'),
        ('The "Shop" \\o/', 'From: "The \\"Shop\\" \\\\o/" <ann@shop.test>'),
        ("Lämp", "From: =?utf-8?b?TMOkbXA=?= <ann@shop.test>"),
    ],
)
def test_a_name_is_written_as_it_must_be(name: str, line: str) -> None:
    assert mailbox_line("From", ANN, name) == line


@given(hostile)
@example("evil@evil.test, ")
@example('" <evil@evil.test>, "')
@example("=?utf-8?q?=22=2C_evil=40evil=2Etest=2C?=")
@example("ä, " * 30)
@example("ä" * 18 + ' <evil@evil.test>, "')
def test_any_name_leaves_exactly_the_one_mailbox(name: str) -> None:
    line = mailbox_line("From", ANN, name)
    message = parsed(line)
    assert message.keys() == raw(line).keys() == ["From"]
    mailboxes = message["From"].addresses
    assert [mailbox.addr_spec for mailbox in mailboxes] == ["ann@shop.test"]
    # The new parser puts blanks between encoded words, against RFC 2047 6.2; the old one reads them right.
    shown, _ = parseaddr(str(raw(line)["From"]))
    assert str(make_header(decode_header(shown))) == header_value(name, 100)
    assert not message["From"].defects
    assert all(len(part) <= 78 for part in line.split("\r\n"))


@given(st.from_regex(r"[a-z0-9!#$%&'*+/=?^_`{|}~-]{1,20}(\.[a-z0-9!#$%&'*+/=?^_`{|}~-]{1,20}){0,2}", fullmatch=True))
def test_any_valid_address_is_read_back(local: str) -> None:
    try:
        address = parse_address(f"{local}@müller.example")
    except ValueError:
        assert "=?" in local
        return
    [mailbox] = parsed(mailbox_line("To", address))["To"].addresses
    assert mailbox.addr_spec == address.email


def test_a_long_address_is_not_broken() -> None:
    address = parse_address("x" * 64 + "@" + ".".join(["y" * 60] * 3) + ".test")
    assert mailbox_line("To", address) == f"To: {address.email}"
