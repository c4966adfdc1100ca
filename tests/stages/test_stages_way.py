"""The way from a shop's answer to the outbox, as customers would tell it."""

from tests.support.stages import Play
from worker.store.session import Store


def _watching(store: Store) -> Play:
    """A shop that was imported; customer 7 then began to watch product 42 at 120 EUR, out of stock."""
    play = Play(store)
    play.shop.customer("7")
    play.sync()
    play.scan()
    play.later(minutes=5)
    play.shop.product("42", EUR="120.00", stock="0")
    play.shop.watch("1", refid="42", ctime=play.now)
    assert play.fires() == 0
    return play


def test_a_price_below_the_limit_is_told_once(store: Store) -> None:
    play = _watching(store)
    play.later(minutes=5).shop.product("42", EUR="99.00")
    assert play.fires() == 1
    assert play.compose().mails == 1
    assert play.later(minutes=5).fires() == 0
    (mail,) = play.mails()
    assert mail.state == "pending"
    assert b"99.00" in mail.message


def test_back_in_stock_is_told_once(store: Store) -> None:
    play = _watching(store)
    play.later(minutes=5).shop.product("42", stock="3")
    assert play.fires() == 1
    assert [row.kind for row in play.notifications()] == ["stock"]
    assert play.later(days=2).fires() == 0


def test_a_first_import_tells_nobody(store: Store) -> None:
    play = Play(store)
    play.shop.customer("7")
    play.shop.product("42", EUR="50.00", stock="9")
    play.shop.watch("1", refid="42")
    assert play.fires() == 0
    assert play.later(days=2).fires() == 0


def test_a_price_that_recovers_and_drops_again_is_a_new_episode_after_the_cooldown(store: Store) -> None:
    play = _watching(store)
    play.later(minutes=5).shop.product("42", EUR="99.00")
    assert play.fires() == 1
    play.later(minutes=5).shop.product("42", EUR="101.00")
    assert play.fires() == 0
    play.later(minutes=5).shop.product("42", EUR="98.00")
    assert play.fires() == 0
    assert play.later(hours=24).fires() == 1
    assert [row.episode for row in play.notifications()] == [1, 2]
