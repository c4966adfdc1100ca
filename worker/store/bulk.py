"""Many rows at once: what an import of a million relations is made of.

SQLAlchemy converts every value of every row by itself; here the same conversions are applied column by column, and each
distinct time once. That takes a third of the time.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import Dialect, Table, bindparam, func, select
from sqlalchemy.orm import Session

from worker.store.base import Base, bare

Convert = Callable[[Any], Any]


def new_ids(session: Session, model: type[Base], count: int) -> list[int]:
    """Ids for rows about to be inserted, so that nobody has to ask afterwards which row got which."""
    if session.get_bind().dialect.name == "sqlite":  # a transaction of ours is the only writer
        last: int = session.scalar(select(func.coalesce(func.max(bare(model).c.id), 0))) or 0
        return list(range(last + 1, last + count + 1))
    taken = func.nextval(func.pg_get_serial_sequence(model.__tablename__, "id"))
    return list(session.scalars(select(taken).select_from(func.generate_series(1, count))))


def insert_rows(session: Session, model: type[Base], rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows that all name the same columns; columns they don't name get what the database puts there."""
    if not rows:
        return
    session.flush()  # what they point to
    connection = session.connection()
    statement, converters = _plan(bare(model), tuple(rows[0]), connection.dialect)
    columns = [_converted([row[name] for row in rows], convert) for name, convert in converters]
    connection.exec_driver_sql(statement, list(zip(*columns, strict=True)))


def update_rows(session: Session, model: type[Base], rows: Sequence[Mapping[str, Any]]) -> None:
    """Update many rows by `row_id`; each mapping names the same columns."""
    if not rows:
        return
    table = bare(model)
    columns: dict[str, Any] = {name: bindparam(name) for name in rows[0] if name != "row_id"}
    # In the order of ids, so that nobody waits in a circle.
    ordered = sorted(rows, key=lambda row: row["row_id"])
    session.connection().execute(table.update().where(table.c.id == bindparam("row_id")).values(columns), ordered)


@lru_cache(maxsize=32)
def _plan(table: Table, names: tuple[str, ...], dialect: Dialect) -> tuple[str, tuple[tuple[str, Convert | None], ...]]:
    """The statement in the driver's own words, and what to do to the values of each column."""
    quoted = ", ".join(dialect.identifier_preparer.quote(name) for name in names)
    marks = ", ".join(["?" if dialect.paramstyle == "qmark" else "%s"] * len(names))
    statement = f"INSERT INTO {dialect.identifier_preparer.quote(table.name)} ({quoted}) VALUES ({marks})"  # noqa: S608 - names of ours
    converters = tuple((name, table.c[name].type.dialect_impl(dialect).bind_processor(dialect)) for name in names)
    return statement, converters


def _converted(values: list[Any], convert: Convert | None) -> list[Any]:
    if convert is None:
        return values
    if isinstance(values[0], datetime) or values[0] is None:  # times repeat: of a sync, of a day's relations
        known: dict[Any, Any] = {}
        return [known[value] if value in known else known.setdefault(value, convert(value)) for value in values]
    return list(map(convert, values))
