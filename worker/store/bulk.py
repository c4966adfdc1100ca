"""Many rows at once: what an import of a million relations is made of.

SQLAlchemy converts every value of every row by itself; here the same conversions are applied column by column, and each
distinct time once. That takes a third of the time.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import Dialect, Table, bindparam, func, select
from sqlalchemy.orm import Session
from sqlalchemy.types import TypeEngine

from worker.store.base import Base, bare
from worker.store.types import CleanText

Convert = Callable[[list[Any]], list[Any]]
"""What turns a column's values into the driver's."""


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
    columns = [convert([row[name] for row in rows]) for name, convert in converters]
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
def _plan(table: Table, names: tuple[str, ...], dialect: Dialect) -> tuple[str, tuple[tuple[str, Convert], ...]]:
    """The statement in the driver's own words, and what to do to the values of each column."""
    quoted = ", ".join(dialect.identifier_preparer.quote(name) for name in names)
    marks = ", ".join(["?" if dialect.paramstyle == "qmark" else "%s"] * len(names))
    statement = f"INSERT INTO {dialect.identifier_preparer.quote(table.name)} ({quoted}) VALUES ({marks})"  # noqa: S608 - names of ours
    return statement, tuple((name, _converter(table.c[name].type, dialect)) for name in names)


def _converter(kind: TypeEngine[Any], dialect: Dialect) -> Convert:
    convert = kind.dialect_impl(dialect).bind_processor(dialect)
    if convert is None:
        return _as_it_is
    if isinstance(kind, CleanText):
        return lambda values: values if _is_plain(values) else list(map(convert, values))
    return lambda values: _each_once(values, convert)


def _as_it_is(values: list[Any]) -> list[Any]:
    return values


def _is_plain(values: list[Any]) -> bool:
    """Whether `clean_text` would leave all of them alone, found out at once."""
    together = "".join([value for value in values if value is not None])
    return together.isascii() and "\0" not in together


def _each_once(values: list[Any], convert: Callable[[Any], Any]) -> list[Any]:
    """Times repeat (those of the sync, many an end), and so do flags and prices."""
    known = {value: convert(value) for value in set(values)}
    return [known[value] for value in values]
