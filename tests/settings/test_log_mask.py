"""No log line holds a secret, an address or a control character, whoever writes it and wherever it hides."""

import io
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from tests.support.settings import load_text
from worker import log
from worker.log_mask import mask

SECRET = "hunter2"


def masked(**event: Any) -> dict[str, Any]:
    return dict(mask(None, "info", event))


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    level, handlers = root.level, list(root.handlers)
    log.setup(load_text().settings, out := io.StringIO())
    yield out
    for handler in set(root.handlers) - set(handlers):
        root.removeHandler(handler)
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.mark.parametrize(
    "name",
    [
        "password", "smtp_password", "Passwd", "passphrase", "token", "csrf_token", "client_secret", "cookie",
        "Set-Cookie", "authorization", "Proxy-Authorization", "api_key", "apikey", "hash_key",
        "email", "customer_email", "e-mail", "body", "body_html",
    ],
)  # fmt: skip
def test_values_under_telling_names_are_hidden(name: str) -> None:
    assert masked(**{name: SECRET}) == {name: "********"}


@pytest.mark.parametrize("value", [SECRET, 12345, SECRET.encode(), [SECRET], {"a": SECRET}, SecretStr(SECRET)])
def test_a_telling_name_hides_any_type_of_value(value: Any) -> None:
    assert masked(token=value) == {"token": "********"}


@pytest.mark.parametrize("value", [None, ""])
def test_that_nothing_is_set_may_be_seen(value: str | None) -> None:
    assert masked(token=value) == {"token": value}


def test_names_are_looked_at_at_any_depth() -> None:
    event = masked(request={"headers": [{"Cookie": SECRET, "Accept": "*/*"}]})
    assert event == {"request": {"headers": [{"Cookie": "********", "Accept": "*/*"}]}}


@pytest.mark.parametrize("event", [{"address_hash": "a" * 64}, {"email_hash": "a" * 64}, {"mail": 7, "mails": 3}])
def test_hashes_and_mail_ids_stay(event: dict[str, Any]) -> None:
    assert masked(**event) == event


def test_a_message_id_is_no_address() -> None:
    assert masked(message_id="<1.2@shop.test>") == {"message_id": "<1.2@shop.test>"}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("to anna@shop.test", "to <address>"),
        ("to <anna@shop.test>,", "to <<address>>,"),
        ("to Änna@müller.example", "to <address>"),
        ('to "anna b"@shop.test', "to <address>"),
        ("RCPT TO:<a+b@x.shop.test> failed", "RCPT TO:<<address>> failed"),
        ("mailto:anna@shop.test", "mailto:<address>"),
        ("at redis://:hunter2@localhost:6379/0", "at redis://localhost:6379/0"),
        ("at postgresql://u:hun:ter2@db.shop.test/w", "at postgresql://db.shop.test/w"),
        ("Authorization: Bearer hunter2.abc-_", "Authorization: Bearer ********"),
        ("{'Cookie': 'a=hunter2; b=hunter2'}", "{'Cookie': '********'}"),
        ("password=hunter2&x=1", "password=********&x=1"),
        ("celery@host1 ready", "celery@host1 ready"),
    ],
)
def test_addresses_and_credentials_are_hidden_in_any_text(text: str, shown: str) -> None:
    assert masked(event=text) == {"event": shown}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\nb", "a\\nb"),
        ("a\r\nb", "a\\r\\nb"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("a\u2028b", "a\\u2028b"),
        ("\0", "\\x00"),
    ],
)
def test_a_text_can_neither_fake_a_line_nor_colour_a_terminal(text: str, shown: str) -> None:
    assert masked(event=text) == {"event": shown}


def test_a_traceback_keeps_its_lines() -> None:
    assert masked(exception="one\ntwo") == {"exception": "one\ntwo"}


def test_bytes_are_only_counted() -> None:
    assert masked(raw=b"Subject: x") == {"raw": "<10 bytes>"}


def test_an_error_as_a_value_is_searched_like_a_text() -> None:
    assert masked(error=ValueError("no mailbox anna@shop.test")) == {"error": "no mailbox <address>"}


@settings(max_examples=40)
@given(st.emails())
def test_no_address_survives_in_a_text(address: str) -> None:
    assert address not in masked(event=f"told {address} so")["event"]


@pytest.mark.parametrize("name", ["structlog", "logging"])
def test_both_ways_of_logging_are_masked(name: str, stream: io.StringIO) -> None:
    if name == "structlog":
        structlog.get_logger("a").warning("to %s", "anna@shop.test", password=SECRET)
    else:
        logging.getLogger("a").warning("to %s with password: %s", "anna@shop.test", SECRET)
    assert SECRET not in stream.getvalue()
    assert "to <address>" in stream.getvalue()


def test_a_traceback_is_masked(stream: io.StringIO) -> None:
    try:
        raise ConnectionError("redis://:hunter2@localhost refused anna@shop.test")
    except ConnectionError:
        structlog.get_logger("a").exception("failed")
    assert SECRET not in stream.getvalue()
    assert "anna@shop.test" not in stream.getvalue()


def test_settings_in_a_log_show_no_secret(stream: io.StringIO) -> None:
    loaded = load_text(f"[smtp]\nusername = 'anna'\npassword = '{SECRET}'").settings
    structlog.get_logger("a").warning("started", settings=loaded, smtp=loaded.smtp, raw=loaded.model_dump())
    assert SECRET not in stream.getvalue()
