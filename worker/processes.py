"""Beat and worker as child processes, started and stopped together (`watchpost up`, the demo)."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import IO

Child = subprocess.Popen[bytes]
_STDERR = 2


def stop_signals() -> list[signal.Signals]:
    """The signals that ask us to end. A closed terminal (SIGHUP) is one, unless we were started to outlive it, by `nohup`."""
    asked = [signal.SIGINT, signal.SIGTERM]
    return asked if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN else [*asked, signal.SIGHUP]


def commands(*, concurrency: int, loglevel: str) -> list[list[str]]:
    """The command lines of worker and beat, run by this very Python. They end when this process is gone, even if it was killed."""
    celery = [sys.executable, "-P", "-m", "worker.run_celery", "--parent", str(os.getpid()), "--quiet"]
    worker = [*celery, "worker", "--loglevel", loglevel, "--concurrency", str(concurrency)]
    return [
        # Nobody listens to these, and an event that a silent Redis does not take blocks the worker.
        [*worker, "--without-gossip", "--without-mingle", "--without-heartbeat"],
        [*celery, "beat", "--loglevel", loglevel, "--pidfile="],
    ]


def start(lines: Sequence[list[str]], environment: Mapping[str, str], output: IO[bytes] | None = None) -> list[Child]:
    """Start each in a session of its own, so that Ctrl-C on our terminal reaches it once, through `stop`.

    Without an `output` they write to our standard error, for what Celery prints is no answer of a command.
    """
    out = _STDERR if output is None else output
    return [
        subprocess.Popen(  # noqa: S603 - our own command lines
            line, env=dict(environment), start_new_session=True, stdout=out, stderr=out
        )
        for line in lines
    ]


@contextmanager
def running(
    lines: Sequence[list[str]], environment: Mapping[str, str], output: IO[bytes] | None, grace: float
) -> Iterator[list[Child]]:
    """`start` and, whatever happens, `stop`; in the main thread only."""
    children: list[Child] = []
    try:
        with _undisturbed():
            children += start(lines, environment, output)
        yield children
    finally:
        with _undisturbed():
            stop(children, grace)


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Signals that ask us to end are acted on afterwards: a child that was started but is not known yet would be left behind."""
    came: list[int] = []
    previous = {number: signal.signal(number, lambda number, _: came.append(number)) for number in stop_signals()}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
    for late in came:
        signal.raise_signal(late)


def stop(children: Sequence[Child], grace: float) -> None:
    """Ask all to finish what they are doing; whoever still runs after `grace` seconds is killed, and whatever they leave behind."""
    for child in children:
        if child.poll() is None:
            child.terminate()
    deadline = time.monotonic() + grace
    for child in children:
        try:
            child.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        # A worker that is asked to end while it starts ends at once, without those it has just forked.
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
