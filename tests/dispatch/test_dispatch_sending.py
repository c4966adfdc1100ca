"""Sending: what is due goes out once, byte by byte, over few connections, and what may not go does not."""

import threading
from collections import Counter
from datetime import datetime, timedelta

import pytest
from sqlalchemy.orm import Session

from tests.dispatch.dispatching import START, Dispatching, make_settings
from tests.support.invariant import nothing_is_lost
from tests.support.smtp import SmtpSink
from tests.support.smtp_script import DEFAULT, STALL, ScriptedRelay
from worker.dispatch.counts import Counts
from worker.log import address_hash
from worker.store import suppression, tables
from worker.store.session import Store


def test_a_due_mail_is_sent_and_settled(play: Dispatching, relay: ScriptedRelay) -> None:
    mail_id = play.add()
    counts = play.dispatch()
    assert (counts.sent, counts.waiting, counts.paused) == (1, 0, None)
    mail = play.mail(mail_id)
    assert (mail.state, mail.attempts, mail.reply_code, mail.settled_at) == ("sent", 1, 250, play.now)
    assert (mail.lease_token, mail.lease_until) == (None, None)
    assert [arrived.content for arrived in relay.arrived] == [mail.message]


def test_a_real_smtp_server_takes_the_mails(play: Dispatching, smtp_sink: SmtpSink) -> None:
    play.settings = make_settings(smtp_sink.port)
    ids = play.add_many(5)
    assert play.dispatch().sent == 5
    received = {mail.rcpt_tos[0]: mail for mail in smtp_sink.received()}
    assert [received[play.mail(mail_id).recipient].content for mail_id in ids] == [
        play.mail(mail_id).message for mail_id in ids
    ]
    assert {mail.mail_from for mail in received.values()} == {"watch@shop.test"}


def test_what_was_sent_is_not_sent_again(play: Dispatching, relay: ScriptedRelay) -> None:
    play.add_many(3)
    play.dispatch()
    assert dict(play.later(days=1).dispatch()) == dict(Counts())
    assert len(relay.arrived) == 3


def test_many_mails_share_few_connections(lite: Dispatching, relay: ScriptedRelay) -> None:
    lite.add_many(20)
    assert lite.dispatch().sent == 20
    assert relay.connections <= 2
    assert relay.commands.count("QUIT") == relay.connections


def test_no_more_connections_are_opened_than_there_are_mails(lite: Dispatching, relay: ScriptedRelay) -> None:
    lite.add()
    lite.dispatch()
    assert relay.connections == 1


def test_without_mails_the_relay_is_left_alone(lite: Dispatching, relay: ScriptedRelay) -> None:
    lite.dispatch()
    assert relay.connections == 0


def test_two_dispatchers_at_once_send_nothing_twice(play: Dispatching, relay: ScriptedRelay) -> None:
    play.add_many(40)
    other = Dispatching(play.store, play.settings)
    counts: list[Counts] = []
    threads = [threading.Thread(target=lambda one=one: counts.append(one.dispatch())) for one in (play, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(one.sent for one in counts) == 40
    assert set(Counter(arrived.recipient for arrived in relay.arrived).values()) == {1}
    assert play.states() == ["sent"] * 40


def test_a_mail_whose_lease_is_lost_before_the_body_is_not_sent(lite: Dispatching, relay: ScriptedRelay) -> None:
    lite.settings = make_settings(relay.port, "connections = 1")
    stolen, other = lite.add(), lite.add("bob@mail.test")

    def steal(line: str) -> str:
        if "ann@" in line:
            with lite.store.begin() as session:
                session.get_one(tables.Mail, stolen).lease_token = "somebody else's"
        return "250 ok"

    relay.always("rcpt", steal)
    counts = lite.dispatch()
    assert (counts.lost, counts.sent) == (1, 1)
    assert [arrived.content for arrived in relay.arrived] == [lite.mail(other).message]
    verbs = [line.split()[0] for line in relay.commands]
    assert verbs == ["EHLO", "MAIL", "RCPT", "RSET", "MAIL", "RCPT", "DATA", "QUIT"]


def test_a_limit_is_kept(lite: Dispatching) -> None:
    lite.add_many(5)
    counts = lite.dispatch(limit=3)
    assert (counts.sent, counts.waiting) == (3, 2)
    assert lite.dispatch(limit=0).sent == 0


def test_mails_are_sent_in_the_order_they_were_due(lite: Dispatching, relay: ScriptedRelay) -> None:
    lite.settings = make_settings(relay.port, "connections = 1")
    for minutes in (3, 1, 2):
        lite.add(f"{minutes}@mail.test", next_attempt_at=START - timedelta(minutes=minutes))
    lite.dispatch()
    assert [arrived.recipient for arrived in relay.arrived] == ["3@mail.test", "2@mail.test", "1@mail.test"]


def test_destinations_take_turns(lite: Dispatching, relay: ScriptedRelay) -> None:
    lite.settings = make_settings(relay.port, "connections = 1")
    lite.add_many(3, "big.test")
    lite.add("one@small.test")
    lite.dispatch()
    assert [arrived.recipient for arrived in relay.arrived][1] == "one@small.test"


@pytest.mark.parametrize(("point", "ambiguous"), [("rcpt", 0), ("dot", 3)])
def test_a_slow_destination_does_not_hold_up_the_others_however_many_of_its_mails_come_first(
    play: Dispatching, relay: ScriptedRelay, point: str, ambiguous: int
) -> None:
    relay.always(point, lambda line: STALL if "slow.test" in line else DEFAULT)
    play.settings = make_settings(
        relay.port, "connections = 4\ntimeout_seconds = 0.5\ndata_timeout_seconds = 0.5\nlease_seconds = 60"
    )
    slow = play.add_many(60, "slow.test", next_attempt_at=START - timedelta(hours=1))
    fast = play.add_many(20, "fast.test")
    counts = play.dispatch()
    assert {play.mail(mail_id).state for mail_id in fast} == {"sent"}
    assert (counts.sent, counts.paused) == (20, None)
    assert ambiguous <= counts.ambiguous <= ambiguous + 3  # those on their way when it was enough
    assert {play.mail(mail_id).attempts for mail_id in slow} == {0}
    assert play.later(minutes=1).dispatch().sent == 0  # and they are left alone for some minutes
    nothing_is_lost(play.store, relay.taken, mails=80)


def test_a_slow_destination_does_not_keep_the_route_closed(lite: Dispatching, relay: ScriptedRelay) -> None:
    """The mails that are due longest are its; a probe that breaks off there is followed by one elsewhere."""
    lite.settings = make_settings(relay.port, "timeout_seconds = 0.3")
    lite.switch("route", "unreachable:connect_unreachable")
    lite.switch("route_probe")
    relay.always("rcpt", lambda line: STALL if "slow.test" in line else DEFAULT)
    lite.add_many(40, "slow.test", next_attempt_at=START - timedelta(hours=1))
    lite.later(seconds=16).add("ann@fast.test")
    counts = lite.dispatch()
    assert (counts.sent, counts.paused) == (1, None)


def test_a_failing_destination_does_not_hold_up_the_others(lite: Dispatching, relay: ScriptedRelay) -> None:
    relay.always("rcpt", lambda line: "451 4.3.0 their server is away" if "failing.test" in line else "250 ok")
    lite.add_many(60, "failing.test", next_attempt_at=START - timedelta(hours=1))
    lite.add_many(20, "fast.test")
    counts = lite.dispatch()
    assert (counts.sent, counts.paused) == (20, None)
    assert counts.retried <= 2


def test_stop_finishes_what_is_on_its_way_and_hands_the_rest_back(play: Dispatching, relay: ScriptedRelay) -> None:
    play.add_many(20)
    counts = play.dispatch(stop=lambda: len(relay.arrived) >= 4)
    assert 4 <= counts.sent <= 6
    assert (counts.sent + counts.waiting, len(relay.arrived)) == (20, counts.sent)
    assert Counter(play.states()) == {"sent": counts.sent, "pending": counts.waiting}


def test_a_mail_whose_window_is_over_expires_unsent(play: Dispatching, relay: ScriptedRelay) -> None:
    mail_id = play.add(expires_at=play.now)
    counts = play.dispatch()
    assert (counts.expired, counts.sent, play.mail(mail_id).attempts) == (1, 0, 0)
    assert (play.mail(mail_id).state, relay.connections) == ("expired", 0)


def test_a_window_may_close_while_the_mail_waits_for_its_turn(lite: Dispatching, relay: ScriptedRelay) -> None:
    lite.settings = make_settings(relay.port, "connections = 1")
    lite.add()
    late = lite.add(expires_at=START + timedelta(minutes=1))

    def an_hour_passes(line: str) -> str:
        lite.now = START + timedelta(hours=1)
        return "250 ok"

    relay.on("dot", an_hour_passes)
    counts = lite.dispatch()
    assert (counts.sent, counts.expired, lite.mail(late).state) == (1, 1, "expired")


def test_a_suppressed_address_gets_nothing(play: Dispatching, relay: ScriptedRelay) -> None:
    mail_id = play.add("gone@mail.test")
    with play.store.begin() as session:
        suppression.suppress(session, address_hash(b"k" * 32, "Gone@Mail.test"), reason="5.1.1", now=play.now)
    counts = play.dispatch()
    assert (counts.suppressed, play.mail(mail_id).state, relay.arrived) == (1, "suppressed", [])


def test_a_redirected_mail_of_a_suppressed_customer_is_not_sent_either(lite: Dispatching) -> None:
    mail_id = lite.add("staging@shop.test", customer_email="gone@mail.test")
    with lite.store.begin() as session:
        suppression.suppress(session, address_hash(b"k" * 32, "gone@mail.test"), reason="5.1.1", now=lite.now)
    lite.dispatch()
    assert lite.mail(mail_id).state == "suppressed"


def test_nothing_is_sent_while_the_operator_paused(play: Dispatching, relay: ScriptedRelay) -> None:
    play.add()
    play.switch("paused", "holiday")
    counts = play.dispatch()
    assert (counts.paused, counts.sent, counts.waiting) == ("paused", 0, 1)
    assert (play.states(), relay.connections) == (["pending"], 0)


def test_a_pause_takes_effect_while_mails_are_being_sent(lite: Dispatching, relay: ScriptedRelay) -> None:
    lite.add_many(100)
    paused = threading.Event()

    def pause(recipient: str) -> str:
        if not paused.is_set():
            paused.set()
            lite.switch("paused")
        return "250 ok"

    relay.always("dot", pause)
    counts = lite.dispatch()
    assert counts.paused == "paused"
    assert 0 < counts.sent < 100


def test_nothing_is_sent_for_a_source_that_was_not_read_for_too_long(play: Dispatching, relay: ScriptedRelay) -> None:
    play.add()
    play.now += timedelta(minutes=121)
    counts = play.dispatch()
    assert (counts.sent, counts.waiting, play.states()) == (0, 1, ["pending"])
    play.later()
    assert play.dispatch().sent == 1


@pytest.mark.parametrize("state", ["cancelled", "superseded", "held"])
def test_what_the_recheck_settles_is_not_sent(play: Dispatching, relay: ScriptedRelay, state: str) -> None:
    def settle(_session: Session, mail: tables.Mail, now: datetime) -> str:
        mail.state, mail.reason, mail.settled_at = state, "not_below_limit", now
        mail.lease_token = mail.lease_until = None
        return "not_below_limit"

    play.recheck = settle
    mail_id = play.add()
    counts = play.dispatch()
    assert (counts[state], counts.sent, relay.arrived) == (1, 0, [])
    assert (play.mail(mail_id).state, play.mail(mail_id).reason) == (state, "not_below_limit")


@pytest.mark.parametrize("stops", [False, True], ids=["its turn comes later", "its turn never comes"])
def test_what_is_settled_by_the_look_at_others_is_counted_as_what_it_became(
    lite: Dispatching, relay: ScriptedRelay, stops: bool
) -> None:
    lite.settings = make_settings(relay.port, "connections = 1")
    lite.add()
    last = lite.add()

    def settle(_session: Session, mail: tables.Mail, now: datetime) -> str | None:
        if mail.id != last:
            return None
        mail.state, mail.settled_at = "superseded", now
        mail.lease_token = mail.lease_until = None
        return "facts_changed"

    def take_a_minute(_recipient: str) -> str:
        lite.now += timedelta(minutes=1)
        return "250 ok"

    lite.recheck = settle
    relay.always("dot", take_a_minute)
    counts = lite.dispatch(stop=lambda: stops and bool(relay.arrived))
    assert (counts.sent, counts.superseded, counts.lost) == (1, 1, 0)


def test_what_the_recheck_refuses_without_settling_it_waits(lite: Dispatching, relay: ScriptedRelay) -> None:
    lite.recheck = lambda *_: "not now"
    mail_id = lite.add()
    assert lite.dispatch().waiting == 1
    mail = lite.mail(mail_id)
    assert (mail.state, relay.arrived) == ("pending", [])
    assert mail.next_attempt_at > lite.now


def test_the_recheck_is_asked_before_the_relay_hears_of_the_mail(lite: Dispatching, relay: ScriptedRelay) -> None:
    seen: list[list[str]] = []

    def recheck(_session: Session, _mail: tables.Mail, _now: datetime) -> None:
        seen.append(relay.commands)

    lite.recheck = recheck
    lite.add()
    lite.dispatch()
    (commands,) = seen
    assert not any(line.startswith("MAIL") for line in commands)


def test_a_mail_on_which_the_recheck_fails_lets_the_others_go_first(play: Dispatching) -> None:
    poison = play.add(next_attempt_at=START - timedelta(hours=1))
    play.add_many(4)

    def fail(_session: Session, mail: tables.Mail, _now: datetime) -> str | None:
        if mail.id == poison:
            raise LookupError("this mail is broken")
        return None

    play.recheck = fail
    with pytest.raises(LookupError, match="broken"):
        play.dispatch()
    assert set(play.states()) <= {"pending", "sent"}
    assert play.dispatch().waiting == 1
    assert play.mail(poison).state == "pending"


def test_no_transaction_is_open_while_the_relay_is_waited_for(sqlite_store: Store, relay: ScriptedRelay) -> None:
    lite = Dispatching(sqlite_store, make_settings(relay.port, "data_timeout_seconds = 5"))
    lite.add()
    relay.on("dot", STALL)
    sending = threading.Thread(target=lite.dispatch)
    sending.start()
    relay.wait_for("dot")
    with sqlite_store.begin() as session:  # would wait for the other writer
        assert session.get_one(tables.Mail, 1).state == "submitting"
    relay.close()
    sending.join()


def test_counts_become_a_plain_dictionary(lite: Dispatching) -> None:
    lite.add()
    counts = dict(lite.dispatch())
    assert (counts["sent"], counts["paused"]) == (1, None)
    assert list(counts)[:3] == ["sent", "retried", "failed"]
