"""One sync of one source, step by step; each page is a transaction of its own, fenced by the source's lease.

What could not be read changes nothing, and nothing is concluded from it. A sync that dies goes on at its last page.
"""

from datetime import datetime

from sqlalchemy import update
from sqlalchemy.orm import Session

from worker.errors import ShopUnreachableError
from worker.progress import Progress, silent
from worker.settings import Settings
from worker.shop.source import Source
from worker.store import passes, relations, tables, validators, views
from worker.store.arrivals import defaults_text
from worker.store.lease import single_flight
from worker.store.runs import record_run
from worker.store.session import Store
from worker.sync import breaker, changes, products, reconcile, write_back
from worker.sync import relations as pages
from worker.sync.counts import SyncCounts
from worker.sync.work import Work

_PAGE = 1000
_SHOWS_SOME = "jsonapi"
"""The interface that shows the customers in the settings only; the others show all."""


def sync(
    store: Store,
    source: Source,
    name: str,
    settings: Settings,
    key: bytes,
    *,
    now: datetime,
    accept_shrink: bool = False,
    full: bool = False,
    scheduled: bool = False,
    progress: Progress = silent,
) -> SyncCounts:
    """Bring the mirror of one shop up to date.

    `key` is the one erased customers are recognised with.
    `full` reads everything again whatever is known; `scheduled` leaves a shop alone that did not answer lately.
    Raises AlreadyRunningError, ShopError where the shop as a whole can't be read, LeaseLostError.
    """
    if scheduled:
        breaker.check(store, name, now)
    with record_run(store, "sync", name, now) as run, single_flight(store, f"sync:{name}") as lease:
        work = Work(store, source, name, settings, key, lease, now, progress)
        try:
            _mirror(work, accept_shrink=accept_shrink, full=full)
        except ShopUnreachableError as silence:
            breaker.note_silence(store, name, now, silence)
            raise
        finally:
            work.counts.problems = dict(source.problems)
            run.counts = work.counts.as_json()
    return work.counts


def _mirror(work: Work, *, accept_shrink: bool, full: bool) -> None:
    _prepare(work, full)
    pages.read(work)
    changes.read_customers(work)
    if work.incremental and work.imported and (accept_shrink or full or reconcile.is_due(work)):
        reconcile.compare(work, work.incremental)
    reconcile.retire(work, accept_shrink)
    changes.find_products(work)
    products.read(work)
    write_back.remove_expired(work)
    _finish(work)


def _prepare(work: Work, full: bool) -> None:
    """Notice what changed on our side since the last sync: the interface, the zone, and what judgements depend on."""
    judged_by = defaults_text(work.defaults, work.shop.language)
    with work.writing() as session:
        state = session.get(tables.SourceState, work.name)
        if state is None:
            state = tables.SourceState(source=work.name, failures=0)
            session.add(state)
        if full or state.interface not in (None, work.shop.interface):
            _begin_anew(work, session)
        if state.interface == _SHOWS_SOME and work.shop.interface != _SHOWS_SOME:
            state.first_synced_at = None  # whom it did not show is imported now, as in a shop that was never read
        state.interface = work.shop.interface
        work.imported = state.first_synced_at is not None
        moved = state.timezone not in (None, work.shop.timezone)
        state.timezone = state.timezone or work.shop.timezone
        anew = state.judged_by not in (None, judged_by)
        if state.judged_by is None:
            state.judged_by = judged_by
    if moved:
        _move_times(work)
    if anew:
        _judge_anew(work, judged_by)


def _begin_anew(work: Work, session: Session) -> None:
    passes.begin_anew(session, work.name)
    validators.forget(session, work.name)
    views.mark_due(session, work.name, work.now, stale_before=work.now)


def _move_times(work: Work) -> None:
    """The shop's zone was corrected: what it told before is read again, and is no other relation for having another ctime."""
    after: int | None = 0
    while after is not None:
        with work.writing() as session:
            after = relations.doubt_ctimes(session, work.name, after, _PAGE)
    with work.writing() as session:
        _begin_anew(work, session)
        passes.forget_anchors(session, work.name)
        session.get_one(tables.SourceState, work.name).timezone = work.shop.timezone


def _judge_anew(work: Work, judged_by: str) -> None:
    after: int | None = 0
    while after is not None:
        with work.writing() as session:
            after = relations.judge_anew(session, work.mirror, after, _PAGE)
    with work.writing() as session:
        views.mark_all_unsure(session, work.name)
        session.get_one(tables.SourceState, work.name).judged_by = judged_by


def _finish(work: Work) -> None:
    """Everything was read: customers count as imported now, and the mirror as fresh."""
    customer = tables.Customer
    new = [customer.source == work.name, customer.first_synced_at.is_(None), customer.unread_since.is_(None)]
    with work.writing() as session:
        if work.incremental is None:
            session.execute(update(customer).where(*new, customer.enabled).values(first_synced_at=work.now))
        elif not work.imported:  # who comes later is new in a shop that is known
            session.execute(update(customer).where(*new).values(first_synced_at=work.now))
        state = session.get_one(tables.SourceState, work.name)
        state.first_synced_at = state.first_synced_at or work.now
        state.reconciled_at = state.reconciled_at or work.now
        state.last_good_sync_at = work.now
        state.failures, state.resting_until = 0, None
        gap = work.source.clock_gap
        state.clock_gap_seconds = None if gap is None else gap.total_seconds()
