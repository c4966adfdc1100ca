"""Functions in processes of their own, which tests kill and freeze. Forked from a process that has everything imported."""

import multiprocessing
import os
import signal
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

import psutil

from tests.support.waiting import wait_until
from worker import failpoints

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["tests.support.preloaded"])


class Forked:
    """Runs `work(*arguments)`; `failpoint` such as "dispatch.claimed=kill" is set for it alone. It ends with the block."""

    def __init__(self, work: Callable[..., Any], *arguments: object, failpoint: str = "") -> None:
        self._answer, theirs = _context.Pipe(duplex=False)
        self._process = _context.Process(target=_run, args=(theirs, failpoint, work, arguments), daemon=True)
        self._process.start()
        theirs.close()

    def kill(self) -> None:
        """SIGKILL."""
        self._process.kill()
        self._process.join()

    def wait_until_killed(self) -> None:
        """Wait for the failpoint to end it."""
        self._process.join(30)
        assert self._process.exitcode == -signal.SIGKILL

    def wait_until_stopped(self) -> None:
        """Wait for the failpoint to freeze it."""
        frozen = psutil.Process(self._process.pid)
        wait_until(lambda: frozen.status() == psutil.STATUS_STOPPED, what="the process to freeze")

    def answer(self) -> Any:
        """What the function returned, once it did."""
        found = self._answer.recv()
        self._process.join()
        return found

    def go_on(self) -> Any:
        """SIGCONT, as often as it freezes, and what the function returned in the end."""
        assert self._process.pid is not None
        while not self._answer.poll(0.05):
            os.kill(self._process.pid, signal.SIGCONT)
        return self.answer()

    def __enter__(self) -> "Forked":
        return self

    def __exit__(self, *_exc: object) -> None:
        self._process.kill()
        self._process.join()
        self._process.close()
        self._answer.close()


def _run(answer: Connection, failpoint: str, work: Callable[..., Any], arguments: tuple[object, ...]) -> None:
    os.environ[failpoints.VARIABLE] = failpoint
    answer.send(work(*arguments))
