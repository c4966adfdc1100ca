"""Fault rows 1, 2, 8, 22 and 23: stages killed, frozen, started twice, and one relation that breaks them."""

import os
import signal
from collections import Counter
from contextlib import ExitStack
from datetime import datetime

import pytest
from sqlalchemy import text, update

from tests.dispatch.dispatching import Dispatching, make_settings
from tests.dispatch.processes import DispatcherProcess
from tests.support.fake_shop import FakeShop
from tests.support.forked import Forked
from tests.support.invariant import nothing_is_lost
from tests.support.smtp_script import ScriptedRelay
from tests.support.staged import staged
from tests.support.stages import Play, imported, watching
from tests.support.stages import make_settings as make_shop
from worker import scan as scanning
from worker.errors import AlreadyRunningError, LeaseLostError
from worker.store import session as sessions
from worker.store import tables
from worker.store.session import Store


def _fallen(store: Store, watches: int = 3) -> Play:
    """Watches of a product that got cheaper; no scan saw it yet."""
    play = watching(store)
    for number in range(2, watches + 1):
        play.shop.watch(str(number), ctime=play.now)
    play.told()
    play.shop.product("42", EUR="99.00")
    play.later(minutes=5).sync()
    return play


def _minutes_pass(store: Store) -> None:
    """The lease of a dead scan or sync runs out."""
    with store.begin() as session:
        session.execute(update(tables.Lease).values(lease_until=datetime.fromisoformat("2026-01-01T00:00:00+00:00")))


def scan(url: str, now: datetime, page: int = 500, idle_limit: str = "") -> str:
    """Scan once in a process of its own; how it ended."""
    scanning._PAGE = page
    sessions.IDLE_LIMIT = idle_limit or sessions.IDLE_LIMIT
    try:
        return f"{staged(Play(Store(url), now=now)).scan('main', now=now).fired} fired"
    except (AlreadyRunningError, LeaseLostError) as problem:
        return type(problem).__name__


def sync_and_freeze(url: str, now: datetime, shop: FakeShop) -> str:
    """Sync once in a process of its own, which freezes before it reads the first account."""
    shop.while_reading = lambda what: os.kill(os.getpid(), signal.SIGSTOP) if what == "accounts" else None
    try:
        Play(Store(url), shop, now=now).sync()
    except LeaseLostError as problem:
        return type(problem).__name__
    return "synced"


def compose(url: str, now: datetime) -> int:
    """Compose once in a process of its own; how many mails it wrote."""
    return Play(Store(url), now=now).compose().mails


def test_a_scan_killed_in_the_middle_of_a_page_has_written_nothing_of_it(store: Store, store_url: str) -> None:
    play = _fallen(store)
    with Forked(scan, store_url, play.now, failpoint="scan.fired=kill") as scanner:
        scanner.wait_until_killed()
    assert play.notifications() == []
    _minutes_pass(store)
    assert play.scan().fired == 3
    nothing_is_lost(store, [], mails=0, notifications=3)


def test_a_scan_killed_between_two_pages_is_taken_up(store: Store, store_url: str) -> None:
    play = _fallen(store)
    with Forked(scan, store_url, play.now, 2, failpoint="scan.page=kill") as scanner:
        scanner.wait_until_killed()
    assert len(play.notifications()) == 2
    _minutes_pass(store)
    assert play.scan().fired == 1
    nothing_is_lost(store, [], mails=0, notifications=3)


def test_a_worker_killed_after_the_outbox_was_committed_leaves_the_mail_to_the_next_beat(
    store: Store, store_url: str
) -> None:
    with ScriptedRelay() as relay:
        smtp = f'[smtp]\nhost = "127.0.0.1"\nport = {relay.port}\ntls = "none"'
        play = _fallen(store)
        play.settings = make_shop(rules=smtp)
        play.scan()
        with Forked(compose, store_url, play.now, failpoint="compose.committed=kill") as composer:
            composer.wait_until_killed()
        assert play.mail_states() == ["pending"]
        assert staged(play).dispatch(clock=lambda: play.now).sent == 1
        nothing_is_lost(store, relay.taken, mails=1, notifications=3)


def test_a_scan_frozen_past_its_lease_writes_nothing_when_it_goes_on(store: Store, store_url: str) -> None:
    play = _fallen(store)
    with Forked(scan, store_url, play.now, 2, failpoint="scan.page=pause") as scanner:
        scanner.wait_until_stopped()
        _minutes_pass(store)
        assert play.scan().fired == 1
        assert scanner.go_on() == "LeaseLostError"
    nothing_is_lost(store, [], mails=0, notifications=3)


def test_a_scan_frozen_in_the_middle_of_a_page_does_not_keep_its_locks(postgres_store: Store) -> None:
    play = _fallen(postgres_store)
    url = postgres_store.engine.url.render_as_string(hide_password=False)
    with Forked(scan, url, play.now, 500, "300ms", failpoint="scan.fired=pause") as scanner:
        scanner.wait_until_stopped()
        _minutes_pass(postgres_store)  # waits for the lease's row, until the frozen one is thrown out
        assert play.scan().fired == 3
        assert scanner.go_on() == "0 fired"
    nothing_is_lost(postgres_store, [], mails=0, notifications=3)


def test_of_two_scans_one_wins_and_the_other_says_so(store: Store, store_url: str) -> None:
    play = _fallen(store)
    with Forked(scan, store_url, play.now, 2, failpoint="scan.page=pause") as scanner:
        scanner.wait_until_stopped()
        with pytest.raises(AlreadyRunningError, match="scan:main is already running"):
            play.scan()
        assert scanner.go_on() == "3 fired"
    nothing_is_lost(store, [], mails=0, notifications=3)


def test_of_two_syncs_one_wins_and_the_other_says_so(store: Store, store_url: str) -> None:
    play = _fallen(store)
    with Forked(sync_and_freeze, store_url, play.now, play.shop) as syncer:
        syncer.wait_until_stopped()
        with pytest.raises(AlreadyRunningError, match="sync:main is already running"):
            play.sync()
        assert syncer.go_on() == "synced"


def test_a_sync_frozen_past_its_lease_changes_nothing_when_it_goes_on(store: Store, store_url: str) -> None:
    play = _fallen(store)
    with Forked(sync_and_freeze, store_url, play.now, play.shop) as syncer:
        syncer.wait_until_stopped()
        _minutes_pass(store)
        play.shop.delete("3")
        assert play.later(minutes=5).sync().retired == 1
        before = play.relation("3").retired_at
        assert syncer.go_on() == "LeaseLostError"
    assert (play.relation("3").retired_at, before) == (before, play.now)


def test_composers_started_together_write_every_mail_once(store: Store, store_url: str) -> None:
    play = imported(store)
    people = [str(number) for number in range(10, 25)]
    for person in people:
        play.shop.customer(person)
    play.sync()
    for person in people:
        play.shop.watch(person, customer_id=person, ctime=play.now)
    play.told()
    play.shop.product("42", EUR="99.00")
    assert len(play.told()) == 15
    with ExitStack() as stack:
        composers = [stack.enter_context(Forked(compose, store_url, play.now)) for _ in range(3)]
        assert sum(composer.answer() for composer in composers) == 15
    assert Counter(mail.customer_email for mail in play.mails()) == {f"c{person}@mail.test": 1 for person in people}
    nothing_is_lost(store, [], mails=15, notifications=15)


def test_dispatchers_started_together_send_every_mail_once(store: Store, store_url: str) -> None:
    with ScriptedRelay() as relay, ExitStack() as stack:
        play = Dispatching(store, make_settings(relay.port))
        play.add_many(60)
        dispatchers = [stack.enter_context(DispatcherProcess(store_url, relay.port, play.now)) for _ in range(3)]
        counts = [dispatcher.answer() for dispatcher in dispatchers]
        assert sum(count["sent"] for count in counts) == 60
        assert sum(count["lost"] + count["ambiguous"] for count in counts) == 0
        assert len(relay.taken) == 60
        nothing_is_lost(store, relay.taken, mails=60)


@pytest.mark.parametrize("watches", [250, pytest.param(10_000, marks=pytest.mark.long)])
def test_one_relation_that_breaks_the_scan_costs_only_itself(
    sqlite_store: Store, monkeypatch: pytest.MonkeyPatch, watches: int
) -> None:
    """The state of one watch, in the middle of a page, is nonsense."""
    monkeypatch.setattr(scanning, "_PAGE", watches // 5)
    play = _fallen(sqlite_store, watches)
    with sqlite_store.begin() as session:
        session.execute(text("UPDATE watch SET armed_by = 'nonsense' WHERE relation_id = 125"))
    counts = play.scan()
    assert (counts.scanned, counts.fired, counts.poisoned) == (watches, watches - 1, 1)
    assert [row.shop_id for row in play.rows(tables.Relation) if row.rejected] == ["125"]
    nothing_is_lost(sqlite_store, [], mails=0, notifications=watches - 1)
