"""Upgrades from one version to the next, played with a copy of the program that has one more migration."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import inspect, text

from tests.support.children import CHECKOUT, Child
from tests.support.databases import opened
from worker.errors import SchemaError
from worker.store import schema, tables
from worker.store.session import Store

# Prints what the check says before and what the upgrade returns or says.
NEXT_PROGRAM = """
import sys
from worker.errors import SchemaError
from worker.store import schema
from worker.store.session import Store
store = Store(sys.argv[1])
try:
    schema.check(store)
except SchemaError as error:
    print(error, flush=True)
try:
    print(schema.upgrade(store), flush=True)
except (SchemaError, ArithmeticError) as error:
    print(f"{type(error).__name__}: {error}", flush=True)
store.dispose()
"""
MIGRATION = """
import sqlalchemy as sa
from alembic import op

revision = "9999"
down_revision = {head!r}

def upgrade():
    {body}
"""
ADD = 'op.add_column("product", sa.Column("nickname", sa.Text))'
COPY = """with op.batch_alter_table("product") as batch:
        batch.alter_column("label", new_column_name="title")"""
CRASH = f"{ADD}; 1 / 0"
UNLINK = 'op.execute("DELETE FROM product")'
WISH = """
class Wish(Base):
    __tablename__ = "wish"
    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    price: Mapped[Decimal]
"""
WRITE_MIGRATION = """
from worker.store.migrations.__main__ import main
main("A wish")
"""

# PostgreSQL alters tables in place and checks links all the time.
ONLY_SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def upgrade_with(store: Store, store_url: str, tmp_path: Path) -> Callable[[str], list[str]]:
    """Let the next version of the program, whose migration does `body`, check and upgrade the store's database."""

    def run(body: str) -> list[str]:
        root = tmp_path / "next 100%"  # neither a space nor a percent sign in the path may matter
        shutil.copytree(CHECKOUT / "worker", root / "worker", ignore=shutil.ignore_patterns("__pycache__"))
        versions = root / "worker" / "store" / "migrations" / "versions"
        (versions / "v9999_next.py").write_text(MIGRATION.format(head=schema.upgrade(store), body=body))
        with Child(NEXT_PROGRAM, store_url, package_root=root) as child:
            said = [child.hear(), child.hear()]
            assert child.end() == 0
        return said

    return run


@pytest.fixture
def store_url(database_url: str) -> str:
    """A database whose schema the test may change for good."""
    with opened(database_url) as store:
        schema.upgrade(store)
    return database_url


def test_each_version_refuses_the_schema_of_the_other(store: Store, upgrade_with: Callable[[str], list[str]]) -> None:
    said_by_the_next, version = upgrade_with(ADD)
    assert 'this program needs 9999: run "watchpost init"' in said_by_the_next
    assert version == "9999"
    for use in (schema.check, schema.upgrade):
        with pytest.raises(SchemaError, match=r"database\.url .*schema 9999.*this program is older than the database"):
            use(store)


def test_a_migration_that_fails_changes_nothing(store: Store, upgrade_with: Callable[[str], list[str]]) -> None:
    assert upgrade_with(CRASH)[1] == "ZeroDivisionError: division by zero"
    schema.check(store)
    assert "nickname" not in {column["name"] for column in inspect(store.engine).get_columns("product")}


@ONLY_SQLITE
def test_copying_a_table_keeps_the_rows_that_point_to_it(
    store: Store, upgrade_with: Callable[[str], list[str]]
) -> None:
    add_named_product(store)
    assert upgrade_with(COPY)[1] == "9999"
    with store.read() as session:
        assert session.execute(text("SELECT title, name FROM product, product_text")).all() == [("lamp", "Lamp")]


@ONLY_SQLITE
def test_a_migration_that_breaks_a_link_changes_nothing(store: Store, upgrade_with: Callable[[str], list[str]]) -> None:
    add_named_product(store)
    assert "SchemaError: database.url" in (said := upgrade_with(UNLINK)[1])
    assert "rows of product_text would point to rows of product that don't exist" in said
    with store.read() as session:
        assert session.scalars(text("SELECT label FROM product")).all() == ["lamp"]


def add_named_product(store: Store) -> None:
    with store.begin() as session:
        text_ = tables.ProductText(language="en", name="Lamp", slug="lamp")
        session.add(tables.Product(source="shop", shop_id="1", label="lamp", texts=[text_]))


def test_an_upgrade_has_all_watches_judged_anew_for_who_ended_them(database_url: str) -> None:
    with opened(database_url) as store:
        config = schema.alembic_config()
        with store.engine.begin() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "0004")
            connection.execute(
                text("INSERT INTO source_state (source, judged_by, failures) VALUES ('shop', 'days', 0)")
            )
        schema.upgrade(store)
        with store.read() as session:
            assert session.scalars(text("SELECT judged_by FROM source_state")).all() == [""]


def test_the_next_migration_is_written_from_what_the_models_say(tmp_path: Path) -> None:
    shutil.copytree(CHECKOUT / "worker", tmp_path / "worker", ignore=shutil.ignore_patterns("__pycache__"))
    models = tmp_path / "worker" / "store" / "tables.py"
    models.write_text(models.read_text() + WISH)
    with Child(WRITE_MIGRATION, package_root=tmp_path) as child:
        assert child.end() == 0
    (written,) = (tmp_path / "worker" / "store" / "migrations" / "versions").glob("v*_a_wish.py")
    script = written.read_text()
    assert re.search(r"op\.create_table\('wish',.*'price', sa\.BigInteger\(\)", script, re.DOTALL)
    assert script.count("op.create_table") == 1
