"""A customer's relations in the database: found, added, changed and removed, never those of somebody else."""

import re
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from worker.shop.document import encode
from worker.shopserver.problems import Problem, Refused
from worker.shopserver.tables import Relation

_ID = re.compile("[1-9][0-9]{0,17}")


def listed(session: Session, customer_id: str, domains: Collection[str]) -> list[Relation]:
    """The customer's relations to the domains, by position; whatever their status or dates, for all of them are the customer's."""
    return list(
        session.scalars(
            select(Relation)
            .where(Relation.customer_id == customer_id, Relation.domain.in_(domains))
            .order_by(Relation.position, Relation.id)
        )
    )


def find(session: Session, customer_id: str, relation_id: str) -> Relation | None:
    """The relation, if it is this customer's."""
    if not _ID.fullmatch(relation_id):
        return None
    relation = session.get(Relation, int(relation_id))
    return relation if relation is not None and relation.customer_id == customer_id else None


def add(
    session: Session, customer_id: str, news: Sequence[tuple[str, Mapping[str, Any]]], now: datetime
) -> list[Relation]:
    """Add relations, given as (pointer, columns). Raises Refused (409) for one that is already there."""
    added = []
    for pointer, columns in news:
        relation = Relation(
            **{**columns, "config": encode(columns["config"])}, customer_id=customer_id, ctime=now, mtime=now
        )
        _check_duplicate(session, relation, pointer)
        session.add(relation)
        session.flush()
        added.append(relation)
    return added


def modify(session: Session, relation: Relation, columns: Mapping[str, Any], now: datetime) -> None:
    """Change what `columns` name; a config is replaced as a whole, ctime stays. Raises Refused (409) where the type is taken."""
    for name, value in columns.items():
        setattr(relation, name, encode(value) if name == "config" else value)
    relation.mtime = now
    with session.no_autoflush:
        _check_duplicate(session, relation, "/data")
    session.flush()


def _check_duplicate(session: Session, relation: Relation, pointer: str) -> None:
    other = session.scalar(
        select(Relation.id).where(
            Relation.customer_id == relation.customer_id,
            Relation.domain == relation.domain,
            Relation.type == relation.type,
            Relation.refid == relation.refid,
        )
    )
    if other not in {None, relation.id}:
        detail = f"The relation {other} has the same domain, type and refid."
        raise Refused([Problem(409, detail, pointer=f"{pointer}/attributes")])
