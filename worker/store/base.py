"""What every table is made of: constraint names that migrations can speak of, and our column types."""

from datetime import datetime
from decimal import Decimal
from typing import Any, cast

from sqlalchemy import JSON, BigInteger, Index, Integer, LargeBinary, MetaData, Table, text
from sqlalchemy.orm import DeclarativeBase

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


def partial_index(name: str, *columns: str, where: str) -> Index:
    """An index of those rows only that somebody looks for."""
    return Index(name, *columns, sqlite_where=text(where), postgresql_where=text(where))
