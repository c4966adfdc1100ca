"""Beat and worker as our children: whoever was started is stopped, whatever comes in between."""

import os
import signal
import sys
from collections.abc import Iterator

import psutil
import pytest

from tests.support.waiting import wait_until
from worker import processes

ENDLESS = [sys.executable, "-c", "import time; time.sleep(600)"]
FORKS_AND_DIES = [
    sys.executable,
    "-c",
    "import os, time\nif os.fork() == 0: time.sleep(600)\nprint('ready', flush=True)\ntime.sleep(600)",
]


class AskedToEndError(Exception):
    """What our handler makes of SIGTERM."""


@pytest.fixture
def ended() -> Iterator[None]:
    """SIGTERM raises an error here, as the demo's handler does."""

    def end(*_: object) -> None:
        raise AskedToEndError

    before = signal.signal(signal.SIGTERM, end)
    yield
    signal.signal(signal.SIGTERM, before)


def test_a_signal_that_comes_while_children_are_started_finds_somebody_to_stop(
    ended: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[processes.Child] = []
    start = processes.start

    def interrupted(*arguments: object) -> list[processes.Child]:
        started.extend(start(*arguments))  # type: ignore[arg-type]  # passed on as they come
        os.kill(os.getpid(), signal.SIGTERM)
        return started

    monkeypatch.setattr(processes, "start", interrupted)
    with pytest.raises(AskedToEndError), processes.running([ENDLESS, ENDLESS], os.environ, None, 10):
        pytest.fail("the signal was forgotten")
    assert [child.poll() for child in started] == [-signal.SIGTERM] * 2


def test_what_a_child_leaves_behind_is_ended_too() -> None:
    with processes.running([FORKS_AND_DIES], os.environ, None, 10) as (child,):
        wait_until(lambda: len(psutil.Process(child.pid).children()) == 1)
        (orphan,) = psutil.Process(child.pid).children()
    wait_until(lambda: not orphan.is_running() or orphan.status() == psutil.STATUS_ZOMBIE)


@pytest.mark.parametrize("number", [signal.SIG_IGN, signal.SIG_DFL], ids=["nohup", "a terminal"])
def test_a_closed_terminal_ends_us_unless_nohup_was_asked_for(number: signal.Handlers) -> None:
    before = signal.signal(signal.SIGHUP, number)
    try:
        asked = processes.stop_signals()
    finally:
        signal.signal(signal.SIGHUP, before)
    assert (signal.SIGHUP in asked) is (number is signal.SIG_DFL)
