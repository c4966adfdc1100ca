"""Does a piece of work again that the database broke off: it restarted, ended our session, or chose us of a deadlock."""

import time
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

import structlog
from sqlalchemy.exc import DBAPIError, OperationalError

P = ParamSpec("P")
T = TypeVar("T")

WAITS = (0.1, 0.5, 2.0, 5.0, 10.0)
"""Seconds before each further try: a deadlock is over at once, a restart takes some seconds, and then it is given up."""
_BROKEN_OFF = frozenset({"08", "40", "57"})  # connection lost; serialization failure, deadlock; operator intervention
_CANCELLED = "57014"  # a statement that took too long would do so again
_log = structlog.get_logger(__name__)


def steady(work: Callable[P, T], waits: tuple[float, ...] = WAITS) -> Callable[P, T]:
    """`work`, done again after each of `waits` seconds where PostgreSQL broke it off.

    When the connection breaks during a commit, nobody knows whether it came through. So that is never taken for success,
    and `work` must find out by itself what is left to do: its updates are fenced by a token, a state or a unique key.
    """

    @wraps(work)
    def again(*args: P.args, **kwargs: P.kwargs) -> T:
        for wait in waits:
            try:
                return work(*args, **kwargs)
            except DBAPIError as problem:
                if not is_broken_off(problem):
                    raise
                _log.warning("database broke off, once more", work=work.__qualname__, wait=wait)
                time.sleep(wait)
        return work(*args, **kwargs)

    return again


def is_broken_off(problem: DBAPIError) -> bool:
    """Whether the same work may succeed when it is done again. Never on SQLite, where a wait for the lock was long enough."""
    if problem.connection_invalidated:
        return True
    if not isinstance(problem, OperationalError):
        return False
    state: str | None = getattr(problem.orig, "sqlstate", "")  # SQLite's errors have none at all
    if state is None:  # it comes from the client library: no connection could be made, or it refuses the statement
        return problem.statement is None
    return state[:2] in _BROKEN_OFF and state != _CANCELLED
