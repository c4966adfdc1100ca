"""Engine and transactions, alike on SQLite (WAL, one writer at a time) and PostgreSQL."""

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Engine, ExceptionContext, create_engine, event, make_url, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

IDLE_LIMIT = "60s"
"""After so long PostgreSQL ends a session that does nothing inside a transaction: a frozen process must not keep its locks."""

_PATIENCE = 30
"""Seconds that SQLite waits for another process."""
_READ = "watchpost_read"


class Store:
    """One database. Every stage opens its short transactions here; none stays open across network I/O."""

    def __init__(self, url: str, *, echo: bool = False, pool_size: int = 8) -> None:
        parsed = make_url(url)
        self.is_sqlite = parsed.get_backend_name() == "sqlite"
        options: dict[str, Any] = {
            "echo": echo,
            "hide_parameters": True,
            "pool_size": pool_size,
            "max_overflow": pool_size,
        }
        if self.is_sqlite:
            options["connect_args"] = {"timeout": _PATIENCE}
        else:
            options["pool_pre_ping"] = True
            parameters = f"-c timezone=utc -c idle_in_transaction_session_timeout={IDLE_LIMIT}"
            options["connect_args"] = {"connect_timeout": 10, "options": parameters}
        self.engine: Engine = create_engine(parsed, **options)
        if self.is_sqlite:
            _tame_sqlite(self.engine)
        event.listen(self.engine, "handle_error", _hide_rows)

    @contextmanager
    def begin(self) -> Iterator[Session]:
        """A write transaction: commits at the end, rolls back on any error. BEGIN IMMEDIATE on SQLite."""
        with Session(self.engine, expire_on_commit=False) as session, session.begin():
            yield session

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A transaction that only reads; on SQLite it takes no write lock, whatever others do."""
        with Session(self.engine.execution_options(**{_READ: True}), expire_on_commit=False) as session:
            yield session  # closing rolls back; a rollback of our own would make what was read unreadable

    @property
    def place(self) -> str:
        """The setting and its value for messages, without the password and without options, which may hold one, too."""
        url = self.engine.url
        shown = url.set(query={key: value for key, value in url.query.items() if key == "host"})
        return f"database.url ({shown.render_as_string(hide_password=True)})"

    def trouble(self, problem: DBAPIError) -> str:
        """What went wrong, in one line: the setting, the driver's reason, and what an operator can look at."""
        remedy = (
            "is there room on the disk, may this user write there, does another program hold it, is the file whole?"
            if self.is_sqlite
            else "does the server run, and does it let this user in and write?"
        )
        return f"{self.place} can't be used: {reason(problem)}; {remedy}"

    def lease_now(self, session: Session) -> datetime:
        """The clock that leases live by: the database's on PostgreSQL, so that machines with wrong clocks agree; ours on SQLite."""
        if self.is_sqlite:
            return datetime.now(UTC)
        moment: datetime = session.execute(text("SELECT clock_timestamp()")).scalar_one()
        return moment.astimezone(UTC)

    def dispose(self) -> None:
        """Close every pooled connection."""
        self.engine.dispose()


def reason(problem: DBAPIError) -> str:
    """The driver's own words, their first line."""
    return (str(problem.orig).splitlines() or [type(problem.orig).__name__])[0]


def _hide_rows(context: ExceptionContext) -> None:
    """Cut the details that PostgreSQL adds to its errors: they quote whole rows, and errors end up in logs."""
    for error in (context.original_exception, context.sqlalchemy_exception):
        if error is not None and error.args:
            error.args = (str(error.args[0]).partition("\n")[0], *error.args[1:])


def _make_private(file: str) -> None:
    """SQLite would make it readable for everybody; it gives the files beside it the mode of this one.

    Only a new file is opened here: to close one would take away the locks that this process holds on it.
    """
    with suppress(OSError):  # where it can't be made, SQLite says so
        os.close(os.open(file, os.O_CREAT | os.O_EXCL, 0o600))


def _switch_to_wal(cursor: sqlite3.Cursor) -> None:
    """While another process makes the same new database, SQLite refuses this at once, whatever the time-out says."""
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as problem:
            if problem.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return


def _tame_sqlite(engine: Engine) -> None:
    @event.listens_for(engine, "do_connect")
    def _make(*_: object) -> None:
        file = engine.url.database or ":memory:"
        if not file.startswith((":memory:", "file:")):
            _make_private(file)

    @event.listens_for(engine, "connect")
    def _connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # the driver must not begin transactions of its own
        cursor = connection.cursor()
        _switch_to_wal(cursor)
        cursor.execute("PRAGMA synchronous=FULL")  # a mail marked as sent must survive a power cut
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.execute(f"PRAGMA busy_timeout={1000 * _PATIENCE}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # An upgrade from a read to a write lock fails at once when another writer was faster; so writers lock first.
        reading = connection.get_execution_options().get(_READ, False)
        connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")
