"""The bytes of a mail, read by the standard library's parser."""

import re
from datetime import UTC, datetime, timedelta, timezone
from email import message_from_bytes, policy
from email.message import EmailMessage, MIMEPart
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.letters import make_digest, make_item, make_rendered, make_sender
from worker.errors import SettingsError
from worker.mail.address import Address, parse_address
from worker.mail.message import build, letterhead, make_message_id
from worker.mail.render import Renderer
from worker.settings import Sender

NOW = datetime(2026, 11, 23, 9, 30, 15, tzinfo=UTC)
ANN = parse_address("ann@mail.test")
HEADERS = [
    "Date",
    "Message-ID",
    "From",
    "List-Id",
    "Auto-Submitted",
    "To",
    "Subject",
    "Content-Language",
    "MIME-Version",
    "Content-Type",
]
hostile = st.text(st.characters(codec=None, exclude_categories=()), max_size=200) | st.text(
    st.sampled_from("aä€ .=_-?\r\n\x00\u2028\ud800\t\u00a0")
)


def make_message(**overrides: Any) -> bytes:
    """A mail to Ann."""
    fields: dict[str, Any] = {
        "rendered": make_rendered(),
        "sender": make_sender(),
        "recipient": ANN,
        "message_id": make_message_id("mail 1", "shop.test"),
        "date": NOW,
    }
    fields |= overrides
    return build(fields.pop("rendered"), **fields)


def read(message: bytes) -> EmailMessage:
    return message_from_bytes(message, policy=policy.default)


def content(part: MIMEPart) -> str:
    """A part's text; the parser leaves the line ends of the wire."""
    text: str = part.get_content()
    return text.replace("\r\n", "\n")


def test_the_headers_are_those_a_notification_needs_and_no_others() -> None:
    message = read(make_message())
    assert message.keys() == HEADERS
    assert message["Date"].datetime == NOW
    assert re.fullmatch(r"<[0-9a-f]{32}@shop\.test>", message["Message-ID"])
    assert str(message["From"]) == "Lamp Shop <watch@shop.test>"
    assert str(message["To"]) == "ann@mail.test"
    assert message["Subject"] == "Desk lamp now €90.00"
    assert message["List-Id"] == "<watchpost.shop.test>"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Content-Language"] == "en"
    assert message["MIME-Version"] == "1.0"


def test_the_parts_are_text_then_html() -> None:
    message = read(make_message())
    assert message.get_content_type() == "multipart/alternative"
    plain, html = message.iter_parts()
    assert (plain.get_content_type(), html.get_content_type()) == ("text/plain", "text/html")
    assert content(plain) == make_rendered().text
    assert content(html) == make_rendered().html
    assert [part.get_content_charset() for part in (plain, html)] == ["utf-8", "utf-8"]


def test_a_rendered_mail_arrives_as_it_was_rendered() -> None:
    rendered = Renderer(None, "en").render(
        "watch", make_digest(make_item(product_name="מנורה 🪔 “schön”"), language="de")
    )
    message = read(make_message(rendered=rendered))
    plain, html = message.iter_parts()
    assert message["Subject"] == rendered.subject
    assert content(plain) == rendered.text
    assert content(html).rstrip("\n") == rendered.html.rstrip("\n")
    assert message["Content-Language"] == "de"


def test_the_date_keeps_its_zone() -> None:
    message = make_message(date=NOW.astimezone(timezone(timedelta(hours=1))))
    assert b"\r\nDate: Mon, 23 Nov 2026 10:30:15 +0100\r\n" in b"\r\n" + message


def test_the_same_mail_is_the_same_bytes() -> None:
    assert make_message() == make_message()


def test_another_mail_has_another_id_and_boundary() -> None:
    other = make_message(message_id=make_message_id("mail 2", "shop.test"))
    assert read(other)["Message-ID"] != read(make_message())["Message-ID"]
    assert read(other).get_boundary() != read(make_message()).get_boundary()


def test_a_message_id_is_always_the_same_for_a_token() -> None:
    assert make_message_id("mail 1", "shop.test") == make_message_id("mail 1", "shop.test")
    assert make_message_id("\r\n<x>@y", "shop.test").count("@") == 1


def test_what_the_operator_sets_is_on_every_mail() -> None:
    sender = make_sender(
        from_name="Müller & Söhne, Lampen",
        reply_to="help@shop.test",
        list_id="alerts.shop.test",
        unsubscribe_mailto="stop+all@shop.test",
    )
    message = read(make_message(sender=sender))
    assert message["From"].addresses[0].display_name == "Müller & Söhne, Lampen"
    assert message["Reply-To"] == "help@shop.test"
    assert message["List-Id"] == "<alerts.shop.test>"
    assert message["List-Unsubscribe"] == "<mailto:stop%2Ball@shop.test?subject=unsubscribe>"


def test_one_click_unsubscription_is_never_promised() -> None:
    message = read(make_message(sender=make_sender(unsubscribe_mailto="stop@shop.test")))
    assert message["List-Unsubscribe-Post"] is None


def test_on_staging_the_subject_says_so() -> None:
    message = read(make_message(staging=True, recipient=parse_address("team@shop.test")))
    assert message["Subject"] == "[staging] Desk lamp now €90.00"
    assert message["To"] == "team@shop.test"
    assert message.keys() == HEADERS


def test_a_sender_without_an_address_is_refused_by_the_name_of_the_key() -> None:
    with pytest.raises(SettingsError, match=r"mail\.from_address is no e-mail address \(empty\)"):
        letterhead(make_sender(from_address=""))


@pytest.mark.parametrize("key", ["from_address", "reply_to", "unsubscribe_mailto"])
def test_a_wrong_address_in_the_settings_is_refused_by_the_name_of_its_key(key: str) -> None:
    sender = Sender.model_construct(**make_sender().model_dump() | {key: "a@b.test, c@d.test"})
    with pytest.raises(SettingsError, match=rf"mail\.{key}"):
        letterhead(sender)


def test_an_address_in_another_script_is_written_in_utf_8() -> None:
    message = make_message(recipient=parse_address("jörg@müller.example"))
    assert "\r\nTo: jörg@xn--mller-kva.example\r\n".encode() in message


def test_every_other_mail_is_ascii_on_the_wire() -> None:
    rendered = make_rendered(subject="שלום", text="ä\u2028€ 🪔\n" * 50, html="<p>日本語</p>\n" * 50)
    assert make_message(rendered=rendered, sender=make_sender(from_name="Lämp")).isascii()


def test_the_text_can_be_read_in_the_raw_message() -> None:
    assert b"\r\n\r\nHello Ann,\r\n\r\nthe lamp costs less.\r\n\r\n--=_" in make_message()


def test_text_in_other_scripts_is_base64_and_ours_quoted_printable() -> None:
    message = read(make_message(rendered=make_rendered(html="<p>日本語の説明</p>\n" * 30)))
    assert [part["Content-Transfer-Encoding"] for part in message.iter_parts()] == ["quoted-printable", "base64"]


@given(hostile, hostile, hostile)
def test_any_content_gives_one_well_formed_mail_to_one_recipient(subject: str, text: str, html: str) -> None:
    raw = make_message(rendered=make_rendered(subject=subject, text=text, html=html))
    assert b"\r" not in raw.replace(b"\r\n", b"")
    assert b"\n" not in raw.replace(b"\r\n", b"")
    assert max(len(line) for line in raw.split(b"\r\n")) <= 78
    message = read(raw)
    assert message.keys() == HEADERS
    assert [mailbox.addr_spec for mailbox in message["To"].addresses] == ["ann@mail.test"]
    plain, html_part = message.iter_parts()
    for part, given_text in ((plain, text), (html_part, html)):
        assert not part.defects
        assert content(part).split("\n")[:-1] == given_text.encode("utf-8", "replace").decode().splitlines()
    assert not message.defects


@given(
    st.text(st.sampled_from("abä.+-_=?'#"), min_size=1, max_size=64), st.sampled_from(["mail.test", "müller.example"])
)
def test_any_valid_recipient_is_read_back_alone(local: str, domain: str) -> None:
    try:
        recipient: Address = parse_address(f"{local}@{domain}")
    except ValueError:
        return
    message = read(make_message(recipient=recipient))
    assert message.keys() == HEADERS
    if not recipient.smtputf8:
        assert [mailbox.addr_spec for mailbox in message["To"].addresses] == [recipient.email]


def test_a_text_without_a_last_line_end_gets_one() -> None:
    plain, _ = read(make_message(rendered=make_rendered(text="Hello"))).iter_parts()
    assert content(plain) == "Hello\n"
