"""The Celery application, started by `worker/run_celery.py`. Settings come from WATCHPOST_CONFIG and the environment.

Messages carry no data, they only wake a task up, and the next beat wakes it again: so losing the broker loses nothing, tasks are
acknowledged early, results are ignored and nothing is ever scheduled in the broker.
"""

import os
import sys
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

from celery import Celery
from celery.signals import (
    setup_logging,
    worker_init,
    worker_process_init,
    worker_ready,
    worker_shutdown,
    worker_shutting_down,
)
from structlog import get_logger

from worker import log, shutdown
from worker.configuration import broker_folder, broker_url, data_dir, load
from worker.errors import DatabaseSilentError, SettingsError, WatchpostError
from worker.installation import Installation
from worker.settings import Settings

logger = get_logger(__name__)


# A schedule that was never run is due at once, not an interval after the start; beat's file remembers later runs.
_LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
_ALMOST = 0.9


def make_app(settings: Settings) -> Celery:
    """The application for these settings; tasks find them as `app.watchpost_settings`."""
    url = broker_url(settings)
    app = Celery("watchpost", broker=url, include=["worker.tasks"])
    app.watchpost_settings = settings
    limit = settings.broker.task_time_limit_seconds
    app.conf.update(
        task_ignore_result=True,  # counts are kept in the database, per run
        worker_prefetch_multiplier=1,  # a waiting wake-up belongs to whichever worker is free
        task_time_limit=limit,  # a task that hangs is killed, and the next one takes up its work
        task_soft_time_limit=_ALMOST * limit,  # before that it may record that it failed, and give its lease back
        broker_connection_retry_on_startup=True,  # a broker that starts after us is no reason to die
        broker_connection_max_retries=None,  # nor is one that is away for long
        broker_channel_error_retry=True,  # or one that refuses to work, as Redis does when its memory is full
        broker_transport_options=_transport(url, settings),
        beat_schedule=_schedule(settings),
        beat_schedule_filename=str(data_dir(settings) / "beat-schedule"),
        worker_enable_remote_control=False,  # nobody asks; one connection less that can break, and on files replies pile up
    )
    return app


def _transport(url: str, settings: Settings) -> dict[str, Any]:
    if url.startswith("filesystem:"):
        folder = broker_folder(settings)
        for name in ("messages", "control"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        messages = str(folder / "messages")
        return {
            "data_folder_in": messages,
            "data_folder_out": messages,
            "control_folder": str(folder / "control"),
            "polling_interval": 0.1,  # it pauses so long, too, whenever all processes have a task
        }
    # A connection that died without a word must be noticed. Commands time out; the worker's own wait for messages, which
    # the first does not cover, is checked, and over with all in all after 1 + 2 x the time-out.
    patience = settings.broker.timeout_seconds
    return {
        "ack_emulation": False,  # wake-ups need no acknowledgement, and one that could not be sent kept a worker waiting for ever
        "socket_timeout": patience,
        "health_check_interval": patience,
    }


def _schedule(settings: Settings) -> dict[str, Any]:
    """One entry a stage, one a source where the source is the unit; a wake-up is worthless once the next one is due."""
    beat = settings.schedule
    entries: dict[str, Any] = {}

    def every(name: str, task: str, seconds: float, *args: str) -> None:
        entries[name] = {
            "task": f"worker.tasks.{task}",
            "schedule": seconds,
            "args": args,
            "last_run_at": _LONG_AGO,
            "options": {"expires": max(seconds, 1)},
        }

    for source in sorted(settings.sources):
        every(f"sync {source}", "sync", beat.sync_seconds, source)
        every(f"scan {source}", "scan", beat.scan_seconds, source)
    every("compose", "compose", beat.compose_seconds)
    every("dispatch", "dispatch", beat.dispatch_seconds)
    every("tidy", "tidy", beat.tidy_seconds)
    return entries


def _from_environment() -> Celery:
    try:
        settings = load(None, os.environ).settings
    except SettingsError as problem:
        print(problem, file=sys.stderr)  # noqa: T201 - logging is not set up without settings
        raise SystemExit(problem.exit_code) from None

    @setup_logging.connect(weak=False)
    def _set_up(**_: object) -> None:
        log.setup(settings)

    @worker_init.connect(weak=False)
    def _refuse_to_start(**_: object) -> None:
        log.setup(settings)  # Celery sets logging up after this
        with closing(Installation(settings)) as parts:
            try:
                parts.check()
            except DatabaseSilentError as problem:  # it may come up later than we do
                logger.warning("starting without the database", error=str(problem))
            except WatchpostError as problem:
                logger.error("refusing to start", error=str(problem))
                raise SystemExit(problem.exit_code) from None

    @worker_shutting_down.connect(weak=False)
    def _come_to_an_end(**_: object) -> None:
        shutdown.begin(settings.broker.shutdown_seconds)

    @worker_ready.connect(weak=False)
    def _begins(**_: object) -> None:
        shutdown.take_over_sigquit()

    @worker_process_init.connect(weak=False)
    def _pool_process_starts(**_: object) -> None:
        shutdown.leave_signals_to_the_worker()

    @worker_shutdown.connect(weak=False)
    def _ended(**_: object) -> None:
        shutdown.end()

    return make_app(settings)


def __getattr__(name: str) -> Celery:
    """`app` is made when it is first asked for, so that importing this module needs no settings."""
    if name != "app":
        raise AttributeError(name)
    globals()["app"] = app = _from_environment()
    return app
