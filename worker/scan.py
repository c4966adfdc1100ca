"""Scan: folds what changed into every watch it concerns, decides, and writes each decision once into the ledger.

A query only picks candidates, a superset, once for the whole scan; the rules decide. One transaction a page, fenced by
the source's lease. A scan that is broken off leaves the watches it has folded off the next one's list.
"""

from array import array
from collections.abc import Callable, Sequence
from datetime import datetime

from sqlalchemy import Select, exists, func, insert, select, union, update
from sqlalchemy.orm import Session
from structlog import get_logger

from worker import failpoints
from worker.describe import describe
from worker.domain.episode import State, fired
from worker.domain.model import Defect, Kind
from worker.domain.reasons import Outcome, Reason
from worker.domain.rules import Decision, Situation, decide
from worker.lens import make_lens
from worker.mail.facts import to_json
from worker.paging import pages
from worker.poison import is_poison
from worker.progress import Progress, silent
from worker.scan_counts import Hit, ScanCounts
from worker.settings import Settings
from worker.store import cases, tables
from worker.store.cases import Case, Lens
from worker.store.lease import Lease, single_flight
from worker.store.runs import record_run
from worker.store.session import Store

_PAGE = 500
_LISTED_AT_ONCE = 10_000
log = get_logger(__name__)


def scan(
    store: Store,
    name: str,
    settings: Settings,
    key: bytes,
    *,
    now: datetime,
    progress: Progress = silent,
) -> ScanCounts:
    """Decide for every watch of a source that something may have changed for. Raises AlreadyRunningError, LeaseLostError."""
    counts = ScanCounts()
    with record_run(store, "scan", name, now) as run, single_flight(store, f"scan:{name}") as lease:
        with store.read() as session:
            lens = make_lens(session, settings, key)
            newest = _newest_observation(session, name)
            found = _listed(session, name, now)
        for ids in pages(found, _PAGE):
            _judge_page(
                ids,
                lambda page: _scan_page(store, lease, page, lens, settings, now),
                lambda relation_id: _scan_alone(store, lease, relation_id, lens, settings, now),
                counts,
            )
            failpoints.hit("scan.page")
            counts.scanned += len(ids)
            progress("relations", counts.scanned, len(found))
            run.counts = counts.as_json()
        with store.begin() as session:
            lease.renew(session)
            _mark_scanned(session, name, newest)
        run.counts = counts.as_json()
    return counts


def _judge_page(
    ids: Sequence[int],
    judge: Callable[[Sequence[int]], ScanCounts],
    judge_alone: Callable[[int], ScanCounts],
    counts: ScanCounts,
) -> None:
    """Count what `judge` makes of a page; where something in it can't be judged, each relation is judged by itself."""
    try:
        counts.add(judge(ids))
    except Exception as problem:
        if not is_poison(problem):
            raise
        for relation_id in ids:
            counts.add(judge_alone(relation_id))


def _scan_page(
    store: Store, lease: Lease, ids: Sequence[int], lens: Lens, settings: Settings, now: datetime
) -> ScanCounts:
    """One page in one transaction."""
    with store.begin() as session:
        lease.renew(session)
        return _judge_cases(session, ids, lens, settings, now, write=True)


def _scan_alone(
    store: Store, lease: Lease, relation_id: int, lens: Lens, settings: Settings, now: datetime
) -> ScanCounts:
    """One relation in one transaction. One that can't be judged is judged again when it, its price or its stock changes."""
    with store.begin() as session:
        lease.renew(session)
        # Locked until it is put aside: what a sync brings in between would count as judged.
        row = session.get(tables.Relation, relation_id, with_for_update={"key_share": True})
        if row is None:
            return ScanCounts()
        try:
            with session.begin_nested():
                return _judge_cases(session, [relation_id], lens, settings, now, write=True)
        except Exception as problem:
            if not is_poison(problem):
                raise
            counts = _poisoned(row, problem)
        row.rejected, row.unscanned = Reason.INTERNAL_ERROR.value, False
        return counts


def _judge_cases(
    session: Session, ids: Sequence[int], lens: Lens, settings: Settings, now: datetime, *, write: bool
) -> ScanCounts:
    counts = ScanCounts()
    for case in cases.load(session, ids, lens, lock=write):
        _scan_case(session, case, lens, settings, now, counts, write=write)
    return counts


def _poisoned(row: tables.Relation, problem: Exception) -> ScanCounts:
    log.exception("relation put aside", source=row.source, relation=row.shop_id)
    return ScanCounts(poisoned=1, errors=(f"relation {row.shop_id}: {type(problem).__name__}",))


def rehearse(
    store: Store, name: str, settings: Settings, key: bytes, *, now: datetime, progress: Progress = silent
) -> ScanCounts:
    """What `scan` would do at `now`, writing nothing and taking no lease."""
    counts = ScanCounts()
    with store.read() as session:
        lens = make_lens(session, settings, key)

        def judge(ids: Sequence[int]) -> ScanCounts:
            return _judge_cases(session, ids, lens, settings, now, write=False)

        def judge_alone(relation_id: int) -> ScanCounts:
            try:
                return judge([relation_id])
            except Exception as problem:
                if not is_poison(problem):
                    raise
                return _poisoned(session.get_one(tables.Relation, relation_id), problem)

        found = _listed(session, name, now)
        for ids in pages(found, _PAGE):
            _judge_page(ids, judge, judge_alone, counts)
            session.expunge_all()
            counts.scanned += len(ids)
            progress("relations", counts.scanned, len(found))
    return counts


def _listed(session: Session, source: str, now: datetime) -> "array[int]":
    """The candidates' ids, eight bytes each: there may be a million, and a query a page would look at all of them each time."""
    return array("q", session.scalars(candidates(source, now).execution_options(yield_per=_LISTED_AT_ONCE)))


def candidates(source: str, now: datetime) -> Select[int]:
    """Ids of relations a decision may have changed for, ascending: new versions, new observations, armed and holding."""
    relation, watch, reading = tables.Relation, tables.Watch, tables.Reading
    alive = (relation.retired_at.is_(None), relation.ends_at > now)
    unscanned = select(relation.id).where(relation.unscanned, relation.product_id.is_not(None))
    folded = exists().where(
        watch.relation_id == relation.id,
        watch.kind == reading.kind,
        watch.folded_observation >= reading.observation_id,
    )
    observed = (
        select(relation.id)
        .join(reading, reading.product_id == relation.product_id)
        .where(reading.unscanned, ~folded, *alive, relation.watch_currency.is_not(None))
    )
    due = select(relation.id).join(watch).where(watch.armed, watch.holding, relation.status == 1, *alive)
    parts = [
        part.join(tables.Customer, tables.Customer.id == relation.customer_id).where(
            relation.source == source, tables.Customer.first_synced_at.is_not(None)
        )
        for part in (unscanned, observed, due)
    ]
    found = union(*parts).subquery()
    return select(found.c.id).order_by(found.c.id)


def _newest_observation(session: Session, source: str) -> int:
    """Observations up to this one are folded by the scan that starts now."""
    return (
        session.scalar(
            select(func.max(tables.Reading.observation_id))
            .join(tables.Product)
            .where(tables.Product.source == source, tables.Reading.unscanned)
        )
        or 0
    )


def _mark_scanned(session: Session, source: str, newest: int) -> None:
    reading = tables.Reading
    folded = (
        select(reading.id)
        .join(tables.Product)
        .where(tables.Product.source == source, reading.unscanned, reading.observation_id <= newest)
        .order_by(reading.id)  # as everybody locks
        .with_for_update(of=reading)
    )
    session.execute(
        update(reading).where(reading.id.in_(folded)).values(unscanned=False),
        execution_options={"synchronize_session": False},
    )


def _scan_case(
    session: Session, case: Case, lens: Lens, settings: Settings, now: datetime, counts: ScanCounts, *, write: bool
) -> None:
    """Judge both kinds of one relation."""
    decisions = []
    for kind in Kind:
        state = cases.fold(case, kind, lens)
        seen = cases.situation(case, kind, state, lens)
        decision = decide(seen, now, lens.policy)
        decisions.append(decision)
        if decision.outcome is Outcome.FIRE and state is not None:
            counts.fired += 1
            if write:
                _fire(session, case, kind, state, seen, settings, lens, now)
            else:
                counts.hits.append(_hit(case, kind, state, decision))
        elif state is not None and write and decision.reason is not Reason.FUTURE_CTIME:
            # A relation from the future begins with what is in force at its ctime: nothing is folded before.
            cases.keep(session, case, kind, state, seen, lens)
        if decision.outcome is Outcome.WAIT:
            counts.waiting[decision.reason.value] += 1
    rejected = next((item for item in decisions if item.outcome is Outcome.REJECT), None)
    counts.rejected += rejected is not None
    if write:
        # A relation from the future becomes legible by waiting, so it stays on the list.
        case.relation.unscanned = rejected is not None and rejected.reason is Reason.FUTURE_CTIME
        if not isinstance(case.terms, Defect):
            case.relation.rejected = rejected.reason.value if rejected else None


def _fire(
    session: Session,
    case: Case,
    kind: Kind,
    state: State,
    seen: Situation,
    settings: Settings,
    lens: Lens,
    now: datetime,
) -> None:
    item = describe(session, case, seen, settings.sources[case.relation.source])
    watch = cases.keep(session, case, kind, state, seen, lens)
    session.flush()
    told = fired(state, at=now, price=item.price.now if item.price else None)
    won = session.execute(
        update(tables.Watch)
        .where(tables.Watch.id == watch.id, tables.Watch.armed, tables.Watch.episode == state.episode)
        .values(
            armed=told.armed,
            armed_by=told.why.value,
            last_notified_at=told.last_notified_at,
            last_notified_price=told.last_notified_price,
        )
        .returning(tables.Watch.id)
        .execution_options(synchronize_session="fetch")
    ).first()
    if won is None:
        raise RuntimeError(f"watch {watch.id} changed under the scan's lock")
    session.execute(
        insert(tables.Notification).values(
            source=case.relation.source,
            customer_id=case.relation.customer_id,
            relation_id=case.relation.id,
            kind=kind.value,
            episode=state.episode,
            state="pending",
            created_at=now,
            armed_by=state.why.value,
            facts=to_json(item),
            previous_at=state.last_notified_at,
            previous_price=state.last_notified_price,
        )
    )
    failpoints.hit("scan.fired")


def _hit(case: Case, kind: Kind, state: State, decision: Decision) -> Hit:
    relation = case.relation
    return Hit(
        source=relation.source,
        relation_id=relation.shop_id,
        customer_id=relation.customer.shop_id,
        product_id=relation.refid,
        kind=kind.value,
        episode=state.episode,
        reason=decision.reason.value,
    )
