"""Manual runs: what they do, print and exit with."""

import json
from base64 import b64decode
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from celery.beat import ScheduleEntry

from tests.cli.conftest import TOKEN, Run
from tests.support.smtp import SmtpSink
from worker import tasks
from worker.app import make_app
from worker.configuration import load
from worker.installation import Installation
from worker.shopserver.store import ShopStore
from worker.store import tables
from worker.store.lease import single_flight
from worker.store.session import Store


def test_the_four_stages_one_by_one_deliver_a_mail(
    run: Run, ask: Callable[..., Any], shop: ShopStore, smtp_sink: SmtpSink
) -> None:
    run("init")
    assert ask("sync")["main"]["new"] == 2
    assert ask("scan")["main"]["fired"] == 0
    shop.set_price("lamp", "EUR", "95.00")
    assert ask("sync", "main")["main"]["changes"] == 1
    assert ask("scan", "main")["main"]["fired"] == 1
    assert ask("compose")["mails"] == 0  # the digest waits a minute
    assert ask("run")["dispatch"]["sent"] == 1
    assert [mail.rcpt_tos for mail in smtp_sink.received()] == [("anna@example.com",)]


def test_a_run_does_not_wait_for_the_digest(imported: Run, ask: Callable[..., Any], shop: ShopStore) -> None:
    shop.set_price("lamp", "EUR", "95.00")
    stages = ask("run")
    assert stages["scan"]["main"]["fired"] == 1
    assert stages["compose"]["mails"] == 1
    assert stages["dispatch"]["sent"] == 1


def test_tidy_forgets_what_the_settings_do_not_keep(imported: Run, ask: Callable[..., Any]) -> None:
    assert ask("tidy") == ask("tidy", "--dry-run") == {"observations": 0, "texts": 0, "runs": 0}
    assert "don't go together" in imported("tidy", "--dry-run", "--queue", code=2).stderr
    assert "tidy: nothing to do" in imported("tidy").stdout
    assert "tidy" in {run["stage"] for run in ask("status")["runs"]}


def test_a_dry_run_says_what_would_fire_and_changes_nothing(
    imported: Run, ask: Callable[..., Any], shop: ShopStore
) -> None:
    shop.set_price("lamp", "EUR", "95.00")
    imported("sync")
    told = ask("scan", "--dry-run")
    assert [hit["product_id"] for hit in told["main"]["would_fire"]] == ["1"]
    assert "would fire: main:" in imported("scan", "--dry-run").stdout
    assert ask("status")["notifications"] == {}


def test_a_dry_run_at_a_later_time_knows_that_the_watch_will_have_expired(
    imported: Run, ask: Callable[..., Any], shop: ShopStore
) -> None:
    shop.set_price("lamp", "EUR", "95.00")
    imported("sync")
    assert ask("scan", "--dry-run", "--at", "2099-01-01T00:00:00+00:00")["main"]["would_fire"] == []


def test_a_dry_run_is_not_queued(imported: Run) -> None:
    """It would be a real one."""
    assert "don't go together" in imported("scan", "--dry-run", "--queue", code=2).stderr


def test_a_time_goes_with_a_dry_run_only(imported: Run) -> None:
    assert "--dry-run" in imported("scan", "--at", "2026-01-01", code=2).stderr
    assert "no ISO 8601 time" in imported("scan", "--dry-run", "--at", "soon", code=2).stderr


def test_a_stage_that_is_busy_exits_with_3(imported: Run, store_of: Callable[[], Store]) -> None:
    with single_flight(store_of(), "scan:main"):
        assert "already running" in imported("scan", code=3).stderr
    with single_flight(store_of(), "sync:main"):
        busy = imported("sync", code=3)
        assert busy.stdout == "sync main: already running\n"
        assert "already running" in busy.stderr


def test_a_shop_that_is_down_fails_the_sync_and_names_it(imported: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHPOST_SOURCES__MAIN__URL", "http://127.0.0.1:9/jsonapi")
    failed = imported("sync", code=1)
    assert failed.stdout == "sync main: failed\n"
    (complaint,) = failed.stderr.splitlines()  # nothing of each retry
    assert complaint.startswith("  ! OPTIONS http://127.0.0.1:9/jsonapi: the shop can't be reached (")
    assert complaint.endswith("; check sources.main.url, and whether the shop runs")
    assert "Error: " not in imported("status").stdout


def test_a_shop_without_customers_to_ask_fails_and_says_what_to_add(
    imported: Run, config_text: Callable[[str, str], None], ask: Callable[..., Any]
) -> None:
    config_text(f'[sources.main.customers.anna]\ntoken = "{TOKEN}"\n', "")
    for options in ((), ("--check",)):
        failed = imported("sync", *options, code=1)
        assert "add [sources.main.customers.NAME]" in failed.stdout + failed.stderr
    assert "retired" not in ask("status")["sources"]["main"]["relations"]


def test_an_unknown_source_is_named_with_the_known_ones(imported: Run) -> None:
    assert "there is no source 'moon' in the settings (known: main)" in imported("sync", "moon", code=1).stderr


def test_without_a_schema_commands_say_what_to_run(run: Run) -> None:
    assert "watchpost init" in run("sync", code=2).stderr


def test_without_a_sender_nothing_is_composed_and_the_key_is_named(
    imported: Run, config_text: Callable[[str, str], None]
) -> None:
    config_text('from_address = "watch@shop.example"', 'from_address = ""')
    assert "mail.from_address" in imported("compose", code=2).stderr


def test_queueing_without_a_broker_is_a_clear_error(imported: Run, config_text: Callable[[str, str], None]) -> None:
    config_text("[mail]", '[broker]\nurl = "redis://127.0.0.1:9/0"\n[mail]')
    assert "broker.url" in imported("sync", "--queue", code=1).stderr


def test_a_queued_run_does_what_a_run_does(
    imported: Run, config: Path, shop: ShopStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without waiting for a digest, and asking a shop that is left alone."""
    shop.set_price("lamp", "EUR", "95.00")
    with closing(Installation(load(config, {}).settings)) as parts:
        monkeypatch.setattr(tasks, "installation", lambda: parts)
        with parts.store.begin() as session:
            session.get_one(tables.SourceState, "main").resting_until = datetime(2099, 1, 1, tzinfo=UTC)
        stages = tasks.run()
    assert (stages["compose"]["mails"], stages["dispatch"]["sent"]) == (1, 1)


def test_what_is_asked_for_is_queued(imported: Run, tmp_path: Path) -> None:
    """A run by hand asks a shop, too, that is left alone for now, and its options go along."""
    imported("sync", "main", "--full", "--accept-shrink", "--queue")
    (message,) = (tmp_path / "watchpost-data" / "broker" / "messages").iterdir()
    body = json.loads(b64decode(json.loads(message.read_bytes())["body"]))
    assert body[:2] == [[], {"source": "main", "by_hand": True, "accept_shrink": True, "full": True}]


def test_queueing_prints_the_task_ids(imported: Run, ask: Callable[..., Any]) -> None:
    for stage in ("sync", "scan", "compose", "dispatch", "tidy", "run"):
        (task_id,) = ask(stage, "--queue")["task_ids"]
        assert len(task_id) == 36


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('from_address = "watch@shop.example"', 'from_address = ""', "mail.from_address"),
        ("[mail]", "[mail]\ntemplate_dir = 'mine'", "watch/subject.txt, line 1: 'custmer' is undefined"),
    ],
)
def test_a_service_that_could_write_no_mail_refuses_to_start(
    run: Run, config: Path, config_text: Callable[[str, str], None], old: str, new: str, said: str
) -> None:
    folder = config.parent / "mine" / "watch"
    folder.mkdir(parents=True)
    (folder / "subject.txt").write_text("{{ custmer }}", encoding="utf-8")
    config_text(old, new)
    assert said in run("up", code=2).stderr


def test_every_stage_is_due_at_the_first_start(config: Path) -> None:
    """Whoever starts the service does not wait five minutes for the first sync."""
    app = make_app(load(config, {}).settings)
    entries = [ScheduleEntry(name=name, app=app, **entry) for name, entry in app.conf.beat_schedule.items()]
    assert {entry.name for entry in entries} == {"sync main", "scan main", "compose", "dispatch", "tidy"}
    assert all(entry.is_due().is_due for entry in entries)
