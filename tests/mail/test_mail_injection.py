"""Whatever a shop, a customer or an operator writes: a mail has our headers, one recipient, and lines as RFC 5322 wants them."""

import re
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.header import decode_header, make_header
from email.message import EmailMessage, Message

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.support.letters import make_digest, make_item, make_sender
from tests.support.settings import load_text
from worker.errors import SettingsError
from worker.mail.address import parse_address
from worker.mail.message import build, letterhead, make_message_id
from worker.mail.render import Renderer
from worker.settings import Sender

RENDERER = Renderer(None, "en")
NOW = datetime(2026, 11, 23, 9, 30, 15, tzinfo=UTC)
OURS = {
    "Date",
    "Message-ID",
    "From",
    "Reply-To",
    "List-Id",
    "List-Unsubscribe",
    "Auto-Submitted",
    "To",
    "Subject",
    "Content-Language",
    "MIME-Version",
    "Content-Type",
}
# The values of ROBUSTNESS's row "text", one by one.
TEXTS = {
    "CR and LF": "Lamp\r\nBcc: eve@evil.test\r\n\r\nbody",
    "NUL": "La\0mp",
    "lone surrogate": "Lamp\ud800",
    "line separator": "Lamp\u2028Bcc: eve@evil.test",
    "bidi controls": "\u202eLamp\u2066",
    "encoded word": "=?UTF-8?Q?=0A?=Bcc: eve@evil.test",
    "encoded word with everything": "=?utf-8?q?x=0D=0ABcc:_eve=40evil.test?=",
    "template code": "{{7*7}}{% include '/etc/passwd' %}",
    "markup": "<script>alert(1)</script>",
    "megabyte": "lamp " * 200_000,
    "link": "javascript:alert(1)",
    "right to left": "מנורת שולחן",
    "emoji": "🪔👩‍👩‍👧",
    "dots": ".\r\n..\r\n.",
}
hostile = st.text(st.characters(codec=None, exclude_categories=()), max_size=80) | st.lists(
    st.sampled_from(
        ["=?UTF-8?Q?=0A?=", "Bcc: x@evil.test", "\r\n", "\r", "\n", "\0", "\u2028", "ä", " ", '"', "<", ","]
    )
).map("".join)


def _mail(text: str) -> bytes:
    """A mail in which this text stands wherever a shop or a customer can write."""
    item = make_item(product_name=text, relation_id=text, product_id=text, link=text, picture=text)
    digest = make_digest(
        item, firstname=text, lastname=text, salutation=text, language=text, account_url=text, shop_name=text
    )
    return build(
        RENDERER.render("watch", digest),
        sender=make_sender(from_name="Shop"),
        recipient=parse_address("ann@mail.test"),
        message_id=make_message_id("mail 1", "shop.test"),
        date=NOW,
    )


def _is_clean(raw: bytes) -> None:
    assert not re.search(rb"(?<!\r)\n|\r(?!\n)|\0", raw)
    assert max(map(len, raw.split(b"\r\n"))) <= 998
    new: EmailMessage = message_from_bytes(raw, policy=policy.default)
    old: Message = message_from_bytes(raw)
    assert set(new.keys()) == set(old.keys()) <= OURS
    assert len(new.keys()) == len(set(new.keys()))
    assert [mailbox.addr_spec for mailbox in new["To"].addresses] == ["ann@mail.test"]
    assert len(new["From"].addresses) == 1
    assert re.fullmatch(r"<[^<>@\s]+@shop\.test>", new["Message-ID"])
    for name in old:
        assert not set("\r\n\0") & set(str(make_header(decode_header(re.sub(r"\r\n(?=[ \t])", "", old[name])))))


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_hostile_text_stays_text(text: str) -> None:
    raw = _mail(text)
    _is_clean(raw)
    page = message_from_bytes(raw, policy=policy.default).get_body(("html",))
    assert page is not None
    assert 'javascript:alert(1)"' not in page.get_content()
    assert "<script" not in page.get_content()
    assert "49" not in str(message_from_bytes(raw, policy=policy.default)["Subject"])


@settings(max_examples=60)
@given(hostile)
@example("=?UTF-8?Q?=0ABcc=3A_x=40evil.test?=")
def test_any_text_of_a_shop_or_a_customer_leaves_the_headers_alone(text: str) -> None:
    _is_clean(_mail(text))


@settings(max_examples=60)
@given(st.sampled_from(["from_address", "from_name", "reply_to", "list_id", "unsubscribe_mailto"]), hostile)
@example("from_name", "Shop\r\nBcc: x@evil.test")
@example("list_id", "x>\r\nBcc: x@evil.test")
@example("unsubscribe_mailto", "stop@shop.test?bcc=x@evil.test")
def test_any_text_of_an_operator_is_refused_or_leaves_the_headers_alone(key: str, value: str) -> None:
    try:
        variables = {f"WATCHPOST_MAIL__{key.upper()}": value}
        sender: Sender = load_text('[mail]\nfrom_address = "watch@shop.test"', variables).settings.mail
        head = letterhead(sender)
    except (SettingsError, UnicodeEncodeError):
        return
    raw = build(
        RENDERER.render("watch", make_digest()),
        sender=sender,
        recipient=parse_address("ann@mail.test"),
        message_id=make_message_id("1", "shop.test"),
        date=NOW,
    )
    _is_clean(raw)
    assert head.address.email.isascii()
