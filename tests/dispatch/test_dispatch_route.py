"""The way to the relay: what closes it, that no mail pays for that, and how it opens again."""

import threading

import pytest

from tests.dispatch.dispatching import Dispatching, make_settings
from tests.support.invariant import nothing_is_lost
from tests.support.smtp_script import CERTIFICATES, CUT, STALL, Action, ScriptedRelay, server_context
from worker.dispatch import route
from worker.store.session import Store
from worker.store.tables import Switch

_TRUSTING = f'ca_file = "{CERTIFICATES / "authority.pem"}"'
_LOGIN = 'username = "shop"\npassword = "right"'


def refused_port() -> int:
    """A port nobody listens on."""
    with ScriptedRelay() as gone:
        return gone.port


def _unburnt(play: Dispatching) -> None:
    """Every mail waits as if nobody had tried."""
    nothing_is_lost(play.store, [], mails=len(play.states()))
    assert set(play.states()) == {"pending"}
    assert {play.mail(number).attempts for number in range(1, len(play.states()) + 1)} == {0}


@pytest.mark.parametrize(
    ("point", "answer", "reason"),
    [
        ("greeting", "554 go away", "greeting_554"),
        ("ehlo", "550 go away", "ehlo_550"),
        ("mail", "550 5.7.1 not you", "mail_550_5.7.1"),
        ("mail", "530 5.7.0 log in first", "mail_530_5.7.0"),
        ("rcpt", "554 5.7.1 relaying denied", "rcpt_554_5.7.1"),
    ],
)
def test_a_relay_that_refuses_us_pauses_the_route_and_no_mail_pays_for_it(
    lite: Dispatching, relay: ScriptedRelay, point: str, answer: str, reason: str
) -> None:
    relay.always(point, answer)
    lite.add_many(5)
    counts = lite.dispatch()
    assert (counts.paused, counts.sent, counts.failed) == (f"configuration:{reason}", 0, 0)
    assert lite.switches()["route"] == f"configuration:{reason}"
    _unburnt(lite)
    assert relay.connections <= 2


def test_a_relay_that_refuses_us_is_asked_by_one_connection_only(lite: Dispatching, relay: ScriptedRelay) -> None:
    lite.settings = make_settings(relay.port, "connections = 8")
    relay.always("greeting", "554 go away")
    lite.add_many(20)
    lite.dispatch()
    assert relay.connections == 1


def test_a_closed_route_is_probed_every_five_minutes_with_one_mail(play: Dispatching, relay: ScriptedRelay) -> None:
    relay.always("mail", "550 5.7.1 not you")
    play.add_many(20)
    play.dispatch()
    tries = relay.commands.count("QUIT")
    assert play.later(minutes=4, seconds=59).dispatch().paused == "configuration:mail_550_5.7.1"
    assert relay.commands.count("QUIT") == tries
    play.later(seconds=1).dispatch()
    assert relay.commands.count("QUIT") == tries + 1
    assert play.later(minutes=4).dispatch().paused == "configuration:mail_550_5.7.1"
    assert relay.commands.count("QUIT") == tries + 1
    _unburnt(play)


def test_the_first_success_opens_the_route_for_all(play: Dispatching, relay: ScriptedRelay) -> None:
    relay.always("rcpt", "554 5.7.1 relaying denied")
    play.add_many(20)
    play.dispatch()
    relay.always("rcpt", "250 ok")
    counts = play.later(minutes=7).dispatch()
    assert (counts.sent, counts.paused, counts.waiting) == (20, None, 0)
    assert play.switches() == {}


def test_of_two_dispatchers_one_probes(play: Dispatching, relay: ScriptedRelay) -> None:
    relay.always("rcpt", "554 5.7.1 relaying denied")
    play.add_many(5)
    play.dispatch()
    before = relay.connections
    play.later(minutes=6)
    relay.always("greeting", STALL)
    play.settings = make_settings(relay.port, "timeout_seconds = 1")
    prober = threading.Thread(target=play.dispatch)
    prober.start()
    relay.wait_for("greeting", before + 1)
    assert Dispatching(play.store, play.settings, now=play.now).dispatch().paused is not None
    prober.join()
    assert relay.connections == before + 1


def test_who_read_the_last_probe_before_another_began_one_does_not_probe(postgres_store: Store) -> None:
    play = Dispatching(postgres_store, make_settings(1))
    play.switch("route", "configuration:auth_535")
    play.switch("route_probe")
    play.later(minutes=6)
    with postgres_store.begin() as slow, postgres_store.begin() as fast:
        slow.get_one(Switch, "route_probe")
        assert route.look(fast, play.now).probing
        fast.commit()
        assert not route.look(slow, play.now).probing


def test_the_operators_pause_outranks_a_probe(lite: Dispatching, relay: ScriptedRelay) -> None:
    relay.on("rcpt", "554 5.7.1 relaying denied")
    lite.add()
    lite.dispatch()
    lite.switch("paused")
    assert lite.later(minutes=10).dispatch().paused == "paused"
    assert relay.arrived == []


def test_no_probe_is_wasted_while_there_is_no_mail(lite: Dispatching, relay: ScriptedRelay) -> None:
    lite.switch("route", "configuration:auth_535")
    lite.switch("route_probe")
    assert lite.later(minutes=5).dispatch().paused == "configuration:auth_535"
    lite.later(seconds=1).add()
    assert lite.dispatch().sent == 1


def test_a_route_without_a_note_of_its_last_probe_is_probed_in_time(lite: Dispatching) -> None:
    lite.switch("route", "configuration:auth_535")
    lite.add()
    assert lite.dispatch().paused == "configuration:auth_535"
    assert lite.later(minutes=5).dispatch().sent == 1


def test_several_domains_refused_in_a_row_pause_the_route_and_no_mail_is_lost(
    play: Dispatching, relay: ScriptedRelay
) -> None:
    relay.always("rcpt", "550 5.1.1 no such user")
    for name in ("a", "b", "c", "d"):
        play.add(f"ann@{name}.test")
    counts = play.dispatch()
    assert (counts.failed, counts.paused) == (0, "configuration:rcpt_550_5.1.1")
    _unburnt(play)
    assert not play.suppressed("ann@a.test")
    relay.always("rcpt", "250 ok")
    assert play.later(minutes=10).dispatch().sent == 4


def test_one_domain_that_refuses_many_does_not_pause_the_route(lite: Dispatching, relay: ScriptedRelay) -> None:
    relay.always("rcpt", lambda line: "550 5.2.1 no" if "bad.test" in line else "250 ok")
    lite.add_many(30, "bad.test")
    lite.add_many(3, "good.test")
    counts = lite.dispatch()
    assert (counts.failed, counts.sent, counts.paused) == (30, 3, None)


def test_a_recipient_accepted_in_between_shows_that_the_refusals_were_meant(
    lite: Dispatching, relay: ScriptedRelay
) -> None:
    lite.settings = make_settings(relay.port, "connections = 1")
    relay.always("rcpt", lambda line: "250 ok" if "good" in line else "550 no")
    for domain in ("a.test", "b.test", "good.test", "c.test", "d.test"):
        lite.add(f"ann@{domain}")
    counts = lite.dispatch()
    assert (counts.failed, counts.sent, counts.paused) == (4, 1, None)


def test_one_mail_the_relay_never_takes_does_not_close_the_route_again_and_again(
    lite: Dispatching, relay: ScriptedRelay
) -> None:
    lite.settings = make_settings(relay.port, "connections = 1")
    relay.always("rcpt", lambda line: "550 5.7.1 blocked" if "poison" in line else "250 ok")
    poison = lite.add("ann@poison.test")
    lite.add_many(3)
    assert lite.dispatch().paused == "configuration:rcpt_550_5.7.1"
    lite.later(minutes=7).add_many(2, "new.test")
    counts = lite.dispatch()
    assert (counts.sent, counts.failed, counts.paused) == (5, 1, None)
    assert lite.mail(poison).reason == "rcpt_550_5.7.1"


def test_a_relay_that_refuses_connections_opens_the_circuit(play: Dispatching) -> None:
    play.settings = make_settings(refused_port())
    play.add_many(3)
    counts = play.dispatch()
    assert (counts.paused, counts.waiting) == ("unreachable:connect_unreachable", 3)
    _unburnt(play)


@pytest.mark.parametrize("deed", [STALL, CUT, "421 4.3.2 shutting down", b"garbage\r\n"], ids=repr)
@pytest.mark.parametrize("point", ["greeting", "ehlo"])
def test_a_relay_that_does_not_come_to_the_point_opens_the_circuit(
    lite: Dispatching, relay: ScriptedRelay, point: str, deed: Action
) -> None:
    lite.settings = make_settings(relay.port, "timeout_seconds = 0.3")
    relay.always(point, deed)
    lite.add_many(3)
    assert (lite.dispatch().paused or "").startswith("unreachable:")
    _unburnt(lite)


def test_a_relay_down_for_an_hour_burns_nothing_and_is_drained_in_order(sqlite_store: Store) -> None:
    with ScriptedRelay() as first:
        port = first.port
    lite = Dispatching(sqlite_store, make_settings(port, "connections = 1"))
    for _ in range(5):
        lite.add_many(1)
        lite.later(seconds=1)
    for _ in range(60):
        lite.dispatch()
        lite.later(minutes=1)
    _unburnt(lite)
    with ScriptedRelay(port=port) as relay:
        counts = lite.later(minutes=5).dispatch()
        assert (counts.sent, counts.paused) == (5, None)
        nothing_is_lost(sqlite_store, relay.taken, mails=5)
        ids = [arrived.content for arrived in relay.arrived]
    assert ids == [lite.mail(number).message for number in range(1, 6)]


def test_the_circuit_is_tried_again_soon_and_then_less_often(lite: Dispatching) -> None:
    lite.settings = make_settings(refused_port())
    lite.add()
    lite.dispatch()
    probes = []
    since = lite.now
    for _ in range(60):
        lite.later(seconds=15).dispatch()
        with lite.store.read() as session:
            if session.get_one(Switch, "route_probe").changed_at == lite.now:
                probes.append((lite.now - since).total_seconds())
    assert probes == [15, 30, 60, 120, 240, 480, 780]


def _to_everybody(play: Dispatching, number: int) -> None:
    """So many mails, each to another domain."""
    for person in range(number):
        play.add(f"ann@domain{person}.test")


def test_a_relay_that_hangs_up_on_mail_after_mail_opens_the_circuit(lite: Dispatching, relay: ScriptedRelay) -> None:
    relay.always("rcpt", CUT)
    _to_everybody(lite, 20)
    assert lite.dispatch().paused == "unreachable:rcpt_closed"
    assert relay.connections < 10
    _unburnt(lite)


def test_a_relay_that_hangs_up_before_it_hears_of_a_recipient_opens_the_circuit(
    lite: Dispatching, relay: ScriptedRelay
) -> None:
    relay.always("mail", CUT)
    lite.add_many(20)
    assert (lite.dispatch().paused or "").startswith("unreachable:mail_closed")
    _unburnt(lite)


def test_a_relay_that_swallows_mail_after_mail_makes_only_a_few_ambiguous(
    lite: Dispatching, relay: ScriptedRelay
) -> None:
    relay.always("dot", CUT)
    _to_everybody(lite, 40)
    counts = lite.dispatch()
    assert counts.paused == "unreachable:body_closed"
    assert counts.ambiguous <= 4


def test_a_relay_that_swallows_the_mails_to_one_domain_makes_only_a_few_ambiguous(
    lite: Dispatching, relay: ScriptedRelay
) -> None:
    relay.always("dot", CUT)
    lite.add_many(40)
    counts = lite.dispatch()
    assert (counts.ambiguous <= 4, counts.sent, counts.waiting) == (True, 0, 40)


def test_a_relay_that_allows_fewer_connections_is_used_with_those(lite: Dispatching, relay: ScriptedRelay) -> None:
    lite.settings = make_settings(relay.port, "connections = 4")
    relay.on("greeting", "220 hi", "220 hi", "421 4.7.0 too many", "421 4.7.0 too many")
    lite.add_many(12)
    counts = lite.dispatch()
    assert (counts.sent, counts.paused) == (12, None)


def _dispatch_over(store: Store, relay: ScriptedRelay, extra: str) -> Dispatching:
    play = Dispatching(store, make_settings(relay.port, extra))
    play.add()
    return play


@pytest.mark.parametrize("implicit", [False, True])
def test_a_good_certificate_lets_the_mail_go_encrypted(sqlite_store: Store, implicit: bool) -> None:
    with ScriptedRelay(tls=server_context("localhost.pem"), implicit=implicit, login="shop:right") as relay:
        mode = "tls" if implicit else "starttls"
        play = _dispatch_over(sqlite_store, relay, f'tls = "{mode}"\n{_TRUSTING}\n{_LOGIN}')
        assert play.dispatch().sent == 1
        encrypted_from = 0 if implicit else relay.commands.index("STARTTLS")
        assert not any(line.startswith(("AUTH", "MAIL")) for line in relay.commands[:encrypted_from])


@pytest.mark.parametrize("implicit", [False, True])
@pytest.mark.parametrize(
    ("certificate", "trust"),
    [("localhost.pem", ""), ("elsewhere.pem", _TRUSTING)],
    ids=["unknown signer", "other name"],
)
def test_a_bad_certificate_is_refused_and_the_route_paused(
    sqlite_store: Store, certificate: str, trust: str, implicit: bool
) -> None:
    with ScriptedRelay(tls=server_context(certificate), implicit=implicit) as relay:
        mode = "tls" if implicit else "starttls"
        play = _dispatch_over(sqlite_store, relay, f'tls = "{mode}"\n{trust}')
        phase = "connect" if implicit else "starttls"
        assert play.dispatch().paused == f"configuration:{phase}_certificate"
        _unburnt(play)
        assert not any(line.startswith("MAIL") for line in relay.commands)


@pytest.mark.parametrize("answer", [None, "502 5.5.1 what?"])
def test_a_stripped_starttls_is_no_reason_to_speak_in_the_clear(sqlite_store: Store, answer: str | None) -> None:
    with ScriptedRelay(tls=server_context("localhost.pem") if answer else None, login="shop:right") as relay:
        if answer:
            relay.always("starttls", answer)
        play = _dispatch_over(sqlite_store, relay, f'tls = "starttls"\n{_TRUSTING}\n{_LOGIN}')
        reason = "502" if answer else "missing"
        assert (play.dispatch().paused or "").startswith(f"configuration:starttls_{reason}")
        _unburnt(play)
        assert not any(line.startswith(("AUTH", "MAIL")) for line in relay.commands)


def test_tls_to_a_relay_that_speaks_in_the_clear_pauses_the_route(lite: Dispatching, relay: ScriptedRelay) -> None:
    lite.settings = make_settings(relay.port, 'tls = "tls"')
    lite.add()
    assert lite.dispatch().paused == "configuration:connect_tls"
    _unburnt(lite)


@pytest.mark.parametrize(
    ("login", "reason"), [("shop:other", "configuration:auth_535_5.7.8"), ("", "configuration:auth_missing")]
)
def test_a_refused_login_pauses_the_route(sqlite_store: Store, login: str, reason: str) -> None:
    with ScriptedRelay(login=login) as relay:
        play = _dispatch_over(sqlite_store, relay, _LOGIN)
        play.add_many(10)
        assert play.dispatch().paused == reason
        _unburnt(play)
        assert relay.connections == 1


def test_a_login_that_can_not_be_checked_now_is_tried_again_soon(sqlite_store: Store) -> None:
    with ScriptedRelay(login="shop:right") as relay:
        relay.always("auth", "454 4.7.0 later")
        play = _dispatch_over(sqlite_store, relay, _LOGIN)
        assert play.dispatch().paused == "unreachable:auth_454_4.7.0"
        relay.always("auth", "235 ok")
        assert play.later(seconds=15).dispatch().sent == 1
