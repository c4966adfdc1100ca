"""Fixtures: real databases, a real Redis, a real SMTP server. The helpers behind them live in tests/support."""

import faulthandler
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.support import compiled_once
from tests.support.databases import PostgresPool, SqliteTemplate, opened
from tests.support.network import loopback_only
from tests.support.postgres import PostgresServer, running_postgres
from tests.support.redis import running_redis
from tests.support.smtp import SmtpSink
from worker.store.session import Store

# A busy machine is no reason for a test to fail.
settings.register_profile("watchpost", deadline=None)
settings.load_profile("watchpost")
compiled_once.share()

BACKENDS = ["sqlite", "postgresql"]


def pytest_xdist_auto_num_workers() -> int:
    """A test process for each core, and one more: those that start services wait for them half of the time.

    Not more than there is work for: each has a PostgreSQL and a Redis of its own.
    """
    return min(os.cpu_count() or 1, 8) + 1


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Deal each folder's files evenly over the run: some wait for services, others compute, and no core should wait with them."""
    folders: dict[Path, dict[Path, None]] = {}
    for item in items:
        folders.setdefault(item.path.parent, {})[item.path] = None
    place = {file: (number + 0.5) / len(files) for files in folders.values() for number, file in enumerate(files)}
    items.sort(key=lambda item: (place[item.path], item.path))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show what tests measured (`record_property`), whichever process they ran in."""
    for outcome in ("passed", "failed"):
        for report in terminalreporter.getreports(outcome):
            for name, value in report.user_properties if report.when == "call" else ():
                terminalreporter.write_line(f"{name}: {value}")


@pytest.fixture(autouse=True)
def _patience_with_long_tests(request: pytest.FixtureRequest) -> None:
    """What takes minutes is not taken for a test that hangs; it bounds itself."""
    if request.node.get_closest_marker("long"):
        faulthandler.cancel_dump_traceback_later()


@pytest.fixture(scope="session", autouse=True)
def _network_off() -> Iterator[None]:
    with loopback_only():
        yield


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """One PostgreSQL for the whole run, started by the first test that needs it."""
    with running_postgres() as server:
        yield server


@pytest.fixture(scope="session")
def postgres_pool(postgres_server: PostgresServer) -> Iterator[PostgresPool]:
    pool = PostgresPool(postgres_server)
    yield pool
    pool.close()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> SqliteTemplate:
    return SqliteTemplate(tmp_path_factory.mktemp("sqlite-template"))


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """A new, empty PostgreSQL database without the schema."""
    name = postgres_server.create_database()
    yield postgres_server.url(name)
    postgres_server.drop_database(name)


@pytest.fixture(params=BACKENDS)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A new, empty database without the schema, on SQLite and on PostgreSQL."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'empty.db'}"
    url: str = request.getfixturevalue("postgres_url")
    return url


@pytest.fixture(params=BACKENDS)
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database with the schema and no rows, on both; for tests that start processes."""
    if request.param == "sqlite":
        template: SqliteTemplate = request.getfixturevalue("sqlite_template")
        return template.copy_to(tmp_path)
    pool: PostgresPool = request.getfixturevalue("postgres_pool")
    return pool.emptied()


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    """A store with the schema and no rows, on SQLite and on PostgreSQL."""
    with opened(store_url) as store:
        yield store


@pytest.fixture
def sqlite_store(sqlite_template: SqliteTemplate, tmp_path: Path) -> Iterator[Store]:
    """A store with the schema and no rows, on SQLite only."""
    with opened(sqlite_template.copy_to(tmp_path)) as store:
        yield store


@pytest.fixture
def postgres_store(postgres_pool: PostgresPool) -> Iterator[Store]:
    """A store with the schema and no rows, on PostgreSQL only."""
    with opened(postgres_pool.emptied()) as store:
        yield store


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """One Redis for the whole run. A test that minds what others left there flushes it first."""
    with running_redis() as server:
        yield server.url


@pytest.fixture
def smtp_sink() -> Iterator[SmtpSink]:
    """A recording SMTP server on a free port."""
    with SmtpSink() as sink:
        yield sink
