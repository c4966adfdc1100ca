"""The Celery tasks: each reads the clock, calls one function and returns its counts."""

import time
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from celery import current_app, shared_task
from structlog import get_logger

from worker import shutdown
from worker.errors import AlreadyRunningError, InterruptedRunError, ShopRestingError, WatchpostError
from worker.installation import Installation

log = get_logger(__name__)


def utc_now() -> datetime:
    """The wall clock, aware UTC."""
    return datetime.now(UTC)


@lru_cache(maxsize=1)
def installation() -> Installation:
    """One for each worker process, made after the fork: database connections must not be shared."""
    return Installation(current_app.watchpost_settings)


def _report(stage: str, source: str, work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Do the work and log its counts. What operators can mend is logged in one line (the run's row keeps it, too)."""
    try:
        counts = work()
    except AlreadyRunningError as busy:
        log.info("already running", stage=stage, source=source, reason=str(busy))
        return {"already_running": True}
    except ShopRestingError as resting:
        log.info("shop left alone", stage=stage, source=source, reason=str(resting))
        return {"resting": True}
    except InterruptedRunError as interrupted:
        log.info("interrupted", stage=stage, source=source, reason=str(interrupted))
        return {"interrupted": True}
    except WatchpostError as problem:
        log.error("stage failed", stage=stage, source=source, error=str(problem))
        return {"error": str(problem)}
    log.info("stage done", stage=stage, source=source, **{key: value for key, value in counts.items() if value})
    return counts


def _going_on(what: str, done: int, total: int | None = None) -> None:  # noqa: ARG001 - worker.progress.Progress
    """The progress of a stage's task: ends the stage between two pages when the worker shuts down."""
    if shutdown.has_begun():
        raise InterruptedRunError("the worker shuts down; the next run goes on from here")


@shared_task(name="worker.tasks.sync")
def sync(source: str, *, by_hand: bool = False, accept_shrink: bool = False, full: bool = False) -> dict[str, Any]:
    """Mirror one shop. `by_hand`: an operator asks for it, so that a shop that did not answer lately is asked, too."""

    def work() -> dict[str, Any]:
        counts = installation().sync(
            source,
            now=utc_now(),
            accept_shrink=accept_shrink,
            full=full,
            scheduled=not by_hand,
            progress=_going_on,
        )
        return counts.as_json()

    return _report("sync", source, work)


@shared_task(name="worker.tasks.scan")
def scan(source: str) -> dict[str, Any]:
    """Decide for one shop's watches."""
    return _report("scan", source, lambda: installation().scan(source, now=utc_now(), progress=_going_on).as_json())


@shared_task(name="worker.tasks.compose")
def compose(*, at_once: bool = False) -> dict[str, Any]:
    """Compose the mails that are due; `at_once` those, too, that would wait for more news."""

    def work() -> dict[str, Any]:
        return asdict(installation().compose(now=utc_now(), at_once=at_once, progress=_going_on))

    return _report("compose", "", work)


@shared_task(name="worker.tasks.dispatch")
def dispatch() -> dict[str, Any]:
    """Send the mails that are due."""
    return _report("dispatch", "", lambda: dict(installation().dispatch(clock=utc_now, stop=_enough())))


def _enough() -> Callable[[], bool]:
    """Tells dispatch to begin no further mail: the worker shuts down, or half the task's time is over.

    What is on its way then has the other half to come to its end; the next wake-up goes on.
    """
    until = time.monotonic() + installation().settings.broker.task_time_limit_seconds / 2
    return lambda: shutdown.has_begun() or time.monotonic() >= until


@shared_task(name="worker.tasks.tidy")
def tidy() -> dict[str, Any]:
    """Forget what the settings don't keep."""
    return _report("tidy", "", lambda: asdict(installation().tidy(now=utc_now(), progress=_going_on)))


@shared_task(name="worker.tasks.run")
def run() -> dict[str, Any]:
    """All four stages, one after the other, as `watchpost run` does them (`watchpost run --queue`)."""
    names = installation().source_names()
    return {
        "sync": {name: sync(name, by_hand=True) for name in names},
        "scan": {name: scan(name) for name in names},
        "compose": compose(at_once=True),
        "dispatch": dispatch(),
    }
