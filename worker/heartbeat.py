"""The heartbeat: each run of a stage leaves a row, so where none came for long, wake-ups do not arrive, whoever is to blame."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from worker.settings import Settings
from worker.store.tables import Run, SourceState

_MISSED = 3
_LEAST = timedelta(minutes=1)  # a busy machine is no reason for alarm


@dataclass(frozen=True, slots=True)
class Late:
    """A stage that should have run by now."""

    stage: str
    source: str
    since: datetime | None
    """Its last sign of life; None where it never ran."""


def late(session: Session, settings: Settings, now: datetime) -> list[Late]:
    """The stages that missed several of their turns: beat or worker does not run, or the broker does not pass on.

    A stage that still works is not late while its task may live (broker.task_time_limit_seconds), nor is the sync of a
    shop that is left alone because it did not answer.
    """
    resting = {state.source: state.resting_until for state in session.scalars(select(SourceState))}
    newest = select(func.max(Run.id)).group_by(Run.stage, Run.source)
    last = {(run.stage, run.source): run for run in session.scalars(select(Run).where(Run.id.in_(newest)))}
    found = []
    for stage, source, seconds in _turns(settings):
        seen = _sign_of_life(last.get((stage, source)), settings, now)
        if stage == "sync":
            seen = max(filter(None, (seen, resting.get(source))), default=None)
        if seen is None or now - seen > max(_MISSED * timedelta(seconds=seconds), _LEAST):
            found.append(Late(stage, source, seen))
    return found


def _turns(settings: Settings) -> Iterator[tuple[str, str, float]]:
    """Each stage and source, and the seconds between its turns; not tidy, whose turns are too rare to tell anything."""
    beat = settings.schedule
    for source in sorted(settings.sources):
        yield "sync", source, beat.sync_seconds
        yield "scan", source, beat.scan_seconds
    yield "compose", "", beat.compose_seconds
    yield "dispatch", "", beat.dispatch_seconds


def _sign_of_life(run: Run | None, settings: Settings, now: datetime) -> datetime | None:
    if run is None:
        return None
    if run.seconds is not None:
        return run.started_at + timedelta(seconds=run.seconds)
    working = now - run.started_at < timedelta(seconds=settings.broker.task_time_limit_seconds)
    return now if working else run.started_at
