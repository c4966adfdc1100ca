"""INSERT ... ON CONFLICT, which both databases speak but SQLAlchemy offers only by dialect."""

from typing import Any, cast

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session


def insert_on_conflict(session: Session, table: Any) -> postgresql.Insert:
    """An INSERT with `on_conflict_do_nothing` and `on_conflict_do_update`, alike in both dialects."""
    dialect = sqlite if session.get_bind().dialect.name == "sqlite" else postgresql
    return cast(postgresql.Insert, dialect.insert(table))
