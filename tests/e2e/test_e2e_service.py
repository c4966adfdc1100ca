"""The whole service as an operator runs it: the Procfile's processes, Redis, PostgreSQL, a shop over HTTP, an SMTP server."""

import json
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from redis import Redis

from tests.support import process, service
from tests.support.smtp import SmtpSink
from tests.support.waiting import wait_until
from worker.shopserver.app import create_app
from worker.shopserver.serving import serve
from worker.shopserver.store import ShopStore

TOKEN = "token-of-anna-0123456789"
SHOP = {
    "products": [
        {
            "id": "1",
            "code": "lamp",
            "label": "Desk lamp",
            "prices": [{"currency": "EUR", "value": "120.00"}],
            "stock": [{"level": 3}],
        }
    ],
    "customers": [
        {"id": "1", "code": "anna", "email": "anna@example.com", "language": "en", "tokens": [TOKEN]},
    ],
    "relations": [
        {
            "customer": "1",
            "domain": "product",
            "type": "watch",
            "refid": "1",
            "config": {"timeframe": "7", "price": "1", "stock": "0", "currency": "EUR", "pricevalue": "100.00"},
        }
    ],
}
SETTINGS = """
data_dir = "data"
hash_key = "{key}"
[database]
url = "{database}"
[broker]
url = "{broker}"
[schedule]
sync_seconds = 1
scan_seconds = 1
compose_seconds = 1
dispatch_seconds = 1
[mail]
from_address = "watch@shop.example"
digest_wait_seconds = 0
[smtp]
host = "127.0.0.1"
port = {smtp}
tls = "none"
[sources.main]
url = "{shop}/jsonapi"
currency = "EUR"
[sources.main.customers.anna]
token = "{token}"
"""


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[ShopStore]:
    store = ShopStore(f"sqlite:///{tmp_path / 'shop.db'}")
    store.load(SHOP)
    yield store
    store.dispose()


@pytest.fixture
def shop_url(shop: ShopStore) -> Iterator[str]:
    with serve(create_app(shop)) as url:
        yield url


def _settings(folder: Path, *, shop: str, smtp: int, database: str = "", broker: str = "") -> Path:
    file = folder / "watchpost.toml"
    file.write_text(
        SETTINGS.format(database=database, broker=broker, smtp=smtp, shop=shop, token=TOKEN, key="k" * 32),
        encoding="utf-8",
    )
    return file


def _imported(folder: Path) -> bool:
    """Once the tables exist, whether the shop was read."""
    done = service.watchpost("--config", "watchpost.toml", "status", "--json", cwd=folder, check=None)
    return done.returncode == 0 and json.loads(done.stdout)["sources"]["main"]["last_good_sync"] is not None


def test_worker_and_beat_of_the_procfile_deliver_a_mail_over_redis_and_postgresql(
    tmp_path: Path, shop: ShopStore, shop_url: str, smtp_sink: SmtpSink, redis_url: str, postgres_url: str
) -> None:
    with Redis.from_url(redis_url) as redis:
        redis.flushdb()
    config = _settings(tmp_path, shop=shop_url, smtp=smtp_sink.port, database=postgres_url, broker=redis_url)
    service.watchpost("--config", str(config), "init", cwd=tmp_path)
    env = service.environment(WATCHPOST_CONFIG=str(config))
    with ExitStack() as stack:
        for name, line in service.procfile().items():
            child = service.start(line, cwd=tmp_path, env=env, log=f"{name}.log")
            stack.callback(process.stop, child)
        wait_until(lambda: _imported(tmp_path), timeout=60)
        shop.set_price("lamp", "EUR", "95.00")
        (mail,) = smtp_sink.wait_for(1, timeout=60)
    assert mail.rcpt_tos == ("anna@example.com",)
    assert "95.00" in str(mail.message["Subject"])


def test_a_manual_run_can_be_queued_for_a_worker(
    tmp_path: Path, shop: ShopStore, shop_url: str, smtp_sink: SmtpSink, redis_url: str
) -> None:
    with Redis.from_url(redis_url) as redis:
        redis.flushdb()
    config = _settings(tmp_path, shop=shop_url, smtp=smtp_sink.port, broker=redis_url)
    service.watchpost("--config", str(config), "init", cwd=tmp_path)
    service.watchpost("--config", str(config), "run", cwd=tmp_path)
    shop.set_price("lamp", "EUR", "95.00")
    env = service.environment(WATCHPOST_CONFIG=str(config))
    queued = service.watchpost("--config", str(config), "run", "--queue", "--json", cwd=tmp_path)
    assert len(json.loads(queued.stdout)["task_ids"]) == 1
    child = service.start(service.procfile()["worker"], cwd=tmp_path, env=env, log="worker.log")
    try:
        (mail,) = smtp_sink.wait_for(1, timeout=60)
    finally:
        process.stop(child)
    assert mail.rcpt_tos == ("anna@example.com",)


def test_up_delivers_with_the_embedded_defaults_and_stops_on_sigterm(
    tmp_path: Path, shop: ShopStore, shop_url: str, smtp_sink: SmtpSink
) -> None:
    config = _settings(tmp_path, shop=shop_url, smtp=smtp_sink.port)
    child = service.start(
        [*service.COMMAND, "--config", str(config), "up", "--json"],
        cwd=tmp_path,
        env=service.environment(),
        log="up.log",
    )
    try:
        wait_until(lambda: _imported(tmp_path), timeout=60)
        shop.set_stock("lamp", 0)
        shop.set_price("lamp", "EUR", "95.00")
        (mail,) = smtp_sink.wait_for(1, timeout=60)
    finally:
        code = process.stop(child, timeout=40)
    assert mail.rcpt_tos == ("anna@example.com",)
    assert code == 0
    said, _ = json.JSONDecoder().raw_decode((tmp_path / "up.log").read_text(encoding="utf-8"))
    assert said.keys() == {"worker", "beat", "data_dir"}


@pytest.fixture
def worker(tmp_path: Path, redis_url: str) -> Iterator[Callable[[str], "subprocess.Popen[bytes]"]]:
    """Starts the Procfile's worker on a database; its log is worker.log."""
    with ExitStack() as stack:

        def started(database: str) -> "subprocess.Popen[bytes]":
            config = _settings(tmp_path, shop="http://127.0.0.1:9", smtp=9, database=database, broker=redis_url)
            env = service.environment(WATCHPOST_CONFIG=str(config))
            child = service.start(service.procfile()["worker"], cwd=tmp_path, env=env, log="worker.log")
            stack.callback(process.stop, child)
            return child

        yield started


def test_a_worker_refuses_to_start_on_a_database_without_tables(
    worker: Callable[[str], "subprocess.Popen[bytes]"], tmp_path: Path
) -> None:
    assert worker("").wait(timeout=60) == 2
    assert 'run \\"watchpost init\\"' in (tmp_path / "worker.log").read_text(encoding="utf-8")


def test_a_worker_that_is_up_before_its_database_waits_for_it(
    worker: Callable[[str], "subprocess.Popen[bytes]"], tmp_path: Path
) -> None:
    child = worker("postgresql://nobody@127.0.0.1:9/nothing")
    log = tmp_path / "worker.log"
    wait_until(lambda: " ready." in log.read_text(encoding="utf-8") or child.poll() is not None, timeout=60)
    assert child.poll() is None
    assert "starting without the database" in log.read_text(encoding="utf-8")
