"""Writes relations that are new, a page at a time: with their products, their first versions and the views they need."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from worker.domain.interval import active_interval
from worker.domain.model import Defect, Relation
from worker.domain.terms import Defaults, Terms, parse_terms
from worker.store import config_text, tables, views
from worker.store.among import among
from worker.store.bulk import insert_rows, new_ids
from worker.store.customers import Mirror, Owner

WATCH = ("product", "watch")


@dataclass(frozen=True, slots=True)
class Arrival:
    """A relation that gets a row: a new one, or the next generation of one that was deleted and added again."""

    owner: Owner
    relation: Relation
    generation: int = 1


@dataclass(frozen=True, slots=True)
class Judged:
    """What queries narrow by, computed from the newest version and the settings in force."""

    rejected: str | None = None
    watch_currency: str | None = None
    ends_at: datetime | None = None
    told_end_at: datetime | None = None


NOT_A_WATCH = Judged()


def judge(terms: Terms | Defect, *, ctime: datetime, datestart: datetime | None, dateend: datetime | None) -> Judged:
    """What the terms of a watch come to."""
    if isinstance(terms, Defect):
        return Judged(rejected=terms.code)
    if terms.idle:
        return NOT_A_WATCH
    end = active_interval(ctime=ctime, timeframe_days=terms.timeframe_days, datestart=datestart, dateend=dateend).end
    return Judged(watch_currency=terms.currency, ends_at=end, told_end_at=end if terms.timeframe_told else dateend)


def insert(session: Session, mirror: Mirror, arrivals: Sequence[Arrival]) -> int:
    """Write them; returns how many are rejected."""
    if not arrivals:
        return 0
    products = product_rows(session, mirror, {one.relation.refid for one in arrivals if _is_watch(one.relation)})
    configs = [config_text.dump(one.relation.config) for one in arrivals]
    judged = [_judged(one.relation, config, mirror) for one, config in zip(arrivals, configs, strict=True)]
    rows = [
        _row(one, config, result, products[one.relation.refid] if _is_watch(one.relation) else None, mirror)
        for one, config, result in zip(arrivals, configs, judged, strict=True)
    ]
    for row, row_id in zip(rows, new_ids(session, tables.Relation, len(rows)), strict=True):
        row["id"] = row_id
    insert_rows(session, tables.Relation, rows)
    versions = [_version(row, mirror.now) for row in rows if row["product_id"] is not None]
    insert_rows(session, tables.RelationVersion, versions)
    views.extend(session, _needs(arrivals, rows, mirror.now), mirror.views)
    return sum(result.rejected is not None for result in judged)


def product_rows(session: Session, mirror: Mirror, refids: set[str]) -> dict[str, int]:
    """The rows of these products by shop id; made where they are missing."""
    found, unmet = mirror.products, refids - mirror.products.keys()
    if not unmet:
        return found
    product = tables.Product
    rows = session.execute(
        select(product.shop_id, product.id).where(
            product.source == mirror.source, among(session, product.shop_id, unmet)
        )
    )
    found.update({row.shop_id: row.id for row in rows})
    missing = sorted(unmet - found.keys())
    ids = dict(zip(missing, new_ids(session, product, len(missing)) if missing else (), strict=True))
    blank = {"source": mirror.source, "code": "", "label": "", "enabled": False, "due": True, "unsure": False}
    insert_rows(session, product, [{"id": row_id, "shop_id": shop_id, **blank} for shop_id, row_id in ids.items()])
    found.update(ids)
    return found


def defaults_text(defaults: Defaults, language: str) -> str:
    """The settings that `judge` and the views depend on, to notice when they change."""
    return f"{defaults.timeframe_days} {defaults.currency} {language}"


def _is_watch(relation: Relation) -> bool:
    return (relation.domain, relation.type) == WATCH


def _judged(relation: Relation, config: str, mirror: Mirror) -> Judged:
    if not _is_watch(relation):
        return NOT_A_WATCH
    terms = relation.defect or _terms(config, mirror.defaults)
    return judge(terms, ctime=relation.ctime or mirror.now, datestart=relation.datestart, dateend=relation.dateend)


@lru_cache(maxsize=10_000)
def _terms(config: str, defaults: Defaults) -> Terms | Defect:
    """Customers choose among the same days, flags and prices."""
    return parse_terms(config_text.load(config), defaults)


def _row(arrival: Arrival, config: str, judged: Judged, product_id: int | None, mirror: Mirror) -> dict[str, Any]:
    relation, now = arrival.relation, mirror.now
    return {
        "source": mirror.source,
        "shop_id": relation.id,
        "generation": arrival.generation,
        "customer_id": arrival.owner.id,
        "product_id": product_id,
        "domain": relation.domain,
        "type": relation.type,
        "refid": relation.refid,
        "position": relation.position,
        "status": relation.status,
        "datestart": relation.datestart,
        "dateend": relation.dateend,
        "config": config,
        "ctime": relation.ctime or now,
        "ctime_exact": relation.ctime is not None,
        "first_import": arrival.owner.first_synced_at is None,
        "defect_code": relation.defect.code if relation.defect else None,
        "defect_detail": relation.defect.detail if relation.defect else None,
        "version": 1,
        "first_seen_at": now,
        "seen_at": now,
        "unscanned": product_id is not None,  # the scan's list holds watches only
        "ends_at": judged.ends_at,
        "told_end_at": judged.told_end_at,
        "rejected": judged.rejected,
        "watch_currency": judged.watch_currency,
    }


def _version(row: dict[str, Any], now: datetime) -> dict[str, Any]:
    return {
        "relation_id": row["id"],
        "version": 1,
        "seen_at": now,
        "config": row["config"],
        "status": row["status"],
        "datestart": row["datestart"],
        "dateend": row["dateend"],
        "retired": False,
    }


def _needs(arrivals: Sequence[Arrival], rows: Sequence[dict[str, Any]], now: datetime) -> dict[views.Need, datetime]:
    needs: dict[views.Need, datetime] = {}
    for arrival, row in zip(arrivals, rows, strict=True):
        if row["watch_currency"] is not None and row["ends_at"] > now:
            need = (row["product_id"], arrival.owner.language, row["watch_currency"])
            needs[need] = max(needs.get(need, row["ends_at"]), row["ends_at"])
    return needs
