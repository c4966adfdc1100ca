"""The good case: what is due is sent, once, byte by byte, over few connections."""

from tests.dispatch.dispatching import Dispatching
from tests.support.smtp_script import ScriptedRelay


def test_a_due_mail_is_sent_and_settled(play: Dispatching, relay: ScriptedRelay) -> None:
    mail_id = play.add()
    counts = play.dispatch()
    assert (counts.sent, counts.waiting, counts.paused) == (1, 0, None)
    mail = play.mail(mail_id)
    assert (mail.state, mail.attempts, mail.reply_code, mail.settled_at) == ("sent", 1, 250, play.now)
    assert (mail.lease_token, mail.lease_until) == (None, None)
    assert [arrived.content for arrived in relay.arrived] == [mail.message]
