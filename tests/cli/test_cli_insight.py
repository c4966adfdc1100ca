"""What operators are told: status, explain, preview, config, mail-test."""

import re
from collections.abc import Callable
from email import message_from_bytes
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from tests.cli.conftest import TOKEN, Run
from tests.support.smtp import SmtpSink
from worker.shopserver import render_products
from worker.shopserver.store import ShopStore
from worker.store import tables
from worker.store.session import Store


def _ids(ask: Callable[..., Any]) -> tuple[str, str]:
    """The ids of Anna's good and of her senseless watch."""
    rejected = ask("status")["sources"]["main"]["rejected_relations"]
    (bad,) = rejected
    return str(int(bad) - 1), bad


def test_status_counts_relations_mails_and_the_last_runs(imported: Run, ask: Callable[..., Any]) -> None:
    imported("run")
    told = ask("status")
    source = told["sources"]["main"]
    assert source["relations"] == {"rejected": 1, "watching": 1}
    assert source["rejected"] == {"bad_pricevalue": 1}
    assert source["stale"] is False
    assert [run["stage"] for run in told["runs"]] == ["compose", "dispatch", "scan", "sync"]
    text = imported("status").stdout
    assert "bad pricevalue 1" in text
    assert "watchpost explain main:" in text


def test_every_rejected_relation_can_be_listed_with_its_reason(imported: Run, ask: Callable[..., Any]) -> None:
    (only,) = ask("status", "--rejected")
    assert only["reason"] == "bad_pricevalue"
    text = imported("status", "--rejected").stdout
    assert text == f"{only['relation']} bad_pricevalue: pricevalue must be a plain decimal such as 100.00.\n"
    assert "watchpost status --rejected" in imported("status").stdout


def test_status_tells_stages_that_do_not_run(run: Run, ask: Callable[..., Any]) -> None:
    run("init")
    assert "LATE dispatch has never run: do beat and worker run" in run("status").stdout
    run("run")
    assert "LATE" not in run("status").stdout
    assert ask("status")["late"] == []


def test_without_a_shop_status_says_what_to_add(
    imported: Run, config: Path, config_text: Callable[[str, str], None]
) -> None:
    text = config.read_text(encoding="utf-8")
    config_text(text[text.index("[sources.main]") :], "")
    assert "add a table [sources.NAME]" in imported("status").stdout
    assert "add [sources.NAME]" in imported("sync").stderr


def test_status_shows_what_a_run_complained_about(imported: Run, config_text: Callable[[str, str], None]) -> None:
    config_text("[sources.main.customers.anna]", '[sources.main.customers.zoe]\ntoken = "wrong-token-0123456789"\n'
                "[sources.main.customers.anna]")  # fmt: skip
    imported("sync", code=1)
    assert "! zoe: " in imported("status").stdout


def test_status_shows_which_values_a_sync_could_not_read(imported: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Our own shop is too strict to have any, so its answers are spoilt."""
    monkeypatch.setattr(render_products, "money", lambda _amount: "1,50")
    imported("sync")
    assert "values that could not be read: price.value 1" in imported("status").stdout


def test_explain_names_every_rule_with_its_inputs(imported: Run, ask: Callable[..., Any]) -> None:
    good, _ = _ids(ask)
    told = ask("explain", f"main:{good}")
    price = next(item for item in told["decisions"] if item["kind"] == "price")
    assert (price["outcome"], price["reason"]) == ("wait", "not_below_limit")
    check = next(check for check in price["checks"] if check["rule"] == "price below limit")
    assert check["inputs"]["price"] == "120"
    text = imported("explain", f"main:{good}").stdout
    assert "price below limit" in text
    assert "120.00 EUR" in text
    assert "anna@example.com" not in text


def test_explain_says_why_a_relation_is_rejected(imported: Run, ask: Callable[..., Any]) -> None:
    _, bad = _ids(ask)
    told = ask("explain", f"main:{bad}")
    assert told["relation"]["rejected"] == "bad_pricevalue"
    assert "20,00" in told["relation"]["defect"]
    assert "must be a plain decimal" in imported("explain", f"main:{bad}").stdout


def test_explain_shows_what_was_sent(imported: Run, ask: Callable[..., Any], shop: ShopStore) -> None:
    good, _ = _ids(ask)
    shop.set_price("lamp", "EUR", "95.00")
    imported("run")
    (row,) = ask("explain", f"main:{good}")["notifications"]
    assert row["mail"]["state"] == "sent"
    assert "mail 1 sent" in imported("explain", f"main:{good}").stdout


def test_an_unknown_relation_and_a_malformed_name_are_told_apart(imported: Run) -> None:
    assert "no relation main:999 is stored" in imported("explain", "main:999", code=1).stderr
    assert "SOURCE:ID" in imported("explain", "999", code=2).stderr


def test_preview_writes_the_mail_as_files(imported: Run, ask: Callable[..., Any], tmp_path: Path) -> None:
    good, bad = _ids(ask)
    told = ask("preview", f"main:{good}", "--out", str(tmp_path / "mail"))
    assert "Lamp" in told["subject"]
    message = message_from_bytes((tmp_path / "mail" / "message.eml").read_bytes())
    assert message["To"] == "anna@example.com"
    assert "120.00" in (tmp_path / "mail" / "body.txt").read_text(encoding="utf-8")
    assert "<html" in (tmp_path / "mail" / "body.html").read_text(encoding="utf-8")
    assert "bad_pricevalue" in imported("preview", f"main:{bad}", code=1).stderr


def test_preview_says_whether_the_watch_fires_now(imported: Run, ask: Callable[..., Any], shop: ShopStore) -> None:
    good, _ = _ids(ask)
    (price,) = ask("preview", f"main:{good}")["decisions"]
    assert (price["kind"], price["outcome"], price["reason"]) == ("price", "wait", "not_below_limit")
    assert "price: does not fire now, whatever the mail says: " in imported("preview", f"main:{good}").stdout
    shop.set_price("lamp", "EUR", "95.00")
    imported("sync")
    assert "price: fires now\n" in imported("preview", f"main:{good}").stdout


def test_config_prints_values_with_their_origin_and_no_secret(run: Run, ask: Callable[..., Any]) -> None:
    told = ask("config")
    assert told["mail.from_address"]["value"] == "watch@shop.example"
    assert "watchpost.toml" in told["mail.from_address"]["from"]
    assert told["schedule.scan_seconds"]["from"] == "default"
    assert TOKEN not in run("config").stdout


def test_a_paused_installation_sends_nothing_until_it_is_resumed(
    imported: Run, ask: Callable[..., Any], shop: ShopStore, smtp_sink: SmtpSink
) -> None:
    imported("pause", "--reason", "moving house")
    shop.set_price("lamp", "EUR", "95.00")
    assert ask("run")["dispatch"]["sent"] == 0
    assert "moving house" in imported("status").stdout
    assert "watchpost resume" in imported("dispatch").stderr
    assert smtp_sink.received() == ()
    imported("resume")
    assert ask("dispatch")["sent"] == 1
    assert "not paused" in imported("resume").stdout


def test_why_mails_are_paused_is_one_short_line(imported: Run) -> None:
    for reason in ("x" * 201, "two\nlines", "red \x1b[31m"):
        assert "one line of at most 200 characters" in imported("pause", "--reason", reason, code=2).stderr
    imported("pause", "--reason", "x" * 200)


def test_mail_test_sends_one_mail_and_says_so(imported: Run, smtp_sink: SmtpSink) -> None:
    assert "accepted" in imported("mail-test", "me@example.com").stdout
    (mail,) = smtp_sink.received()
    assert mail.rcpt_tos == ("me@example.com",)


def test_mail_test_names_a_bad_address_and_fails_without_a_relay(imported: Run, smtp_sink: SmtpSink) -> None:
    assert "ADDRESS" in imported("mail-test", "nobody", code=2).stderr
    smtp_sink.close()
    imported("mail-test", "me@example.com", code=1)


def test_a_relay_that_is_away_is_a_failure_until_no_mail_waits_for_it(
    imported: Run, ask: Callable[..., Any], shop: ShopStore, smtp_sink: SmtpSink
) -> None:
    shop.set_price("lamp", "EUR", "95.00")
    smtp_sink.close()
    assert "can't be reached; check smtp.host and smtp.port" in imported("run", code=1).stderr
    assert "watchpost resume" in imported("dispatch", code=1).stderr
    assert ask("dispatch", code=1)["waiting"] == 1
    imported("outbox", "cancel", "1")
    imported("dispatch")


def test_once_the_relay_is_mended_resume_lets_it_be_tried_at_once(
    imported: Run,
    ask: Callable[..., Any],
    shop: ShopStore,
    smtp_sink: SmtpSink,
    config_text: Callable[[str, str], None],
) -> None:
    shop.set_price("lamp", "EUR", "95.00")
    config_text("port = ", "port = 9 #")
    imported("run", code=1)
    told = imported("status").stdout
    assert re.search(r"NO MAIL CAN LEAVE since .* the relay 127.0.0.1:9 can't be reached; check smtp.host", told)
    assert not re.search("ROUTE|no reason given", told)
    config_text("port = 9 #", "port = ")
    assert ask("dispatch", code=1)["sent"] == 0
    assert "the next dispatch tries it" in imported("resume").stdout
    assert ask("dispatch")["sent"] == 1
    assert ask("resume")["relay_closed"] is False


def test_init_may_be_repeated(run: Run, ask: Callable[..., Any]) -> None:
    assert "is ready" in run("init").stdout
    assert ask("init")["schema"]


def test_an_unknown_setting_refuses_to_start_and_is_named(run: Run, config_text: Callable[[str, str], None]) -> None:
    config_text("[mail]", "[mail]\nfrom_adress = 'x@example.com'")
    assert "mail.from_adress" in run("status", code=2).stderr


def test_what_shops_and_operators_write_is_printed_as_it_is(
    imported: Run, ask: Callable[..., Any], store_of: Callable[[], Store]
) -> None:
    """Square brackets are markup to the terminal's printer, escape sequences move its cursor."""
    (added,) = ask("relations", "add", "main:anna", "--domain", "product", "--refid", "1", "--type", "watch[/b]")
    config = '{"price": "1", "pricevalue": "[/red]20"}'
    ask("relations", "modify", "main:anna", _ids(ask)[1], "--config", config)
    imported("run")
    with store_of().begin() as session:
        session.execute(update(tables.Product).values(label="Lamp \x1b[2J[/i]"))
    imported("pause", "--reason", "[/moving] house")
    assert "[/moving] house" in imported("status").stdout
    assert "[/red]20" in imported("explain", f"main:{_ids(ask)[1]}").stdout
    assert "watch[/b]" in imported("explain", f"main:{added['id']}").stdout
    label = imported("explain", f"main:{_ids(ask)[0]}").stdout
    assert "[2J[/i]" in label
    assert "\x1b" not in label
