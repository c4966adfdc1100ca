"""Fault row 13: PostgreSQL restarts, ends sessions, breaks deadlocks, refuses to serialize, and loses the answer to a commit."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

import psycopg
import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import OperationalError
from structlog.testing import capture_logs

from tests.dispatch.dispatching import Dispatching, make_settings
from tests.dispatch.processes import let_leases_run_out
from tests.faults.statements import before
from tests.support.databases import opened
from tests.support.invariant import nothing_is_lost
from tests.support.postgres import PostgresServer
from tests.support.proxy import Proxy
from tests.support.smtp_script import ScriptedRelay
from tests.support.staged import staged
from tests.support.stages import KEY, Play, watching
from tests.support.stages import make_settings as make_shop
from tests.support.waiting import wait_until
from worker.dispatch import stage
from worker.dispatch.counts import Counts
from worker.errors import DatabaseError
from worker.freshness import recheck
from worker.store import tables
from worker.store.session import Store
from worker.store.steady import steady

_WAITING_FOR_LOCKS = text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
_END_OTHERS = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()"


@pytest.fixture
def relay() -> Iterator[ScriptedRelay]:
    with ScriptedRelay() as running:
        yield running


@pytest.fixture
def wire(postgres_store: Store, postgres_server: PostgresServer) -> Iterator[Proxy]:
    """A way to the server that can lose what it carries."""
    with Proxy(postgres_server.socket) as proxy:
        yield proxy


@pytest.fixture
def far(postgres_store: Store, wire: Proxy) -> Iterator[Store]:
    """The same database, at the other end of the wire."""
    with opened(f"postgresql+psycopg://postgres@127.0.0.1:{wire.port}/{postgres_store.engine.url.database}") as store:
        yield store


@contextmanager
def _with_default(store: Store, parameter: str, value: str) -> Iterator[Store]:
    """The same database, where new sessions begin with this."""
    name = store.engine.url.database
    with store.begin() as session:
        session.execute(text(f"ALTER DATABASE {name} SET {parameter} = '{value}'"))
    try:
        with opened(store.engine.url.render_as_string()) as strict:
            yield strict
    finally:
        with store.begin() as session:
            session.execute(text(f"ALTER DATABASE {name} RESET {parameter}"))


def _fallen(store: Store) -> Play:
    """Three watches of a product that got cheaper; no scan saw it yet."""
    play = watching(store)
    for number in ("2", "3"):
        play.shop.watch(number, ctime=play.now)
    play.told()
    play.shop.product("42", EUR="99.00")
    play.later(minutes=5).sync()
    return play


def _runs(play: Play, stage: str) -> list[str | None]:
    """What the newest runs of a stage ended with: None, or the class of the error."""
    found = [row.error and row.error.partition(":")[0] for row in play.rows(tables.Run) if row.stage == stage]
    return found[-2:]


def _locks_waited_for(store: Store) -> int:
    with store.engine.connect() as connection:  # a transaction would see what it saw first
        return int(connection.scalar(_WAITING_FOR_LOCKS) or 0)


def _end_sessions(server: PostgresServer, store: Store) -> None:
    with psycopg.connect(host=str(server.socket.parent), user="postgres", dbname="postgres") as admin:
        admin.execute(_END_OTHERS, [store.engine.url.database])


def test_a_restart_while_mails_are_being_sent_makes_none_ambiguous(
    postgres_store: Store, postgres_server: PostgresServer, relay: ScriptedRelay
) -> None:
    play = Dispatching(postgres_store, make_settings(relay.port))
    play.add_many(40)
    with ThreadPoolExecutor(1) as pool:
        dispatched = pool.submit(play.dispatch)
        relay.wait_for("dot", 5)
        postgres_server.restart()
        counts = dispatched.result()
    assert (counts.sent + counts.lost, counts.ambiguous) == (40, 0)
    assert set(play.states()) == {"sent"}
    nothing_is_lost(postgres_store, relay.taken, mails=40)


def test_a_restart_in_the_middle_of_a_page_only_costs_time(
    postgres_store: Store, postgres_server: PostgresServer
) -> None:
    play = _fallen(postgres_store)
    with before(postgres_store, "INSERT INTO notification", postgres_server.restart):
        assert staged(play).scan("main", now=play.now).fired == 3
    assert _runs(play, "scan") == ["OperationalError", None]
    nothing_is_lost(postgres_store, [], mails=0, notifications=3)


@pytest.mark.parametrize("statement", ["INSERT INTO notification", "UPDATE watch", "UPDATE reading"])
def test_a_scan_whose_session_was_terminated_is_run_again(
    postgres_store: Store, postgres_server: PostgresServer, statement: str
) -> None:
    play = _fallen(postgres_store)
    with before(postgres_store, statement, lambda: _end_sessions(postgres_server, postgres_store)):
        staged(play).scan("main", now=play.now)
    nothing_is_lost(postgres_store, [], mails=0, notifications=3)


@pytest.mark.parametrize("statement", ["INSERT INTO mail", "UPDATE notification"])
def test_a_composer_whose_session_was_terminated_is_run_again(
    postgres_store: Store, postgres_server: PostgresServer, statement: str
) -> None:
    play = _fallen(postgres_store)
    play.scan()
    with before(postgres_store, statement, lambda: _end_sessions(postgres_server, postgres_store)):
        assert staged(play).compose(now=play.now).mails == 1
    assert play.mail_states() == ["pending"]
    nothing_is_lost(postgres_store, [], mails=1, notifications=3)


def test_a_sync_whose_session_was_terminated_is_run_again(
    postgres_store: Store, postgres_server: PostgresServer
) -> None:
    play = watching(postgres_store)
    play.shop.product("42", EUR="99.00")
    play.later(minutes=5)
    with before(postgres_store, "INSERT INTO observation", lambda: _end_sessions(postgres_server, postgres_store)):
        assert staged(play).sync("main", now=play.now).changes == 1
    assert play.scan().fired == 1


def test_last_looks_that_wait_for_each_other_are_taken_again(postgres_store: Store, relay: ScriptedRelay) -> None:
    """Two dispatchers take back two mails about one watch: one holds the watch, the other what both must change."""
    smtp = f'[smtp]\nhost = "127.0.0.1"\nport = {relay.port}\ntls = "none"'
    play = watching(postgres_store, make_shop(rules=smtp))
    for price in ("99.00", "90.00"):
        play.shop.product("42", EUR=price)
        play.later(days=1)
        assert play.told() == ["1 price"]
        play.compose()
    play.shop.hidden.add("42")
    play.later(minutes=5).sync()

    def take_back_one() -> Counts:
        return stage.run(
            postgres_store,
            play.settings,
            clock=lambda: play.now,
            recheck=lambda session, mails, now: recheck(session, mails, now, play.settings, KEY),
            hash_key=KEY,
            limit=1,
        )

    with ThreadPoolExecutor(1) as pool:

        def begin_the_other() -> None:
            others.append(pool.submit(take_back_one))
            wait_until(lambda: _locks_waited_for(postgres_store), what="the other to wait")

        others: list[Future[Counts]] = []
        with capture_logs() as logs, before(postgres_store, "UPDATE notification SET armed_by", begin_the_other):
            counts = [take_back_one(), *(other.result() for other in others)]
    assert [entry["event"] for entry in logs if entry["log_level"] == "warning"] == ["database broke off, once more"]
    assert [count.cancelled for count in counts] == [1, 1]
    assert play.mail_states() == ["cancelled", "cancelled"]
    assert (play.watch().armed, play.watch().last_notified_at) == (True, None)
    nothing_is_lost(postgres_store, relay.taken, mails=2, notifications=2)


def test_a_claim_that_can_not_be_serialized_is_made_again(
    postgres_store: Store, postgres_server: PostgresServer, relay: ScriptedRelay
) -> None:
    """Where an operator made REPEATABLE READ the default: another session changes a mail that was read before."""
    play = Dispatching(postgres_store, make_settings(relay.port))
    mail_id = play.add()

    def change() -> None:
        with postgres_store.begin() as session:
            session.get_one(tables.Mail, mail_id).reason = "touched"

    with (
        _with_default(postgres_store, "default_transaction_isolation", "repeatable read") as strict,
        before(strict, "SKIP LOCKED", change),
    ):
        counts = Dispatching(strict, play.settings).dispatch()
    assert counts.sent == 1
    nothing_is_lost(postgres_store, relay.taken, mails=1)


def test_a_sent_mail_whose_commit_got_no_answer_is_looked_up_and_not_sent_again(
    far: Store, wire: Proxy, relay: ScriptedRelay
) -> None:
    play = Dispatching(far, make_settings(relay.port, "connections = 1"))
    mail_id = play.add()

    def lose_the_next_commit(_recipient: str) -> str:
        wire.cut_after(b"COMMIT")
        return "250 ok"

    relay.on("dot", lose_the_next_commit)
    counts = play.dispatch()
    assert (counts.sent, counts.lost, counts.ambiguous) == (0, 1, 0)
    assert play.mail(mail_id).state == "sent"
    assert play.later(days=1).dispatch().sent == 0
    nothing_is_lost(far, relay.taken, mails=1)


def test_a_body_is_not_sent_while_nobody_knows_whether_that_was_written_down(
    far: Store, wire: Proxy, relay: ScriptedRelay
) -> None:
    play = Dispatching(far, make_settings(relay.port, "connections = 1"))
    mail_id = play.add()

    def lose_the_next_commit(_line: str) -> str:
        wire.cut_after(b"COMMIT")
        return "250 ok"

    relay.on("rcpt", lose_the_next_commit)
    assert play.dispatch().lost == 1
    assert (play.mail(mail_id).state, relay.taken) == ("submitting", [])
    let_leases_run_out(far)
    counts = play.dispatch()
    assert (counts.ambiguous, counts.sent) == (1, 1)
    nothing_is_lost(far, relay.taken, mails=1)


def test_a_page_of_a_scan_whose_commit_got_no_answer_is_written_once(far: Store, wire: Proxy) -> None:
    play = _fallen(far)
    with before(far, "INSERT INTO notification", lambda: wire.cut_after(b"COMMIT")):
        assert staged(play).scan("main", now=play.now).fired == 0
    assert _runs(play, "scan") == ["OperationalError", None]
    nothing_is_lost(far, [], mails=0, notifications=3)


def test_a_mail_whose_commit_got_no_answer_is_composed_once(far: Store, wire: Proxy) -> None:
    play = _fallen(far)
    play.scan()
    with before(far, "INSERT INTO mail", lambda: wire.cut_after(b"COMMIT")):
        assert staged(play).compose(now=play.now).mails == 0
    assert play.mail_states() == ["pending"]
    nothing_is_lost(far, [], mails=1, notifications=3)


def test_a_lease_whose_commit_got_no_answer_is_ours(far: Store, wire: Proxy) -> None:
    play = _fallen(far)
    with before(far, "UPDATE lease SET token", lambda: wire.cut_after(b"COMMIT")):
        assert staged(play).scan("main", now=play.now).fired == 3


def test_work_that_is_broken_off_again_and_again_is_given_up(postgres_store: Store) -> None:
    tries: list[int] = []

    def work() -> None:
        tries.append(1)
        with postgres_store.begin() as session:
            session.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))

    with pytest.raises(OperationalError):
        steady(work, (0.0, 0.0))()
    assert len(tries) == 3


def test_a_statement_that_was_cancelled_is_not_repeated(postgres_store: Store) -> None:
    tries: list[int] = []

    def work() -> None:
        tries.append(1)
        with postgres_store.begin() as session:
            session.execute(text("SET LOCAL statement_timeout = '10ms'"))
            session.execute(text("SELECT pg_sleep(5)"))

    with pytest.raises(OperationalError):
        steady(work)()
    assert len(tries) == 1


def test_what_can_not_be_mended_by_trying_again_is_explained_and_leaves_no_trace(postgres_store: Store) -> None:
    """Row 14: another program keeps a table locked."""
    play = _fallen(postgres_store)
    with (
        _with_default(postgres_store, "lock_timeout", "100ms") as impatient,
        postgres_store.begin() as other,
        pytest.raises(DatabaseError, match=r"lock timeout.*Nothing is lost"),
    ):
        other.execute(text("LOCK TABLE notification"))
        staged(Play(impatient, now=play.now)).scan("main", now=play.now)
    assert _runs(play, "scan")[-1] == "OperationalError"
    nothing_is_lost(postgres_store, [], mails=0, notifications=0)
    assert play.scan().fired == 3


def test_a_statement_that_the_client_library_refuses_is_not_repeated(postgres_store: Store) -> None:
    """Its error has no code, as that of a lost connection; but the connection is there."""
    tries: list[int] = []

    def work() -> None:
        tries.append(1)
        with postgres_store.begin() as session:
            session.execute(select(tables.Mail.id).where(tables.Mail.id.in_(range(65_536))))

    with pytest.raises(OperationalError):
        steady(work, (0.0, 0.0))()
    assert len(tries) == 1


def test_work_that_finds_no_server_is_repeated(wire: Proxy) -> None:
    wire.close()
    tries: list[int] = []

    def work() -> None:
        tries.append(1)
        with opened(f"postgresql+psycopg://postgres@127.0.0.1:{wire.port}/none") as store, store.begin() as session:
            session.execute(text("SELECT 1"))

    with pytest.raises(OperationalError):
        steady(work, (0.0, 0.0))()
    assert len(tries) == 3
