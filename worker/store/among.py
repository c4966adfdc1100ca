"""`column IN (many values)` as one parameter: a statement with a thousand parameters takes longer to write than to run."""

import json
from collections.abc import Collection
from typing import Any

from sqlalchemy import ARRAY, BigInteger, ColumnElement, Text, any_, func, literal, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from worker.store.types import CleanText, clean_text


def among(
    session: Session, column: InstrumentedAttribute[Any], values: Collection[str] | Collection[int]
) -> ColumnElement[bool]:
    """Whether the column's value is one of these: texts, cleaned as CleanText does it, or whole numbers."""
    wanted = [clean_text(value) if isinstance(value, str) else value for value in values]
    if session.get_bind().dialect.name == "sqlite":
        listed = func.json_each(json.dumps(wanted)).table_valued("value")
        return column.in_(select(listed.c.value))
    kind = Text() if isinstance(column.type, CleanText) else BigInteger()
    return column == any_(literal(wanted, ARRAY(kind)))
