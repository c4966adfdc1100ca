"""Dispatchers in processes of their own, which tests kill and freeze."""

import multiprocessing
import os
import signal
from datetime import datetime
from multiprocessing.connection import Connection

import psutil
from sqlalchemy import update

from tests.dispatch.dispatching import Dispatching, make_settings
from tests.support.waiting import wait_until
from worker import failpoints
from worker.store import tables
from worker.store.session import Store

# One process imports everything; the others are forked from it in no time.
_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["tests.dispatch.dispatching"])


class DispatcherProcess:
    """Runs the stage once over the store at `url`; `failpoint` such as "dispatch.claimed=kill" is set for it alone."""

    def __init__(self, url: str, port: int, now: datetime, failpoint: str = "") -> None:
        self._answer, theirs = _context.Pipe(duplex=False)
        self._process = _context.Process(target=_dispatch, args=(theirs, url, port, now, failpoint), daemon=True)
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

    def go_on(self) -> dict[str, object]:
        """SIGCONT, and the counts it ends with."""
        assert self._process.pid is not None
        os.kill(self._process.pid, signal.SIGCONT)
        counts: dict[str, object] = self._answer.recv()
        self._process.join()
        return counts

    def __enter__(self) -> "DispatcherProcess":
        return self

    def __exit__(self, *_exc: object) -> None:
        self._process.kill()
        self._process.join()
        self._process.close()
        self._answer.close()


def let_leases_run_out(store: Store) -> None:
    """What waiting would do."""
    with store.begin() as session:
        session.execute(
            update(tables.Mail).where(tables.Mail.lease_token.is_not(None)).values(lease_until=tables.Mail.created_at)
        )


def _dispatch(answer: Connection, url: str, port: int, now: datetime, failpoint: str) -> None:
    os.environ[failpoints.VARIABLE] = failpoint
    play = Dispatching(Store(url), make_settings(port, "connections = 1"), now=now)
    answer.send(dict(play.dispatch()))
