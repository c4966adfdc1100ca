"""Fault row 9: a worker that is told to end finishes the mails on their way and hands the others back, within a bound.

The other stages end between two pages and give their leases back.
"""

import asyncio
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from psutil import Process
from redis import Redis
from starlette.types import ASGIApp, Receive, Scope, Send

from tests.faults.company import Company
from tests.support import service
from tests.support.invariant import nothing_is_lost
from tests.support.smtp_script import STALL, ScriptedRelay
from tests.support.waiting import wait_until
from worker.shopserver.app import create_app
from worker.shopserver.serving import serve
from worker.shopserver.store import ShopStore
from worker.store import tables
from worker.store.lease import single_flight
from worker.store.session import Store


@pytest.fixture
def relay() -> Iterator[ScriptedRelay]:
    with ScriptedRelay() as running:
        yield running


@pytest.fixture
def broker(redis_url: str) -> str:
    """An empty one."""
    with Redis.from_url(redis_url) as redis:
        redis.flushdb()
    return redis_url


def _slowly(_recipient: str) -> str:
    time.sleep(0.02)  # the relay's, not the test's: so that there is something to interrupt
    return "250 ok"


def test_a_worker_that_is_told_to_end_under_load_leaves_nothing_in_doubt(
    tmp_path: Path, postgres_store: Store, broker: str, relay: ScriptedRelay
) -> None:
    relay.always("dot", _slowly)
    with Company(tmp_path, postgres_store, relay, broker, "shutdown_seconds = 30") as company:
        company.news(60)
        worker = company.start("worker", "--concurrency", "2")
        company.start("beat")
        relay.wait_for("dot", 10, timeout=60)
        for each in (*Process(worker.pid).children(), Process(worker.pid)):
            each.terminate()  # as supervisors do that end a whole group
        assert worker.wait(30) == 0
        states = company.play.mail_states()
        assert 10 <= states.count("sent") < 60
        assert set(states) <= {"sent", "pending"}
        assert len(relay.taken) == states.count("sent")
        relay.always("dot", "250 ok")
        company.start("worker", "--concurrency", "2")
        company.all_arrive()
        assert len(relay.taken) == 60
        assert company.play.status()["mails"]["ambiguous"] == 0


@pytest.mark.parametrize(("number", "grace"), [(signal.SIGTERM, 0.2), (signal.SIGQUIT, 60)])
def test_waiting_for_a_mail_on_its_way_has_an_end(
    tmp_path: Path, postgres_store: Store, broker: str, relay: ScriptedRelay, number: signal.Signals, grace: float
) -> None:
    relay.on("dot", STALL)
    with Company(tmp_path, postgres_store, relay, broker, f"shutdown_seconds = {grace}", patience=20) as company:
        company.news(1)
        worker = company.start("worker", "--concurrency", "1")
        company.start("beat")
        relay.wait_for("dot", 1, timeout=60)
        pool, begun = Process(worker.pid).children(), time.monotonic()
        worker.send_signal(number)
        assert worker.wait(30) != 0
        assert time.monotonic() - begun < 10  # and not the twenty seconds that the relay may be silent
        wait_until(lambda: not any(each.is_running() for each in pool), what="the pool to be killed with it")
        assert company.play.mail_states() == ["submitting"]
        nothing_is_lost(postgres_store, relay.taken, mails=1, notifications=1)


PEOPLE = [f"p{number:02}" for number in range(20)]


@pytest.fixture
def shop_url(tmp_path: Path) -> Iterator[str]:
    """A shop with twenty customers that takes its time over each answer."""
    store = ShopStore(f"sqlite:///{tmp_path / 'shop.db'}")
    product = {"id": "1", "code": "lamp", "label": "Lamp", "prices": [{"currency": "EUR", "value": "9.00"}]}
    people = [
        {"id": str(number), "code": name, "email": f"{name}@example.com", "tokens": [f"token-of-{name}-0123456789"]}
        for number, name in enumerate(PEOPLE, 1)
    ]
    watch = {"domain": "product", "type": "watch", "refid": "1", "config": {"timeframe": "7", "price": "1"}}
    relations = [watch | {"customer": person["id"]} for person in people]
    store.load({"products": [product], "customers": people, "relations": relations})
    app: ASGIApp = create_app(store)

    async def slowly(scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.sleep(0.1)
        await app(scope, receive, send)

    with serve(slowly) as url:
        yield url
    store.dispose()


def test_a_sync_ends_between_two_pages_and_the_next_one_goes_on_at_once(
    tmp_path: Path, postgres_store: Store, broker: str, relay: ScriptedRelay, shop_url: str
) -> None:
    with Company(tmp_path, postgres_store, relay, broker, "shutdown_seconds = 30") as company:
        logins = "".join(f'[sources.main.customers.{name}]\ntoken = "token-of-{name}-0123456789"\n' for name in PEOPLE)
        config = company.config.read_text(encoding="utf-8").replace("http://127.0.0.1:9", shop_url) + logins
        company.config.write_text(config, encoding="utf-8")

        def read() -> int:
            return len(company.play.rows(tables.Customer))

        worker = company.start("worker", "--concurrency", "1")
        service.watchpost("--config", str(company.config), "sync", "main", "--queue", cwd=tmp_path)
        wait_until(lambda: read() >= 3, what="the first customers to be read")
        for each in (*Process(worker.pid).children(), Process(worker.pid)):
            each.terminate()
        assert worker.wait(30) == 0
        read_before = read()
        assert 3 <= read_before < len(PEOPLE)
        (run,) = company.play.rows(tables.Run)
        assert (run.error or "").startswith("the worker shuts down")
        with single_flight(postgres_store, "sync:main"):  # the lease was given back
            pass
        service.watchpost("--config", str(company.config), "sync", "main", cwd=tmp_path)
        assert read() == len(PEOPLE)
        run = company.play.rows(tables.Run)[-1]
        assert (run.error, run.counts["resumed"], run.counts["accounts"]) == (None, True, len(PEOPLE) - read_before)
