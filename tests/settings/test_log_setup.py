"""Logs: one line each, structlog and standard library alike, in the format and from the level that the settings say."""

import io
import json
import logging
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
import structlog
from freezegun import freeze_time
from sqlalchemy import create_engine, text

from tests.support.settings import load_text
from worker import log

CHATTY = ["aiosmtplib", "httpx2", "httpcore2.http11", "sqlalchemy.engine", "asyncio"]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    level, handlers = root.level, list(root.handlers)
    levels = {name: logging.getLogger(name).level for name in log.CHATTY}
    yield
    for handler in set(root.handlers) - set(handlers):
        root.removeHandler(handler)
    root.setLevel(level)
    for name, before in levels.items():
        logging.getLogger(name).setLevel(before)
    structlog.reset_defaults()


def set_up(stream: io.StringIO, **logs: str) -> None:
    lines = "\n".join(f'{name} = "{value}"' for name, value in logs.items())
    log.setup(load_text(f"[logs]\n{lines}").settings, stream)


def written(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_log_that_no_terminal_reads_is_json_lines() -> None:
    set_up(stream := io.StringIO())
    structlog.get_logger("worker.sync").info("synced", source="shop", relations=7)
    (line,) = written(stream)
    assert line.pop("timestamp")
    assert line == {"event": "synced", "level": "info", "logger": "worker.sync", "source": "shop", "relations": 7}


def test_a_terminal_gets_readable_lines() -> None:
    set_up(stream := Terminal())
    structlog.get_logger("worker.sync").info("synced", relations=7)
    assert "synced" in stream.getvalue()
    assert not stream.getvalue().startswith("{")


@pytest.mark.parametrize(
    ("chosen", "stream", "is_json"), [("json", Terminal(), True), ("console", io.StringIO(), False)]
)
def test_a_chosen_format_holds_everywhere(chosen: str, stream: io.StringIO, is_json: bool) -> None:
    set_up(stream, format=chosen)
    structlog.get_logger("worker").info("hello")
    assert stream.getvalue().startswith("{") == is_json


def test_a_file_gets_no_colours() -> None:
    set_up(stream := io.StringIO(), format="console")
    structlog.get_logger("worker").info("hello")
    assert "\x1b" not in stream.getvalue()


def test_the_standard_library_writes_the_same_lines() -> None:
    set_up(stream := io.StringIO())
    logging.getLogger("celery.beat").warning("tick %s", 3)
    (line,) = written(stream)
    assert line.pop("timestamp")
    assert line == {"event": "tick 3", "level": "warning", "logger": "celery.beat"}


@pytest.mark.parametrize("name", ["structlog", "logging"])
def test_times_are_iso_in_utc(name: str) -> None:
    set_up(stream := io.StringIO())
    with freeze_time("2026-03-01 12:00:00", real_asyncio=True):
        (structlog.get_logger("a") if name == "structlog" else logging.getLogger("a")).info("hello")
    moment = datetime.fromisoformat(written(stream)[0]["timestamp"])
    assert moment.isoformat() == "2026-03-01T12:00:00+00:00"
    assert moment.utcoffset() == timedelta(0)


@pytest.mark.parametrize(("level", "count"), [("debug", 4), ("info", 3), ("warning", 2), ("error", 1)])
@pytest.mark.parametrize("name", ["structlog", "logging"])
def test_less_than_the_level_is_not_written(name: str, level: str, count: int) -> None:
    set_up(stream := io.StringIO(), level=level)
    logger = structlog.get_logger("a") if name == "structlog" else logging.getLogger("a")
    for method in ("debug", "info", "warning", "error"):
        getattr(logger, method)("hello")
    assert len(written(stream)) == count


@pytest.mark.parametrize("name", CHATTY)
def test_chatty_libraries_only_warn(name: str) -> None:
    set_up(stream := io.StringIO(), level="debug")
    logging.getLogger(name).info("chatter")
    logging.getLogger(name).warning("trouble")
    assert [line["event"] for line in written(stream)] == ["trouble"]


def test_a_higher_level_holds_for_chatty_libraries_too() -> None:
    set_up(stream := io.StringIO(), level="error")
    logging.getLogger("sqlalchemy.pool").warning("trouble")
    assert written(stream) == []


def test_a_second_setup_replaces_the_first() -> None:
    set_up(first := io.StringIO())
    set_up(second := io.StringIO())
    structlog.get_logger("a").info("hello")
    assert first.getvalue() == ""
    assert len(written(second)) == 1


def test_without_a_stream_logs_go_to_standard_error_wherever_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    log.setup(load_text().settings)
    monkeypatch.setattr(sys, "stderr", stream := io.StringIO())
    structlog.get_logger("a").info("hello")
    assert len(written(stream)) == 1


def test_bound_context_stands_in_every_line() -> None:
    set_up(stream := io.StringIO())
    with structlog.contextvars.bound_contextvars(run=5):
        structlog.get_logger("a").info("one")
        logging.getLogger("b").info("two")
    assert [line["run"] for line in written(stream)] == [5, 5]


@pytest.mark.parametrize("name", ["structlog", "logging"])
def test_an_exception_is_part_of_its_line(name: str) -> None:
    set_up(stream := io.StringIO())
    logger = structlog.get_logger("a") if name == "structlog" else logging.getLogger("a")
    try:
        raise LookupError("no such thing")
    except LookupError:
        logger.exception("failed")
    (line,) = written(stream)
    assert line["exception"].startswith("Traceback")
    assert line["exception"].endswith("LookupError: no such thing")


@pytest.mark.parametrize("chosen", ["console", "json"])
def test_a_traceback_shows_no_local_variables(chosen: str) -> None:
    set_up(stream := Terminal(), format=chosen)
    local = str(2**40)
    try:
        raise LookupError(str(len(local)))
    except LookupError:
        structlog.get_logger("a").exception("failed")
    assert "LookupError: 13" in stream.getvalue()
    assert local not in stream.getvalue()


def test_echoed_sql_is_written_once_and_in_our_format(capsys: pytest.CaptureFixture[str]) -> None:
    set_up(stream := io.StringIO())
    engine = create_engine("sqlite://", echo=True)
    with engine.connect() as connection:
        connection.execute(text("SELECT 42"))
    engine.dispose()
    assert [line["event"] for line in written(stream)].count("SELECT 42") == 1
    assert capsys.readouterr().out == ""
