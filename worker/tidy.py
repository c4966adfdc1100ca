"""Tidy: forgets what is older than the settings say and what no decision can still depend on. A page a transaction."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from worker.progress import Progress, silent
from worker.settings import Retention
from worker.store.lease import Lease, single_flight
from worker.store.retention import forget_observations, forget_runs, forget_texts
from worker.store.runs import record_run
from worker.store.session import Store

_PAGE = 1000
_TEXTS = 100  # texts are large


@dataclass(slots=True)
class TidyCounts:
    """What was forgotten."""

    observations: int = 0
    texts: int = 0
    """Mails whose bytes were removed; their states, times and reasons stay."""
    runs: int = 0


def tidy(store: Store, retention: Retention, *, now: datetime, progress: Progress = silent) -> TidyCounts:
    """Delete what may go. Raises AlreadyRunningError, LeaseLostError."""
    with record_run(store, "tidy", "", now) as run, single_flight(store, "tidy") as lease:
        counts = _forget(store, retention, now, lease, progress, for_good=True)
        run.counts = asdict(counts)
    return counts


def rehearse(store: Store, retention: Retention, *, now: datetime) -> TidyCounts:
    """What `tidy` would delete; nothing is changed. Raises AlreadyRunningError, LeaseLostError."""
    with single_flight(store, "tidy") as lease:
        return _forget(store, retention, now, lease, silent, for_good=False)


def _forget(
    store: Store, retention: Retention, now: datetime, lease: Lease, progress: Progress, *, for_good: bool
) -> TidyCounts:
    counts = TidyCounts()

    @contextmanager
    def writing() -> Iterator[Session]:
        with store.begin() as session:
            lease.renew(session)
            yield session
            if not for_good:
                session.rollback()

    def before(days: int) -> datetime:
        return now - timedelta(days=days)

    def all_pages(what: str, page: Callable[[Session, int], tuple[int, int]]) -> int:
        after, looked_at, gone = 0, -1, 0
        while looked_at != after:
            looked_at = after
            with writing() as session:
                after, deleted = page(session, after)
            gone += deleted
            progress(what, gone)
        return gone

    counts.observations = all_pages(
        "observations",
        lambda session, after: forget_observations(session, after, before(retention.observation_days), now, _PAGE),
    )
    counts.texts = all_pages(
        "texts", lambda session, after: forget_texts(session, after, before(retention.mail_days), _TEXTS)
    )
    with writing() as session:
        counts.runs = forget_runs(session, before(retention.run_days))
    return counts
