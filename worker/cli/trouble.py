"""What the database and the system refuse, in words that tell an operator where it was and what to do."""

import errno
import os
import sys

from sqlalchemy.exc import DBAPIError

from worker.errors import DatabaseError, WatchpostError
from worker.store.session import Store, reason

_NOT_WRITTEN = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}
"""Of files that are open, by then without a name. (Where nobody reads any more, EPIPE, click ends quietly.)"""


def explain(problem: DBAPIError | OSError, store: Store | None) -> WatchpostError | None:
    """The error to end a command with; None for what is no operator's business. `store` is the database, if it was opened."""
    if isinstance(problem, DBAPIError):
        return DatabaseError(store.trouble(problem) if store else reason(problem))
    if problem.filename is not None:
        remedy = "let this user read and write there, make room, or name another place"
        return WatchpostError(f"{problem.filename}: {problem.strerror}; {remedy}")
    if problem.errno in _NOT_WRITTEN:
        _forget_output()
        return WatchpostError(f"the output can't be written: {problem.strerror}")
    return None


def _forget_output() -> None:
    """Where standard output takes nothing, Python would try, and complain, once more at its end."""
    try:
        sys.stdout.flush()
    except OSError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
