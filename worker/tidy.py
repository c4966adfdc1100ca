"""Tidy: forgets what is older than the settings say and what no decision can still depend on. A page a transaction."""

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from worker.progress import Progress, silent
from worker.settings import Retention
from worker.store.lease import single_flight
from worker.store.retention import forget_observations, forget_runs
from worker.store.runs import record_run
from worker.store.session import Store

_PAGE = 1000


@dataclass(slots=True)
class TidyCounts:
    """What was forgotten."""

    observations: int = 0
    runs: int = 0


def tidy(store: Store, retention: Retention, *, now: datetime, progress: Progress = silent) -> TidyCounts:
    """Delete what may go. Raises AlreadyRunningError, LeaseLostError."""
    counts = TidyCounts()
    with record_run(store, "tidy", "", now) as run, single_flight(store, "tidy") as lease:
        before = now - timedelta(days=retention.observation_days)
        after, looked_at = 0, -1
        while looked_at != after:
            looked_at = after
            with store.begin() as session:
                lease.renew(session)
                after, gone = forget_observations(session, after, before, now, _PAGE)
            counts.observations += gone
            progress("observations", counts.observations)
        with store.begin() as session:
            lease.renew(session)
            counts.runs = forget_runs(session, now - timedelta(days=retention.run_days))
        run.counts = asdict(counts)
    return counts
