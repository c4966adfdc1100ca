"""How fast mails that are due leave, and how much memory that takes.

    python -m tests.benchmarks.dispatch --database sqlite --mails 5000 --json

A relay in a process of its own accepts everything. Measured is the stage as the service runs it, with its last look at
each mail, and in the same run the floor: the same ready bytes pushed over as many bare aiosmtplib connections to the same
relay, without a database. A ratio of 0.5 means that the stage takes twice as long as that.
"""

import argparse
import asyncio
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from aiosmtplib import SMTP
from sqlalchemy import func, select

from tests.benchmarks import measuring
from tests.benchmarks.measuring import Figures
from tests.support.crowd import news_for
from tests.support.settings import load_text
from worker.installation import Installation
from worker.settings import Settings
from worker.store import tables
from worker.store.session import Store

_MODULE = "tests.benchmarks.dispatch"
_SETTINGS = """
hash_key = "{key}"
[database]
url = "{url}"
[mail]
from_address = "watch@shop.example"
digest_wait_seconds = 0
[smtp]
host = "127.0.0.1"
port = {port}
tls = "none"
connections = {connections}
[sources.main]
url = "https://shop.test/jsonapi"
currency = "EUR"
"""


def main() -> None:
    """Run all of it, or one phase where this module starts itself."""
    parser = measuring.parser(__doc__ or "")
    parser.add_argument("--mails", type=int, default=2_000)
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--port", type=int, default=1, help=argparse.SUPPRESS)
    options = parser.parse_args()
    phases = {
        "prepare": lambda: _prepare(options),
        "floor": lambda: _floor(options),
        "dispatch": lambda: _dispatch(options),
    }
    measuring.run(options, phases, lambda: _measure(options))


def _measure(options: argparse.Namespace) -> Figures:
    with (
        tempfile.TemporaryDirectory() as folder,
        measuring.database(options.database, Path(folder)) as url,
        _relay() as port,
    ):

        def phase(name: str) -> Figures:
            return measuring.in_own_process(
                _MODULE, name, url=url, port=port, mails=options.mails, connections=options.connections
            )

        prepared, floor, stage = phase("prepare"), phase("floor"), phase("dispatch")
    assert stage["sent"] == options.mails, stage
    return {
        "database": options.database,
        "mails": options.mails,
        "connections": options.connections,
        "bytes_a_mail": prepared["bytes_a_mail"],
        "seconds": stage["seconds"],
        "cpu_seconds": stage["cpu_seconds"],
        "floor_seconds": floor["seconds"],
        "floor_cpu_seconds": floor["cpu_seconds"],
        "ratio": floor["seconds"] / stage["seconds"],
        "rate": options.mails / stage["seconds"],
        "floor_rate": options.mails / floor["seconds"],
        "peak_rss_mb": stage["peak_rss_mb"],
    }


def _prepare(options: argparse.Namespace) -> Figures:
    """Real news, really composed."""
    store = Store(options.url)
    play = news_for(options.mails, store, _settings(options), datetime.now(UTC))
    assert play.compose().mails == options.mails
    with store.read() as session:
        size = session.scalar(select(func.avg(func.length(tables.Mail.message))))
    store.dispose()
    return {"bytes_a_mail": int(size or 0)}


def _floor(options: argparse.Namespace) -> Figures:
    store = Store(options.url)
    with store.read() as session:
        mails = session.execute(select(tables.Mail.sender, tables.Mail.recipient, tables.Mail.message)).all()
    store.dispose()
    left = iter(mails)

    async def push() -> None:
        client = SMTP(hostname="127.0.0.1", port=options.port, start_tls=False)
        async with client:
            for sender, recipient, message in left:
                await client.sendmail(sender, [recipient], message)

    async def push_all() -> None:
        await asyncio.gather(*(push() for _ in range(options.connections)))

    with measuring.stopwatch() as figures:
        asyncio.run(push_all())
    return figures


def _dispatch(options: argparse.Namespace) -> Figures:
    installation = Installation(_settings(options))
    _ = installation.store  # is opened and checked once for a worker's whole life
    with measuring.stopwatch() as figures:
        counts = installation.dispatch(clock=lambda: datetime.now(UTC))
    installation.close()
    return figures | {"sent": counts.sent}


def _settings(options: argparse.Namespace) -> Settings:
    text = _SETTINGS.format(key="k" * 32, url=options.url, port=options.port, connections=options.connections)
    return load_text(text).settings


@contextmanager
def _relay() -> Iterator[int]:
    command = [sys.executable, "-m", "tests.benchmarks.relay"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline())
        finally:
            process.stdin.close()
            process.wait(timeout=30)


if __name__ == "__main__":
    main()
