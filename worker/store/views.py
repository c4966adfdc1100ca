"""Which products are needed in which language and currency: kept up to date with every watch, so that nobody has to look at all.

A view lasts until the latest end of the watches that need it. A watch that comes or is prolonged extends it at once; one
that ends earlier makes its product unsure, and `settle` counts that product's watches anew.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, bindparam, delete, func, select, update
from sqlalchemy.orm import Session

from worker.domain.model import Kind, View
from worker.store import tables
from worker.store.among import among
from worker.store.base import bare
from worker.store.bulk import insert_rows
from worker.store.mirror_tables import ProductView

Need = tuple[int, str, str]
"""Product, language, currency."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Products to read: their rows by shop id, and the views each is needed in."""

    ids: dict[str, int]
    views: dict[str, tuple[View, ...]]

    @property
    def last(self) -> int:
        """The highest product id."""
        return max(self.ids.values())


def extend(session: Session, needs: Mapping[Need, datetime], known: dict[Need, datetime]) -> None:
    """Make views last at least until these moments; a product that gets a new view has to be read.

    `known` tells until when some are known to last, and learns it of all of these.
    """
    longer = {need: until for need, until in needs.items() if need not in known or known[need] < until}
    if not longer:
        return
    stored = _known(session, {need[0] for need in longer})
    _insert(session, {need: until for need, until in longer.items() if need not in stored})
    _prolong(session, {need: until for need, until in longer.items() if need in stored and stored[need] < until})
    known.update({need: max(until, stored.get(need, until)) for need, until in longer.items()})


def mark_unsure(session: Session, product_ids: Collection[int]) -> None:
    """Watches of these products ended or changed."""
    if product_ids:
        session.execute(
            update(tables.Product).where(among(session, tables.Product.id, product_ids)).values(unsure=True)
        )


def mark_all_unsure(session: Session, source: str) -> None:
    """Settings that views depend on changed."""
    session.execute(update(tables.Product).where(tables.Product.source == source).values(unsure=True))


def settle(session: Session, source: str, default_language: str, now: datetime, limit: int) -> int:
    """Find out for up to `limit` unsure products what they are needed in, and end the observations nobody needs.

    Returns how many were looked at; call it again until none is left.
    """
    ids = _unsettled(session, source, now, limit)
    if not ids:
        return 0
    needed = _needed(session, ids, default_language, now)
    known = _known(session, ids)
    for need in known.keys() - needed.keys():
        session.execute(delete(ProductView).where(_is(need)))
    _prolong(session, {need: until for need, until in needed.items() if need in known and known[need] != until})
    _insert(session, {need: until for need, until in needed.items() if need not in known})
    _end_observations(session, ids, needed)
    session.execute(update(tables.Product).where(among(session, tables.Product.id, ids)).values(unsure=False))
    return len(ids)


def mark_due(session: Session, source: str, now: datetime, stale_before: datetime) -> None:
    """Products whose prices begin or end now, and those last read before `stale_before`, are read in this sync."""
    product = tables.Product
    mine = (product.source == source, product.id.in_(select(ProductView.product_id)))
    session.execute(update(product).where(*mine, product.next_change_at <= now).values(due=True))
    session.execute(update(product).where(*mine, product.read_at < stale_before).values(due=True))


def mark_changed(session: Session, source: str, shop_ids: Sequence[str]) -> None:
    """The shop tells that these products changed; those that nobody watches are left alone."""
    product = tables.Product
    watched = select(ProductView.product_id)
    session.execute(
        update(product)
        .where(product.source == source, among(session, product.shop_id, shop_ids), product.id.in_(watched))
        .values(due=True)
    )


def next_batch(session: Session, source: str, after: int, limit: int, *, only_due: bool) -> Batch | None:
    """The next products to read, by ascending id; None where there are no more.

    Where all are read, the same ones come together each time, whichever others come and go: a shop that is asked whether its
    answer is still right is asked for the same.
    """
    product = tables.Product
    query = select(product.id, product.shop_id).where(
        product.source == source, product.id > after, product.id.in_(select(ProductView.product_id))
    )
    if only_due:
        query = query.where(product.due)
    rows = session.execute(query.order_by(product.id).limit(limit)).all()
    if not rows:
        return None
    last = rows[-1].id if only_due else _last_beside(rows[0].id, limit)
    ids = {row.shop_id: row.id for row in rows if row.id <= last}
    views: dict[int, list[View]] = {}
    for product_id, language, currency in sorted(_known(session, ids.values())):
        views.setdefault(product_id, []).append(View(language=language, currency=currency))
    return Batch(ids, {shop_id: tuple(views[row_id]) for shop_id, row_id in ids.items()})


def _last_beside(row_id: int, size: int) -> int:
    """The highest id of the block that this one is in: 1 to 500, 501 to 1000, ..."""
    return row_id + -row_id % size


def count(session: Session, source: str, *, only_due: bool) -> int:
    """How many products `next_batch` would hand out."""
    product = tables.Product
    query = select(func.count()).where(product.source == source, product.id.in_(select(ProductView.product_id)))
    return session.scalars(query.where(product.due) if only_due else query).one()


def have_been_read(session: Session, batch: Batch) -> None:
    """Nothing is due for these products any more."""
    session.execute(
        update(tables.Product).where(among(session, tables.Product.id, batch.ids.values())).values(due=False)
    )


def _unsettled(session: Session, source: str, now: datetime, limit: int) -> list[int]:
    product = tables.Product
    unsure = select(product.id).where(product.source == source, product.unsure).order_by(product.id).limit(limit)
    ids = list(session.scalars(unsure))
    if len(ids) < limit:
        ended = select(ProductView.product_id).join(tables.Product).where(product.source == source)
        ids += session.scalars(ended.where(ProductView.until <= now).distinct().limit(limit - len(ids)))
    return sorted(set(ids))


def _needed(session: Session, ids: Sequence[int], default_language: str, now: datetime) -> dict[Need, datetime]:
    relation = tables.Relation
    language = func.coalesce(func.nullif(tables.Customer.language, ""), default_language)
    rows = session.execute(
        select(relation.product_id, language, relation.watch_currency, func.max(relation.ends_at))
        .join(tables.Customer, tables.Customer.id == relation.customer_id)
        .where(
            among(session, relation.product_id, ids),
            relation.retired_at.is_(None),
            relation.watch_currency.is_not(None),
            relation.ends_at > now,
        )
        .group_by(relation.product_id, language, relation.watch_currency)
    )
    found: dict[Need, datetime] = {}
    for product_id, spoken, currency, until in rows:
        assert product_id is not None and currency is not None  # noqa: S101 - the query asked for them
        found[product_id, spoken, currency] = until
    return found


def _known(session: Session, ids: Iterable[int]) -> dict[Need, datetime]:
    rows = session.execute(
        select(ProductView.product_id, ProductView.language, ProductView.currency, ProductView.until).where(
            among(session, ProductView.product_id, list(ids))
        )
    )
    return {(product_id, language, currency): until for product_id, language, currency, until in rows}


def _insert(session: Session, needs: Mapping[Need, datetime]) -> None:
    if not needs:
        return
    rows = [
        {"product_id": product_id, "language": language, "currency": currency, "until": until}
        for (product_id, language, currency), until in needs.items()
    ]
    insert_rows(session, ProductView, rows)
    session.execute(
        update(tables.Product).where(among(session, tables.Product.id, {need[0] for need in needs})).values(due=True)
    )


def _end_observations(session: Session, ids: Sequence[int], needed: Collection[Need]) -> None:
    """The next reading after a gap is a new baseline."""
    reading = tables.Reading
    watched = {product_id for product_id, _, _ in needed}
    read = {(product_id, currency) for product_id, _, currency in needed}
    rows = session.execute(
        select(reading.id, reading.product_id, reading.kind, reading.currency).where(
            among(session, reading.product_id, ids), reading.observing
        )
    )
    ended = [
        reading_id
        for reading_id, product_id, kind, currency in rows
        if (product_id not in watched if kind == Kind.STOCK else (product_id, currency) not in read)
    ]
    for start in range(0, len(ended), 500):
        session.execute(update(reading).where(reading.id.in_(ended[start : start + 500])).values(observing=False))


def _prolong(session: Session, needs: Mapping[Need, datetime]) -> None:
    if not needs:
        return
    view = bare(ProductView).c
    session.connection().execute(
        update(bare(ProductView))
        .where(view.product_id == bindparam("p"), view.language == bindparam("l"), view.currency == bindparam("c"))
        .values(until=bindparam("u")),
        [{"p": need[0], "l": need[1], "c": need[2], "u": until} for need, until in needs.items()],
    )


def _is(need: Need) -> ColumnElement[bool]:
    product_id, language, currency = need
    return (
        (ProductView.product_id == product_id) & (ProductView.language == language) & (ProductView.currency == currency)
    )
