"""Dispatchers killed or frozen anywhere: nothing is missing, and nothing arrives twice that was not counted ambiguous."""

from collections import Counter

import pytest

from tests.dispatch.dispatching import Dispatching
from tests.dispatch.processes import DispatcherProcess, let_leases_run_out
from tests.support.invariant import nothing_is_lost
from tests.support.smtp_script import STALL, ScriptedRelay
from tests.support.waiting import wait_until
from worker.dispatch.counts import Counts

_SHORT = "timeout_seconds = 0.2\ndata_timeout_seconds = 0.2\nlease_seconds = 0.5"


def _copies(relay: ScriptedRelay) -> list[int]:
    """How often each mail arrived completely, whatever the relay answered."""
    return sorted(Counter(mail.content for mail in relay.complete).values())


def _sent(play: Dispatching) -> Counts | None:
    """Dispatch once; the counts where something was sent."""
    counts = play.dispatch()
    return counts if counts.sent else None


def test_killed_after_a_claim_it_leaves_mails_that_are_provably_unsent(
    play: Dispatching, store_url: str, relay: ScriptedRelay
) -> None:
    play.add_many(3)
    with DispatcherProcess(store_url, relay.port, play.now, "dispatch.claimed=kill", _SHORT) as dispatcher:
        dispatcher.wait_until_killed()
    assert set(play.states()) == {"leased"}
    counts = wait_until(lambda: _sent(play), what="the lease to run out")
    assert (counts.sent, counts.ambiguous) == (3, 0)
    assert _copies(relay) == [1, 1, 1]
    nothing_is_lost(play.store, relay.taken, mails=3)


def test_killed_just_before_the_body_it_leaves_a_mail_that_counts_as_ambiguous(
    play: Dispatching, store_url: str, relay: ScriptedRelay
) -> None:
    play.add()
    with DispatcherProcess(store_url, relay.port, play.now, "dispatch.submitting=kill") as dispatcher:
        dispatcher.wait_until_killed()
    assert play.states() == ["submitting"]
    let_leases_run_out(play.store)
    counts = play.dispatch()
    assert (counts.sent, counts.ambiguous) == (1, 1)
    assert _copies(relay) == [1]
    nothing_is_lost(play.store, relay.taken, mails=1)


@pytest.mark.parametrize(("point", "copies"), [("body", [1]), ("dot", [2])])
def test_killed_while_the_relay_takes_the_body_or_is_silent_about_it(
    play: Dispatching, store_url: str, relay: ScriptedRelay, point: str, copies: list[int]
) -> None:
    relay.on(point, STALL)
    mail_id = play.add()
    with DispatcherProcess(store_url, relay.port, play.now) as dispatcher:
        relay.wait_for(point)
        dispatcher.kill()
    assert play.states() == ["submitting"]
    assert play.dispatch().sent == 0
    let_leases_run_out(play.store)
    counts = play.dispatch()
    assert (counts.sent, counts.ambiguous, counts.held) == (1, 1, 0)
    assert (play.mail(mail_id).state, _copies(relay)) == ("sent", copies)
    nothing_is_lost(play.store, relay.taken, mails=1)


def test_killed_after_250_before_the_commit(play: Dispatching, store_url: str, relay: ScriptedRelay) -> None:
    play.add()
    with DispatcherProcess(store_url, relay.port, play.now, "dispatch.replied=kill") as dispatcher:
        dispatcher.wait_until_killed()
    assert (play.states(), _copies(relay)) == (["submitting"], [1])
    let_leases_run_out(play.store)
    counts = play.dispatch()
    assert (counts.sent, counts.ambiguous) == (1, 1)
    assert _copies(relay) == [2]
    nothing_is_lost(play.store, relay.taken, mails=1)


def test_killed_twice_on_the_same_mail_it_is_held(play: Dispatching, store_url: str, relay: ScriptedRelay) -> None:
    mail_id = play.add()
    for _ in range(2):
        with DispatcherProcess(store_url, relay.port, play.now, "dispatch.replied=kill") as dispatcher:
            dispatcher.wait_until_killed()
        let_leases_run_out(play.store)
    counts = play.dispatch()
    assert (counts.sent, counts.ambiguous, counts.held) == (0, 1, 1)
    mail = play.mail(mail_id)
    assert (mail.state, mail.reason, mail.ambiguous_attempts) == ("held", "dispatcher_died", 2)
    assert _copies(relay) == [2]
    nothing_is_lost(play.store, relay.taken, mails=1)


def test_frozen_past_its_lease_before_the_body_it_sends_nothing(
    play: Dispatching, store_url: str, relay: ScriptedRelay
) -> None:
    play.add()
    with DispatcherProcess(store_url, relay.port, play.now, "dispatch.claimed=pause", _SHORT) as dispatcher:
        dispatcher.wait_until_stopped()
        assert wait_until(lambda: _sent(play), what="the lease to run out").sent == 1
        counts = dispatcher.go_on()
    assert (counts["sent"], counts["lost"]) == (0, 1)
    assert (play.states(), _copies(relay)) == (["sent"], [1])
    nothing_is_lost(play.store, relay.taken, mails=1)


def test_frozen_past_its_lease_after_the_reply_its_late_update_is_refused(
    play: Dispatching, store_url: str, relay: ScriptedRelay
) -> None:
    mail_id = play.add()
    with DispatcherProcess(store_url, relay.port, play.now, "dispatch.replied=pause", _SHORT) as dispatcher:
        dispatcher.wait_until_stopped()
        assert wait_until(lambda: _sent(play), what="the lease to run out").ambiguous == 1
        settled = play.mail(mail_id).settled_at
        counts = dispatcher.go_on()
    assert (counts["sent"], counts["lost"]) == (0, 1)
    mail = play.mail(mail_id)
    assert (mail.state, mail.attempts, mail.ambiguous_attempts, mail.settled_at) == ("sent", 1, 1, settled)
    assert _copies(relay) == [2]
    nothing_is_lost(play.store, relay.taken, mails=1)
