"""The schema's version: what is upgraded, what is refused, and what the refusal tells the operator."""

import logging
import re
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text

from tests.support.catalog import facts
from tests.support.children import Child, hear_all
from tests.support.databases import opened
from worker.errors import SchemaError
from worker.store import schema, tables
from worker.store.session import Store

UPGRADE = """
import sys
from worker.store import schema
from worker.store.session import Store
store = Store(sys.argv[1])
print("ready", flush=True)
input()
print(schema.upgrade(store), flush=True)
store.dispose()
"""


@pytest.fixture
def empty(database_url: str) -> Iterator[Store]:
    with opened(database_url) as store:
        yield store


def refusal(url: str, look: Callable[[Store], None] = schema.check) -> str:
    """What `check` says about a database."""
    with opened(url) as store, pytest.raises(SchemaError) as caught:
        look(store)
    return str(caught.value)


def test_migrations_make_exactly_the_tables_of_the_models(empty: Store) -> None:
    schema.upgrade(empty)
    with empty.engine.begin() as connection:
        context = MigrationContext.configure(connection, opts={"compare_server_default": True})
        assert compare_metadata(context, tables.Base.metadata) == []
        migrated = facts(connection)
        tables.Base.metadata.drop_all(connection)
        tables.Base.metadata.create_all(connection)
        assert migrated == facts(connection), "write a migration: see worker/store/migrations/env.py"


def test_an_upgraded_database_is_accepted(empty: Store) -> None:
    schema.upgrade(empty)
    schema.check(empty)


def test_a_second_upgrade_finds_nothing_to_do(empty: Store) -> None:
    assert schema.upgrade(empty) == schema.upgrade(empty)


def test_an_empty_database_is_refused_with_the_remedy(database_url: str) -> None:
    assert re.search(r'database\.url .*no Watchpost tables.*run "watchpost init"', refusal(database_url))


def test_processes_that_upgrade_at_once_all_succeed(database_url: str) -> None:
    with ExitStack() as stack:
        children = [stack.enter_context(Child(UPGRADE, database_url)) for _ in range(2)]
        assert hear_all(children) == ["ready"] * 2
        for child in children:
            child.tell()
        assert len(set(hear_all(children))) == 1
        assert [child.end() for child in children] == [0] * 2
    with opened(database_url) as store:
        schema.check(store)


def test_an_upgrade_says_nothing_in_the_log(empty: Store, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        schema.upgrade(empty)
    assert caplog.messages == []


def test_foreign_keys_are_enforced_again_after_an_upgrade(tmp_path: Path) -> None:
    with opened(f"sqlite:///{tmp_path / 'w.db'}") as store:
        schema.upgrade(store)
        with store.engine.connect() as connection:
            assert connection.execute(text("PRAGMA foreign_keys")).scalar_one() == 1


@pytest.mark.parametrize("options", ["", "?password=s3cret"])
def test_an_unreachable_server_is_named_without_its_password(options: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    said = refusal(f"postgresql+psycopg://watch:s3cret@127.0.0.1:{port}/w{options}")
    assert f"database.url (postgresql+psycopg://watch:***@127.0.0.1:{port}/w) can't be used: " in said
    assert "Connection refused" in said
    assert "s3cret" not in said


def test_a_password_with_an_unescaped_at_sign_is_not_shown_as_host() -> None:
    said = refusal("postgresql+psycopg://watch:s3@cret@127.0.0.1/w")
    assert "%40" in said
    assert "cret" not in said


def test_a_missing_database_on_the_server_is_named(postgres_url: str) -> None:
    url = re.sub(r"/\w+\?", "/nowhere?", postgres_url)
    assert 'database "nowhere" does not exist' in refusal(url)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    said = refusal(f"sqlite:///{tmp_path}/nowhere/w.db")
    assert "database.url" in said
    assert "nowhere/w.db" in said
    assert "unable to open" in said


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("not a database, but long enough to be taken for one" * 50)
    assert "file is not a database" in refusal(f"sqlite:///{tmp_path}/notes.txt")


def test_a_database_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    with opened(f"sqlite:///{tmp_path}/w.db") as store:
        schema.upgrade(store)
    said = refusal(f"sqlite:///file:{tmp_path}/w.db?mode=ro&uri=true", schema.prove_writable)
    assert re.search(r"database\.url .*readonly.*may this user write there", said)


def test_a_server_that_only_reads_is_refused(postgres_url: str) -> None:
    with opened(postgres_url) as store:
        schema.upgrade(store)
        name = store.engine.url.database
        with store.engine.connect() as connection:
            connection.execute(text(f"ALTER DATABASE {name} SET default_transaction_read_only = on"))
            connection.commit()
    assert re.search(r"database\.url .*read-only", refusal(postgres_url, schema.prove_writable))
