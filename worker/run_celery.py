"""Runs Celery's worker or beat on this very package: `python -P -m worker.run_celery worker ...`, with Celery's own options.

Python and `celery -A` look into the current folder first and would run whatever is called `worker` there. `-P` keeps the
first from doing so, and the second finds what was imported here.
"""

import ctypes
import os
import signal
import sys

from celery.__main__ import main

import worker.app
import worker.tasks

_PARENT = "--parent"
_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def _end_with(parent: int) -> None:
    """However the parent dies, the kernel sends us SIGTERM then; unless it is too late for that."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM))
    if os.getppid() != parent:
        sys.exit("the process that started this one is gone")


def _run() -> None:
    arguments = sys.argv[1:]
    if arguments[:1] == [_PARENT]:
        _end_with(int(arguments[1]))
        del arguments[:2]
    _ = worker.app.app, worker.tasks  # found before Celery puts the current folder into the path
    sys.argv[1:] = ["-A", "worker.app:app", *arguments]
    main()


if __name__ == "__main__":
    _run()
