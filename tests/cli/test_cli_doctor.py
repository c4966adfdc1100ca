"""`watchpost doctor`: every part is looked at, the exit code says whether somebody is needed, and no secret is printed."""

import re
import socket
from collections.abc import Callable
from typing import Any

import pytest

from tests.cli.conftest import TOKEN, Run
from tests.support.smtp import SmtpSink
from worker.store import tables
from worker.store.session import Store


@pytest.fixture
def imported(imported: Run) -> Run:
    """All stages have run."""
    imported("run")
    return imported


def _problems(told: dict[str, Any]) -> list[str]:
    return [f"{found['check']}: {found['text']}" for found in told["findings"] if found["level"] == "problem"]


def test_a_healthy_installation_is_said_to_be_healthy(
    imported: Run, ask: Callable[..., Any], smtp_sink: SmtpSink
) -> None:
    told = ask("doctor", "--relay")
    assert told["healthy"] is True
    assert _problems(told) == []
    assert [found["check"] for found in told["findings"] if found["level"] == "note"] == ["relations main"]
    checks = {found["check"] for found in told["findings"]}
    assert {
        "sender",
        "templates",
        "database",
        "broker",
        "shop main",
        "stages",
        "way to the relay",
        "mails",
        "relay",
    } <= checks
    assert smtp_sink.received() == ()
    text = imported("doctor").stdout
    assert "Healthy." in text
    assert "relay connected" not in text


def test_mails_that_need_somebody_stand_in_status_and_in_the_exit_code(
    imported: Run, ask: Callable[..., Any], store_of: Callable[[], Store]
) -> None:
    with store_of().begin() as session:
        for state in ("held", "failed"):
            session.add(
                tables.Mail(
                    source="main", customer_id=1, state=state, message_id=state, sender="", recipient="", language="en",
                    customer_email="", message=b"x", created_at=_now(session), expires_at=_now(session),
                    next_attempt_at=_now(session), settled_at=_now(session), ambiguous_attempts=2 * (state == "held"),
                )
            )  # fmt: skip
    assert len(_problems(ask("doctor", code=1))) == 2
    assert len(_problems(ask("doctor", "--tolerate-failed", "1", code=1))) == 1
    assert "Something needs you." in imported("doctor", code=1).stdout
    text = imported("status").stdout
    for name in ("held", "failed", "ambiguous"):
        assert re.search(rf"^  {name}: watchpost outbox list", text, re.MULTILINE)


def _now(session: Any) -> Any:
    return session.get_one(tables.SourceState, "main").last_good_sync_at


@pytest.mark.parametrize(
    ("old", "new", "check", "said"),
    [
        ('from_address = "watch@shop.example"', "", "sender", "mail.from_address: is empty"),
        ("[mail]", "[mail]\ntemplate_dir = 'mine'", "templates", "'custmer' is undefined"),
        ("[mail]", "[broker]\nurl = 'redis://:s3cret@127.0.0.1:9/0'\n[mail]", "broker", "127.0.0.1:9"),
        ("[mail]", "[database]\nurl = 'sqlite:///new.db'\n[mail]", "database", 'run "watchpost init"'),
        ("port = ", "port = 9 #", "relay", "it ended here: the relay 127.0.0.1:9 can't be reached; check smtp.host"),
    ],
    ids=["sender", "templates", "broker", "database", "relay"],
)
def test_a_part_that_does_not_work_is_named(
    imported: Run, ask: Callable[..., Any], config_text: Callable[[str, str], None], config: Any,
    old: str, new: str, check: str, said: str,
) -> None:  # fmt: skip
    (config.parent / "mine" / "watch").mkdir(parents=True)
    (config.parent / "mine" / "watch" / "subject.txt").write_text("{{ custmer }}", encoding="utf-8")
    config_text(old, new)
    (problem,) = _problems(ask("doctor", "--relay", code=1))
    assert problem.startswith(f"{check}: ")
    assert said in problem


def test_a_relay_that_refuses_the_login_is_named_with_the_step(
    imported: Run, ask: Callable[..., Any], config_text: Callable[[str, str], None]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        config_text("port = ", f"timeout_seconds = 0.3\nport = {silent.getsockname()[1]} #")
        (problem,) = _problems(ask("doctor", "--relay", code=1))
    assert "did not answer within 0.3 s (smtp.timeout_seconds)" in problem


def test_no_command_prints_a_secret(
    imported: Run, config_text: Callable[[str, str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    secrets = {
        "WATCHPOST_SMTP__USERNAME": "watch",
        "WATCHPOST_SMTP__PASSWORD": "s3cret-of-the-relay",
        "WATCHPOST_BROKER__URL": "redis://:s3cret-of-redis@127.0.0.1:9/0",
        "WATCHPOST_HASH_KEY": "s3cret-of-hashes-0123456789012345",
    }
    for name, value in secrets.items():
        monkeypatch.setenv(name, value)
    shown = [imported("doctor", "--relay", code=1), imported("doctor", "--relay", "--json", code=1)]
    monkeypatch.setenv("WATCHPOST_DATABASE__URL", "postgresql://watch:s3cret-of-postgres@127.0.0.1:9/watch")
    shown += [imported("doctor", code=1), imported("status", code=1), imported("outbox", "list", code=1)]
    monkeypatch.delenv("WATCHPOST_DATABASE__URL")
    shown += [
        imported("status"),
        imported("status", "--json"),
        imported("outbox", "list"),
        imported("suppress", "list"),
    ]
    for result in shown:
        assert "s3cret" not in result.output
        assert TOKEN not in result.output
