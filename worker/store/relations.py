"""Mirrors what the shop says of its customers' relations, a page at a time: new, changed, revived, unchanged or vanished."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from worker.domain.model import Defect, Relation
from worker.domain.reasons import Reason
from worker.domain.terms import Defaults, Terms, parse_terms
from worker.store import arrivals, config_text, foreign, tables, views
from worker.store.among import among
from worker.store.arrivals import WATCH, Arrival, judge
from worker.store.customers import Mirror, Owner
from worker.store.retirement import keep_version, retire_row, unlisted, vanish

_JUDGED_BY_THE_SCAN = (Reason.FUTURE_CTIME.value, Reason.INTERNAL_ERROR.value)
_COMPARED = ("config", "status", "datestart", "dateend", "defect_code", "position")


@dataclass(frozen=True, slots=True)
class Listing:
    """One customer's relations in a page. `complete`: what is absent has vanished from the shop."""

    owner: Owner
    relations: Sequence[Relation]
    complete: bool


@dataclass(slots=True)
class Changes:
    """What a page came to; each relation is new, changed, revived or unchanged."""

    seen: int = 0
    new: int = 0
    changed: int = 0
    revived: int = 0
    unchanged: int = 0
    rejected: int = 0
    vanished: int = 0
    """Marked as no longer listed; they are retired once the whole source is read."""


@dataclass(slots=True)
class _Sorted:
    """A page's relations by what has to be done for them."""

    same: list[int] = field(default_factory=list)
    """Row ids."""
    other: dict[int, tuple[Owner, Relation]] = field(default_factory=dict)
    """By row id: they say something new, or belong to somebody else."""
    new: list[Arrival] = field(default_factory=list)


def store_page(session: Session, mirror: Mirror, listings: Sequence[Listing]) -> Changes:
    """Bring the relations of these customers up to date."""
    changes = Changes()
    listed = _each_once(listings)
    rows = _rows(session, mirror, list(listed))
    found = _sort(listed, rows, changes)
    gone = unlisted(session, [listing.owner.id for listing in listings if listing.complete], listed.keys())
    touched = [] if mirror.lists_customers else found.same
    _lock(session, [*touched, *found.other, *gone])
    _touch(session, mirror, touched)
    _update_changed(session, mirror, found, changes)
    changes.rejected += arrivals.insert(session, mirror, found.new)
    changes.new += len(found.new)
    changes.seen = len(listed)
    if gone:
        vanish(session, gone, mirror.now)
    changes.vanished = len(gone)
    return changes


def read_terms(row: tables.Relation, defaults: Defaults) -> Terms | Defect:
    """What the row's newest version asks for."""
    if row.defect_code is not None:
        return Defect(row.defect_code, row.defect_detail or "")
    return parse_terms(config_text.load(row.config), defaults)


def judge_anew(session: Session, mirror: Mirror, after: int, limit: int) -> int | None:
    """Settings changed: compute what queries narrow by for the next watches. Returns the last id, None where none is left."""
    relation = tables.Relation
    rows = session.scalars(
        select(relation)
        .where(relation.source == mirror.source, relation.id > after, relation.product_id.is_not(None))
        .order_by(relation.id)
        .limit(limit)
        .with_for_update(key_share=True)
    ).all()
    for row in rows:
        _judge(row, mirror.defaults)
    return rows[-1].id if rows else None


def doubt_ctimes(session: Session, source: str, after: int, limit: int) -> int | None:
    """The shop's times were read wrongly: believe what it tells next of when these relations were made.

    Returns the last id looked at, None where none is left.
    """
    relation = tables.Relation
    ids = session.scalars(
        select(relation.id)
        .where(relation.source == source, relation.id > after)
        .order_by(relation.id)
        .limit(limit)
        .with_for_update(key_share=True)
    ).all()
    session.execute(
        update(relation).where(among(session, relation.id, ids)).values(ctime_exact=False),
        execution_options={"synchronize_session": False},
    )
    return ids[-1] if ids else None


def _each_once(listings: Iterable[Listing]) -> dict[str, tuple[Owner, Relation]]:
    """By id, made fit for the store; an id that is listed twice with different content is kept once, as defective."""
    found: dict[str, tuple[Owner, Relation]] = {}
    for listing in listings:
        for listed in listing.relations:
            relation = _storable(listed)
            owner, known = found.setdefault(relation.id, (listing.owner, relation))
            if known is not relation and known != relation and known.defect is None:
                found[relation.id] = owner, replace(known, defect=Defect("duplicate_id", ascii(relation.id)))
    return found


def _storable(relation: Relation) -> Relation:
    shop_id, domain = foreign.key(relation.id), foreign.key(relation.domain)
    kind, refid = foreign.key(relation.type), foreign.key(relation.refid)
    if (shop_id, domain, kind, refid) == (relation.id, relation.domain, relation.type, relation.refid):
        return relation
    return replace(relation, id=shop_id, domain=domain, type=kind, refid=refid)


def _rows(session: Session, mirror: Mirror, shop_ids: Sequence[str]) -> dict[str, Any]:
    """What is known of these relations, the newest generation of each."""
    relation = tables.Relation
    columns = [getattr(relation, name) for name in _COMPARED]
    rows = session.execute(
        select(
            relation.shop_id,
            relation.id,
            relation.customer_id,
            relation.domain,
            relation.type,
            relation.refid,
            relation.ctime,
            relation.ctime_exact,
            relation.retired_at,
            relation.vanished_at,
            relation.rejected,
            *columns,
        )
        .where(relation.source == mirror.source, among(session, relation.shop_id, shop_ids))
        .order_by(relation.generation)
    )
    return {row.shop_id: row for row in rows}


def _sort(listed: Mapping[str, tuple[Owner, Relation]], rows: Mapping[str, Any], changes: Changes) -> _Sorted:
    found = _Sorted()
    for shop_id, (owner, relation) in listed.items():
        row = rows.get(shop_id)
        if row is None:
            found.new.append(Arrival(owner, relation))
        elif _says_the_same(row, relation, owner):
            found.same.append(row.id)
            changes.unchanged += 1
            changes.rejected += row.rejected is not None
        else:
            found.other[row.id] = owner, relation
    return found


def _says_the_same(row: Any, relation: Relation, owner: Owner) -> bool:
    return (
        is_same(row, relation, owner)
        and row.retired_at is None
        and row.vanished_at is None
        and (row.ctime_exact or relation.ctime is None)
        and row.status == relation.status
        and row.datestart == relation.datestart
        and row.dateend == relation.dateend
        and row.position == relation.position
        and row.defect_code == (relation.defect.code if relation.defect else None)
        and row.config == config_text.dump(relation.config)
    )


def is_same(row: Any, relation: Relation, owner: Owner) -> bool:
    """The same list item: what it points to never changes, and its ctime only by deleting and adding again."""
    if row.customer_id != owner.id or (row.domain, row.type, row.refid) != (
        relation.domain,
        relation.type,
        relation.refid,
    ):
        return False
    return relation.ctime is None or not row.ctime_exact or relation.ctime == row.ctime


def _lock(session: Session, ids: Sequence[int]) -> None:
    """All that this page writes, at once and in the scan's order (see cases.load)."""
    relation = tables.Relation
    if ids:
        session.scalars(
            select(relation.id)
            .where(among(session, relation.id, ids))
            .order_by(relation.id)
            .with_for_update(key_share=True)
        ).all()


def _touch(session: Session, mirror: Mirror, ids: Sequence[int]) -> None:
    """They are listed now."""
    if ids:
        session.execute(
            update(tables.Relation).where(among(session, tables.Relation.id, ids)).values(seen_at=mirror.now),
            execution_options={"synchronize_session": False},
        )


def _update_changed(session: Session, mirror: Mirror, found: _Sorted, changes: Changes) -> None:
    if not found.other:
        return
    relation = tables.Relation
    rows = session.scalars(
        select(relation).where(among(session, relation.id, found.other.keys())).order_by(relation.id)
    ).all()
    refids = {told.refid for _, told in found.other.values() if (told.domain, told.type) == WATCH}
    products = arrivals.product_rows(session, mirror, refids)
    for row in rows:
        owner, told = found.other[row.id]
        if row.customer_id != owner.id and row.seen_at == mirror.now:
            changes.rejected += 1  # another customer of this very sync has it
        elif not is_same(row, told, owner):
            retire_row(session, row, mirror.now)
            found.new.append(Arrival(owner, told, row.generation + 1))
        else:
            revived = row.retired_at is not None
            product = products.get(told.refid) if (told.domain, told.type) == WATCH else None
            if not _update(session, row, told, product, owner, mirror):
                changes.unchanged += 1
            elif revived:
                changes.revived += 1
            else:
                changes.changed += 1
            changes.rejected += row.rejected is not None


def _update(
    session: Session, row: tables.Relation, relation: Relation, product_id: int | None, owner: Owner, mirror: Mirror
) -> bool:
    """True where the relation says something new; then it gets a version of its own."""
    if relation.ctime is not None and not row.ctime_exact:
        row.ctime, row.ctime_exact = relation.ctime, True
    config = config_text.dump(relation.config)
    defect = (relation.defect.code, relation.defect.detail) if relation.defect else (None, None)
    before = (row.config, row.status, row.datestart, row.dateend, row.defect_code, row.retired_at is not None)
    after = (config, relation.status, relation.datestart, relation.dateend, defect[0], False)
    needed = _need(row)
    row.config, row.status, row.datestart, row.dateend = config, relation.status, relation.datestart, relation.dateend
    row.defect_code, row.defect_detail = defect
    row.position, row.retired_at, row.vanished_at, row.seen_at = relation.position, None, None, mirror.now
    if product_id is not None:
        row.product_id = product_id
        _judge(row, mirror.defaults)
        _change_views(session, row, needed, owner, mirror)
    if before == after:
        return False
    row.version += 1
    row.unscanned = product_id is not None  # the scan's list holds watches only
    keep_version(session, row, mirror.now)
    return True


def _need(row: tables.Relation) -> tuple[Any, ...]:
    """What of a relation its product's views depend on."""
    return row.watch_currency, row.ends_at, row.retired_at is None


def _change_views(
    session: Session, row: tables.Relation, needed: tuple[Any, ...], owner: Owner, mirror: Mirror
) -> None:
    if _need(row) == needed or row.product_id is None:
        return
    views.mark_unsure(session, [row.product_id])
    if row.watch_currency is not None and row.ends_at is not None and row.ends_at > mirror.now:
        views.extend(session, {(row.product_id, owner.language, row.watch_currency): row.ends_at}, mirror.views)


def _judge(row: tables.Relation, defaults: Defaults) -> None:
    before = row.ends_at, row.watch_currency
    judged = judge(read_terms(row, defaults), ctime=row.ctime, datestart=row.datestart, dateend=row.dateend)
    if judged.rejected is not None or row.rejected not in _JUDGED_BY_THE_SCAN:
        row.rejected = judged.rejected
    row.ends_at, row.told_end_at, row.watch_currency = judged.ends_at, judged.told_end_at, judged.watch_currency
    if (row.ends_at, row.watch_currency) != before:
        row.unscanned = True  # a setting or the ctime changed, which makes no version
