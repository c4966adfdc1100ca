"""Fault rows 10 to 12: whatever happens to Redis or to beat, wake-ups come again, and nothing is sent twice or not at all."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from redis import Redis

from tests.faults.company import Company, kill
from tests.support.databases import SqliteTemplate, opened
from tests.support.proxy import Proxy
from tests.support.redis import RedisServer, running_redis
from tests.support.smtp_script import ScriptedRelay
from tests.support.waiting import wait_until
from worker.app import make_app
from worker.heartbeat import late
from worker.store import tables
from worker.store.session import Store

_IMPATIENT = "timeout_seconds = 1"


class Service(Company):
    """A worker of two processes and a beat; a wire between them and Redis."""

    worker: "subprocess.Popen[bytes]"
    beat: "subprocess.Popen[bytes]"
    server: RedisServer

    def __init__(self, folder: Path, store: Store, relay: ScriptedRelay, wire: Proxy) -> None:
        super().__init__(folder, store, relay, f"redis://127.0.0.1:{wire.port}/0", _IMPATIENT, patience=10)
        self.wire = wire
        self._runs, self._changed = -1, datetime.now(UTC)
        self.new_redis()

    def new_redis(self) -> None:
        """An empty one takes the place of the old."""
        self.server = self.stack.enter_context(running_redis())
        self.wire.target = self.server.port

    @property
    def redis(self) -> Redis:
        return Redis(port=self.server.port)

    @contextmanager
    def fault(self, name: str) -> Iterator[None]:
        """Redis is `absent`, `out of memory` or `silent` for the block."""
        self.listen()
        if name == "absent":
            os.kill(self.server.pid, signal.SIGKILL)
        elif name == "silent":
            self.wire.fall_silent()
        else:
            self.redis.config_set("maxmemory", 1)
        try:
            yield
        finally:
            if name == "absent":
                self.new_redis()
            elif name == "silent":
                self.wire.speak_again()
            else:
                self.redis.config_set("maxmemory", 0)

    def start_both(self) -> None:
        self.worker = self.start("worker", "--concurrency", "2")
        self.beat = self.start("beat")

    def kill_both(self) -> None:
        kill(self.worker)
        kill(self.beat)

    def delivers(self) -> None:
        """News of now arrives, once, and neither process ended meanwhile."""
        self.news(1)
        self.all_arrive()
        assert (self.worker.poll(), self.beat.poll()) == (None, None)

    def runs(self) -> int:
        """How many there have been."""
        return len(self.play.rows(tables.Run))

    def rests(self) -> None:
        """Over several turns of beat no stage runs."""
        wait_until(lambda: self._quiet_since(self.runs()) > timedelta(seconds=2), what="the last wake-up to be used up")

    def _quiet_since(self, runs: int) -> timedelta:
        if runs != self._runs:
            self._runs, self._changed = runs, datetime.now(UTC)
        return datetime.now(UTC) - self._changed

    def late(self, **ahead: float) -> list[str]:
        """The stages whose heartbeat is missed by then."""
        now = datetime.now(UTC) + timedelta(**ahead)
        with self.store.read() as session:
            found = late(session, self.play.settings, now)
        return [each.stage for each in found if not each.source]  # nobody here wakes syncs and scans


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, sqlite_template: SqliteTemplate) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("company")
    with (
        opened(sqlite_template.copy_to(folder)) as store,
        ScriptedRelay() as relay,
        Proxy(0) as wire,
        Service(folder, store, relay, wire) as service,
    ):
        service.start_both()
        service.delivers()
        yield service


def test_redis_that_is_killed_and_comes_back_empty(service: Service) -> None:
    with service.fault("absent"):
        wait_until(lambda: service.logged("worker", "Trying again in"), what="the worker to find out")
        service.news(1)
    service.all_arrive()
    service.delivers()


def test_redis_that_is_emptied(service: Service) -> None:
    service.news(1)
    service.redis.flushall()
    service.all_arrive()
    service.delivers()


def test_redis_whose_memory_is_full(service: Service) -> None:
    with service.fault("out of memory"):
        wait_until(lambda: service.logged("beat", "maxmemory"), what="beat to be refused")
        service.rests()
        assert (service.worker.poll(), service.beat.poll()) == (None, None)
        service.news(1)
    service.all_arrive()
    service.delivers()


def test_redis_that_accepts_and_never_answers(service: Service) -> None:
    """Half-open. The heartbeat shows it: no stage runs any more."""
    assert service.late() == []
    with service.fault("silent"):
        wait_until(lambda: service.logged("worker", "dropping stale connection"), what="the worker to find out")
        service.rests()
        assert service.late(minutes=2) == ["compose", "dispatch"]
        service.news(1)
    service.all_arrive()
    service.delivers()
    assert service.late() == []


def test_redis_that_falls_silent_while_a_wake_up_waits_for_its_turn(service: Service) -> None:
    """It was taken from Redis and is not begun; when it is, nothing can be told to Redis any more."""
    kill(service.worker)
    service.worker = service.start("worker", "--concurrency", "1")
    service.delivers()

    def wait_for_the_next_one(_recipient: str) -> str:
        wait_until(lambda: service.redis.llen("celery"), what="a wake-up that the worker does not take")
        service.wire.fall_silent()
        return "250 ok"

    service.relay.on("dot", wait_for_the_next_one)
    service.news(1)
    service.all_arrive()
    with service.fault("silent"):
        service.rests()
    service.delivers()


def test_two_beats_wake_twice_and_nothing_is_sent_twice(service: Service) -> None:
    second = service.start("beat")
    runs = service.runs()
    service.news(20)
    service.all_arrive()
    wait_until(lambda: service.runs() > runs + 8, what="both to send wake-ups")
    service.delivers()
    assert second.poll() is None
    kill(second)


def test_a_killed_beat_is_started_again(service: Service) -> None:
    kill(service.beat)
    service.news(1)
    service.beat = service.start("beat")
    service.all_arrive()
    service.delivers()


@pytest.mark.parametrize("garbage", [b"\x00\xff" * 500, b"SQLite format 3\x00 and then nothing"])
def test_a_beat_whose_schedule_file_is_garbage_begins_anew(service: Service, garbage: bytes) -> None:
    kill(service.beat)
    files = list((service.folder / "data").glob("beat-schedule*"))
    assert files
    for file in files:
        file.write_bytes(garbage)
    service.beat = service.start("beat")
    service.delivers()


def test_wake_ups_that_are_delivered_again_and_again_do_nothing_twice(service: Service) -> None:
    service.news(20)
    app = make_app(service.play.settings)
    with app.connection_for_write() as connection:
        for _ in range(10):
            for stage in ("compose", "dispatch"):
                app.send_task(f"worker.tasks.{stage}", connection=connection)
    service.all_arrive()
    service.delivers()


def test_redis_that_is_not_there_when_worker_and_beat_start_and_then_has_no_memory(service: Service) -> None:
    """They wait for it; what ends at once would be started by its supervisor again and again."""
    service.kill_both()
    service.news(1)
    with service.fault("absent"):
        service.start_both()
        for name in ("worker", "beat"):
            wait_until(partial(service.logged, name, "Trying again in"), what=f"the {name} to find out", timeout=60)
    with service.fault("out of memory"):
        for name, words in (("worker", "OutOfMemory"), ("beat", "maxmemory")):
            wait_until(partial(service.logged, name, words), what=f"the {name} to be refused", timeout=60)
        assert (service.worker.poll(), service.beat.poll()) == (None, None)
    service.all_arrive()
    service.delivers()
