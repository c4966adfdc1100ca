"""Everything that is stored about one customer, ready for JSON (`watchpost customer export`)."""

from email import message_from_bytes, policy
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from worker.errors import NotFoundError
from worker.lens import normal_address
from worker.log import address_hash
from worker.store import erased, foreign, tables
from worker.store.base import Base


def find(session: Session, source: str, shop_id: str, key: bytes) -> tables.Customer:
    """The row. Raises NotFoundError, which tells a customer who was erased from one who never was here."""
    row = session.scalar(
        select(tables.Customer).where(tables.Customer.source == source, tables.Customer.shop_id == foreign.key(shop_id))
    )
    if row is not None:
        return row
    gone = erased.erased_at(session, key, source, shop_id)
    if gone is not None:
        raise NotFoundError(f"customer {source}:{shop_id} was erased at {gone:%Y-%m-%d %H:%M:%S} UTC")
    raise NotFoundError(
        f"no customer {source}:{shop_id} is stored; the id is the shop's (explain and outbox list show it), "
        "not the name in the settings"
    )


def export(session: Session, source: str, shop_id: str, key: bytes) -> dict[str, Any]:
    """The customer with relations, watches, notifications and mails. Raises NotFoundError."""
    customer = find(session, source, shop_id, key)
    relations = session.scalars(
        select(tables.Relation).where(tables.Relation.customer_id == customer.id).order_by(tables.Relation.id)
    )
    notifications = session.scalars(
        select(tables.Notification)
        .where(tables.Notification.customer_id == customer.id)
        .order_by(tables.Notification.id)
    )
    mails = session.scalars(select(tables.Mail).where(tables.Mail.customer_id == customer.id).order_by(tables.Mail.id))
    return {
        "customer": _columns(customer),
        "suppressed": _suppression(session, customer, key),
        "relations": [_relation(session, row) for row in relations],
        "notifications": [_columns(row) for row in notifications],
        "mails": [_mail(row) for row in mails],
    }


def _columns(row: Base) -> dict[str, Any]:
    """Every column, so that one that is added later can't be forgotten here."""
    return {column.key: getattr(row, column.key) for column in row.__mapper__.column_attrs}


def _relation(session: Session, row: tables.Relation) -> dict[str, Any]:
    versions = session.scalars(
        select(tables.RelationVersion)
        .where(tables.RelationVersion.relation_id == row.id)
        .order_by(tables.RelationVersion.version)
    )
    watches = session.scalars(
        select(tables.Watch).where(tables.Watch.relation_id == row.id).order_by(tables.Watch.kind)
    )
    return {
        **_columns(row),
        "versions": [_columns(version) for version in versions],
        "watches": [_columns(watch) for watch in watches],
    }


def _mail(row: tables.Mail) -> dict[str, Any]:
    message = message_from_bytes(row.message, policy=policy.default)
    body = message.get_body(("plain",)) if row.message else None
    return {
        **{name: value for name, value in _columns(row).items() if name not in {"message", "lease_token"}},
        "headers": [[name, str(value)] for name, value in message.items()],
        "text": None if body is None else body.get_content(),
    }


def _suppression(session: Session, customer: tables.Customer, key: bytes) -> dict[str, Any] | None:
    address = normal_address(customer.email)
    row = session.get(tables.Suppression, address_hash(key, address)) if address else None
    return None if row is None else _columns(row)
