"""Everything the demo needs, started and stopped: shop, mail sink, settings, database, beat and worker."""

import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import select

from worker import processes
from worker.configuration import database_url, load
from worker.demo import sink as sinks
from worker.errors import WatchpostError
from worker.installation import Installation
from worker.shopserver.app import create_app
from worker.shopserver.serving import serve
from worker.shopserver.store import ShopStore
from worker.store import schema, tables
from worker.store.session import Store

SOURCE = "demo"
_STAGES = ("sync", "scan", "compose", "dispatch")
_SETTLE_SECONDS = 25.0
_SETTINGS = """\
# The settings of the demo; everything else is as in config/default.toml.
data_dir = "{data}"

[schedule]
sync_seconds = 0.5
scan_seconds = 0.5
compose_seconds = 0.5
dispatch_seconds = 0.5

[rules]
cooldown_hours = 0

[mail]
from_address = "watch@shop.example"
from_name = "Demo Shop"
digest_wait_seconds = 0

[smtp]
host = "127.0.0.1"
port = {port}
tls = "none"

[sources.demo]
url = "{shop}/jsonapi"
currency = "EUR"
product_url = "{shop}/jsonapi/product?id={{id}}"
account_url = "{shop}/jsonapi/customer"
"""


@dataclass(slots=True)
class Scene:
    """The running demo."""

    shop: ShopStore
    url: str
    sink: sinks.Sink
    parts: Installation
    children: list[processes.Child]
    log: Path

    def settle(self) -> None:
        """Wait until each stage, one after the other, has made a whole run that began after this call."""
        deadline = time.monotonic() + _SETTLE_SECONDS
        for stage in _STAGES:
            begun = datetime.now(UTC)
            while not self._ran(stage, begun):
                if time.monotonic() > deadline or any(child.poll() is not None for child in self.children):
                    raise WatchpostError(f"the {stage} stage did not finish; see {self.log}")
                time.sleep(0.05)

    def _ran(self, stage: str, since: datetime) -> bool:
        with self.parts.store.read() as session:
            row = session.scalar(
                select(tables.Run)
                .where(tables.Run.stage == stage, tables.Run.started_at >= since, tables.Run.seconds.is_not(None))
                .order_by(tables.Run.id)
                .limit(1)
            )
            if row is not None and row.error:
                raise WatchpostError(f"the {stage} stage failed: {row.error}; see {self.log}")
            return row is not None


@contextmanager
def opened(folder: Path, document: dict[str, object], tokens: dict[str, str]) -> Iterator[Scene]:
    """The scene with the shop loaded and the service running; everything is stopped at the end."""
    mails, data = folder / "mails", folder / "data"
    data.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        shop = ShopStore(f"sqlite:///{data / 'shop.sqlite3'}")
        stack.callback(shop.dispose)
        shop.load(document)
        url = stack.enter_context(serve(create_app(shop)))
        sink = stack.enter_context(sinks.running(mails))
        settings = folder / "watchpost.toml"
        settings.write_text(_settings_text(data, sink.port, url, tokens), encoding="utf-8")
        parts = Installation(load(settings, {}).settings)
        stack.callback(parts.close)
        _create_tables(parts)
        log = folder / "service.log"
        output = stack.enter_context(log.open("wb"))
        environment = {key: value for key, value in os.environ.items() if not key.startswith("WATCHPOST_")}
        environment["WATCHPOST_CONFIG"] = str(settings.resolve())
        commands = processes.commands(concurrency=2, loglevel="info")
        children = stack.enter_context(processes.running(commands, environment, output, 15.0))
        yield Scene(shop, url, sink, parts, children, log)


def _settings_text(data: Path, port: int, url: str, tokens: dict[str, str]) -> str:
    text = _SETTINGS.format(data=data.resolve().as_posix(), port=port, shop=url)
    for name, token in tokens.items():
        text += f'\n[sources.{SOURCE}.customers.{name}]\ntoken = "{token}"\n'
    return text


def _create_tables(parts: Installation) -> None:
    store = Store(database_url(parts.settings))
    try:
        schema.upgrade(store)
    finally:
        store.dispose()
