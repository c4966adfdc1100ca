"""`watchpost outbox`: what operators see of single mails and what their commands print and exit with."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from tests.cli.conftest import Run
from tests.support.smtp import SmtpSink
from worker.cli import main
from worker.shopserver.store import ShopStore
from worker.store import tables
from worker.store.session import Store
from worker.tasks import utc_now


@pytest.fixture
def waiting(imported: Run, shop: ShopStore) -> Run:
    """Mail 1 tells Anna of the lamp; the installation is paused, so that it waits."""
    imported("pause")
    shop.set_price("lamp", "EUR", "95.00")
    imported("run")
    return imported


@pytest.fixture
def alter(store_of: Callable[[], Store]) -> Callable[..., None]:
    """Give mail 1 other values."""

    def call(**values: object) -> None:
        with store_of().begin() as session:
            mail = session.get_one(tables.Mail, 1)
            for name, value in values.items():
                setattr(mail, name, value)

    return call


def test_list_shows_state_reason_and_recipient(waiting: Run, ask: Callable[..., Any]) -> None:
    told = ask("outbox", "list")
    (mail,) = told["mails"]
    assert told["total"] == 1
    assert (mail["id"], mail["state"], mail["source"], mail["customer"]) == (1, "pending", "main", "1")
    text = waiting("outbox", "list").stdout
    assert "anna@example.com" in text
    assert "1 of 1 mails" in text


def test_list_passes_every_option_on(waiting: Run, ask: Callable[..., Any]) -> None:
    fits = ["--state", "pending", "--state", "held", "--source", "main", "--older", "0s", "--newer", "2d"]
    assert ask("outbox", "list", *fits)["total"] == 1
    for option in (
        ["--ambiguous"],
        ["--reason", "rcpt_451"],
        ["--older", "2h"],
        ["--newer", "0m"],
    ):
        assert ask("outbox", "list", *fits, *option)["total"] == 0


def test_a_shop_nobody_knows_is_an_error_but_not_one_that_left_mails_behind(
    waiting: Run, ask: Callable[..., Any], alter: Callable[..., None]
) -> None:
    assert "there is no source 'moon'" in waiting("outbox", "list", "--source", "moon", code=1).stderr
    alter(source="moon")
    assert ask("outbox", "list", "--source", "moon")["total"] == 1
    assert ask("outbox", "list", "--source", "main")["total"] == 0
    assert ask("outbox", "cancel", "--all", "--state", "pending", "--source", "moon", "--yes")["cancelled"] == [1]


def test_an_age_that_is_none_is_refused(run: Run) -> None:
    assert "no age such as 30m" in run("outbox", "list", "--older", "soon", code=2).stderr


def test_show_tells_everything_of_one_mail(waiting: Run, ask: Callable[..., Any]) -> None:
    told = ask("outbox", "show", "1")
    (news,) = told["notifications"]
    assert (news["relation"], news["kind"], news["episode"], news["product"]) == ("main:1", "price", 1, "Lamp")
    headers = dict(told["headers"])
    assert headers["To"] == "anna@example.com"
    assert headers["Message-ID"] == told["message_id"]
    text = waiting("outbox", "show", "1").stdout
    assert "main:1 price episode 1" in text
    assert "Auto-Submitted: auto-generated" in text
    assert "<html" not in text


def test_show_prints_the_very_bytes(waiting: Run, ask: Callable[..., Any], store_of: Callable[[], Store]) -> None:
    with store_of().read() as session:
        content = session.get_one(tables.Mail, 1).message
    assert waiting("outbox", "show", "1", "--message").stdout_bytes == content
    assert ask("outbox", "show", "1", "--message")["message"] == content.decode()
    assert "message" not in ask("outbox", "show", "1")


def test_a_product_cannot_steer_the_terminal(waiting: Run, store_of: Callable[[], Store]) -> None:
    with store_of().begin() as session:
        row = session.get_one(tables.Notification, 1)
        row.facts = {**row.facts, "product_name": "\x1b[2JLamp\r\n"}
        session.get_one(tables.Customer, row.customer_id).shop_id = "[red]1\x1b"
    for command in (["list"], ["show", "1"]):
        text = waiting("outbox", *command).stdout
        assert "\x1b" not in text
        assert "[red]1" in text


def test_hold_release_and_retry_move_a_mail(waiting: Run, ask: Callable[..., Any], smtp_sink: SmtpSink) -> None:
    waiting("resume")
    assert ask("outbox", "hold", "1") == {"held": [1], "refused": {}}
    assert ask("dispatch")["sent"] == 0
    assert "it may have arrived" in waiting("outbox", "retry", "1", code=1).stderr
    assert "1 mail released: 1" in waiting("outbox", "release", "1").stdout
    assert "1 mail retried: 1" in waiting("outbox", "retry", "1").stdout
    assert ask("dispatch")["sent"] == 1
    assert ask("outbox", "show", "1")["releases"] == 1
    refused = ask("outbox", "retry", "1", code=1)
    assert refused == {"retried": [], "refused": {"1": "mail 1 is sent and can't be retried: no mail is sent twice"}}
    assert len(smtp_sink.received()) == 1


def test_a_cancelled_mail_is_composed_anew_from_what_still_holds(
    waiting: Run, ask: Callable[..., Any], smtp_sink: SmtpSink
) -> None:
    assert ask("outbox", "cancel", "1")["cancelled"] == [1]
    waiting("resume")
    assert ask("run")["dispatch"]["sent"] == 1
    assert [mail["state"] for mail in ask("outbox", "list")["mails"]] == ["sent", "cancelled"]
    assert len(smtp_sink.received()) == 1


def test_the_others_are_changed_where_one_is_refused(waiting: Run, ask: Callable[..., Any]) -> None:
    told = ask("outbox", "hold", "1", "7", "1", code=1)
    assert told == {"held": [1], "refused": {"7": "there is no mail 7; see: watchpost outbox list"}}


def test_a_mail_that_is_being_sent_is_refused_with_the_end_of_its_lease(
    waiting: Run, alter: Callable[..., None]
) -> None:
    until = utc_now() + timedelta(minutes=15)
    alter(state="leased", lease_token="theirs", lease_until=until)
    for command in ("retry", "hold", "release", "cancel"):
        assert f"lease ends at {until:%Y-%m-%d %H:%M:%S} UTC" in waiting("outbox", command, "1", code=1).stderr


def test_all_mails_of_a_state_are_changed_after_a_question(waiting: Run, config: Path, ask: Callable[..., Any]) -> None:
    refused = CliRunner().invoke(
        main, ["--config", str(config), "outbox", "hold", "--all", "--state", "pending"], input="n\n"
    )
    assert refused.exit_code == 1
    assert "1 pending mails will be held. Go on?" in refused.stderr
    assert ask("outbox", "list")["mails"][0]["state"] == "pending"
    assert ask("outbox", "hold", "--all", "--state", "pending", "--yes")["held"] == [1]
    assert ask("outbox", "hold", "--all", "--state", "pending", "--yes")["held"] == []
    waiting("outbox", "release", "--all", "--state", "held", "--source", "moon", "--yes", code=1)
    assert ask("outbox", "release", "--all", "--state", "held", "--yes")["released"] == [1]


@pytest.mark.parametrize(
    "arguments", [[], ["--all"], ["1", "--all", "--state", "pending"], ["1", "--state", "pending"]]
)
def test_ids_or_all_of_a_state_must_be_given(imported: Run, arguments: list[str]) -> None:
    assert "Give the ids of mails, or --all with a --state." in imported("outbox", "hold", *arguments, code=2).stderr
