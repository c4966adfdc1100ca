"""What the database and the system refuse: one sentence with the place and the remedy, and never a traceback."""

import errno
import os
import resource
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import text

from tests.cli.conftest import Run
from tests.support import process, service
from worker.cli import main
from worker.store.session import Store

WATCH = "main:1"


@contextmanager
def _full_disk() -> Iterator[None]:
    """No file of this process gets a byte longer."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def _overwrite_tables(file: Path) -> None:
    """Only the schema and its version can still be read."""
    with closing(sqlite3.connect(file)) as database:
        (size,) = database.execute("PRAGMA page_size").fetchone()
        pages = database.execute(
            "SELECT rootpage FROM sqlite_master WHERE type = 'table' AND name <> 'alembic_version'"
        ).fetchall()
    with file.open("r+b") as raw:
        for (page,) in pages:
            raw.seek((page - 1) * size)
            raw.write(b"\xff" * size)


def test_a_damaged_database_is_said_to_be_damaged(imported: Run, tmp_path: Path) -> None:
    _overwrite_tables(tmp_path / "watchpost-data" / "watchpost.sqlite3")
    for arguments in (
        "status",
        f"explain {WATCH}",
        f"preview {WATCH}",
        "run",
        "scan --dry-run",
        "tidy",
        f"customer export {WATCH}",
        "outbox list",
        "suppress add anna@example.com",
        "pause",
    ):
        said = imported(*arguments.split(), code=1).stderr
        assert "watchpost.sqlite3) can't be used: database disk image is malformed; is there room" in said, arguments
        assert "SELECT" not in said


def test_a_full_disk_is_found_by_the_doctor(
    imported: Run, ask: Callable[..., object], store_of: Callable[[], Store]
) -> None:
    with store_of().read() as session:  # the files beside the database are there, as they are while a service runs
        session.execute(text("SELECT 1 FROM mail"))
        with _full_disk():
            said = imported("doctor", code=1).stdout
    assert "PROBLEM database database.url" in said
    assert "PROBLEM broker data_dir" in said
    assert "Healthy" not in said


def test_a_full_disk_ends_a_command_that_writes(imported: Run, store_of: Callable[[], Store]) -> None:
    with store_of().read() as session:
        session.execute(text("SELECT 1 FROM mail"))
        for arguments in ("pause", "suppress add anna@example.com", "customer erase main:1 --yes"):
            with _full_disk():
                said = imported(*arguments.split(), code=1).stderr
            assert said.startswith("Error: database.url"), arguments
            assert "is there room on the disk" in said


def test_commands_that_only_read_do_not_wait_for_another_program_that_writes(imported: Run, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "watchpost-data" / "watchpost.sqlite3", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        for arguments in ("status", f"explain {WATCH}", f"preview {WATCH}", "outbox list"):
            imported(*arguments.split())


def test_a_server_that_is_down_is_a_failure_and_no_wrong_setting(
    run: Run, config_text: Callable[[str, str], None]
) -> None:
    config_text("[mail]", f"hash_key = '{'k' * 32}'\n[database]\nurl = 'postgresql://nobody@127.0.0.1:9/w'\n[mail]")
    for arguments in ("status", "run", "sync"):
        said = run(arguments, code=1).stderr
        assert "Connection refused; does the server run, and does it let this user in and write?" in said


def test_values_no_database_takes_are_refused(imported: Run) -> None:
    for arguments, said in (
        (("outbox", "show", "9" * 24), "not in the range"),
        (("outbox", "hold", "9" * 24), "not in the range"),
        (("outbox", "list", "--limit", "9" * 24), "not in the range"),
        (("suppress", "list", "--limit", "9" * 24), "not in the range"),
        (("outbox", "list", "--reason", "\udcff"), "reason: is not UTF-8 text"),
        (("customer", "export", "main:\udcff"), "customer: is not UTF-8 text"),
        (("suppress", "add", "\udcff@example.com"), "addresses: is not UTF-8 text"),
    ):
        assert said in imported(*arguments, code=2).stderr


@pytest.fixture
def nowhere(tmp_path: Path) -> Path:
    """A folder that nobody, root included, can make."""
    (tmp_path / "file").write_text("")
    return tmp_path / "file" / "below"


def test_a_folder_for_a_preview_that_can_not_be_made_is_named(imported: Run, nowhere: Path) -> None:
    assert (
        f"{nowhere}: Not a directory; let this user" in imported("preview", WATCH, "--out", str(nowhere), code=1).stderr
    )


def _alone(*arguments: str) -> Result:
    """A command that needs no settings."""
    result = CliRunner().invoke(main, arguments)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


@pytest.mark.parametrize("command", [["demo", "--out"], ["shop", "--port", "0", "--data"]])
def test_a_folder_that_can_not_be_made_is_named(command: list[str], nowhere: Path) -> None:
    result = _alone(*command, str(nowhere))
    assert result.exit_code == 1
    assert f"{nowhere}: Not a directory; let this user" in result.stderr


def _garbage(file: Path) -> None:
    file.write_bytes(b"no database, but long enough to be taken for one" * 50)


@pytest.mark.parametrize("spoil", [_garbage, Path.mkdir], ids=["garbage", "a folder"])
@pytest.mark.parametrize("command", [["--port", "0"], ["show"], ["set-price", "mug", "EUR", "1"], ["token", "1"]])
def test_a_shop_whose_data_can_not_be_used_is_named(
    command: list[str], spoil: Callable[[Path], object], tmp_path: Path
) -> None:
    spoil(tmp_path / "shop.db")
    result = _alone("shop", "--data", str(tmp_path), *command)
    assert result.exit_code == 1
    assert f"The shop's data in {tmp_path / 'shop.db'} can't be used" in result.stderr


def test_a_price_that_can_not_be_written_is_said(tmp_path: Path) -> None:
    sample = Path(__file__).parents[2] / "worker" / "shopserver" / "sample.json"
    assert _alone("shop", "--data", str(tmp_path), "load", str(sample)).exit_code == 0
    with closing(sqlite3.connect(tmp_path / "shop.db")) as other:
        other.execute("SELECT 1 FROM sqlite_master").fetchone()
        with _full_disk():
            result = _alone("shop", "--data", str(tmp_path), "set-price", "mug", "EUR", "1")
    assert result.exit_code == 1
    assert "can't be used" in result.stderr


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_output_that_nobody_takes_is_said_in_one_line(
    imported: Run, config: Path, tmp_path: Path, unbuffered: str
) -> None:
    line = ["sh", "-c", 'exec "$@" >/dev/full', "sh", *service.COMMAND, "--config", str(config), "status"]
    child = process.start(
        line, log=tmp_path / "log", cwd=tmp_path, env=service.environment(PYTHONUNBUFFERED=unbuffered)
    )
    assert child.wait(60) == 1
    said = (tmp_path / "log").read_text(encoding="utf-8")
    assert said == f"Error: the output can't be written: {os.strerror(errno.ENOSPC)}\n"


def test_a_task_that_finds_no_room_in_the_brokers_folder_asks_for_room(imported: Run) -> None:
    with _full_disk():
        said = imported("sync", "--queue", code=1).stderr
    assert "broker can't be written (File too large); is there room on the disk?" in said
