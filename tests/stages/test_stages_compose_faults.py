"""Compose looks again before it writes: what is no longer so is taken back, what changed is told as it is now."""

from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import update
from structlog.typing import EventDict

from tests.support.stages import Play, imported, text_of, watching
from worker.domain.model import Kind
from worker.mail.render import Renderer
from worker.store import tables
from worker.store.session import Store


def _fired(store: Store, **config: object) -> Play:
    """`watching`, and both kinds fired; nothing is composed yet."""
    play = watching(store, **config)
    play.shop.product("42", EUR="99.00", stock="1")
    assert play.told() == ["1 price", "1 stock"]
    return play


@pytest.mark.parametrize("scanned", [True, False], ids=["after a scan", "before any scan"])
def test_what_is_no_longer_so_is_cancelled_and_told_when_it_is_so_again(store: Store, scanned: bool) -> None:
    play = _fired(store)
    play.shop.product("42", EUR="101.00", stock="0")
    play.later(minutes=5).sync()
    if scanned:
        play.scan()
    counts = play.compose()
    assert (counts.mails, counts.cancelled) == (0, 2)
    assert [(row.state, row.reason, row.settled_at) for row in play.notifications()] == [
        ("cancelled", "not_below_limit", play.now),
        ("cancelled", "out_of_stock", play.now),
    ]
    for kind in Kind:
        watch = play.watch(kind)
        assert (watch.armed, watch.last_notified_at, watch.last_notified_price) == (True, None, None)
        assert watch.episode == 2 + scanned
    play.shop.product("42", EUR="99.00", stock="1")
    assert play.told() == ["1 price", "1 stock"]
    assert play.compose().notifications == 2


def test_a_cancelled_notification_gives_back_what_was_told_before(store: Store) -> None:
    play = watching(store)
    play.shop.product("42", EUR="99.00")
    play.told()
    first = play.now
    play.compose()
    play.send()
    play.later(days=1).shop.product("42", EUR="90.00")
    assert play.told() == ["1 price"]
    assert play.watch().last_notified_price == 90
    play.shop.hidden.add("42")
    play.later(minutes=5).sync()
    assert play.compose().cancelled == 1
    watch = play.watch()
    assert (watch.armed, watch.episode) == (True, 3)
    assert (watch.last_notified_at, watch.last_notified_price) == (first, Decimal(99))


def test_what_was_cancelled_starts_no_cooldown(sqlite_store: Store) -> None:
    play = _fired(sqlite_store)
    play.shop.hidden.add("42")
    play.later(minutes=5).sync()
    assert play.compose().cancelled == 2
    play.shop.hidden.clear()
    assert play.told() == ["1 price", "1 stock"]


def test_a_chain_of_cancelled_notifications_starts_no_cooldown_either(store: Store) -> None:
    """Two episodes wait unsent, as while the relay is down; both are taken back, the older one first."""
    play = watching(store)
    play.shop.product("42", EUR="99.00")
    play.told()
    play.compose()
    play.later(days=1).shop.product("42", EUR="90.00")
    assert play.told() == ["1 price"]
    play.compose()
    play.shop.hidden.add("42")
    play.later(minutes=5).sync()
    for mail in play.mails():
        assert play.recheck(mail.id) == "product_unavailable"
    watch = play.watch()
    assert (watch.armed, watch.last_notified_at, watch.last_notified_price) == (True, None, None)
    play.shop.hidden.clear()
    assert play.told() == ["1 price"]


def test_two_episodes_cancelled_at_once_give_back_what_was_before_the_first(sqlite_store: Store) -> None:
    play = watching(sqlite_store)
    play.shop.product("42", EUR="99.00")
    play.told()
    play.later(days=1).shop.product("42", EUR="90.00")
    assert play.told() == ["1 price"]
    play.shop.hidden.add("42")
    play.later(minutes=5).sync()
    assert play.compose().cancelled == 2
    watch = play.watch()
    assert (watch.armed, watch.last_notified_at, watch.last_notified_price) == (True, None, None)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda play: play.shop.delete("1"), "retired"),
        (lambda play: play.shop.watch("1", status=0), "inactive"),
        (lambda play: play.shop.watch("1", dateend=play.now), "expired"),
        (lambda play: play.shop.watch("1", config={}), "idle"),
        (lambda play: play.shop.patch("1", timeframe=-1), "bad_timeframe"),
        (lambda play: play.shop.hidden.add("42"), "product_unavailable"),
        (lambda play: play.shop.detail("42", dateend=play.now), "product_ended"),
        (lambda play: play.shop.disabled.add("7"), "customer_disabled"),
        (lambda play: play.shop.customer("7", email=None), "no_address"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_every_reason_to_wait_takes_news_back(sqlite_store: Store, change: object, reason: str) -> None:
    play = _fired(sqlite_store)
    change(play)  # type: ignore[operator]
    play.later(minutes=5).sync()
    counts = play.compose()
    assert (counts.mails, counts.cancelled) == (0, 2)
    assert {row.reason for row in play.notifications()} == {reason}


def test_a_watch_that_expired_meanwhile_is_told_nothing(sqlite_store: Store) -> None:
    play = _fired(sqlite_store, timeframe=1)
    play.later(days=1)
    assert play.compose().cancelled == 2


def test_one_of_two_kinds_can_be_gone(store: Store) -> None:
    play = _fired(store)
    play.shop.product("42", stock="0")
    play.later(minutes=5).sync()
    counts = play.compose()
    assert (counts.mails, counts.notifications, counts.cancelled) == (1, 1, 1)
    assert "Back in stock" not in text_of(play.row(tables.Mail))


def test_a_mail_says_the_price_of_its_own_moment_and_that_one_counts_as_told(store: Store) -> None:
    play = _fired(store)
    play.shop.product("42", EUR="89.00")
    play.later(minutes=5).sync()
    play.compose()
    assert "€89.00" in text_of(play.row(tables.Mail))
    assert play.notifications()[0].facts["price"]["now"] == "89"
    assert play.watch().last_notified_price == 89
    play.later(days=2).fires()
    assert play.ledger() == [("price", 1, "mailed"), ("stock", 1, "mailed")]
    play.shop.product("42", EUR="84.55")
    assert play.told() == ["1 price"]


def test_a_further_drop_before_composing_is_not_told_twice(sqlite_store: Store) -> None:
    """The scan saw the further drop and began an episode; the mail already says that price."""
    play = _fired(sqlite_store)
    play.shop.product("42", EUR="90.00")
    assert play.told() == []
    play.compose()
    assert play.watch().last_notified_price == 90
    assert play.later(days=2).waits() == ("no_further_drop", "already_told")
    play.shop.product("42", EUR="85.50")
    assert play.told() == ["1 price"]


def test_a_further_drop_that_is_undone_before_composing_is_taken_back(sqlite_store: Store) -> None:
    play = watching(sqlite_store)
    play.shop.product("42", EUR="99.00")
    play.told()
    play.compose()
    play.send()
    play.later(days=1).shop.product("42", EUR="90.00")
    assert play.told() == ["1 price"]
    play.shop.product("42", EUR="95.00")
    play.later(minutes=5).sync()
    assert play.compose().cancelled == 1
    assert play.notifications()[-1].reason == "no_further_drop"
    play.shop.product("42", EUR="94.05")
    assert play.told() == ["1 price"]


def test_an_alert_taken_back_while_its_watch_waited_for_a_further_drop_is_not_lost(store: Store) -> None:
    """Armed by a further drop that the mail then told; taken back, the old price counts again and the drop holds."""
    play = watching(store)
    play.shop.product("42", EUR="99.00")
    assert play.told() == ["1 price"]
    play.shop.product("42", EUR="90.00")
    assert play.told() == []
    play.compose()
    play.shop.product("42", EUR="89.00")
    assert play.told() == []
    play.shop.customer("7", email=None)
    play.later(minutes=5).sync()
    assert play.recheck() == "no_address"
    play.shop.customer("7", email="c7@mail.test")
    assert play.told() == ["1 price"]


def test_a_template_that_fails_for_one_customer_keeps_back_nobody_else(
    store: Store, tmp_path: Path, logs: list[EventDict]
) -> None:
    play = imported(store)
    play.shop.customer("8", firstname="Break")
    play.sync()
    for number in ("7", "8"):
        play.shop.watch(number, customer_id=number, ctime=play.now)
    play.told()
    play.shop.product("42", EUR="99.00")
    assert len(play.told()) == 2
    (tmp_path / "watch").mkdir()
    (tmp_path / "watch" / "subject.txt").write_text("{{ 'fine' if digest.firstname != 'Break' else nothing.here }}")
    shipped, play.renderer = play.renderer, Renderer(tmp_path, "en")
    counts = play.compose()
    assert (counts.mails, counts.failed, len(counts.errors)) == (1, 1, 1)
    assert [row.state for row in play.notifications()] == ["mailed", "pending"]
    play.renderer = shipped
    assert play.compose().mails == 1


def test_news_that_cannot_be_composed_keeps_back_nobody_else(store: Store, logs: list[EventDict]) -> None:
    """A stored fact that no mail can be made of is one customer's trouble: counted, logged, and tried again."""
    play = imported(store)
    play.shop.customer("8")
    play.sync()
    for number in ("7", "8"):
        play.shop.watch(number, customer_id=number, ctime=play.now)
    play.told()
    play.shop.product("42", EUR="99.00")
    assert len(play.told()) == 2
    with store.begin() as session:
        watch = session.get_one(tables.Watch, play.watch(shop_id="7").id)
        watch.armed_by = "nonsense"
    counts = play.compose()
    assert (counts.mails, counts.failed) == (1, 1)
    assert counts.errors == ("customer 7: ValueError",)
    assert [row.state for row in play.notifications()] == ["pending", "mailed"]
    assert [(entry["log_level"], entry["exc_info"]) for entry in logs] == [("error", True)]
    assert "c7@mail.test" not in str(logs)


def test_of_many_mails_that_cannot_be_composed_all_are_counted_and_the_first_fifty_named(sqlite_store: Store) -> None:
    play = imported(sqlite_store)
    for number in range(100, 152):
        play.shop.customer(str(number))
    play.sync()
    for number in range(100, 152):
        play.shop.watch(str(number), customer_id=str(number), ctime=play.now)
    play.told()
    play.shop.product("42", EUR="99.00")
    assert len(play.told()) == 52
    with sqlite_store.begin() as session:
        session.execute(update(tables.Watch).values(armed_by="nonsense"))
    counts = play.compose()
    assert (counts.failed, len(counts.errors)) == (52, 50)
    assert (counts.errors[0], counts.errors[-1]) == ("customer 100: ValueError", "customer 149: ValueError")
