"""What Alembic runs: the migrations, on the connection and inside the transaction that schema.py opened.

To add a migration, change worker/store/tables.py and then, in a checkout:

    python -m worker.store.migrations "why the schema changes"
    ruff format worker/store/migrations

and read what it wrote: it cannot guess renames or how old rows get their values. A migration that was released is
never changed again. (The newest, while it is not released, may be deleted and written anew in the same way.)
"""

from typing import Any, Literal

from alembic import context
from sqlalchemy import Connection
from sqlalchemy.types import TypeDecorator

from worker.store import tables


def _render(kind: str, item: Any, _context: object) -> str | Literal[False]:
    """Write our own column types as what they are in the database: a migration must not change when they do."""
    if kind == "type" and isinstance(item, TypeDecorator):
        return f"sa.{item.impl_instance!r}"
    return False


def _run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=tables.Base.metadata,
        render_as_batch=context.config.attributes.get("render_as_batch", False),  # SQLite alters tables by copying them
        render_item=_render,
        compare_server_default=True,
    )
    with context.begin_transaction():
        context.run_migrations()


_run(context.config.attributes["connection"])
