"""`watchpost up`: beat and worker on one machine, for the embedded defaults."""

import os
import signal
import subprocess
import sys
import time
from types import FrameType

import click

from worker.cli.common import Context, explained, pass_context
from worker.configuration import database_url
from worker.store import schema
from worker.store.session import Store

_GRACE_SECONDS = 30


@click.command()
@click.option("--concurrency", type=click.IntRange(1, 64), default=2, show_default=True, help="Worker processes.")
@click.option("--loglevel", default="info", show_default=True, help="How much beat and worker log.")
@pass_context
@explained
def up(context: Context, concurrency: int, loglevel: str) -> None:
    """Run the whole service (beat and worker) in the foreground until Ctrl-C; creates the database on first use."""
    settings = context.load().settings
    store = Store(database_url(settings))
    try:
        _prepare(store)
    finally:
        store.dispose()
    environment = dict(os.environ)
    if context.config is not None:
        environment["WATCHPOST_CONFIG"] = str(context.config.resolve())
    celery = [sys.executable, "-m", "celery", "-A", "worker.app:app"]
    worker = [*celery, "worker", "--loglevel", loglevel, "--concurrency", str(concurrency)]
    worker += ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    beat = [*celery, "beat", "--loglevel", loglevel, "--pidfile="]
    sys.exit(_supervise([worker, beat], environment))


def _prepare(store: Store) -> None:
    """A new database gets its tables; an older one is left for `watchpost init`, after a backup."""
    if not schema.exists(store):
        schema.upgrade(store)
    schema.check(store)


def _supervise(commands: list[list[str]], environment: dict[str, str]) -> int:
    """Run the commands until a signal comes or one of them ends, then stop them all."""
    stopping = False

    def stop(_signal: int, _frame: FrameType | None) -> None:
        nonlocal stopping
        stopping = True

    previous = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    # Sessions of their own, so that Ctrl-C reaches them once and from here.
    children = [
        subprocess.Popen(command, env=environment, start_new_session=True)  # noqa: S603 - our own commands
        for command in commands
    ]
    try:
        while not stopping and all(child.poll() is None for child in children):
            time.sleep(0.2)
        died = not stopping
    finally:
        _stop(children)
        for number, handler in previous.items():
            signal.signal(number, handler)
    if died:
        click.echo("Error: beat or worker ended by itself; see its last lines above.", err=True)
    return 1 if died else 0


def _stop(children: list["subprocess.Popen[bytes]"]) -> None:
    for child in children:
        if child.poll() is None:
            child.terminate()
    deadline = time.monotonic() + _GRACE_SECONDS
    for child in children:
        try:
            child.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()
