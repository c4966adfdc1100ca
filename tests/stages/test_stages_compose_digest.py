"""Compose puts a customer's news into one mail: when it is due, what it says, and to whom it goes."""

from datetime import timedelta
from email import message_from_bytes, policy

import pytest

from tests.support.factories import make_config
from tests.support.stages import Play, imported, make_settings, subject_of, text_of, watching
from worker.settings import Settings
from worker.store import tables
from worker.store.session import Store


def _several(store: Store, count: int, settings: Settings | None = None) -> Play:
    """Customer 7 watches products 101 to 100 + `count`, which all have become cheaper and are told of."""
    play = imported(store, settings)
    for number in range(101, 101 + count):
        play.shop.product(f"{number}", EUR="120.00")
        play.shop.watch(f"{number}", refid=f"{number}", ctime=play.now)
    assert play.told() == []
    for number in range(101, 101 + count):
        play.shop.product(f"{number}", EUR="99.00")
    assert len(play.told()) == count
    return play


def test_all_news_of_a_customer_is_one_mail(store: Store) -> None:
    play = _several(store, 3)
    play.shop.customer("8")
    play.sync()
    play.shop.watch("other", customer_id="8", refid="101", ctime=play.now)
    assert play.told() == ["other price"]
    counts = play.compose()
    assert (counts.mails, counts.notifications, counts.cancelled, counts.failed) == (2, 4, 0, 0)
    mails = play.mails()
    assert [mail.recipient for mail in mails] == ["c7@mail.test", "c8@mail.test"]
    assert [row.mail_id for row in play.notifications()] == [mails[0].id] * 3 + [mails[1].id]
    assert {row.state for row in play.notifications()} == {"mailed"}
    assert all(f"Product {number} (en)" in text_of(mails[0]) for number in (101, 102, 103))
    assert "Product 102" not in text_of(mails[1])
    assert play.compose().mails == 0


def test_price_and_stock_of_a_relation_are_one_item(store: Store) -> None:
    play = watching(store)
    play.shop.product("42", EUR="99.00", stock="1")
    play.told()
    counts = play.compose()
    assert (counts.mails, counts.notifications) == (1, 2)
    text = text_of(play.row(tables.Mail))
    assert text.count("Product 42 (en)") == text.count("https://shop.test/p/desk-lamp") == 1
    assert "€99.00" in text
    assert "Back in stock" in text


def test_a_price_alert_on_a_product_that_is_out_of_stock_says_so(sqlite_store: Store) -> None:
    play = watching(sqlite_store)
    play.shop.product("42", EUR="99.00")
    play.told()
    play.compose()
    assert "out of stock" in text_of(play.row(tables.Mail))


def test_the_subject_names_the_product_when_there_is_one(sqlite_store: Store) -> None:
    play = _several(sqlite_store, 1)
    play.compose()
    assert "Product 101 (en)" in subject_of(play.row(tables.Mail))


def test_news_waits_for_more(store: Store) -> None:
    play = watching(store, make_settings(digest_wait_seconds=600))
    play.shop.product("42", EUR="99.00")
    assert play.told() == ["1 price"]
    assert play.later(seconds=299).compose().mails == 0
    play.shop.product("42", stock="1")
    assert play.told() == ["1 stock"]
    assert play.compose().mails == 0
    assert play.later(seconds=1).compose().notifications == 2


def test_the_oldest_news_decides_how_long_a_customer_waits(sqlite_store: Store) -> None:
    play = watching(sqlite_store, make_settings(digest_wait_seconds=400))
    play.shop.product("42", EUR="99.00")
    play.told()
    play.shop.product("42", stock="1")
    play.told()
    assert play.later(seconds=99).compose().mails == 0
    assert play.later(seconds=1).compose().notifications == 2


def test_at_most_so_many_items_are_shown_and_all_count_as_told(store: Store) -> None:
    play = _several(store, 5, make_settings(mail="digest_max_items = 3"))
    counts = play.compose()
    assert (counts.mails, counts.notifications) == (1, 5)
    text = text_of(play.row(tables.Mail))
    assert [f"Product {number} (en)" in text for number in range(101, 106)] == [True, True, True, False, False]
    assert "2 more" in text
    assert "https://shop.test/account" in text
    assert {row.state for row in play.notifications()} == {"mailed"}
    assert play.later(days=2).told() == []
    assert play.compose().mails == 0


@pytest.mark.parametrize(
    ("language", "written_in", "product"),
    [
        ("de", "de", "Product 42 (de)"),
        ("de_AT", "de-AT", "Product 42 (de_AT)"),
        ("fr", "en", "Product 42 (fr)"),
        (None, "en", "Product 42 (en)"),
    ],
)
def test_a_mail_is_written_in_the_customers_language(
    sqlite_store: Store, language: str | None, written_in: str, product: str
) -> None:
    play = imported(sqlite_store)
    play.shop.customer("7", language=language)
    play.shop.watch("1", ctime=play.now)
    play.told()
    play.shop.product("42", EUR="99.00")
    play.told()
    play.compose()
    mail = play.row(tables.Mail)
    assert mail.language == written_in
    assert product in text_of(mail)
    assert ("statt" in text_of(mail)) == written_in.startswith("de")


def test_a_mail_is_a_row_that_dispatch_can_send(store: Store) -> None:
    play = watching(store)
    play.shop.product("42", EUR="99.00")
    play.told()
    play.later(minutes=1).compose()
    mail = play.row(tables.Mail)
    assert (mail.source, mail.state, mail.attempts, mail.ambiguous_attempts) == ("main", "pending", 0, 0)
    assert (mail.sender, mail.recipient, mail.customer_email) == ("watch@shop.example", "c7@mail.test", "c7@mail.test")
    assert (mail.created_at, mail.next_attempt_at, mail.expires_at) == (
        play.now,
        play.now,
        play.now + timedelta(hours=48),
    )
    message = message_from_bytes(mail.message, policy=policy.default)
    assert message["Message-ID"] == mail.message_id
    assert (message["To"], message["Date"].datetime) == ("c7@mail.test", play.now)


def test_a_mail_is_tried_until_the_latest_watch_in_it_ends(sqlite_store: Store) -> None:
    play = watching(sqlite_store, timeframe=1)
    play.shop.watch("2", ctime=play.now + timedelta(hours=3), config=make_config(timeframe=1))
    play.later(hours=5).fires()
    play.shop.product("42", EUR="99.00")
    assert play.told() == ["1 price", "2 price"]
    play.compose()
    assert play.row(tables.Mail).expires_at == play.relation("2").ends_at
    assert play.relation("2").ends_at < play.now + timedelta(hours=48)


def test_every_mail_has_a_message_id_of_its_own(sqlite_store: Store) -> None:
    play = watching(sqlite_store, make_settings(rules="cooldown_hours = 0"))
    for _ in range(3):
        play.shop.product("42", EUR="99.00")
        play.told()
        play.compose()
        play.shop.product("42", EUR="120.00")
        play.told()
    ids = [mail.message_id for mail in play.mails()]
    assert len(set(ids)) == 3
    assert all(mail_id.endswith("@shop.example>") for mail_id in ids)


def test_a_staging_installation_writes_to_its_own_address_only(store: Store) -> None:
    play = watching(store, make_settings(mail='redirect_all_to = "staging@mail.test"'))
    play.shop.product("42", EUR="99.00")
    play.told()
    play.compose()
    mail = play.row(tables.Mail)
    assert (mail.recipient, mail.customer_email) == ("staging@mail.test", "c7@mail.test")
    assert b"c7@mail.test" not in mail.message
    assert subject_of(mail).startswith("[staging] ")


def test_news_of_a_shop_that_is_no_longer_in_the_settings_waits(sqlite_store: Store) -> None:
    play = watching(sqlite_store)
    play.shop.product("42", EUR="99.00")
    play.told()
    play.settings = play.settings.model_copy(update={"sources": {}})
    assert play.compose().mails == 0
    play.settings = make_settings()
    assert play.compose().mails == 1


def test_any_number_of_customers_is_composed_for(sqlite_store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    from worker import compose as stage

    monkeypatch.setattr(stage, "_PAGE", 2)
    play = imported(sqlite_store)
    for number in range(10, 15):
        play.shop.customer(f"{number}")
    play.sync()
    for number in range(10, 15):
        play.shop.watch(f"{number}", customer_id=f"{number}", ctime=play.now)
    play.shop.product("42", EUR="99.00")
    assert len(play.told()) == 5
    assert play.compose().mails == 5
    run = [row for row in play.rows(tables.Run) if row.stage == "compose"][-1]
    assert run.counts == {"mails": 5, "notifications": 5, "cancelled": 0, "failed": 0, "errors": []}
