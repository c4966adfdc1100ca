"""Refused recipients while the way is closed: a dead address holds up nobody, a relay that is set up wrong costs no mail."""

import pytest

from tests.dispatch.dispatching import Dispatching, make_settings
from tests.dispatch.test_dispatch_route import refused_port
from tests.support.smtp_script import CUT, DEFAULT, Action, ScriptedRelay

_UNKNOWN = "550 5.1.1 no such user"
_DENIED = "554 5.7.1 relaying denied"


def _was_away(play: Dispatching, relay: ScriptedRelay) -> None:
    """The mails that wait were tried, and nobody answered."""
    play.settings = make_settings(refused_port())
    assert (play.dispatch().paused or "").startswith("unreachable:")
    play.settings = make_settings(relay.port)


def _refuses(relay: ScriptedRelay, answer: str) -> None:
    """Every recipient whose address tells of it."""
    relay.always("rcpt", lambda line: answer if "nobody" in line else DEFAULT)


def test_an_address_that_does_not_exist_fails_and_shows_that_the_relay_is_back(
    play: Dispatching, relay: ScriptedRelay
) -> None:
    dead = play.add("nobody@mail.test")
    _was_away(play, relay)
    _refuses(relay, _UNKNOWN)
    counts = play.later(minutes=1).dispatch()
    assert (counts.failed, counts.paused, play.switches()) == (1, None, {})
    assert play.mail(dead).state == "failed"
    assert play.suppressed("nobody@mail.test")


def test_whoever_comes_after_a_dead_address_gets_the_mail_in_the_same_probe(
    lite: Dispatching, relay: ScriptedRelay
) -> None:
    lite.add("nobody@a.test")
    lite.add("nobody@b.test")
    lite.add_many(20)
    _was_away(lite, relay)
    _refuses(relay, _UNKNOWN)
    counts = lite.later(minutes=1).dispatch()
    assert (counts.failed, counts.sent, counts.paused) == (2, 20, None)


def test_six_dead_addresses_cost_two_probes_and_not_six(lite: Dispatching, relay: ScriptedRelay) -> None:
    for number in range(6):
        lite.add(f"nobody@gone{number}.test")
    lite.add_many(20)
    _was_away(lite, relay)
    _refuses(relay, _UNKNOWN)
    assert lite.later(minutes=1).dispatch().paused == "configuration:rcpt_550_5.1.1"
    assert lite.later(minutes=5).dispatch().sent == 0
    assert lite.later(minutes=5).dispatch().sent == 20
    lite.later(minutes=10).dispatch()
    assert lite.states() == ["failed"] * 6 + ["sent"] * 20


def test_a_mail_the_relay_never_takes_holds_up_nobody_when_it_comes_first_again(
    lite: Dispatching, relay: ScriptedRelay
) -> None:
    _refuses(relay, _DENIED)
    poison = lite.add("nobody@mail.test")
    assert lite.dispatch().paused == "configuration:rcpt_554_5.7.1"
    lite.later(minutes=7).add()
    counts = lite.dispatch()
    assert (counts.sent, counts.failed, counts.paused) == (1, 1, None)
    assert lite.mail(poison).reason == "rcpt_554_5.7.1"


@pytest.mark.parametrize(
    ("mails", "domains", "answer"),
    [
        (2, 1, _UNKNOWN),
        (25, 1, _UNKNOWN),
        (25, 1, _DENIED),
        (25, 2, "550 no"),
        (25, 25, _UNKNOWN),
    ],
)
def test_a_relay_that_goes_on_refusing_everybody_fails_nobody(
    lite: Dispatching, relay: ScriptedRelay, mails: int, domains: int, answer: str
) -> None:
    relay.always("rcpt", _DENIED)
    for number in range(mails):
        lite.add(f"person{number}@domain{number % domains}.test")
    lite.dispatch()
    relay.always("rcpt", answer)
    for _ in range(8):
        assert (lite.later(minutes=7).dispatch().paused or "").startswith("configuration:rcpt_55")
    assert set(lite.states()) == {"pending"}
    assert not lite.suppressed("person0@domain0.test")
    relay.always("rcpt", DEFAULT)
    assert lite.later(minutes=7).dispatch().sent == mails


def test_a_relay_that_comes_back_set_up_wrong_fails_nobody(lite: Dispatching, relay: ScriptedRelay) -> None:
    lite.add_many(25)
    _was_away(lite, relay)
    relay.always("rcpt", _UNKNOWN)
    for _ in range(3):
        assert lite.later(minutes=7).dispatch().paused == "configuration:rcpt_550_5.1.1"
    assert set(lite.states()) == {"pending"}


@pytest.mark.parametrize(("point", "deed"), [("dot", CUT), ("data", CUT)])
def test_a_relay_that_breaks_off_later_than_at_the_recipient_is_not_proven_well_by_a_refusal(
    lite: Dispatching, relay: ScriptedRelay, point: str, deed: Action
) -> None:
    relay.always(point, deed)
    for name in ("a", "b", "c"):
        lite.add(f"ann@{name}.test")
    closed = lite.dispatch().paused
    assert (closed or "").startswith("unreachable:")
    _refuses(relay, _UNKNOWN)
    dead = lite.add("nobody@d.test", next_attempt_at=lite.now)
    counts = lite.later(seconds=15).dispatch()
    assert (counts.failed, counts.paused, lite.mail(dead).state) == (1, closed, "failed")
