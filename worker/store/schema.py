"""The schema's version: bring a database to it, or refuse to work with another one."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from worker.errors import DatabaseSilentError, SchemaError
from worker.store.session import Store

_LOCK = 0x57617463  # "Watc": the advisory lock that upgrades on PostgreSQL take
_WRITE_THE_SAME = "UPDATE alembic_version SET version_num = version_num"


def upgrade(store: Store) -> str:
    """Bring the database to this program's schema, in one transaction; returns the schema's version.

    Of several processes that start it at once one works, the others wait and find nothing left to do.
    Raises SchemaError where the database is newer than this program, out of reach or not writable.
    """
    with _explained(store), _alone(store) as connection:
        config = alembic_config()
        _refuse_newer(store, MigrationContext.configure(connection).get_current_revision(), config)
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        return _known(config)[0]


def check(store: Store) -> None:
    """Make sure that the database has this program's schema; it is only read. Raises SchemaError, which says what to do."""
    with _explained(store), store.read() as session:
        found = MigrationContext.configure(session.connection()).get_current_revision()
        if found is None:
            raise SchemaError(f'{store.place} holds no Watchpost tables yet: run "watchpost init"')
    config = alembic_config()
    _refuse_newer(store, found, config)
    needed = _known(config)[0]
    if found != needed:
        raise SchemaError(f'{store.place} has schema {found}, this program needs {needed}: run "watchpost init"')


def prove_writable(store: Store) -> None:
    """Write something that is there already, and commit it: a full disk shows nowhere else. Raises DatabaseSilentError."""
    with _explained(store), store.begin() as session:
        session.execute(text(_WRITE_THE_SAME))


def is_empty(store: Store) -> bool:
    """Whether the database holds no Watchpost tables yet. Raises SchemaError where it can't be used."""
    with _explained(store), store.read() as session:
        return MigrationContext.configure(session.connection()).get_current_revision() is None


def alembic_config() -> Config:
    """Alembic, told where the migrations are: in this package, wherever it is installed."""
    logging.getLogger("alembic").setLevel(logging.WARNING)
    config = Config()
    config.set_main_option("script_location", "worker.store:migrations")
    config.set_main_option("file_template", "v%%(rev)s_%%(slug)s")
    return config


def _known(config: Config) -> list[str]:
    """Every version this program knows, the newest first."""
    return [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()]


@contextmanager
def _alone(store: Store) -> Iterator[Connection]:
    """A transaction that no other upgrade runs beside."""
    with store.engine.connect() as connection, _foreign_keys_off(store, connection), connection.begin():
        if not store.is_sqlite:  # there, BEGIN IMMEDIATE keeps every other writer out (session.py)
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        yield connection
        _refuse_broken_links(store, connection)


@contextmanager
def _foreign_keys_off(store: Store, connection: Connection) -> Iterator[None]:
    """SQLite alters a table by copying and dropping it; the drop would delete the rows of tables that point to it.

    The switch does nothing inside a transaction (sqlite.org/lang_altertable.html), so it is set around it.
    """
    driver = connection.connection.driver_connection
    if not store.is_sqlite or driver is None:
        yield
        return
    driver.execute("PRAGMA foreign_keys=OFF")
    try:
        yield
    finally:
        driver.execute("PRAGMA foreign_keys=ON")


def _refuse_broken_links(store: Store, connection: Connection) -> None:
    """PostgreSQL checks by itself; SQLite did not while its foreign keys were off."""
    if store.is_sqlite and (broken := connection.exec_driver_sql("PRAGMA foreign_key_check").first()):
        raise SchemaError(f"{store.place}: rows of {broken[0]} would point to rows of {broken[2]} that don't exist")


def _refuse_newer(store: Store, found: str | None, config: Config) -> None:
    known = _known(config)
    if found is not None and found not in known:
        raise SchemaError(
            f"{store.place} has schema {found}, but this program knows only up to {known[0]}: "
            "this program is older than the database; install the version that created it, or a newer one"
        )


@contextmanager
def _explained(store: Store) -> Iterator[None]:
    """Turn the driver's errors into one that names the setting."""
    if "@" in (store.engine.url.host or ""):  # what was taken for the host holds the end of the password
        raise SchemaError('database.url can\'t be understood: write "@" in the password as %40')
    try:
        yield
    except DBAPIError as error:
        raise DatabaseSilentError(store.trouble(error)) from error
