"""Tells a row that can't be worked on, which is put aside while the others go on, from an installation that does not work."""

from celery.exceptions import SoftTimeLimitExceeded
from sqlalchemy.exc import DataError, IntegrityError, SQLAlchemyError, StatementError

from worker.errors import WatchpostError


def is_poison(problem: Exception) -> bool:
    """The error speaks of one row: of the database's errors only those that refuse a value or a row."""
    if isinstance(problem, SQLAlchemyError):
        # A StatementError that is no error of the driver: a value that no column type takes.
        return isinstance(problem, DataError | IntegrityError) or type(problem) is StatementError
    # The time of a task can be over at any line, with whatever row is being worked on just then.
    return not isinstance(problem, WatchpostError | SoftTimeLimitExceeded)
