"""The last look before a mail leaves: everything in it must still be so."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

import pytest

from tests.support.factories import make_config
from tests.support.stages import Play, imported, make_settings, text_of, watching
from worker.errors import ShopUnreachableError
from worker.store import tables
from worker.store.session import Store

SILENCE = ShopUnreachableError("no answer within 30 seconds")


def _composed(store: Store, **config: object) -> Play:
    """`watching`, and one mail that tells of price and stock."""
    play = watching(store, **config)
    play.shop.product("42", EUR="99.00", stock="1")
    assert play.told() == ["1 price", "1 stock"]
    assert play.compose().mails == 1
    return play


def _two_relations(store: Store) -> Play:
    """One mail that tells of the prices of products 42 and 43."""
    play = watching(store)
    play.shop.product("43", EUR="120.00")
    play.shop.watch("2", refid="43", ctime=play.now)
    play.told()
    play.shop.product("42", EUR="99.00")
    play.shop.product("43", EUR="98.00")
    assert play.told() == ["1 price", "2 price"]
    assert play.compose().mails == 1
    return play


def _doubt(play: Play) -> None:
    """The connection broke after the body of the newest mail was sent."""
    with play.store.begin() as session:
        session.get_one(tables.Mail, play.mails()[-1].id).ambiguous_attempts = 1


def test_a_mail_whose_facts_are_as_they_were_leaves(store: Store) -> None:
    play = _composed(store)
    before = play.everything()
    assert play.recheck() is None
    assert play.later(hours=1).recheck() is None
    assert play.everything() == before


def test_a_sync_and_a_scan_that_change_nothing_keep_a_mail_fresh(sqlite_store: Store) -> None:
    play = _composed(sqlite_store)
    assert play.told() == []
    assert play.recheck() is None


@pytest.mark.parametrize("name", ["", "  Lamp\t", "x" * 5_000, "a\u0301" * 200, "=?utf-8?q?=0A?=", "\u202eLamp", "ﬁ…"])
def test_any_product_name_is_the_same_fact_at_the_last_look(sqlite_store: Store, name: str) -> None:
    play = watching(sqlite_store)
    play.shop.detail("42", name=name, slug=name, picture=f"https://shop.test/{name}")
    play.shop.product("42", EUR="99.00")
    play.told()
    play.compose()
    assert play.recheck() is None


def test_a_changed_price_supersedes_a_mail_and_is_told_in_a_new_one(store: Store) -> None:
    play = _composed(store)
    play.shop.product("42", EUR="95.00")
    play.later(minutes=5).sync()
    assert play.recheck() == "facts_changed"
    old = play.row(tables.Mail)
    assert (old.state, old.reason, old.settled_at) == ("superseded", "facts_changed", play.now)
    assert {(row.state, row.mail_id) for row in play.notifications()} == {("pending", None)}
    assert play.compose().mails == 1
    new = play.mails()[-1]
    assert new.message_id != old.message_id
    assert "€95.00" in text_of(new)
    assert play.watch().last_notified_price == 95
    assert play.recheck() is None
    assert play.told() == []


@pytest.mark.parametrize(
    "change",
    [
        lambda play: play.shop.product("42", EUR="98.99"),
        lambda play: play.shop.patch("1", pricevalue="99.50"),
        lambda play: play.shop.patch("1", timeframe=60),
        lambda play: play.shop.detail("42", name="Another name"),
        lambda play: play.shop.detail("42", slug="another-address"),
        lambda play: play.shop.customer("7", language="de"),
        lambda play: play.shop.customer("7", email="new@mail.test"),
    ],
    ids=["price", "limit", "end", "name", "address of the product", "language", "address of the customer"],
)
def test_every_change_of_what_a_mail_says_or_where_it_goes_supersedes_it(
    sqlite_store: Store, change: Callable[[Play], object]
) -> None:
    play = _composed(sqlite_store)
    change(play)
    play.later(minutes=5).sync()
    assert play.recheck() == "facts_changed"
    play.compose()
    assert play.mail_states() == ["superseded", "pending"]
    assert play.mails()[-1].recipient == play.shop.customers["7"].email
    assert play.recheck() is None


def test_a_stock_that_sold_out_again_is_said_beside_the_price(sqlite_store: Store) -> None:
    play = watching(sqlite_store, stock=0)
    play.shop.product("42", EUR="99.00", stock="1")
    play.told()
    play.compose()
    play.shop.product("42", stock="0")
    play.later(minutes=5).sync()
    assert play.recheck() == "facts_changed"
    play.compose()
    assert "out of stock" in text_of(play.mails()[-1])


def test_a_customer_who_reads_another_language_now_gets_the_mail_in_that(sqlite_store: Store) -> None:
    """Even where the product is called alike in both."""
    play = watching(sqlite_store)
    play.shop.detail("42", name="Lumen")
    play.shop.product("42", EUR="99.00", stock="1")
    play.told()
    play.compose()
    play.shop.customer("7", language="de")
    play.later(minutes=5).sync()
    assert play.recheck() == "facts_changed"
    play.compose()
    assert [mail.language for mail in play.mails()] == ["en", "de"]
    assert play.recheck() is None


def test_a_restock_tells_the_price_of_now(sqlite_store: Store) -> None:
    """Also where only the stock is watched, and in the currency of the watch."""
    play = watching(sqlite_store, price=0, currency="USD")
    play.shop.product("42", USD="130.00", stock="1")
    assert play.told() == ["1 stock"]
    play.compose()
    assert "$130.00" in text_of(play.mails()[-1])
    play.shop.product("42", USD="125.00")
    play.later(minutes=5).sync()
    assert play.recheck() == "facts_changed"
    play.compose()
    assert "$125.00" in text_of(play.mails()[-1])
    play.shop.product("42", USD="0.00")  # on request
    play.later(minutes=5).sync()
    assert play.recheck() == "facts_changed"
    play.compose()
    assert "$" not in text_of(play.mails()[-1])


def test_one_of_two_items_can_be_gone(store: Store) -> None:
    play = _two_relations(store)
    play.shop.product("42", EUR="120.00")
    play.later(minutes=5).sync()
    assert play.recheck() == "not_below_limit"
    assert play.row(tables.Mail).state == "superseded"
    assert [(row.state, row.reason) for row in play.notifications()] == [
        ("cancelled", "not_below_limit"),
        ("pending", None),
    ]
    assert play.watch(shop_id="1").armed
    assert play.compose().notifications == 1
    text = text_of(play.mails()[-1])
    assert "Product 43" in text
    assert "Product 42" not in text


def test_a_mail_of_which_nothing_is_left_is_cancelled(store: Store) -> None:
    play = _composed(store)
    play.shop.product("42", EUR="100.00", stock="0")
    play.later(minutes=5).sync()
    assert play.recheck() == "not_below_limit"
    mail = play.row(tables.Mail)
    assert (mail.state, mail.reason, mail.settled_at) == ("cancelled", "not_below_limit", play.now)
    assert [row.state for row in play.notifications()] == ["cancelled", "cancelled"]
    assert play.compose().mails == 0
    play.shop.product("42", EUR="99.00", stock="1")
    assert play.told() == ["1 price", "1 stock"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda play: play.shop.delete("1"), "retired"),
        (lambda play: play.shop.watch("1", status=0), "inactive"),
        (lambda play: play.shop.watch("1", dateend=play.now), "expired"),
        (lambda play: play.shop.patch("1", price=0, stock=0), "idle"),
        (lambda play: play.shop.hidden.add("42"), "product_unavailable"),
        (lambda play: play.shop.disabled.add("7"), "customer_disabled"),
        (lambda play: play.shop.customer("7", email="nonsense"), "no_address"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_every_reason_to_wait_cancels_a_mail(
    sqlite_store: Store, change: Callable[[Play], object], reason: str
) -> None:
    play = _composed(sqlite_store)
    change(play)
    play.later(minutes=5).sync()
    assert play.recheck() == reason
    assert play.mail_states() == ["cancelled"]


def test_a_watch_that_ends_while_its_mail_waits_is_told_nothing(sqlite_store: Store) -> None:
    play = _composed(sqlite_store, timeframe=1)
    assert play.later(days=1).recheck() == "expired"


def test_a_further_drop_that_was_undone_is_not_told(store: Store) -> None:
    play = watching(store)
    play.shop.product("42", EUR="99.00")
    play.told()
    play.compose()
    play.send()
    play.later(days=1).shop.product("42", EUR="90.00")
    play.told()
    play.compose()
    play.shop.product("42", EUR="94.06")
    play.later(minutes=5).sync()
    assert play.recheck() == "no_further_drop"
    assert play.mail_states() == ["sent", "cancelled"]
    assert play.watch().last_notified_price == Decimal(99)


def test_a_mail_in_doubt_is_resent_as_it_is_while_every_item_holds(store: Store) -> None:
    play = _composed(store)
    _doubt(play)
    play.shop.product("42", EUR="95.00")
    play.later(minutes=5).sync()
    before = play.row(tables.Mail).message
    assert play.recheck() is None
    assert play.row(tables.Mail).message == before
    assert play.mail_states() == ["pending"]


def test_a_mail_in_doubt_is_held_when_an_item_is_gone(store: Store) -> None:
    play = _two_relations(store)
    _doubt(play)
    play.shop.product("42", EUR="120.00")
    play.later(minutes=5).sync()
    assert play.recheck() == "not_below_limit"
    mail = play.row(tables.Mail)
    assert (mail.state, mail.reason, mail.settled_at) == ("held", "not_below_limit", play.now)
    assert {row.state for row in play.notifications()} == {"mailed"}
    assert play.compose().mails == 0


def test_a_mail_in_doubt_is_held_when_its_customer_has_another_address(sqlite_store: Store) -> None:
    play = _composed(sqlite_store)
    _doubt(play)
    play.shop.customer("7", email="new@mail.test")
    play.later(minutes=5).sync()
    assert play.recheck() == "facts_changed"
    assert play.mail_states() == ["held"]


def test_a_mail_written_before_an_installation_became_a_staging_one_does_not_reach_the_customer(store: Store) -> None:
    play = _composed(store)
    play.settings = make_settings(mail='redirect_all_to = "staging@mail.test"')
    assert play.recheck() == "facts_changed"
    play.compose()
    assert [(mail.state, mail.recipient) for mail in play.mails()] == [
        ("superseded", "c7@mail.test"),
        ("pending", "staging@mail.test"),
    ]
    assert play.recheck() is None


def test_a_mail_to_a_customer_the_shop_has_long_not_answered_for_waits(store: Store) -> None:
    """Nothing is sent on knowledge that is older than `max_staleness_minutes`, though other customers are read."""
    play = imported(store)
    play.shop.customer("8")
    play.sync()
    play.shop.watch("1", ctime=play.now)
    play.told()
    play.shop.product("42", EUR="99.00")
    play.told()
    play.compose()
    answered = play.now
    play.shop.broken["7"] = SILENCE
    play.later(minutes=119).sync()
    assert play.recheck() is None
    play.later(minutes=2).sync()
    assert play.now - answered > timedelta(minutes=120)
    assert play.recheck() == "customer_unread"
    assert play.mail_states() == ["pending"]
    play.shop.broken.clear()
    play.later(minutes=5).sync()
    assert play.recheck() is None


def test_a_mail_without_its_notifications_is_cancelled(sqlite_store: Store) -> None:
    play = _composed(sqlite_store)
    with sqlite_store.begin() as session:
        for row in play.notifications():
            session.delete(session.get_one(tables.Notification, row.id))
    assert play.recheck() == "retired"
    assert play.mail_states() == ["cancelled"]


def test_news_that_came_meanwhile_joins_the_mail_that_is_written_anew(sqlite_store: Store) -> None:
    play = _composed(sqlite_store)
    play.shop.watch("2", ctime=play.now, config=make_config(stock=0))
    play.shop.product("42", EUR="95.00")
    assert play.told() == ["2 price"]
    assert play.recheck() == "facts_changed"
    assert play.compose().notifications == 3
    assert play.mail_states() == ["superseded", "pending"]
