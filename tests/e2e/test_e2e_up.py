"""`watchpost up` and the processes it starts: they end together, and nothing but them is run."""

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tests.support import process, service
from tests.support.waiting import wait_until

SETTINGS = """
data_dir = "data"
[broker]
shutdown_seconds = 60
[mail]
from_address = "watch@shop.example"
"""
# A terminal that is closed when this process ends, as a window is.
IN_A_TERMINAL = [sys.executable, "-c", "import pty, sys; pty.spawn(sys.argv[1:])"]
STDOUT_APART = ["sh", "-c", 'exec "$@" >up.json', "sh"]


class Up:
    """A service that runs; what it says on standard error is in up.log."""

    def __init__(self, folder: Path, *before: str) -> None:
        (folder / "watchpost.toml").write_text(SETTINGS, encoding="utf-8")
        line = [*before, *service.COMMAND, "--config", "watchpost.toml", "up", "--concurrency", "1", "--json"]
        self._log = folder / "up.log"
        self.started = service.start(line, cwd=folder, env=service.environment(), log="up.log")

    def wait_until_it_runs(self) -> list[psutil.Process]:
        """Every process of it, once the worker takes tasks."""
        wait_until(lambda: "ready" in self.said() or self.started.poll() is not None, 60, what="the worker")
        return [
            running
            for running in (
                psutil.Process(self.started.pid),
                *psutil.Process(self.started.pid).children(recursive=True),
            )
            if "pty.spawn" not in " ".join(running.cmdline())
        ]

    def said(self) -> str:
        return self._log.read_text(encoding="utf-8")


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Callable[..., Up]]:
    begun: list[Up] = []

    def start(*before: str) -> Up:
        begun.append(Up(tmp_path, *before))
        return begun[-1]

    yield start
    for each in begun:
        process.stop(each.started)


def _are_gone(family: list[psutil.Process]) -> bool:
    return not any(each.is_running() and each.status() != psutil.STATUS_ZOMBIE for each in family)


@pytest.mark.parametrize("before", [IN_A_TERMINAL, []], ids=["the terminal is closed", "it is killed"])
def test_worker_and_beat_end_when(before: list[str], up: Callable[..., Up]) -> None:
    running = up(*before)
    family = running.wait_until_it_runs()
    assert len(family) >= 4  # with beat, worker and its pool
    running.started.kill()
    wait_until(lambda: _are_gone(family), what="all of them to end")


def test_up_prints_json_and_nothing_else_waits_for_mails_on_their_way_and_runs_no_strangers(
    up: Callable[..., Up], tmp_path: Path
) -> None:
    stranger = tmp_path / "worker"
    stranger.mkdir()
    (stranger / "__init__.py").write_text("open('stranger-was-here', 'w')", encoding="utf-8")
    running = up(*STDOUT_APART)
    running.wait_until_it_runs()
    assert process.stop(running.started, timeout=40) == 0
    assert json.loads((tmp_path / "up.json").read_text(encoding="utf-8")).keys() == {"worker", "beat", "data_dir"}
    assert "Stopping, at most 65 s." in running.said()
    assert not (tmp_path / "stranger-was-here").exists()


@pytest.mark.parametrize("name", ["worker", "beat"])
def test_the_procfile_runs_no_strangers(name: str, tmp_path: Path) -> None:
    (tmp_path / "worker.py").write_text("open('stranger-was-here', 'w')", encoding="utf-8")
    service.start([*service.procfile()[name], "--help"], cwd=tmp_path, env=service.environment(), log="log").wait(60)
    assert "Usage:" in (tmp_path / "log").read_text(encoding="utf-8")
    assert not (tmp_path / "stranger-was-here").exists()
