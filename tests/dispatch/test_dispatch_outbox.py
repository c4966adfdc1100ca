"""The outbox: who may change a mail, and what it becomes. On both databases."""

from datetime import timedelta

import pytest
from sqlalchemy import Text, cast, func, insert, select, text

from tests.dispatch.dispatching import SOURCE, START, Dispatching, make_settings
from tests.support.waiting import wait_until
from worker.store import outbox, tables
from worker.store.outbox import Reaped
from worker.store.session import Store

LEASE = timedelta(seconds=60)
OVER = timedelta(seconds=-1)
"""A lease that has run out when it is given."""


def _claim(store: Store, by: str = "mine", *, limit: int = 10, lease: timedelta = LEASE) -> list[int]:
    with store.begin() as session:
        if not store.is_sqlite:
            session.execute(text("SET LOCAL lock_timeout = '2s'"))  # a claim that waits shall fail, not hang
        mails = outbox.claim(
            session,
            token=by,
            limit=limit,
            sources={SOURCE},
            now=START,
            lease_now=store.lease_now(session),
            lease=lease,
        )
    return [mail.id for mail in mails]


def _is_due(store: Store) -> bool:
    with store.begin() as session:
        return outbox.is_due(session, sources={SOURCE}, now=START)


def _submit(store: Store, mail_id: int, by: str = "mine", lease: timedelta = LEASE) -> bool:
    with store.begin() as session:
        held = [(mail_id, by)]
        marked = outbox.mark_submitting(session, held, lease_now=store.lease_now(session), lease=lease)
    return mail_id in marked


def _sent(store: Store, mail_id: int, by: str = "mine") -> bool:
    with store.begin() as session:
        settled = outbox.settle_sent(session, [(mail_id, by)], now=START, reason="body_250", code=250)
    return mail_id in settled


def _reap(store: Store, *, resend: bool = True) -> Reaped:
    with store.begin() as session:
        return outbox.reap(session, now=START, lease_now=store.lease_now(session), resend=resend)


def _keep(store: Store, mail_id: int, by: str = "mine", lease: timedelta = LEASE) -> bool:
    with store.begin() as session:
        kept = outbox.keep(session, [(mail_id, by)], lease_now=store.lease_now(session), lease=lease)
    return mail_id in kept


def test_the_longest_due_are_claimed_first_and_nobody_gets_them_twice(play: Dispatching) -> None:
    late = play.add(next_attempt_at=START - timedelta(minutes=1))
    earliest = play.add(next_attempt_at=START - timedelta(hours=1))
    early = play.add(next_attempt_at=START - timedelta(minutes=1))
    assert _claim(play.store, limit=2) == [earliest, late]
    assert _claim(play.store) == [early]
    assert _claim(play.store) == []


@pytest.mark.parametrize(
    "unfit",
    [
        {"state": "held"},
        {"state": "sent"},
        {"next_attempt_at": START + timedelta(microseconds=1)},
        {"expires_at": START},
        {"source": "stale"},
    ],
    ids=str,
)
def test_only_what_is_due_is_claimed(play: Dispatching, unfit: dict[str, object]) -> None:
    play.add(**unfit)
    assert not _is_due(play.store)
    assert _claim(play.store) == []
    play.add()
    assert _is_due(play.store)


def test_a_claim_does_not_wait_for_rows_another_process_works_on(postgres_store: Store) -> None:
    play = Dispatching(postgres_store, make_settings(1))
    locked, free = play.add(), play.add()
    with postgres_store.begin() as session:
        session.get_one(tables.Mail, locked, with_for_update=True)
        assert _claim(postgres_store) == [free]


def test_with_the_token_a_mail_is_sent(play: Dispatching) -> None:
    mail_id = play.add()
    _claim(play.store)
    assert _submit(play.store, mail_id)
    assert play.mail(mail_id).state == "submitting"
    assert _sent(play.store, mail_id)
    mail = play.mail(mail_id)
    assert (mail.state, mail.attempts, mail.reply_code, mail.lease_token) == ("sent", 1, 250, None)


def test_another_token_changes_nothing(play: Dispatching) -> None:
    mail_id = play.add()
    _claim(play.store)
    assert not _keep(play.store, mail_id, "other")
    assert not _submit(play.store, mail_id, "other")
    assert _submit(play.store, mail_id)
    assert not _sent(play.store, mail_id, "other")
    with play.store.begin() as session:
        assert not outbox.settle(session, mail_id, "other", "failed", now=START)
        assert not outbox.settle_retry(session, mail_id, "other", next_attempt_at=START, reason="x", code=450)
        assert not outbox.put_off(session, mail_id, "other", next_attempt_at=START, reason="x")
        assert not outbox.release(session, mail_id, "other")
        doubt = outbox.settle_ambiguous(
            session, mail_id, "other", resend=True, now=START, next_attempt_at=START, reason="x"
        )
        assert doubt is None
    assert play.mail(mail_id).state == "submitting"


def test_a_lease_that_ran_out_forbids_to_submit(play: Dispatching) -> None:
    mail_id = play.add()
    _claim(play.store, lease=OVER)
    assert not _keep(play.store, mail_id)
    assert not _submit(play.store, mail_id)


def test_submitting_restarts_the_lease(play: Dispatching) -> None:
    mail_id = play.add()
    _claim(play.store, lease=timedelta(seconds=30))
    before = play.mail(mail_id).lease_until
    _submit(play.store, mail_id, lease=timedelta(seconds=300))
    after = play.mail(mail_id).lease_until
    assert before is not None
    assert after is not None
    assert after - before > timedelta(seconds=200)


def test_a_lease_is_restarted_once_it_is_half_over(play: Dispatching) -> None:
    mail_id = play.add()
    _claim(play.store, lease=timedelta(seconds=40))
    before = play.mail(mail_id).lease_until
    _keep(play.store, mail_id, lease=timedelta(seconds=60))
    assert play.mail(mail_id).lease_until == before
    _keep(play.store, mail_id, lease=timedelta(seconds=600))
    after = play.mail(mail_id).lease_until
    assert before is not None
    assert after is not None
    assert after > before


def test_a_lease_runs_out_by_itself(play: Dispatching) -> None:
    mail_id = play.add()
    _claim(play.store, lease=timedelta(milliseconds=200))
    assert _reap(play.store) == Reaped(0, 0, 0)
    assert wait_until(lambda: _reap(play.store).unsent) == 1
    assert play.mail(mail_id).state == "pending"


def test_what_was_only_leased_is_provably_unsent(play: Dispatching) -> None:
    mail_id = play.add()
    _claim(play.store, lease=OVER)
    assert _reap(play.store) == Reaped(unsent=1, ambiguous=0, held=0)
    mail = play.mail(mail_id)
    assert (mail.state, mail.attempts, mail.ambiguous_attempts, mail.lease_token) == ("pending", 0, 0, None)


def test_what_was_submitting_is_ambiguous_and_resent_once(play: Dispatching) -> None:
    mail_id = play.add()
    bytes_before = play.mail(mail_id).message
    for expected, reaped in [("pending", Reaped(0, 1, 0)), ("held", Reaped(0, 1, 1))]:
        _claim(play.store)
        assert _submit(play.store, mail_id, lease=OVER)
        assert _reap(play.store) == reaped
        assert play.mail(mail_id).state == expected
    mail = play.mail(mail_id)
    assert (mail.ambiguous_attempts, mail.attempts, mail.settled_at, mail.lease_token) == (2, 0, START, None)
    assert mail.message == bytes_before


def test_ambiguous_mails_are_held_at_once_where_the_operator_wants_that(play: Dispatching) -> None:
    mail_id = play.add()
    _claim(play.store)
    _submit(play.store, mail_id, lease=OVER)
    assert _reap(play.store, resend=False) == Reaped(0, 1, 1)
    assert play.mail(mail_id).state == "held"


def test_who_comes_back_after_its_lease_was_reaped_changes_nothing(play: Dispatching) -> None:
    mail_id = play.add()
    _claim(play.store, "slow")
    _submit(play.store, mail_id, "slow", lease=OVER)
    _reap(play.store)
    _claim(play.store, "next")
    assert not _sent(play.store, mail_id, "slow")
    mail = play.mail(mail_id)
    assert (mail.state, mail.lease_token) == ("leased", "next")


def test_who_is_late_but_was_not_reaped_still_knows_best(play: Dispatching) -> None:
    mail_id = play.add()
    _claim(play.store)
    _submit(play.store, mail_id, lease=OVER)
    assert _sent(play.store, mail_id)


def test_nothing_is_sent_that_was_not_marked_as_submitting(play: Dispatching) -> None:
    mail_id = play.add()
    _claim(play.store)
    assert not _sent(play.store, mail_id)


def test_a_body_that_may_be_on_its_way_is_never_handed_back_as_unsent(play: Dispatching) -> None:
    mail_id = play.add()
    _claim(play.store)
    _submit(play.store, mail_id)
    with play.store.begin() as session:
        assert not outbox.release(session, mail_id, "mine")


def test_an_ambiguous_end_needs_a_submission(play: Dispatching) -> None:
    mail_id = play.add()
    _claim(play.store)
    with play.store.begin() as session:
        state = outbox.settle_ambiguous(
            session, mail_id, "mine", resend=True, now=START, next_attempt_at=START, reason="x"
        )
    assert state is None


def test_only_answers_count_as_attempts(play: Dispatching) -> None:
    mail_id = play.add()
    later = START + timedelta(minutes=5)
    _claim(play.store)
    with play.store.begin() as session:
        assert outbox.put_off(session, mail_id, "mine", next_attempt_at=START, reason="mail_closed")
    assert play.mail(mail_id).attempts == 0
    _claim(play.store)
    with play.store.begin() as session:
        assert outbox.settle_retry(session, mail_id, "mine", next_attempt_at=later, reason="rcpt_450", code=450)
    mail = play.mail(mail_id)
    assert (mail.state, mail.attempts, mail.reply_code, mail.next_attempt_at) == ("pending", 1, 450, later)


@pytest.mark.parametrize("state", ["failed", "expired", "cancelled", "superseded", "suppressed", "held"])
def test_every_final_state_gives_the_lease_back(play: Dispatching, state: outbox.Final) -> None:
    mail_id = play.add()
    _claim(play.store)
    with play.store.begin() as session:
        assert outbox.settle(session, mail_id, "mine", state, now=START, reason="why")
    mail = play.mail(mail_id)
    assert (mail.state, mail.reason, mail.settled_at, mail.lease_token, mail.lease_until) == (
        state,
        "why",
        START,
        None,
        None,
    )


def test_mails_end_when_their_window_is_over(play: Dispatching) -> None:
    over = play.add(expires_at=START)
    open_still = play.add(expires_at=START + timedelta(microseconds=1))
    with play.store.begin() as session:
        assert outbox.expire(session, START) == 1
    assert (play.mail(over).state, play.mail(open_still).state) == ("expired", "pending")


def _copies(play: Dispatching, mail_id: int, number: int) -> None:
    """So many more mails like this one; PostgreSQL only."""
    table = tables.Mail.__table__
    columns = [column for column in table.columns if column.name not in {"id", "message_id"}]
    rows = select(cast(func.generate_series(1, number), Text), *columns).where(table.c.id == mail_id)
    with play.store.begin() as session:
        session.execute(insert(tables.Mail).from_select(["message_id", *columns], rows))


def test_more_mails_expire_between_two_dispatches_than_a_statement_takes_parameters(postgres_store: Store) -> None:
    play = Dispatching(postgres_store, make_settings(1))
    _copies(play, play.add(expires_at=START), 65_535)
    assert play.dispatch().expired == 65_536
    assert set(play.states()) == {"expired"}


@pytest.mark.parametrize("state", ["leased", "submitting"])
def test_what_many_dead_dispatchers_left_is_taken_back_in_pieces(
    play: Dispatching, state: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "_AT_ONCE", 2)
    play.add_many(5, state=state, lease_token="theirs", lease_until=START)
    pieces = [_reap(play.store) for _ in range(4)]
    assert [piece.unsent + piece.ambiguous for piece in pieces] == [2, 2, 1, 0]
    assert set(play.states()) == {"pending"}


def test_mails_expire_in_pieces_and_all_of_them(play: Dispatching, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "_AT_ONCE", 2)
    play.add_many(5, expires_at=START)
    assert play.dispatch().expired == 5
    assert set(play.states()) == {"expired"}


@pytest.mark.parametrize(
    ("age", "fresh"),
    [(timedelta(minutes=120), True), (timedelta(minutes=120, seconds=1), False), (None, False)],
    ids=str,
)
def test_a_source_is_fresh_until_its_last_good_sync_is_too_old(
    play: Dispatching, age: timedelta | None, fresh: bool
) -> None:
    with play.store.begin() as session:
        session.get_one(tables.SourceState, SOURCE).last_good_sync_at = None if age is None else START - age
    with play.store.begin() as session:
        found = outbox.fresh_sources(session, {SOURCE: timedelta(minutes=120)}, START)
    assert found == (frozenset({SOURCE}) if fresh else frozenset())


def test_a_source_that_is_not_in_the_settings_is_never_fresh(play: Dispatching) -> None:
    with play.store.begin() as session:
        assert outbox.fresh_sources(session, {}, START) == frozenset()
