"""Tells the tasks of a Celery worker that it is being shut down, and sees to it that waiting for them has an end."""

import mmap
import signal

# One byte that the worker shares with the processes forked from it: they hear no signal when the worker gets SIGTERM.
# (Where the pool is not forked, as on macOS, they never see it and are ended when the time is over.)
_byte = mmap.mmap(-1, 1)


def begin(grace: float) -> None:
    """A warm shutdown began. Tasks get `grace` seconds to come to an end; then they are killed, as SIGQUIT does at once.

    Runs in a signal handler of the worker's main process.
    """
    _byte[0] = 1
    signal.signal(signal.SIGALRM, signal.getsignal(signal.SIGQUIT))
    signal.setitimer(signal.ITIMER_REAL, grace)


def end() -> None:
    """The tasks are over; nobody needs to be killed any more."""
    signal.setitimer(signal.ITIMER_REAL, 0)


def has_begun() -> bool:
    """Whether a task should come to an end as soon as it can."""
    return _byte[0] == 1
