"""What every table is made of: constraint names that migrations can speak of, and our column types."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, cast

from sqlalchemy import JSON, BigInteger, Integer, LargeBinary, MetaData, Table, bindparam
from sqlalchemy.orm import DeclarativeBase, Session

from worker.store.types import Money, UtcDateTime

# SQLite numbers only INTEGER primary keys by itself; PostgreSQL gets bigints.
RowId = BigInteger().with_variant(Integer, "sqlite")


class Base(DeclarativeBase):
    """Names every constraint, so that migrations can speak of them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy reads a plain dict here
        datetime: UtcDateTime,
        Decimal: Money,
        dict[str, Any]: JSON,
        bytes: LargeBinary,
    }


def bare(model: type[Base]) -> Table:
    """The table itself: statements on it skip the ORM, which many rows at once would pay for."""
    return cast(Table, model.__table__)


def update_rows(session: Session, model: type[Base], rows: Sequence[Mapping[str, Any]]) -> None:
    """Update many rows by `row_id` in one go; each mapping names the same columns."""
    if not rows:
        return
    table = bare(model)
    columns: dict[str, Any] = {name: bindparam(name) for name in rows[0] if name != "row_id"}
    # In the order of ids, so that nobody waits in a circle.
    ordered = sorted(rows, key=lambda row: row["row_id"])
    session.connection().execute(table.update().where(table.c.id == bindparam("row_id")).values(columns), ordered)
