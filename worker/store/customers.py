"""Mirrors a shop's customers: a page of them at a time, written only where something changed."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from worker.domain.model import Customer
from worker.domain.terms import Defaults
from worker.store import foreign, tables
from worker.store.among import among
from worker.store.bulk import insert_rows, new_ids


@dataclass(frozen=True, slots=True)
class Mirror:
    """What pages of one sync are stored with."""

    source: str
    defaults: Defaults
    language: str
    """The language of customers who have none."""
    now: datetime
    lists_customers: bool
    """The interface lists all customers itself; else each is asked for by itself."""
    imported: bool
    """The shop was imported as a whole before: who comes now is new in it."""
    products: dict[str, int] = field(default_factory=dict)
    """Rows of products met in this sync, by shop id."""
    views: dict[tuple[int, str, str], datetime] = field(default_factory=dict)
    """Until when views (product, language, currency) are known to last."""


@dataclass(frozen=True, slots=True)
class Owner:
    """A customer's row, as far as relations need it."""

    id: int
    first_synced_at: datetime | None
    language: str


_FIELDS = ("account", "email", "language", "salutation", "firstname", "lastname", "enabled")


@dataclass(frozen=True, slots=True)
class Upserted:
    """Customers' rows by shop id, and how many that were known say something new."""

    owners: dict[str, Owner]
    changed: int
    new: frozenset[int]
    """Rows that were not here before."""


def upsert(session: Session, mirror: Mirror, found: Mapping[str, Customer], *, touch: bool = False) -> Upserted:
    """Bring customers, given by the key the source calls them, up to date; `touch` those who say nothing new, too."""
    fields = {foreign.key(customer.id): _fields(key, customer) for key, customer in found.items()}
    rows = {
        row.shop_id: row
        for row in session.scalars(
            select(tables.Customer).where(
                tables.Customer.source == mirror.source, among(session, tables.Customer.shop_id, fields.keys())
            )
        )
    }
    owners, changed = {}, 0
    for shop_id, row in rows.items():
        changed += _update(session, mirror, row, fields[shop_id], touch=touch)
        owners[shop_id] = _owner(mirror, row.id, row.first_synced_at, row.language)
    new = {shop_id: values for shop_id, values in fields.items() if shop_id not in rows}
    added = _insert(session, mirror, new)
    return Upserted(owners | added, changed, frozenset(owner.id for owner in added.values()))


def known(
    session: Session, mirror: Mirror, shop_ids: Collection[str], *, seen_since: datetime | None = None
) -> dict[str, Owner]:
    """The rows of customers that are here already, or of those the shop told of since a moment."""
    customer = tables.Customer
    query = select(customer.shop_id, customer.id, customer.first_synced_at, customer.language).where(
        customer.source == mirror.source, among(session, customer.shop_id, shop_ids)
    )
    rows = session.execute(query if seen_since is None else query.where(customer.seen_at >= seen_since))
    return {shop_id: _owner(mirror, row_id, synced, language) for shop_id, row_id, synced, language in rows}


def disable_account(session: Session, source: str, account: str, now: datetime) -> None:
    """The shop switched this customer off; the relations are kept and wait."""
    session.execute(
        update(tables.Customer)
        .where(tables.Customer.source == source, tables.Customer.account == account)
        .values(enabled=False, seen_at=now, unread_since=None)
    )


def mark_unread(session: Session, source: str, account: str, now: datetime) -> None:
    """This customer could not be read; what we know of him grows old from here on."""
    session.execute(
        update(tables.Customer)
        .where(
            tables.Customer.source == source,
            tables.Customer.account == account,
            tables.Customer.unread_since.is_(None),
        )
        .values(unread_since=now)
    )


def _fields(key: str, customer: Customer) -> dict[str, Any]:
    return {
        "account": key,
        "email": None if customer.email is None else foreign.name(customer.email),
        "language": None if customer.language is None else foreign.key(customer.language),
        "salutation": foreign.name(customer.salutation),
        "firstname": foreign.name(customer.firstname),
        "lastname": foreign.name(customer.lastname),
        "enabled": customer.enabled,
    }


def _update(session: Session, mirror: Mirror, row: tables.Customer, fields: Mapping[str, Any], *, touch: bool) -> bool:
    changed = [name for name in _FIELDS if getattr(row, name) != fields[name]]
    if row.language != fields["language"]:
        _needs_other_views(session, row.id)
    for name in changed:
        setattr(row, name, fields[name])
    if changed or touch:
        row.seen_at = mirror.now
    if row.unread_since is not None:
        row.unread_since = None
    return bool(changed)


def _needs_other_views(session: Session, customer_id: int) -> None:
    watched = select(tables.Relation.product_id).where(
        tables.Relation.customer_id == customer_id, tables.Relation.product_id.is_not(None)
    )
    session.execute(update(tables.Product).where(tables.Product.id.in_(watched)).values(unsure=True))


def _insert(session: Session, mirror: Mirror, new: Mapping[str, Mapping[str, Any]]) -> dict[str, Owner]:
    if not new:
        return {}
    synced = mirror.now if mirror.lists_customers and mirror.imported else None
    common = {"source": mirror.source, "first_synced_at": synced, "seen_at": mirror.now, "unread_since": None}
    ids = dict(zip(new, new_ids(session, tables.Customer, len(new)), strict=True))
    insert_rows(
        session,
        tables.Customer,
        [{"id": ids[shop_id], "shop_id": shop_id, **values, **common} for shop_id, values in new.items()],
    )
    return {shop_id: _owner(mirror, ids[shop_id], synced, values["language"]) for shop_id, values in new.items()}


def _owner(mirror: Mirror, row_id: int, synced: datetime | None, language: str | None) -> Owner:
    return Owner(row_id, synced, language or mirror.language)
