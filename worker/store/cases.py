"""Loads watches with everything their decision depends on, a page at a time, and turns rows into the rules' words.

Scan, compose, dispatch and `explain` all judge what this module loads, so that they cannot disagree.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from sqlalchemy import func, select
from sqlalchemy.orm import Session, joinedload

from worker.domain import episode
from worker.domain.episode import Observed, Policy, State, Version, Why
from worker.domain.model import Defect, Kind
from worker.domain.reasons import Reason
from worker.domain.rules import Situation, holds
from worker.domain.terms import Defaults, Terms, parse_terms
from worker.store import config_text, tables
from worker.store.arrivals import WATCH
from worker.store.relations import read_terms


@dataclass(frozen=True, slots=True)
class Lens:
    """The settings that turn rows into decisions. `undeliverable` says why a customer can't be mailed, or None."""

    policy: Policy
    quiet: bool
    defaults: dict[str, Defaults]
    undeliverable: Callable[[tables.Customer], Reason | None]


@dataclass(slots=True)
class Case:
    """One relation with its rows."""

    relation: tables.Relation
    terms: Terms | Defect
    """What the relation asks for now."""
    watches: dict[Kind, tables.Watch]
    readings: dict[tuple[str, str], tables.Reading]
    """(kind, currency) of its product."""
    versions: list[tables.RelationVersion] = field(default_factory=list)
    """From the version folded last on."""
    observations: dict[int, list[tables.Observation]] = field(default_factory=dict)
    """By reading id, ascending: what is not folded yet, and for new or changed watches the whole stretch since ctime."""

    def reading(self, kind: Kind, currency: str) -> tables.Reading | None:
        """The current reading, if the product is being observed in it."""
        row = self.readings.get((kind.value, currency if kind is Kind.PRICE else ""))
        return row if row is not None and row.observing else None


def load(session: Session, ids: Sequence[int], lens: Lens, *, lock: bool = False) -> list[Case]:
    """Cases in the order of their ids.

    `lock` takes row locks on relations and watches (PostgreSQL; SQLite locks as a whole), so that a sync does not change
    under the hands of a stage what it judges. Everybody locks in the order of ids, so that nobody waits in a circle.
    """
    found = (
        select(tables.Relation)
        .where(tables.Relation.id.in_(ids))
        .options(joinedload(tables.Relation.customer), joinedload(tables.Relation.product))
        .order_by(tables.Relation.id)
    )
    relations = session.scalars(found.with_for_update(key_share=True, of=tables.Relation) if lock else found).all()
    query = select(tables.Watch).where(tables.Watch.relation_id.in_(ids))
    watches: dict[int, dict[Kind, tables.Watch]] = defaultdict(dict)
    for watch in session.scalars(query.order_by(tables.Watch.id).with_for_update() if lock else query):
        watches[watch.relation_id][Kind(watch.kind)] = watch
    product_ids = {row.product_id for row in relations if row.product_id is not None}
    readings: dict[int, dict[tuple[str, str], tables.Reading]] = defaultdict(dict)
    for reading in session.scalars(select(tables.Reading).where(tables.Reading.product_id.in_(product_ids))):
        readings[reading.product_id][reading.kind, reading.currency] = reading
    cases = [
        Case(row, read_terms(row, lens.defaults[row.source]), watches[row.id], readings[row.product_id or 0])
        for row in relations
    ]
    _load_versions(session, cases)
    _load_observations(session, cases)
    return cases


def _load_versions(session: Session, cases: Iterable[Case]) -> None:
    behind = {
        case.relation.id: case
        for case in cases
        if not case.watches or any(watch.folded_version < case.relation.version for watch in case.watches.values())
    }
    rows = session.scalars(
        select(tables.RelationVersion)
        .where(tables.RelationVersion.relation_id.in_(list(behind)))
        .order_by(tables.RelationVersion.relation_id, tables.RelationVersion.version)
    )
    for row in rows:
        behind[row.relation_id].versions.append(row)


def _load_observations(session: Session, cases: Iterable[Case]) -> None:
    """What is not folded yet; and since ctime where a watch may be new or still needs its base price.

    A kind without a watch gets one only by a version: what happened to it before is loaded then, and not at every scan.
    """
    after: dict[int, int] = {}
    since: dict[int, datetime] = {}
    for case in cases:
        for reading in case.readings.values():
            watch = case.watches.get(Kind(reading.kind))
            if case.versions or (watch is not None and _lacks_base(case, watch, reading)):
                since[reading.id] = min(since.get(reading.id, case.relation.ctime), case.relation.ctime)
            elif watch is not None and watch.folded_observation < reading.observation_id:
                after[reading.id] = min(after.get(reading.id, watch.folded_observation), watch.folded_observation)
    found: dict[int, dict[int, tables.Observation]] = defaultdict(dict)
    for row in (*_newer(session, after), *_since(session, since)):
        found[row.reading_id][row.id] = row
    for case in cases:
        for reading in case.readings.values():
            rows = found.get(reading.id, {})
            case.observations[reading.id] = [rows[key] for key in sorted(rows)]


def _lacks_base(case: Case, watch: tables.Watch, reading: tables.Reading) -> bool:
    """A watch without a limit of its own whose base price in the reading's currency is not stored yet."""
    return (
        watch.kind == Kind.PRICE
        and isinstance(case.terms, Terms)
        and case.terms.limit is None
        and case.terms.currency == reading.currency != watch.base_currency
    )


def _newer(session: Session, after: dict[int, int]) -> Iterable[tables.Observation]:
    if not after:
        return ()
    return session.scalars(
        select(tables.Observation).where(
            tables.Observation.reading_id.in_(list(after)), tables.Observation.id > min(after.values())
        )
    )


def _since(session: Session, since: dict[int, datetime]) -> Iterable[tables.Observation]:
    """Observations of the current series after the earliest ctime, and the one in force at it."""
    if not since:
        return ()
    moment = min(since.values())
    in_force = (
        select(func.max(tables.Observation.id))
        .where(tables.Observation.reading_id.in_(list(since)), tables.Observation.seen_at <= moment)
        .group_by(tables.Observation.reading_id)
    )
    return session.scalars(
        select(tables.Observation).where(
            tables.Observation.reading_id.in_(list(since)),
            (tables.Observation.seen_at > moment) | tables.Observation.id.in_(in_force),
        )
    )


def fold(case: Case, kind: Kind, lens: Lens) -> State | None:
    """The watch's state after everything that was seen; pure over what `load` brought."""
    watch = case.watches.get(kind)
    relation = case.relation
    defaults = lens.defaults[relation.source]
    quiet = lens.quiet and relation.first_import
    folded_version = watch.folded_version if watch else 0
    versions = [
        Version(number=row.version, at=row.seen_at, terms=_version_terms(row, relation, defaults))
        for row in case.versions
        if row.version > folded_version
    ]
    before = next((row for row in case.versions if row.version == folded_version), None)
    in_force = _version_terms(before, relation, defaults) if before else None
    if not versions and watch is not None:
        in_force = case.terms if isinstance(case.terms, Terms) else None
    seen = _observed(case, kind)
    fresh = (
        [item for item in seen if item.id > watch.folded_observation] if watch else _since_arrival(seen, case, quiet)
    )
    known = next((item for item in reversed(seen) if watch is not None and item.id <= watch.folded_observation), None)
    return episode.advance(
        kind,
        _state(watch),
        _in_order(versions, fresh, arrival=watch is None),
        in_force=in_force,
        known=known,
        ctime=relation.ctime,
        quiet=quiet,
        policy=lens.policy,
        base=seen,
    )


def situation(case: Case, kind: Kind, state: State | None, lens: Lens) -> Situation:
    """What the rules judge."""
    relation, product = case.relation, case.relation.product
    terms = case.terms
    currency = terms.currency if isinstance(terms, Terms) else ""
    reading = case.reading(kind, currency)
    return Situation(
        kind=kind,
        is_watch=(relation.domain, relation.type) == WATCH,
        terms=terms,
        ctime=relation.ctime,
        datestart=relation.datestart,
        dateend=relation.dateend,
        status=relation.status,
        retired=relation.retired_at is not None,
        synced=relation.customer.first_synced_at is not None,
        product_enabled=product is not None and product.enabled,
        product_start=product.datestart if product else None,
        product_end=product.dateend if product else None,
        undeliverable=lambda: lens.undeliverable(relation.customer),
        state=state,
        observed=reading is not None,
        price=reading.price if reading else None,
        in_stock=reading.in_stock if reading else None,
    )


def keep(session: Session, case: Case, kind: Kind, state: State, seen: Situation, lens: Lens) -> tables.Watch:
    """Write the folded state; a new watch gets its row."""
    watch = case.watches.get(kind)
    if watch is None:
        watch = tables.Watch(relation_id=case.relation.id, kind=kind.value)
        case.watches[kind] = watch
        session.add(watch)
    watch.armed, watch.armed_by, watch.episode = state.armed, state.why.value, state.episode
    watch.last_notified_at, watch.last_notified_price = state.last_notified_at, state.last_notified_price
    watch.base_limit, watch.base_currency = state.base_limit, state.base_currency
    watch.holding = isinstance(seen.terms, Terms) and holds(seen, seen.terms, lens.policy)
    watch.folded_version = case.relation.version
    newest = [row.observation_id for (row_kind, _), row in case.readings.items() if row_kind == kind and row.observing]
    watch.folded_observation = max(newest, default=watch.folded_observation or 0)
    return watch


def state_of(watch: tables.Watch) -> State:
    """The row in the rules' words."""
    return State(
        armed=watch.armed,
        why=Why(watch.armed_by),
        episode=watch.episode,
        last_notified_at=watch.last_notified_at,
        last_notified_price=watch.last_notified_price,
        base_limit=watch.base_limit,
        base_currency=watch.base_currency,
    )


def previous_price(session: Session, reading: tables.Reading) -> Decimal | None:
    """The price before the current one, in the same series. Asked for once a session: many may watch the same product."""
    known: dict[tuple[object, ...], Decimal | None] = session.info.setdefault("previous_price", {})
    current = (reading.id, reading.series, reading.observation_id, reading.price)
    if current not in known:
        known[current] = session.scalar(
            select(tables.Observation.price)
            .where(
                tables.Observation.reading_id == reading.id,
                tables.Observation.series == reading.series,
                tables.Observation.id < reading.observation_id,
                tables.Observation.price > Decimal(0),
                tables.Observation.price != reading.price,
            )
            .order_by(tables.Observation.id.desc())
            .limit(1)
        )
    return known[current]


def _state(watch: tables.Watch | None) -> State | None:
    return state_of(watch) if watch is not None else None


def _version_terms(row: tables.RelationVersion, relation: tables.Relation, defaults: Defaults) -> Terms | None:
    if relation.defect_code is not None and row.version == relation.version:
        return None
    terms = parse_terms(config_text.load(row.config), defaults)
    return terms if isinstance(terms, Terms) else None


def _observed(case: Case, kind: Kind) -> list[Observed]:
    """Observations of the current series of every reading of this kind, ascending."""
    found = [
        Observed(id=row.id, at=row.seen_at, currency=reading.currency, price=row.price, in_stock=row.in_stock)
        for reading in case.readings.values()
        if reading.kind == kind and reading.observing
        for row in case.observations.get(reading.id, [])
        if row.series == reading.series and row.id <= reading.observation_id
    ]
    return sorted(found, key=lambda item: item.id)


def _since_arrival(seen: list[Observed], case: Case, quiet: bool) -> list[Observed]:
    """What a new watch begins with: the observation in force at ctime (in a quiet import: at the import) and all later ones."""
    start = max(case.relation.first_seen_at, case.relation.ctime) if quiet else case.relation.ctime
    begun: dict[str, Observed] = {}
    later: list[Observed] = []
    for item in seen:
        if item.at <= start:
            begun[item.currency] = item
        else:
            later.append(item)
    return [*begun.values(), *later]


def _in_order(versions: list[Version], seen: list[Observed], *, arrival: bool) -> list[Version | Observed]:
    """Ascending in time, a version before the observations of the same sync; an arrival before everything."""
    first: list[Version | Observed] = list(versions[:1]) if arrival else []
    rest: list[tuple[datetime, int, Version | Observed]] = [
        (version.at, 0, version) for version in (versions[1:] if arrival else versions)
    ]
    rest += [(item.at, 1, item) for item in seen]
    return first + [event for _, _, event in sorted(rest, key=lambda entry: entry[:2])]
