"""The way from a shop's answer to the outbox, as customers would tell it."""

from tests.support.stages import Play, text_of, watching
from worker.store.session import Store


def test_a_price_below_the_limit_is_told_once(store: Store) -> None:
    play = watching(store)
    play.shop.product("42", EUR="99.00")
    assert play.told() == ["1 price"]
    assert play.compose().mails == 1
    assert play.told() == []
    (mail,) = play.mails()
    assert mail.state == "pending"
    assert "€99.00" in text_of(mail)


def test_back_in_stock_is_told_once(store: Store) -> None:
    play = watching(store)
    play.shop.product("42", stock="3")
    assert play.told() == ["1 stock"]
    assert play.later(days=2).told() == []


def test_a_first_import_tells_nobody(store: Store) -> None:
    play = Play(store)
    play.shop.customer("7")
    play.shop.product("42", EUR="50.00", stock="9")
    play.shop.watch("1", refid="42")
    assert play.fires() == 0
    assert play.later(days=2).told() == []


def test_a_price_that_recovers_and_drops_again_is_a_new_episode_after_the_cooldown(store: Store) -> None:
    play = watching(store)
    play.shop.product("42", EUR="99.00")
    assert play.told() == ["1 price"]
    play.shop.product("42", EUR="101.00")
    assert play.told() == []
    play.shop.product("42", EUR="98.00")
    assert play.told() == []
    assert play.later(hours=24).told() == ["1 price"]
    assert [row.episode for row in play.notifications()] == [1, 2]
