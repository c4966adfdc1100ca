"""Fault rows 15 and 16: every kind of answer at every phase, over TLS and with a login, and what becomes of the mail.

Whatever it was, the mail is tried again when the relay is well, and arrives once more only if nobody could know.
"""

import pytest

from tests.dispatch.dispatching import Dispatching, make_settings
from tests.support.invariant import nothing_is_lost
from tests.support.smtp_script import CERTIFICATES, CUT, DEFAULT, STALL, Action, ScriptedRelay, server_context
from worker.store.session import Store

_SETTINGS = f"""
tls = "starttls"
ca_file = "{CERTIFICATES / "authority.pem"}"
username = "shop"
password = "right"
connections = 1
timeout_seconds = 0.4
data_timeout_seconds = 0.4
""".strip()
GARBAGE = b"\x00\xff what?\r\n"
ANSWERS: dict[str, Action] = {
    "4xx": "450 4.2.0 later",
    "5xx": "550 5.2.0 no",
    "421": "421 4.3.2 shutting down",
    "251": "251 will forward",
    "garbage": GARBAGE,
    "silence": STALL,
    "close": CUT,
}
SESSION = ["greeting", "ehlo", "starttls", "auth"]

# The answers in the order of ANSWERS. away: the way is closed for a moment. misconfigured: closed until somebody acts.
# retried: an attempt counts. unsent: none counts. failed, sent, doubt (counted as ambiguous).
_SESSION = ["away", "misconfigured", "away", "away", "away", "away", "away"]
OUTCOMES = {
    **dict.fromkeys(SESSION, _SESSION),
    "mail": ["retried", "misconfigured", "unsent", "sent", "unsent", "unsent", "unsent"],
    "rcpt": ["retried", "failed", "retried", "sent", "unsent", "unsent", "unsent"],
    "data": ["retried", "failed", "retried", "unsent", "unsent", "unsent", "unsent"],
    "dot": ["retried", "failed", "retried", "sent", "doubt", "doubt", "doubt"],
}
MATRIX = [
    pytest.param(point, answer, outcome, id=f"{point} {name}")
    for point, outcomes in OUTCOMES.items()
    for (name, answer), outcome in zip(ANSWERS.items(), outcomes, strict=True)
]


def _outcome(play: Dispatching) -> str:
    """What one dispatch made of one mail."""
    counts, mail = play.dispatch(), play.mail(1)
    if mail.state != "pending":
        assert counts[mail.state] == 1
        return mail.state
    if mail.ambiguous_attempts:
        return "doubt"
    if counts.paused:
        assert mail.attempts == 0
        return {"unreachable": "away", "configuration": "misconfigured"}[counts.paused.partition(":")[0]]
    return "retried" if mail.attempts else "unsent"


@pytest.mark.parametrize(("point", "answer", "outcome"), MATRIX)
def test_an_answer_at_a_phase(sqlite_store: Store, point: str, answer: Action, outcome: str) -> None:
    with ScriptedRelay(tls=server_context("localhost.pem"), login="shop:right") as relay:
        play = Dispatching(sqlite_store, make_settings(relay.port, _SETTINGS))
        play.add()
        relay.always(point, answer)
        assert _outcome(play) == outcome
        relay.always(point, DEFAULT)
        assert play.later(minutes=10).dispatch().sent == (outcome not in {"sent", "failed"})
        assert play.later(minutes=10).dispatch().sent == 0
        nothing_is_lost(sqlite_store, relay.taken, mails=1)
        assert not any("AUTH" in line or "MAIL" in line for line in relay.commands[: relay.commands.index("STARTTLS")])
