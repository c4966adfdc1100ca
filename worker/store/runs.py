"""Keeps one row for each run of a stage: its counts or its error, for `status`."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import delete, update

from worker.errors import AlreadyRunningError, WatchpostError
from worker.store import tables
from worker.store.session import Store
from worker.store.steady import steady


@dataclass(slots=True)
class RunRecord:
    """Fill `counts` while the stage works; they are kept when it ends, and also when it fails half-way."""

    counts: dict[str, Any] = field(default_factory=dict)


@contextmanager
def record_run(store: Store, stage: str, source: str, now: datetime) -> Iterator[RunRecord]:
    """Record a run of `stage`; errors are kept by text (others than ours by class, too) and raised on.

    A run that found its stage busy is none.
    """
    run_id = _begin(store, stage, source, now)
    record = RunRecord()
    begun = time.monotonic()
    error: str | None = "interrupted"
    skipped = False
    try:
        yield record
        error = None
    except AlreadyRunningError:
        skipped = True
        raise
    except Exception as problem:
        error = str(problem) if isinstance(problem, WatchpostError) else f"{type(problem).__name__}: {problem}"
        raise
    finally:
        if skipped:
            _forget(store, run_id)
        else:
            _end(store, run_id, record.counts, error, time.monotonic() - begun)


@steady
def _begin(store: Store, stage: str, source: str, now: datetime) -> int:
    with store.begin() as session:
        row = tables.Run(stage=stage, source=source, started_at=now)
        session.add(row)
        session.flush()
        return row.id


@steady
def _end(store: Store, run_id: int, counts: dict[str, Any], error: str | None, seconds: float) -> None:
    with store.begin() as session:
        session.execute(
            update(tables.Run).where(tables.Run.id == run_id).values(counts=counts, error=error, seconds=seconds)
        )


@steady
def _forget(store: Store, run_id: int) -> None:
    with store.begin() as session:
        session.execute(delete(tables.Run).where(tables.Run.id == run_id))
