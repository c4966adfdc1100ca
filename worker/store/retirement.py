"""Relations that left the shop: first marked as vanished, then, once the loss is believed, retired with their history kept."""

from collections.abc import Collection, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from worker.store import tables, views
from worker.store.among import among
from worker.store.base import bare
from worker.store.mirror_tables import SeenRelation
from worker.store.upsert import insert_on_conflict

_CHUNK = 500


def unlisted(session: Session, owners: Sequence[int], listed: Container[str]) -> list[int]:
    """What these customers had and the shop no longer lists, but for what is marked already."""
    relation = tables.Relation
    rows = session.execute(
        select(relation.id, relation.shop_id).where(
            among(session, relation.customer_id, owners),
            relation.retired_at.is_(None),
            relation.vanished_at.is_(None),
        )
    )
    return [row_id for row_id, shop_id in rows if shop_id not in listed]


def vanish(session: Session, ids: Collection[int], moment: datetime | None) -> None:
    """Mark relations, locked by the caller, as no longer listed; with None as listed again."""
    session.execute(
        update(tables.Relation).where(among(session, tables.Relation.id, ids)).values(vanished_at=moment),
        execution_options={"synchronize_session": False},
    )


def vanish_unnamed(session: Session, source: str, read: Mapping[str, int | None], now: datetime) -> int:
    """Mark the relations of customers the shop is no longer read as.

    `read` tells for every account the customer who answered for it, None where nobody did.
    """
    # Compared here: PostgreSQL takes no more than 65,535 values in one statement.
    rows = session.execute(
        select(tables.Relation.id, tables.Customer.id, tables.Customer.account)
        .join(tables.Customer)
        .where(
            tables.Relation.source == source,
            tables.Relation.retired_at.is_(None),
            tables.Relation.vanished_at.is_(None),
        )
    )
    gone = [
        relation_id
        for relation_id, customer_id, account in rows
        if account not in read or read[account] not in (None, customer_id)
    ]
    _mark(session, gone, now)
    return len(gone)


def note_seen(session: Session, source: str, shop_ids: Collection[str]) -> None:
    """The shop listed these ids in the comparison under way."""
    if shop_ids:
        rows = [{"source": source, "shop_id": shop_id} for shop_id in shop_ids]
        session.connection().execute(insert_on_conflict(session, bare(SeenRelation)).on_conflict_do_nothing(), rows)


def forget_seen(session: Session, source: str) -> None:
    """Begin a comparison anew, or end it."""
    session.execute(delete(SeenRelation).where(SeenRelation.source == source))


def compare(
    session: Session, source: str, began: datetime, now: datetime, after: int, limit: int
) -> tuple[int, int | None]:
    """Mark the next product relations that the shop did not list, and clear the mark of those it did.

    Spared are relations that said something since the comparison began: the shop may have listed their page before.
    Returns how many were marked, and the last id looked at, None where none is left.
    """
    relation = tables.Relation
    page = session.execute(
        select(relation.id, relation.shop_id, relation.vanished_at, relation.seen_at)
        .where(
            relation.source == source,
            relation.domain == "product",
            relation.retired_at.is_(None),
            relation.id > after,
        )
        .order_by(relation.id)
        .limit(limit)
    ).all()
    seen = set(
        session.scalars(
            select(SeenRelation.shop_id).where(
                SeenRelation.source == source, among(session, SeenRelation.shop_id, [row.shop_id for row in page])
            )
        )
    )
    gone = [row.id for row in page if row.shop_id not in seen and row.vanished_at is None and row.seen_at < began]
    back = [row.id for row in page if row.shop_id in seen and row.vanished_at is not None]
    _mark(session, gone, now)
    _mark(session, back, None)
    return len(gone), page[-1].id if page else None


def unknown_ids(session: Session, source: str, after: str, limit: int) -> Sequence[str]:
    """The next ids the shop listed that the mirror does not have, ascending: it missed something."""
    relation, seen = tables.Relation, SeenRelation
    known = select(relation.id).where(
        relation.source == source, relation.shop_id == seen.shop_id, relation.retired_at.is_(None)
    )
    return session.scalars(
        select(seen.shop_id)
        .where(seen.source == source, seen.shop_id > after, ~known.exists())
        .order_by(seen.shop_id)
        .limit(limit)
    ).all()


def count_vanished(session: Session, source: str) -> int:
    """How many are marked and not retired."""
    relation = tables.Relation
    return session.scalars(
        select(func.count()).where(
            relation.source == source, relation.vanished_at.is_not(None), relation.retired_at.is_(None)
        )
    ).one()


def count_known(session: Session, source: str, before: datetime) -> int:
    """How many relations were here before this sync began."""
    relation = tables.Relation
    return session.scalars(
        select(func.count()).where(
            relation.source == source, relation.retired_at.is_(None), relation.first_seen_at < before
        )
    ).one()


def retire_vanished(session: Session, source: str, now: datetime, limit: int = _CHUNK) -> int:
    """Retire the next marked relations; returns how many, 0 where none is left."""
    relation = tables.Relation
    rows = session.scalars(
        select(relation)
        .where(relation.source == source, relation.vanished_at.is_not(None), relation.retired_at.is_(None))
        .order_by(relation.id)
        .limit(limit)
        .with_for_update(key_share=True)
    ).all()
    for row in rows:
        retire_row(session, row, now)
    return len(rows)


def retire(session: Session, ids: Collection[int], now: datetime) -> int:
    """Retire relations that are certainly gone; returns how many were not yet."""
    relation = tables.Relation
    rows = session.scalars(
        select(relation)
        .where(among(session, relation.id, ids), relation.retired_at.is_(None))
        .order_by(relation.id)
        .with_for_update(key_share=True)
    ).all()
    for row in rows:
        retire_row(session, row, now)
    return len(rows)


@dataclass(frozen=True, slots=True)
class Expired:
    """A watch that is over."""

    id: int
    shop_id: str
    account: str


def expired_watches(session: Session, source: str, now: datetime, limit: int, *, by_customers: bool) -> list[Expired]:
    """Watches that ended by what the customer said, with no news of them on its way; the first that ended first.

    `by_customers`: only customers who can log in can remove theirs; the others' wait.
    A watch without a timeframe ends only for us, by our default, so it is not for us to remove.
    """
    relation, news = tables.Relation, tables.Notification
    open_news = (
        select(news.id)
        .outerjoin(tables.Mail, tables.Mail.id == news.mail_id)
        .where(
            news.relation_id == relation.id,
            (news.state == "pending") | tables.Mail.state.in_(("pending", "leased", "submitting", "held")),
        )
    )
    customer = tables.Customer
    reached = [customer.enabled, customer.unread_since.is_(None)] if by_customers else []
    rows = session.execute(
        select(relation.id, relation.shop_id, customer.account)
        .join(customer, customer.id == relation.customer_id)
        .where(
            *reached,
            relation.source == source,
            relation.retired_at.is_(None),
            relation.told_end_at <= now,
            ~open_news.exists(),
        )
        .order_by(relation.told_end_at, relation.id)
        .limit(limit)
    )
    return [Expired(*row) for row in rows]


def retire_row(session: Session, row: tables.Relation, now: datetime) -> None:
    """Mark one relation, locked by the caller, as gone; its watch ends."""
    if row.retired_at is not None:
        return
    row.retired_at = now
    row.version += 1
    row.unscanned = row.product_id is not None
    keep_version(session, row, now)
    if row.product_id is not None:
        views.mark_unsure(session, [row.product_id])


def keep_version(session: Session, row: tables.Relation, now: datetime) -> None:
    """Keep what a watch says from now on."""
    if row.product_id is None:
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


def _mark(session: Session, ids: Iterable[int], moment: datetime | None) -> None:
    ordered = sorted(ids)
    for start in range(0, len(ordered), _CHUNK):
        chunk = ordered[start : start + _CHUNK]
        relation = tables.Relation
        session.scalars(
            select(relation.id)
            .where(among(session, relation.id, chunk))
            .order_by(relation.id)
            .with_for_update(key_share=True)
        ).all()
        vanish(session, chunk, moment)
