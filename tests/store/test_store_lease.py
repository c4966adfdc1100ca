"""Single flight: one process at a time, a late one is fenced off, and nobody waits for a dead one."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select, text
from structlog.testing import capture_logs

from tests.support.children import Child, hear_all
from tests.support.waiting import wait_until
from worker.errors import AlreadyRunningError, LeaseLostError
from worker.store import tables
from worker.store.lease import Lease, acquire, single_flight
from worker.store.session import Store

HOUR = timedelta(hours=1)
EXPIRED = timedelta(0)
"""A lease of this length has run out when anybody looks at it."""
WORK = """
import sys
from datetime import timedelta
from worker.errors import AlreadyRunningError
from worker.store.lease import single_flight
from worker.store.session import Store
store = Store(sys.argv[1])
print("ready", flush=True)
input()
try:
    with single_flight(store, "sync:shop", timedelta(seconds=float(sys.argv[2]))):
        print("works", flush=True)
        input()
except AlreadyRunningError as error:
    print("refused", flush=True)
store.dispose()
"""


def renew(store: Store, lease: Lease) -> None:
    with store.begin() as session:
        lease.renew(session)


def ends(store: Store, name: str) -> datetime:
    with store.read() as session:
        until = session.get_one(tables.Lease, name).lease_until
    assert until is not None
    return until


def test_of_two_processes_one_works_and_the_other_is_refused(store: Store, store_url: str) -> None:
    with ExitStack() as stack:
        children = [stack.enter_context(Child(WORK, store_url, "3600")) for _ in range(2)]
        assert hear_all(children) == ["ready"] * 2
        for child in children:
            child.tell()
        answers = hear_all(children)
        assert sorted(answers) == ["refused", "works"]
        winner = children[answers.index("works")]
        winner.tell()
        assert winner.end() == 0
    acquire(store, "sync:shop", HOUR)


def test_the_lease_of_a_killed_process_runs_out(store: Store, store_url: str) -> None:
    with Child(WORK, store_url, "0.5") as child:
        child.tell()
        assert [child.hear(), child.hear()] == ["ready", "works"]

    def take_over() -> Lease | None:
        try:
            return acquire(store, "sync:shop", HOUR)
        except AlreadyRunningError:
            return None

    lease = wait_until(take_over, what="the lease to run out")
    assert lease is not None
    renew(store, lease)


def test_a_held_lease_is_refused_and_the_refusal_says_until_when(store: Store) -> None:
    acquire(store, "sync:shop", HOUR)
    until = ends(store, "sync:shop")
    with pytest.raises(AlreadyRunningError) as caught:
        acquire(store, "sync:shop", HOUR)
    assert str(caught.value) == (f"sync:shop is already running (its lease lasts until {until:%Y-%m-%d %H:%M:%S} UTC)")
    assert caught.value.exit_code == 3


def test_leases_of_different_names_are_independent(store: Store) -> None:
    acquire(store, "sync:one", HOUR)
    acquire(store, "sync:other", HOUR)
    acquire(store, "scan:one", HOUR)


def test_a_block_of_work_gives_its_lease_back(store: Store) -> None:
    with single_flight(store, "sync:shop"):
        pass
    acquire(store, "sync:shop", HOUR)


def test_a_block_that_fails_gives_its_lease_back(store: Store) -> None:
    with pytest.raises(ZeroDivisionError), single_flight(store, "sync:shop"):
        _ = 1 / 0
    acquire(store, "sync:shop", HOUR)


def test_renewing_extends_the_lease(store: Store) -> None:
    lease = acquire(store, "sync:shop", HOUR)
    before = ends(store, "sync:shop")
    wait_until(lambda: datetime.now(UTC) + HOUR > before)  # the clock has moved on
    renew(store, lease)
    assert ends(store, "sync:shop") > before


def test_an_expired_lease_can_be_taken_over(store: Store) -> None:
    acquire(store, "sync:shop", EXPIRED)
    renew(store, acquire(store, "sync:shop", HOUR))


def test_a_late_holder_is_stopped_and_what_it_wrote_is_rolled_back(store: Store) -> None:
    late = acquire(store, "sync:shop", EXPIRED)
    acquire(store, "sync:shop", HOUR)
    with pytest.raises(LeaseLostError, match="sync:shop: another process took over"), store.begin() as session:
        session.add(tables.Run(stage="sync", started_at=datetime(2026, 1, 1, tzinfo=UTC)))
        late.renew(session)
    with store.read() as session:
        assert session.scalars(select(func.count()).select_from(tables.Run)).one() == 0


def test_an_expired_lease_that_nobody_took_over_is_still_held(store: Store) -> None:
    lease = acquire(store, "sync:shop", EXPIRED)
    renew(store, lease)


def test_it_is_kept_while_its_holder_does_not_write(store: Store) -> None:
    """As when a shop takes longer to answer than the lease lasts."""
    ttl = timedelta(seconds=0.6)
    with single_flight(store, "sync:shop", ttl):
        begun = ends(store, "sync:shop")
        wait_until(lambda: ends(store, "sync:shop") > begun + 2 * ttl)
        with pytest.raises(AlreadyRunningError):
            acquire(store, "sync:shop", HOUR)
    acquire(store, "sync:shop", HOUR)


def test_a_lease_that_was_taken_over_is_not_kept(store: Store) -> None:
    with pytest.raises(LeaseLostError), single_flight(store, "sync:shop", timedelta(seconds=0.3)) as late:
        with store.begin() as session:
            session.get_one(tables.Lease, "sync:shop").token = "another"
        keeper = next(thread for thread in threading.enumerate() if thread.name == "lease sync:shop")
        wait_until(lambda: not keeper.is_alive(), what="the keeper to give up")
        renew(store, late)


def test_a_keeper_survives_a_database_that_fails_for_a_moment(sqlite_store: Store) -> None:
    ttl = timedelta(seconds=0.6)
    with capture_logs() as logs, single_flight(sqlite_store, "sync:shop", ttl):
        with sqlite_store.begin() as session:
            session.execute(text("ALTER TABLE lease RENAME TO elsewhere"))
        wait_until(lambda: any(entry["event"] == "lease not renewed" for entry in logs))
        with sqlite_store.begin() as session:
            session.execute(text("ALTER TABLE elsewhere RENAME TO lease"))
        begun = ends(sqlite_store, "sync:shop")
        wait_until(lambda: ends(sqlite_store, "sync:shop") > begun)


def test_giving_back_a_lost_lease_leaves_the_new_one_alone(store: Store) -> None:
    late = acquire(store, "sync:shop", EXPIRED)
    current = acquire(store, "sync:shop", HOUR)
    late.release()
    renew(store, current)
    with pytest.raises(AlreadyRunningError):
        acquire(store, "sync:shop", HOUR)


def test_a_lease_given_back_cannot_be_renewed(store: Store) -> None:
    lease = acquire(store, "sync:shop", HOUR)
    lease.release()
    with pytest.raises(LeaseLostError):
        renew(store, lease)


def test_a_lease_lives_by_the_clock_of_the_server(postgres_store: Store) -> None:
    with postgres_store.read() as session:
        asked = postgres_store.lease_now(session)
    acquire(postgres_store, "sync:shop", HOUR)
    with postgres_store.read() as session:
        answered = postgres_store.lease_now(session)
    assert asked + HOUR <= ends(postgres_store, "sync:shop") <= answered + HOUR


def test_asked_for_again_and_again_it_is_held_once_and_refused_cleanly(store: Store) -> None:
    holders = threading.Semaphore(1)

    def ask(_number: int) -> str:
        try:
            with single_flight(store, "sync:shop", HOUR) as lease:
                if not holders.acquire(blocking=False):
                    return "together"
                renew(store, lease)
                holders.release()
                return "alone"
        except AlreadyRunningError:
            return "refused"

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(ask, range(100))) <= {"alone", "refused"}
