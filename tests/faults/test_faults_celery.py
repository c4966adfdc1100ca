"""What a task does when its time is over, and what Celery is told to do without."""

import signal
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from billiard.pool import soft_timeout_sighandler
from celery.exceptions import SoftTimeLimitExceeded
from freezegun import freeze_time

from tests.faults.statements import before
from tests.support.invariant import nothing_is_lost
from tests.support.settings import load_text
from tests.support.staged import staged
from tests.support.stages import watching
from worker import shutdown, tasks
from worker.app import make_app
from worker.installation import Installation
from worker.store import tables
from worker.store.session import Store

SHORT_TASKS = """
[broker]
task_time_limit_seconds = 100
[smtp]
timeout_seconds = 10
data_timeout_seconds = 20
"""


@pytest.fixture
def soft_time_limit() -> Iterator[None]:
    """The signal that Celery tells a task with that its time is over does what it does in a worker's process."""
    previous = signal.signal(signal.SIGUSR1, soft_timeout_sighandler)
    yield
    signal.signal(signal.SIGUSR1, previous)


def test_a_scan_whose_time_is_over_says_so_gives_its_lease_back_and_blames_no_relation(
    store: Store, soft_time_limit: None
) -> None:
    play = watching(store)
    play.shop.product("42", EUR="99.00")
    play.later(minutes=5).sync()
    with (
        before(store, "INSERT INTO notification", lambda: signal.raise_signal(signal.SIGUSR1)),
        pytest.raises(SoftTimeLimitExceeded),
    ):
        staged(play).scan("main", now=play.now)
    assert (play.relation().rejected, play.ledger()) == (None, [])
    assert (play.rows(tables.Run)[-1].error or "").startswith("SoftTimeLimitExceeded")
    assert play.scan().fired == 1
    nothing_is_lost(store, [], mails=0, notifications=1)


def test_a_composer_whose_time_is_over_blames_no_customer(store: Store, soft_time_limit: None) -> None:
    play = watching(store)
    play.shop.product("42", EUR="99.00")
    play.told()
    with (
        before(store, "INSERT INTO mail", lambda: signal.raise_signal(signal.SIGUSR1)),
        pytest.raises(SoftTimeLimitExceeded),
    ):
        staged(play).compose(now=play.now)
    assert play.compose().mails == 1
    nothing_is_lost(store, [], mails=1, notifications=1)


def test_dispatch_begins_no_further_mail_once_half_of_its_time_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = Installation(load_text(SHORT_TASKS).settings)
    monkeypatch.setattr(tasks, "installation", lambda: parts)
    with freeze_time(datetime(2026, 3, 1, tzinfo=UTC), real_asyncio=True) as clock:
        stop = tasks._enough()
        clock.tick(49)
        assert not stop()
        clock.tick(1)
        assert stop()


def test_dispatch_begins_no_further_mail_once_the_worker_shuts_down(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "installation", lambda: Installation(load_text().settings))
    stop = tasks._enough()
    assert not stop()
    handler = signal.getsignal(signal.SIGALRM)
    try:
        shutdown.begin(60)
        assert stop()
        shutdown.begin(600)
        assert signal.getitimer(signal.ITIMER_REAL)[0] <= 60
    finally:
        shutdown.end()
        signal.signal(signal.SIGALRM, handler)
        shutdown._byte[0] = 0


def test_stages_end_between_two_pages_once_the_worker_shuts_down(
    sqlite_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is written stays, the leases are given back, and the next turns lose nothing and tell nobody twice."""
    play = watching(sqlite_store)
    play.shop.product("42", EUR="99.00")
    monkeypatch.setattr(tasks, "installation", lambda: staged(play))
    monkeypatch.setattr(tasks, "utc_now", lambda: play.now)
    turns = (lambda: tasks.sync("main"), lambda: tasks.scan("main"), tasks.compose)
    play.later(minutes=5)
    for turn in turns:
        shutdown._byte[0] = 1
        try:
            assert turn() == {"interrupted": True}
        finally:
            shutdown._byte[0] = 0
        run = play.rows(tables.Run)[-1]
        assert run.error == "the worker shuts down; the next run goes on from here"
        assert all(lease.token is None for lease in play.rows(tables.Lease))
        assert "interrupted" not in turn()
    assert len(play.ledger()) == len(play.mails()) == 1
    nothing_is_lost(sqlite_store, [], mails=1, notifications=1)


def test_messages_are_json_in_utc_and_nothing_is_answered() -> None:
    conf = make_app(load_text('[broker]\nurl = "redis://localhost"').settings).conf
    assert (list(conf.accept_content), conf.task_serializer) == (["json"], "json")
    assert (conf.enable_utc, conf.timezone) == (True, None)
    assert (conf.task_acks_late, conf.worker_send_task_events, conf.worker_enable_remote_control) == (False,) * 3


def test_a_task_is_told_that_its_time_is_over_before_it_is_killed() -> None:
    conf = make_app(load_text(SHORT_TASKS).settings).conf
    assert (conf.task_soft_time_limit, conf.task_time_limit) == (90, 100)
