"""What operators do to mails, beside dispatchers: no command crosses a lease, and none sends a mail twice."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Thread

import pytest
from sqlalchemy.orm import Session

from tests.dispatch.dispatching import KEY, SOURCE, START, Dispatching, make_settings
from tests.support.meanwhile import Meanwhile
from tests.support.smtp_script import CUT, STALL, ScriptedRelay
from worker import outbox_change
from worker.errors import MailStateError, NotFoundError
from worker.log import address_hash
from worker.store import outbox, suppression
from worker.store.session import Store

STATES = (
    "pending",
    "leased",
    "submitting",
    "sent",
    "failed",
    "expired",
    "cancelled",
    "superseded",
    "suppressed",
    "held",
)
COMMANDS: dict[str, Callable[[Session, int], None]] = {
    "retry": lambda session, mail_id: outbox_change.retry(session, mail_id, key=KEY, now=START),
    "hold": lambda session, mail_id: outbox_change.hold(session, mail_id, now=START),
    "release": lambda session, mail_id: outbox_change.release(session, mail_id, now=START),
    "cancel": lambda session, mail_id: outbox_change.cancel(session, mail_id, now=START),
}
BECOMES = {
    ("retry", False): dict.fromkeys(("pending", "failed", "expired", "suppressed"), "pending"),
    ("retry", True): {"pending": "pending"},
    ("hold", False): {"pending": "held"},
    ("hold", True): {"pending": "held"},
    ("release", False): {"held": "pending"},
    ("release", True): dict.fromkeys(("held", "failed", "expired", "suppressed"), "pending"),
    ("cancel", False): dict.fromkeys(("pending", "held"), "cancelled"),
    ("cancel", True): dict.fromkeys(("pending", "held"), "cancelled"),
}
"""By command and whether an attempt is ambiguous: what becomes of which state. Everything else is refused."""


def order(play: Dispatching, command: str, mail_id: int) -> None:
    with play.store.begin() as session:
        COMMANDS[command](session, mail_id)


def refusal(play: Dispatching, command: str, mail_id: int) -> str:
    """Why an operator can't do it; the mail is as it was."""
    before = play.mail(mail_id)
    with pytest.raises(MailStateError) as refused:
        order(play, command, mail_id)
    after = play.mail(mail_id)
    columns = before.__table__.columns.keys()
    assert [getattr(before, name) for name in columns] == [getattr(after, name) for name in columns]
    return str(refused.value)


def copies(relay: ScriptedRelay) -> list[int]:
    """How often each mail arrived completely, whatever the relay answered."""
    return sorted(Counter(mail.content for mail in relay.complete).values())


@pytest.mark.parametrize("in_doubt", [False, True], ids=["provably unsent", "in doubt"])
@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_starts_from_its_states_only(lite: Dispatching, command: str, state: str, in_doubt: bool) -> None:
    lease = {"lease_token": "theirs", "lease_until": START} if state in ("leased", "submitting") else {}
    mail_id = lite.add(state=state, ambiguous_attempts=int(in_doubt), settled_at=START, **lease)
    becomes = BECOMES[command, in_doubt].get(state)
    if becomes is None:
        assert f"mail {mail_id} is " in refusal(lite, command, mail_id)
    else:
        order(lite, command, mail_id)
        assert lite.mail(mail_id).state == becomes


def test_a_failed_mail_is_retried_with_a_new_window(play: Dispatching, relay: ScriptedRelay) -> None:
    relay.on("dot", "554 no")
    mail_id = play.add()
    play.dispatch()
    assert play.mail(mail_id).state == "failed"
    play.later(days=7)
    with play.store.begin() as session:
        outbox_change.retry(session, mail_id, key=KEY, now=play.now)
    mail = play.mail(mail_id)
    assert (mail.state, mail.settled_at, mail.expires_at) == ("pending", None, play.now + timedelta(hours=48))
    assert play.dispatch().sent == 1
    assert (play.mail(mail_id).attempts, play.mail(mail_id).releases) == (2, 0)


def test_a_mail_that_waits_for_its_next_try_is_made_due_at_once(play: Dispatching, relay: ScriptedRelay) -> None:
    relay.on("rcpt", "451 later")
    mail_id = play.add()
    assert play.dispatch().retried == 1
    assert play.dispatch().sent == 0
    order(play, "retry", mail_id)
    assert play.dispatch().sent == 1


def test_a_held_mail_stays_until_it_is_released_with_the_same_bytes(play: Dispatching, relay: ScriptedRelay) -> None:
    mail_id = play.add()
    before = play.mail(mail_id)
    order(play, "hold", mail_id)
    assert play.later(days=3).dispatch().sent == 0
    assert (play.mail(mail_id).state, play.mail(mail_id).reason) == ("held", "operator")
    with play.store.begin() as session:
        outbox_change.release(session, mail_id, now=play.now)
    assert play.dispatch().sent == 1
    after = play.mail(mail_id)
    assert (after.message, after.message_id, after.releases) == (before.message, before.message_id, 1)
    (arrived,) = relay.arrived
    assert before.message_id.encode() in arrived.content


def test_a_mail_held_in_doubt_is_released_and_every_release_is_counted(play: Dispatching, relay: ScriptedRelay) -> None:
    relay.on("dot", CUT, CUT, CUT)
    mail_id = play.add()
    for _ in range(2):
        play.later(hours=1).dispatch()
    assert play.states() == ["held"]
    for released in (1, 2):
        with play.store.begin() as session:
            outbox_change.release(session, mail_id, now=play.now)
        play.later(hours=1).dispatch()
        assert play.mail(mail_id).releases == released
    mail = play.mail(mail_id)
    assert (mail.state, mail.ambiguous_attempts) == ("sent", 3)
    assert copies(relay) == [4]
    assert len(relay.complete) - 1 <= mail.ambiguous_attempts + mail.releases


def test_a_mail_that_is_being_sent_is_left_alone_and_the_operator_is_told_until_when(
    lite: Dispatching, relay: ScriptedRelay
) -> None:
    relay.on("dot", STALL)
    mail_id = lite.add()
    sending = Thread(target=lite.dispatch)
    sending.start()
    relay.wait_for("dot")
    lease = lite.mail(mail_id).lease_until
    assert lease is not None
    for command in COMMANDS:
        said = refusal(lite, command, mail_id)
        assert "is being sent (submitting)" in said
        assert f"lease ends at {lease:%Y-%m-%d %H:%M:%S} UTC" in said
    relay.close()
    sending.join()


@pytest.mark.parametrize("command", ["retry", "hold", "cancel"])
def test_a_command_that_meets_a_claim_waits_for_it_and_is_refused(postgres_store: Store, command: str) -> None:
    play = Dispatching(postgres_store, make_settings(1))
    mail_id = play.add()
    with postgres_store.begin() as session:
        claimed = _claim(postgres_store, session)
        operator = Meanwhile(postgres_store, "SELECT 1", lambda: order(play, command, mail_id))
        session.connection().exec_driver_sql("SELECT 1")
    with pytest.raises(MailStateError, match=r"is being sent \(leased\)"):
        operator.finish()
    assert claimed == [mail_id]
    assert play.states() == ["leased"]


@pytest.mark.parametrize("command", ["hold", "cancel"])
def test_a_claim_leaves_out_what_an_operator_is_changing(postgres_store: Store, command: str) -> None:
    play = Dispatching(postgres_store, make_settings(1))
    theirs, free = play.add(), play.add()
    with postgres_store.begin() as operator:
        COMMANDS[command](operator, theirs)
        with postgres_store.begin() as session:
            assert _claim(postgres_store, session) == [free]


def _claim(store: Store, session: Session) -> list[int]:
    mails = outbox.claim(
        session,
        token="mine",
        limit=10,
        sources={SOURCE},
        now=START,
        lease_now=store.lease_now(session),
        lease=timedelta(seconds=60),
    )
    return [mail.id for mail in mails]


def test_of_an_operator_and_a_dispatcher_one_gets_each_mail(play: Dispatching, relay: ScriptedRelay) -> None:
    ids = play.add_many(30)

    def hold_all() -> set[int]:
        held = set()
        for mail_id in reversed(ids):
            try:
                order(play, "hold", mail_id)
            except MailStateError:
                continue
            held.add(mail_id)
        return held

    with ThreadPoolExecutor(1) as pool:
        holding = pool.submit(hold_all)
        sent = play.dispatch().sent
        held = holding.result()
    assert len(held) + sent == len(ids)
    assert {mail_id for mail_id in ids if play.mail(mail_id).state == "held"} == held
    assert copies(relay) == [1] * sent


def test_a_retry_of_a_suppressed_address_is_refused_until_the_suppression_is_removed(lite: Dispatching) -> None:
    mail_id = lite.add(state="failed", settled_at=START)
    with lite.store.begin() as session:
        suppression.suppress(session, address_hash(KEY, "ANN@mail.test"), reason="rcpt_550_5.1.1", now=START)
    assert "watchpost suppress remove" in refusal(lite, "retry", mail_id)


@pytest.mark.parametrize(("command", "state"), [("retry", "failed"), ("release", "held")])
def test_a_mail_whose_bytes_are_gone_stays_where_it_is(lite: Dispatching, command: str, state: str) -> None:
    mail_id = lite.add(state=state, message=b"")
    assert "its bytes have been removed" in refusal(lite, command, mail_id)


def test_a_mail_that_does_not_exist_is_named(lite: Dispatching) -> None:
    for command in COMMANDS:
        with pytest.raises(NotFoundError, match="no mail 99"):
            order(lite, command, 99)
