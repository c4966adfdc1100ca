"""`watchpost up`: beat and worker on one machine, for the embedded defaults."""

import os
import signal
import sys
import time
from types import FrameType

import click

from worker import processes
from worker.cli.common import Context, explained, pass_context
from worker.configuration import database_url
from worker.store import schema
from worker.store.session import Store


@click.command()
@click.option("--concurrency", type=click.IntRange(1, 64), default=2, show_default=True, help="Worker processes.")
@click.option(
    "--loglevel",
    type=click.Choice(["debug", "info", "warning", "error"]),
    default="info",
    show_default=True,
    help="How much beat and worker log.",
)
@pass_context
@explained
def up(context: Context, concurrency: int, loglevel: str) -> None:
    """Run the whole service (beat and worker) in the foreground until Ctrl-C; creates the database on first use."""
    _prepare(context)
    environment = dict(os.environ)
    if context.config is not None:
        environment["WATCHPOST_CONFIG"] = str(context.config.resolve())
    sys.exit(_supervise(processes.commands(concurrency=concurrency, loglevel=loglevel), environment))


def _prepare(context: Context) -> None:
    """A new database gets its tables; an older one is left for `watchpost init`, after a backup."""
    store = Store(database_url(context.load().settings))
    try:
        if schema.is_empty(store):
            schema.upgrade(store)
        schema.check(store)
    finally:
        store.dispose()


def _supervise(lines: list[list[str]], environment: dict[str, str]) -> int:
    """Run the commands until a signal comes or one of them ends, then stop them all."""
    stopping = False

    def stop(_signal: int, _frame: FrameType | None) -> None:
        nonlocal stopping
        stopping = True

    previous = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    children = processes.start(lines, environment)
    try:
        while not stopping and all(child.poll() is None for child in children):
            time.sleep(0.2)
    finally:
        processes.stop(children)
        for number, handler in previous.items():
            signal.signal(number, handler)
    if not stopping:
        click.echo("Error: beat or worker ended by itself; see its last lines above.", err=True)
    return 0 if stopping else 1
