"""Fault row 9: a worker that is told to end finishes the mails on their way and hands the others back, within a bound."""

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from psutil import Process
from redis import Redis

from tests.faults.company import Company
from tests.support.invariant import nothing_is_lost
from tests.support.smtp_script import STALL, ScriptedRelay
from tests.support.waiting import wait_until
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
