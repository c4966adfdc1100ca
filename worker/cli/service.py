"""`watchpost up`: beat and worker on one machine, for the embedded defaults."""

import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from types import FrameType

import click

from worker import processes
from worker.cli.common import Context, as_json_option, explained, pass_context, print_json
from worker.configuration import data_dir, database_url
from worker.store import schema
from worker.store.session import Store

_BEYOND_SHUTDOWN_SECONDS = 5.0
"""The worker ends by itself after `broker.shutdown_seconds`; it is killed only if it does not."""


@click.command()
@click.option("--concurrency", type=click.IntRange(1, 64), default=2, show_default=True, help="Worker processes.")
@click.option(
    "--loglevel",
    type=click.Choice(["debug", "info", "warning", "error"]),
    default="info",
    show_default=True,
    help="How much beat and worker log.",
)
@as_json_option
@pass_context
@explained
def up(context: Context, concurrency: int, loglevel: str, as_json: bool) -> None:
    """Run the whole service (beat and worker) in the foreground until Ctrl-C; creates the database on first use.

    --json prints the process ids as JSON, and makes the logs on standard error one JSON object a line.
    """
    _prepare(context)
    environment = dict(os.environ)
    if context.config is not None:
        environment["WATCHPOST_CONFIG"] = str(context.config.resolve())
    if as_json:
        environment["WATCHPOST_LOGS__FORMAT"] = "json"

    def announce(worker: int, beat: int) -> None:
        if as_json:
            print_json({"worker": worker, "beat": beat, "data_dir": str(data_dir(context.installation.settings))})
        else:
            click.echo(f"Watchpost runs (worker {worker}, beat {beat}); Ctrl-C stops it. How it does: watchpost status")
        sys.stdout.flush()

    lines = processes.commands(concurrency=concurrency, loglevel=loglevel)
    grace = context.installation.settings.broker.shutdown_seconds + _BEYOND_SHUTDOWN_SECONDS
    sys.exit(_supervise(lines, environment, announce, grace))


def _prepare(context: Context) -> None:
    """A new database gets its tables; an older one is left for `watchpost init`, after a backup."""
    store = Store(database_url(context.installation.settings))
    try:
        if schema.is_empty(store):
            schema.upgrade(store)
    finally:
        store.dispose()
    context.installation.check()


def _supervise(
    lines: list[list[str]], environment: dict[str, str], announce: Callable[[int, int], None], grace: float
) -> int:
    """Run worker and beat until a signal comes or one of them ends, then stop both."""
    stopping = False

    def stop(_signal: int, _frame: FrameType | None) -> None:
        nonlocal stopping
        stopping = True

    for number in processes.stop_signals():
        signal.signal(number, stop)
    with processes.running(lines, environment, None, grace) as children:
        announce(*(child.pid for child in children))
        while not stopping and all(child.poll() is None for child in children):
            time.sleep(0.2)
        with suppress(OSError):  # a terminal that was closed takes no text
            click.echo(f"Stopping, at most {grace:g} s.", err=True)
    if not stopping:
        click.echo("Error: beat or worker ended by itself; see its last lines above.", err=True)
    return 0 if stopping else 1
