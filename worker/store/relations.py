"""Mirrors what the shop says of its customers and their relations: upsert, new generations, versions, retirement."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from sqlalchemy import and_, or_, select, update
from sqlalchemy.orm import Session

from worker.domain.interval import active_interval
from worker.domain.model import Customer, Defect, Relation
from worker.domain.reasons import Reason
from worker.domain.terms import Defaults, Terms, parse_terms
from worker.store import config_text, foreign, tables

WATCH = ("product", "watch")
_JUDGED_BY_THE_SCAN = (Reason.FUTURE_CTIME.value, Reason.INTERNAL_ERROR.value)


@dataclass(slots=True)
class Changes:
    """What one account's relations came to; each is new, changed, revived or unchanged."""

    seen: int = 0
    new: int = 0
    changed: int = 0
    revived: int = 0
    unchanged: int = 0
    rejected: int = 0
    vanished: list[int] = field(default_factory=list)
    """Ids of relations that the shop no longer lists; the caller retires them once the whole source is read."""


def upsert_customer(session: Session, source: str, account: str, customer: Customer, now: datetime) -> tables.Customer:
    """The customer's row, brought up to date."""
    shop_id = foreign.key(customer.id)
    row = session.scalar(
        select(tables.Customer).where(tables.Customer.source == source, tables.Customer.shop_id == shop_id)
    )
    if row is None:
        row = tables.Customer(source=source, shop_id=shop_id)
        session.add(row)
    row.account = account
    row.email = None if customer.email is None else foreign.name(customer.email)
    row.language = None if customer.language is None else foreign.key(customer.language)
    row.salutation = foreign.name(customer.salutation)
    row.firstname = foreign.name(customer.firstname)
    row.lastname = foreign.name(customer.lastname)
    row.enabled = customer.enabled
    row.seen_at = now
    row.unread_since = None
    session.flush()
    return row


def upsert_relations(
    session: Session, owner: tables.Customer, relations: Sequence[Relation], *, defaults: Defaults, now: datetime
) -> Changes:
    """Bring one customer's relations up to date with a complete list of them."""
    relations = _each_once(relations)
    rows = _lock(session, owner, [relation.id for relation in relations])
    known = {row.shop_id: row for row in sorted(rows, key=lambda row: row.generation)}
    current = {row.id for row in rows if row.customer_id == owner.id and row.retired_at is None}
    products = _products(session, owner.source, {r.refid for r in relations if (r.domain, r.type) == WATCH})
    changes = Changes()
    for relation in relations:
        changes.seen += 1
        row = known.get(relation.id)
        if row is not None and row.customer_id != owner.id and row.seen_at == now:
            changes.rejected += 1  # another customer of this very sync has it
            continue
        if row is None or not _same(row, relation, owner):
            if row is not None:
                _retire(session, row, now)
                current.discard(row.id)
            row = _insert(session, owner, relation, generation=row.generation + 1 if row else 1, now=now)
            known[relation.id] = row
            what = "new"
        else:
            what = "changed" if row.retired_at is None else "revived"
        current.discard(row.id)
        product = products.get(relation.refid) if (relation.domain, relation.type) == WATCH else None
        if not _update(session, row, relation, product, defaults=defaults, now=now):
            what = "unchanged"
        setattr(changes, what, getattr(changes, what) + 1)
        changes.rejected += row.rejected is not None
    changes.vanished = sorted(current)
    return changes


def retire(session: Session, ids: Iterable[int], now: datetime) -> int:
    """Mark relations as vanished from the shop; they keep their history and may be revived."""
    found = select(tables.Relation).where(tables.Relation.id.in_(list(ids))).order_by(tables.Relation.id)
    rows = session.scalars(found.with_for_update(key_share=True))
    count = 0
    for row in rows:
        count += row.retired_at is None
        _retire(session, row, now)
    return count


def disable_account(session: Session, source: str, account: str, now: datetime) -> bool:
    """The shop switched this customer off; the relations are kept and wait."""
    result = session.execute(
        update(tables.Customer)
        .where(tables.Customer.source == source, tables.Customer.account == account)
        .values(enabled=False, seen_at=now, unread_since=None)
        .returning(tables.Customer.id)
    )
    return result.first() is not None


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


def vanished_accounts(session: Session, source: str, read: Mapping[str, int | None]) -> list[int]:
    """Active relations of customers the shop is no longer read as.

    `read` tells for every account the customer who answered for it, None where nobody did.
    """
    # Compared here: PostgreSQL takes no more than 65,535 values in one statement.
    rows = session.execute(
        select(tables.Relation.id, tables.Customer.id, tables.Customer.account)
        .join(tables.Customer)
        .where(tables.Relation.source == source, tables.Relation.retired_at.is_(None))
    )
    return [
        relation_id
        for relation_id, customer_id, account in rows
        if account not in read or read[account] not in (None, customer_id)
    ]


def read_terms(row: tables.Relation, defaults: Defaults) -> Terms | Defect:
    """What the row's newest version asks for."""
    if row.defect_code is not None:
        return Defect(row.defect_code, row.defect_detail or "")
    return parse_terms(config_text.load(row.config), defaults)


def _each_once(relations: Iterable[Relation]) -> list[Relation]:
    """Made fit for the store; an id that is listed twice with different content is kept once, as defective."""
    found: dict[str, Relation] = {}
    for relation in map(_storable, relations):
        known = found.setdefault(relation.id, relation)
        if known != relation and known.defect is None:
            found[relation.id] = replace(known, defect=Defect("duplicate_id", ascii(relation.id)))
    return list(found.values())


def _storable(relation: Relation) -> Relation:
    return replace(
        relation,
        id=foreign.key(relation.id),
        domain=foreign.key(relation.domain),
        type=foreign.key(relation.type),
        refid=foreign.key(relation.refid),
    )


def _lock(session: Session, owner: tables.Customer, ids: Sequence[str]) -> Sequence[tables.Relation]:
    """All generations of these ids, and whatever else the customer has; locked in the scan's order (see cases.load)."""
    relation = tables.Relation
    mine = and_(relation.customer_id == owner.id, relation.retired_at.is_(None))
    listed = and_(relation.source == owner.source, relation.shop_id.in_(ids))
    query = select(relation).where(or_(mine, listed)).order_by(relation.id)
    return session.scalars(query.with_for_update(key_share=True)).all()


def _products(session: Session, source: str, refids: set[str]) -> dict[str, tables.Product]:
    rows = session.scalars(
        select(tables.Product).where(tables.Product.source == source, tables.Product.shop_id.in_(refids))
    )
    found = {row.shop_id: row for row in rows}
    for refid in sorted(refids - found.keys()):
        found[refid] = tables.Product(source=source, shop_id=refid, enabled=False)
        session.add(found[refid])
    session.flush()
    return found


def _same(row: tables.Relation, relation: Relation, owner: tables.Customer) -> bool:
    """The same list item: what it points to never changes, and its ctime only by deleting and adding again."""
    if row.customer_id != owner.id or (row.domain, row.type, row.refid) != (
        relation.domain,
        relation.type,
        relation.refid,
    ):
        return False
    return relation.ctime is None or not row.ctime_exact or relation.ctime == row.ctime


def _insert(
    session: Session, owner: tables.Customer, relation: Relation, *, generation: int, now: datetime
) -> tables.Relation:
    row = tables.Relation(
        source=owner.source,
        shop_id=relation.id,
        generation=generation,
        customer_id=owner.id,
        domain=relation.domain,
        type=relation.type,
        refid=relation.refid,
        ctime=relation.ctime or now,
        ctime_exact=relation.ctime is not None,
        first_import=owner.first_synced_at is None,
        first_seen_at=now,
        version=0,
        status=relation.status,
        config="",
        seen_at=now,
    )
    session.add(row)
    return row


def _update(
    session: Session,
    row: tables.Relation,
    relation: Relation,
    product: tables.Product | None,
    *,
    defaults: Defaults,
    now: datetime,
) -> bool:
    """True where the relation says something new; then it gets a version of its own."""
    if relation.ctime is not None and not row.ctime_exact:
        row.ctime, row.ctime_exact = relation.ctime, True
    config = config_text.dump(relation.config)
    defect = (relation.defect.code, relation.defect.detail) if relation.defect else (None, None)
    before = (row.config, row.status, row.datestart, row.dateend, row.defect_code, row.retired_at is not None)
    after = (config, relation.status, relation.datestart, relation.dateend, defect[0], False)
    row.config, row.status, row.datestart, row.dateend = config, relation.status, relation.datestart, relation.dateend
    row.defect_code, row.defect_detail = defect
    row.position, row.retired_at, row.seen_at = relation.position, None, now
    if product is not None:
        row.product = product
        _judge(row, defaults)
    if row.version and before == after:
        return False
    row.version += 1
    row.unscanned = product is not None  # the scan's list holds watches only
    _keep_version(session, row, now)
    return True


def _judge(row: tables.Relation, defaults: Defaults) -> None:
    """What queries narrow by, computed from the newest version and the settings in force."""
    terms = read_terms(row, defaults)
    before = row.ends_at, row.watch_currency
    if isinstance(terms, Defect):
        row.rejected = terms.code
    elif row.rejected not in _JUDGED_BY_THE_SCAN:
        row.rejected = None
    row.ends_at = row.watch_currency = None
    if isinstance(terms, Terms) and not terms.idle:
        row.watch_currency = terms.currency
        row.ends_at = active_interval(
            ctime=row.ctime, timeframe_days=terms.timeframe_days, datestart=row.datestart, dateend=row.dateend
        ).end
    if (row.ends_at, row.watch_currency) != before:
        row.unscanned = True  # a setting or the ctime changed, which makes no version


def _keep_version(session: Session, row: tables.Relation, now: datetime) -> None:
    if row.product is None:
        return
    session.flush()
    session.add(
        tables.RelationVersion(
            relation_id=row.id,
            version=row.version,
            seen_at=now,
            config=row.config,
            status=row.status,
            datestart=row.datestart,
            dateend=row.dateend,
            retired=row.retired_at is not None,
        )
    )


def _retire(session: Session, row: tables.Relation, now: datetime) -> None:
    if row.retired_at is not None:
        return
    row.retired_at = now
    row.version += 1
    row.unscanned = row.product_id is not None
    _keep_version(session, row, now)
