"""What becomes of the news in a mail that an operator holds, cancels or retries."""

from datetime import timedelta

import pytest

from tests.support.stages import KEY, Play, watching
from worker import outbox_change
from worker.compose import RETRY_WINDOW
from worker.errors import MailStateError
from worker.store import tables
from worker.store.session import Store


def _composed(store: Store, **config: object) -> Play:
    """One mail that tells of a price and a restock."""
    play = watching(store, **config)
    play.shop.product("42", EUR="99.00", stock="1")
    assert play.told() == ["1 price", "1 stock"]
    assert play.compose().mails == 1
    return play


def _cancel(play: Play) -> None:
    with play.store.begin() as session:
        outbox_change.cancel(session, play.mails()[-1].id, now=play.now)


def _retry(play: Play, mail_id: int) -> None:
    with play.store.begin() as session:
        outbox_change.retry(session, mail_id, key=KEY, now=play.now)


def _set(play: Play, **values: object) -> None:
    with play.store.begin() as session:
        mail = session.get_one(tables.Mail, play.mails()[-1].id)
        for name, value in values.items():
            setattr(mail, name, value)


def test_what_a_cancelled_mail_would_have_told_is_told_by_another_if_it_still_holds(store: Store) -> None:
    play = _composed(store)
    _cancel(play)
    mail = play.row(tables.Mail)
    assert (mail.state, mail.reason, mail.settled_at) == ("cancelled", "operator", play.now)
    assert {(row.state, row.reason, row.mail_id) for row in play.notifications()} == {("cancelled", "operator", None)}
    assert play.told() == ["1 price", "1 stock"]
    assert play.compose().mails == 1
    assert play.recheck() is None


def test_what_a_cancelled_mail_would_have_told_is_not_told_when_it_no_longer_holds(store: Store) -> None:
    play = _composed(store)
    _cancel(play)
    play.shop.product("42", EUR="120.00", stock="0")
    assert play.told() == []


@pytest.mark.parametrize("state", ["pending", "held"])
def test_what_a_cancelled_mail_may_have_told_counts_as_told(store: Store, state: str) -> None:
    play = _composed(store)
    _set(play, state=state, ambiguous_attempts=1)
    _cancel(play)
    assert play.mail_states() == ["cancelled"]
    assert {row.state for row in play.notifications()} == {"mailed"}
    assert play.told() == []


def test_a_held_mail_counts_as_told_until_it_is_cancelled(sqlite_store: Store) -> None:
    play = _composed(sqlite_store)
    with sqlite_store.begin() as session:
        outbox_change.hold(session, play.row(tables.Mail).id, now=play.now)
    assert play.told() == []
    _cancel(play)
    assert play.told() == ["1 price", "1 stock"]


def test_a_retry_ends_with_the_watch(sqlite_store: Store) -> None:
    play = _composed(sqlite_store, timeframe=7)
    _set(play, state="failed", settled_at=play.now)
    play.later(days=6)
    _retry(play, 1)
    end = play.relation().ends_at
    assert end is not None
    assert end < play.now + RETRY_WINDOW
    assert play.row(tables.Mail).expires_at == end


@pytest.mark.parametrize(("state", "doubts"), [("failed", 0), ("held", 2)])
def test_a_mail_whose_watches_have_ended_is_not_sent_any_more(sqlite_store: Store, state: str, doubts: int) -> None:
    play = _composed(sqlite_store, timeframe=7)
    _set(play, state=state, settled_at=play.now, ambiguous_attempts=doubts)
    play.later(days=7)
    with pytest.raises(MailStateError, match="have ended"), play.store.begin() as session:
        if doubts:
            outbox_change.release(session, 1, now=play.now)
        else:
            outbox_change.retry(session, 1, key=KEY, now=play.now)
    assert play.mail_states() == [state]


def test_a_failed_mail_is_not_retried_after_a_later_one_told_of_the_same_watch(store: Store) -> None:
    play = watching(store, stock=0)
    play.shop.product("42", EUR="99.00")
    play.told()
    play.compose()
    _set(play, state="failed", settled_at=play.now)
    play.shop.product("42", EUR="120.00")
    play.later(days=1).told()
    play.shop.product("42", EUR="99.00")
    assert play.told() == ["1 price"]
    play.compose()
    play.send()
    with pytest.raises(MailStateError, match="a later mail tells of the same watch"):
        _retry(play, 1)
    assert play.mail_states() == ["failed", "sent"]


def test_a_retried_mail_takes_the_last_look_as_ever(sqlite_store: Store) -> None:
    play = _composed(sqlite_store)
    _set(play, state="failed", settled_at=play.now)
    play.shop.product("42", EUR="95.00")
    play.later(minutes=5).sync()
    _retry(play, 1)
    assert play.recheck(1) == "facts_changed"
    assert play.mail_states() == ["superseded"]


def test_a_released_mail_in_doubt_is_held_again_when_it_is_no_longer_true(sqlite_store: Store) -> None:
    play = _composed(sqlite_store)
    _set(play, state="held", settled_at=play.now, ambiguous_attempts=2)
    play.shop.product("42", EUR="120.00", stock="0")
    play.later(minutes=5).sync()
    with sqlite_store.begin() as session:
        outbox_change.release(session, 1, now=play.now)
    assert play.recheck(1) == "not_below_limit"
    mail = play.row(tables.Mail)
    assert (mail.state, mail.releases) == ("held", 1)
    assert mail.expires_at <= play.now + timedelta(hours=48)
