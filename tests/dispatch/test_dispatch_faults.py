"""A relay that refuses, falls silent, hangs up or talks nonsense, at every phase: what becomes of the mail."""

from datetime import timedelta

import pytest

from tests.dispatch.dispatching import Dispatching, make_settings
from tests.support.smtp_script import CUT, STALL, Action, ScriptedRelay

_IMPATIENT = "timeout_seconds = 0.4\ndata_timeout_seconds = 0.4"
BEFORE_THE_BODY = ["mail", "rcpt", "data"]


def _about(minutes: int) -> tuple[timedelta, timedelta]:
    return timedelta(minutes=minutes * 0.8), timedelta(minutes=minutes * 1.2)


def _wait(play: Dispatching, mail_id: int) -> timedelta:
    return play.mail(mail_id).next_attempt_at - play.now


@pytest.mark.parametrize("point", [*BEFORE_THE_BODY, "dot"])
def test_4xx_is_tried_again_after_five_minutes(lite: Dispatching, relay: ScriptedRelay, point: str) -> None:
    relay.on(point, "450 4.2.0 later")
    mail_id = lite.add()
    assert lite.dispatch().retried == 1
    mail = lite.mail(mail_id)
    assert (mail.state, mail.attempts, mail.reply_code, mail.lease_token) == ("pending", 1, 450, None)
    low, high = _about(5)
    assert low <= _wait(lite, mail_id) <= high
    assert lite.later(minutes=6).dispatch().sent == 1
    assert lite.mail(mail_id).attempts == 2
    assert len(relay.arrived) == 1


def test_the_waits_grow_until_the_window_is_over(lite: Dispatching, relay: ScriptedRelay) -> None:
    relay.always("rcpt", "450 4.2.0 later")
    mail_id = lite.add()
    tries = 0
    while lite.mail(mail_id).state == "pending":
        tries += lite.dispatch().retried
        steps = [5, 15, 30, 60, 120]
        low, high = _about(steps[tries - 1] if tries <= len(steps) else 240)
        if lite.mail(mail_id).state == "pending":
            assert low <= _wait(lite, mail_id) <= high
            lite.later(seconds=_wait(lite, mail_id).total_seconds())
    assert lite.mail(mail_id).state == "expired"
    assert 14 <= tries <= 20
    assert lite.mail(mail_id).attempts == tries


@pytest.mark.parametrize(
    ("point", "answer", "reason"),
    [
        ("mail", "552 5.3.4 too big", "mail_552_5.3.4"),
        ("mail", "555 5.5.4 what option", "mail_555_5.5.4"),
        ("rcpt", "550 5.2.1 mailbox disabled", "rcpt_550_5.2.1"),
        ("rcpt", "553 no", "rcpt_553"),
        ("data", "554 5.5.1 no valid recipients", "data_554_5.5.1"),
        ("dot", "554 5.7.1 spam", "body_554_5.7.1"),
    ],
)
def test_5xx_about_a_mail_fails_it_and_no_other(
    lite: Dispatching, relay: ScriptedRelay, point: str, answer: str, reason: str
) -> None:
    relay.on(point, answer)
    lite.settings = make_settings(relay.port, "connections = 1")
    first, second = lite.add(), lite.add("bob@mail.test")
    counts = lite.dispatch()
    assert (counts.failed, counts.sent, counts.paused) == (1, 1, None)
    mail = lite.mail(first)
    assert (mail.state, mail.reason, mail.attempts, mail.reply_code) == ("failed", reason, 1, int(answer[:3]))
    assert lite.mail(second).state == "sent"
    assert not lite.suppressed("ann@mail.test")
    assert relay.connections == 1


def test_5_1_1_suppresses_the_address(play: Dispatching, relay: ScriptedRelay) -> None:
    relay.on("rcpt", "550 5.1.1 no such user")
    mail_id = play.add("Gone@mail.test")
    assert play.dispatch().failed == 1
    assert play.mail(mail_id).state == "failed"
    assert play.suppressed("gone@mail.test")
    play.add("gone@mail.test")
    assert play.dispatch().suppressed == 1


@pytest.mark.parametrize("point", ["data", "dot"])
def test_5_1_1_is_heard_later_as_well(lite: Dispatching, relay: ScriptedRelay, point: str) -> None:
    relay.on(point, "550 5.1.1 no such user")
    lite.add("gone@mail.test")
    assert lite.dispatch().failed == 1
    assert lite.suppressed("gone@mail.test")


def test_two_mails_to_an_address_that_does_not_exist_suppress_it_once(lite: Dispatching, relay: ScriptedRelay) -> None:
    relay.always("rcpt", "550 5.1.1 no such user")
    lite.add("gone@mail.test")
    lite.add("gone@mail.test")
    assert lite.dispatch().failed == 2
    assert lite.suppressed("gone@mail.test")


@pytest.mark.parametrize("point", BEFORE_THE_BODY)
@pytest.mark.parametrize("deed", [STALL, CUT, b"garbage\r\n", b"\x00\xff\xfe\r\n", b"999 what\r\n"], ids=repr)
def test_silence_close_and_garbage_before_the_body_leave_a_mail_provably_unsent(
    lite: Dispatching, relay: ScriptedRelay, point: str, deed: Action
) -> None:
    lite.settings = make_settings(relay.port, _IMPATIENT)
    relay.on(point, deed)
    mail_id = lite.add()
    counts = lite.dispatch()
    assert (counts.ambiguous, counts.retried, counts.sent, counts.waiting) == (0, 0, 0, 1)
    mail = lite.mail(mail_id)
    assert (mail.state, mail.attempts, mail.ambiguous_attempts) == ("pending", 0, 0)
    assert lite.later(minutes=6).dispatch().sent == 1


@pytest.mark.parametrize(
    ("point", "deed"),
    [
        ("body", STALL),
        ("body", CUT),
        ("dot", STALL),
        ("dot", CUT),
        ("dot", b"garbage\r\n"),
        ("dot", b"101 hm\r\n"),
        ("dot", b"354 go on\r\n"),
        ("dot", b"25\r\n"),
    ],
    ids=repr,
)
def test_silence_close_and_garbage_after_the_body_are_ambiguous_and_resent_once_as_they_were(
    lite: Dispatching, relay: ScriptedRelay, point: str, deed: Action
) -> None:
    lite.settings = make_settings(relay.port, _IMPATIENT)
    relay.on(point, deed)
    mail_id = lite.add()
    counts = lite.dispatch()
    assert (counts.ambiguous, counts.held, counts.waiting) == (1, 0, 1)
    mail = lite.mail(mail_id)
    assert (mail.state, mail.attempts, mail.ambiguous_attempts, mail.lease_token) == ("pending", 0, 1, None)
    assert lite.later(minutes=6).dispatch().sent == 1
    assert [arrived.content for arrived in relay.arrived] == [mail.message]


def test_a_second_ambiguous_attempt_is_held_for_the_operator(play: Dispatching, relay: ScriptedRelay) -> None:
    relay.always("dot", CUT)
    mail_id = play.add()
    play.dispatch()
    counts = play.later(minutes=6).dispatch()
    assert (counts.ambiguous, counts.held) == (1, 1)
    mail = play.mail(mail_id)
    assert (mail.state, mail.ambiguous_attempts, mail.settled_at) == ("held", 2, play.now)
    assert len({arrived.content for arrived in relay.complete}) == 1
    assert play.later(minutes=60).dispatch().sent == 0
    assert len(relay.complete) == 2


def test_an_operator_may_have_every_ambiguous_mail_held(lite: Dispatching, relay: ScriptedRelay) -> None:
    lite.settings = make_settings(relay.port, 'ambiguous = "hold"')
    relay.on("dot", CUT)
    mail_id = lite.add()
    assert lite.dispatch().held == 1
    assert lite.mail(mail_id).state == "held"


@pytest.mark.parametrize("answer", ["250 ok", "251 will forward", "252 perhaps", "200 fine", b"250-one\r\n250 two\r\n"])
def test_any_2xx_after_the_body_is_sent(lite: Dispatching, relay: ScriptedRelay, answer: Action) -> None:
    relay.on("dot", answer)
    lite.add_many(2)
    assert lite.dispatch().sent == 2
    assert lite.later(days=1).dispatch().sent == 0


@pytest.mark.parametrize("answer", ["251 will forward", "252 perhaps"])
def test_a_recipient_that_is_forwarded_is_accepted(lite: Dispatching, relay: ScriptedRelay, answer: str) -> None:
    relay.on("rcpt", answer)
    lite.add()
    assert lite.dispatch().sent == 1


@pytest.mark.parametrize("answer", ["250 ok", "251 ok"])
def test_a_yes_to_the_data_command_is_not_taken_for_the_mail(
    lite: Dispatching, relay: ScriptedRelay, answer: str
) -> None:
    relay.on("data", answer)
    mail_id = lite.add()
    assert lite.dispatch().sent == 0
    assert (lite.mail(mail_id).state, relay.complete) == ("pending", [])


def test_a_mail_that_failed_half_way_leaves_nothing_for_the_next(lite: Dispatching, relay: ScriptedRelay) -> None:
    lite.settings = make_settings(relay.port, "connections = 1")
    relay.on("rcpt", "550 no")
    lite.add("refused@mail.test")
    good = lite.add("good@mail.test")
    lite.dispatch()
    assert [(arrived.recipient, arrived.content) for arrived in relay.arrived] == [
        ("good@mail.test", lite.mail(good).message)
    ]
    assert "RSET" in relay.commands


def test_a_connection_that_the_relay_closes_between_mails_costs_nothing(
    lite: Dispatching, relay: ScriptedRelay
) -> None:
    lite.settings = make_settings(relay.port, "connections = 1")
    relay.on("mail", "250 ok", CUT, "250 ok", "421 4.7.0 enough for one connection", "250 ok")
    lite.add_many(3)
    assert lite.dispatch().sent == 3
    assert relay.connections == 3


@pytest.mark.parametrize("code", [421, 451, 452])
def test_a_destination_that_is_overrun_gets_a_pause_and_the_others_go_on(
    lite: Dispatching, relay: ScriptedRelay, code: int
) -> None:
    lite.settings = make_settings(relay.port, "connections = 1")
    relay.always("rcpt", lambda line: f"{code} 4.7.0 slower" if "busy.test" in line else "250 ok")
    busy, other = lite.add_many(5, "busy.test"), lite.add_many(5, "other.test")
    counts = lite.dispatch()
    assert (counts.sent, counts.retried, counts.paused) == (5, 1, None)
    assert {lite.mail(mail_id).state for mail_id in other} == {"sent"}
    assert sum(lite.mail(mail_id).attempts for mail_id in busy) == 1
    relay.always("rcpt", "250 ok")
    assert lite.later(minutes=6).dispatch().sent == 5


@pytest.mark.parametrize("message", [b"Subject: \xc3\xa4\r\n\r\nhi\r\n", b"Subject: a\r\n\r\n\xc3\xa4\r\n"])
def test_a_relay_without_the_extension_a_mail_needs_fails_that_mail(lite: Dispatching, message: bytes) -> None:
    with ScriptedRelay(extensions=()) as relay:
        lite.settings = make_settings(relay.port)
        mail_id = lite.add(message=message)
        plain = lite.add()
        counts = lite.dispatch()
        assert (counts.failed, counts.sent) == (1, 1)
        assert (lite.mail(mail_id).reason or "").startswith("relay_lacks_")
        assert lite.mail(plain).state == "sent"
        assert lite.mail(mail_id).attempts == 0
