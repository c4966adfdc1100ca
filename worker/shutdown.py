"""Tells the tasks of a Celery worker that it is being shut down, and sees to it that waiting for them has an end."""

import mmap
import os
import signal
from types import FrameType

# One byte that the worker shares with the processes forked from it, which do the tasks. (Where the pool is not forked, as
# on macOS, they never see it and are killed when the time is over.)
_byte = mmap.mmap(-1, 1)


def begin(grace: float) -> None:
    """The worker shuts down. Tasks get `grace` seconds to come to an end; then it exits, and they are killed with it.

    Runs in a signal handler of the worker's main process; a second SIGTERM does not prolong it.
    """
    _byte[0] = 1
    left, _ = signal.getitimer(signal.ITIMER_REAL)
    if left == 0 or grace < left:
        signal.signal(signal.SIGALRM, _exit)
        signal.setitimer(signal.ITIMER_REAL, grace)


def end() -> None:
    """The tasks are over; nobody needs to be killed any more."""
    signal.setitimer(signal.ITIMER_REAL, 0)


def has_begun() -> bool:
    """Whether a task should come to an end as soon as it can."""
    return _byte[0] == 1


def leave_signals_to_the_worker() -> None:
    """For the processes that do the tasks: many supervisors send SIGTERM to all of a group, which would kill them at work."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)


def take_over_sigquit() -> None:
    """SIGQUIT kills the tasks at once: what Celery does would now wait for them, as they don't hear it any more."""
    signal.signal(signal.SIGQUIT, _exit)


def _exit(_signal: int, _frame: FrameType | None) -> None:
    os._exit(1)  # Celery has the kernel kill its pool when the worker dies
