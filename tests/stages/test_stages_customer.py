"""What is stored about a customer: told completely, and erased for good, whatever else runs at that moment."""

import json
from collections.abc import Callable
from dataclasses import asdict
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from tests.support.fake_admin_shop import FakeAdminShop
from tests.support.meanwhile import Meanwhile
from tests.support.stages import KEY, Play, imported, watching
from worker.customer_erase import Erasure, erase
from worker.customer_export import export
from worker.errors import AlreadyRunningError, MailStateError, NotFoundError
from worker.log import address_hash
from worker.shop.source import Account, Page
from worker.store import outbox, suppression, tables
from worker.store.erased import erased_ids, tombstone
from worker.store.lease import single_flight
from worker.store.session import Store
from worker.sync.counts import SyncCounts
from worker.sync.erased import without_erased

PERSONAL = ("ann.private", "Annabella", "Leeway", "secret-token", "97.31")
"""Address, names, what a relation's config holds, a limit."""


def _told_twice(store: Store) -> Play:
    """Customer 7 watches product 42 and has a token at a service; one mail was sent, one waits, one piece of news is pending."""
    play = imported(store)
    play.shop.customer("7", email="ann.private@mail.test", firstname="Annabella", lastname="Leeway", language="de")
    play.shop.customer("8", email="bob@mail.test")
    play.sync()
    play.shop.watch("1", ctime=play.now)
    play.shop.patch("1", pricevalue="97.31")
    play.shop.watch("2", domain="service", type="default", refid="s", config={"token": "secret-token"}, ctime=play.now)
    play.shop.watch("3", customer_id="8", ctime=play.now)
    play.told()
    play.shop.product("42", EUR="97.00")
    play.told()
    play.compose()
    for mail in play.mails():
        with store.begin() as session:
            row = session.get_one(tables.Mail, mail.id)
            row.state, row.settled_at = "sent", play.now
    play.shop.product("42", stock="1")
    play.told()
    play.compose()
    play.later(days=1).shop.product("42", EUR="90.00")
    play.told()
    return play


def _erase(play: Play, shop_id: str = "7", source: str = "main") -> Erasure:
    return erase(play.store, source, shop_id, KEY, play.now)


def _everything(play: Play) -> dict[str, list[tuple[Any, ...]]]:
    """What is stored, but for the leases, which come and go."""
    return {name: rows for name, rows in play.everything().items() if name != "lease"}


def _mails_of(play: Play, customer_id: int) -> list[tables.Mail]:
    return [mail for mail in play.mails() if mail.customer_id == customer_id]


def test_nothing_that_tells_who_it_was_is_left(store: Store) -> None:
    play = _told_twice(store)
    before = repr(_everything(play))
    assert all(text in before for text in PERSONAL)
    done = _erase(play)
    assert asdict(done) == {"already": False, "relations": 2, "mails": 2, "cancelled": 1}
    left = repr(_everything(play))
    assert [text for text in PERSONAL if text in left] == []
    assert "bob@mail.test" in left


def test_what_was_not_sent_is_cancelled_and_what_was_sent_still_counts(store: Store) -> None:
    play = _told_twice(store)
    mine = play.rows(tables.Customer)[0].id
    _erase(play)
    assert [(mail.state, mail.recipient, mail.message) for mail in _mails_of(play, mine)] == [
        ("sent", "", b""),
        ("cancelled", "", b""),
    ]
    assert [(row.kind, row.state) for row in play.notifications() if row.customer_id == mine] == [
        ("price", "mailed"),
        ("stock", "cancelled"),
        ("price", "cancelled"),
    ]
    assert {row.reason for row in play.notifications() if row.state == "cancelled"} == {"erased"}
    assert play.told() == []
    assert play.compose().mails == 1  # to customer 8


def test_a_mail_that_may_have_arrived_is_cancelled_and_counts_as_told(sqlite_store: Store) -> None:
    play = _told_twice(sqlite_store)
    with sqlite_store.begin() as session:
        for mail in play.mails():
            row = session.get_one(tables.Mail, mail.id)
            if row.state == "pending":
                row.state, row.ambiguous_attempts = "held", 2
    _erase(play)
    assert [(row.kind, row.state) for row in play.notifications() if row.customer_id == 1] == [
        ("price", "mailed"),
        ("stock", "mailed"),
        ("price", "cancelled"),
    ]


def test_no_sync_brings_an_erased_customer_back(store: Store) -> None:
    play = _told_twice(store)
    _erase(play)
    before = (play.rows(tables.Customer), play.rows(tables.Relation))
    play.shop.watch("4", ctime=play.now)
    counts = play.later(minutes=5).sync()
    assert (counts.erased, counts.new, counts.unreadable, counts.seen) == (1, 0, 0, 1)
    assert [row.shop_id for row in play.rows(tables.Relation)] == [row.shop_id for row in before[1]]
    assert len(play.rows(tables.Customer)) == len(before[0])
    left = repr(_everything(play))
    assert [text for text in PERSONAL if text in left] == []
    assert play.scan().fired == 0


def test_a_source_that_tells_customers_by_id_is_not_asked_for_an_erased_one(sqlite_store: Store) -> None:
    play = _told_twice(sqlite_store)
    _erase(play)
    work = SimpleNamespace(store=sqlite_store, key=KEY, name="main", counts=SyncCounts())
    page = Page(entries=(Account("7", None, ()), Account("8", None, ())), cursor="x")
    assert [entry.key for entry in without_erased(work, page).entries] == ["8"]  # type: ignore[arg-type]
    assert work.counts.erased == 1


def test_the_customer_with_the_same_id_in_another_shop_is_somebody_else(sqlite_store: Store) -> None:
    play = _told_twice(sqlite_store)
    _erase(play)
    with sqlite_store.read() as session:
        assert erased_ids(session, KEY, "main", ["6", "7", "8"]) == {"7"}
        assert erased_ids(session, KEY, "other", ["7"]) == set()
        assert erased_ids(session, b"x" * 32, "main", ["7"]) == set()


def test_tombstones_are_hashes(sqlite_store: Store) -> None:
    play = _told_twice(sqlite_store)
    _erase(play)
    customer = tombstone(KEY, "customer", "main", "7")
    relations = {tombstone(KEY, "relation", "main", shop_id) for shop_id in ("1", "2")}
    assert {row.tombstone for row in play.rows(tables.Erased)} == {customer} | relations
    assert play.rows(tables.Customer)[0].shop_id == f"erased-{customer}"


def test_a_comparison_of_all_ids_misses_nothing_of_an_erased_customer(store: Store) -> None:
    """A miss would make the next sync read everything anew, each time."""
    shop = FakeAdminShop()
    shop.customer("7")
    shop.customer("8")
    shop.product("42", EUR="120.00")
    shop.watch("1")
    shop.watch("2", customer_id="8")
    play = Play(store, shop=shop)
    play.sync()
    _erase(play)
    shop.watch("3")
    play.later(days=2)
    shop.clock = "2026-03-03 10:00:00"
    counts = play.sync()
    assert (shop.asked.ids, counts.missed, counts.erased) == (1, 0, 1)
    assert [row.shop_id for row in play.rows(tables.Relation)] == ["1", "2"]


def test_the_second_time_there_is_nothing_to_do(store: Store) -> None:
    play = _told_twice(store)
    _erase(play)
    before = _everything(play)
    assert _erase(play.later(days=1)) == Erasure(already=True)
    assert _everything(play) == before


def test_a_customer_nobody_knows_cannot_be_erased(sqlite_store: Store) -> None:
    play = _told_twice(sqlite_store)
    for source, shop_id in (("main", "9"), ("moon", "7")):
        with pytest.raises(NotFoundError, match=f"no customer {source}:{shop_id} is stored"):
            _erase(play, shop_id, source)
    assert play.rows(tables.Erased) == []


@pytest.mark.parametrize("state", ["leased", "submitting"])
def test_while_a_mail_is_being_sent_nothing_is_erased(store: Store, state: str) -> None:
    play = _told_twice(store)
    mine = play.rows(tables.Customer)[0].id
    until = play.now + timedelta(minutes=15)
    with store.begin() as session:
        mail = session.get_one(tables.Mail, _mails_of(play, mine)[-1].id)
        mail.state, mail.lease_token, mail.lease_until = state, "theirs", until
    before = _everything(play)
    with pytest.raises(MailStateError, match=rf"being sent \({state}; .* lease ends at {until:%Y-%m-%d %H:%M:%S} UTC"):
        _erase(play)
    assert _everything(play) == before


def test_while_the_shop_is_being_synced_nothing_is_erased(store: Store) -> None:
    play = _told_twice(store)
    before = _everything(play)
    with single_flight(store, "sync:main"), pytest.raises(AlreadyRunningError):
        _erase(play)
    assert _everything(play) == before
    assert not _erase(play).already


def _composer(play: Play) -> tuple[str, Callable[[], object]]:
    return "INSERT INTO mail", play.compose


def _scanner(play: Play) -> tuple[str, Callable[[], object]]:
    play.later(days=2).shop.product("42", EUR="80.00")
    play.sync()
    return "INSERT INTO notification", play.scan


@pytest.mark.parametrize("stage", [_composer, _scanner])
def test_what_another_stage_writes_at_that_moment_is_erased_too(
    postgres_store: Store, stage: Callable[[Play], tuple[str, Callable[[], object]]]
) -> None:
    play = _told_twice(postgres_store)
    prefix, run = stage(play)
    erasing = Meanwhile(postgres_store, prefix, lambda: _erase(play))
    run()
    erasing.finish()
    left = repr(_everything(play))
    assert [text for text in PERSONAL if text in left] == []
    assert {mail.state for mail in _mails_of(play, 1)} <= {"sent", "cancelled"}
    assert "pending" not in {row.state for row in play.notifications() if row.customer_id == 1}


def test_a_mail_that_is_claimed_at_that_moment_is_sent_or_erased_but_not_both(postgres_store: Store) -> None:
    play = _told_twice(postgres_store)
    with postgres_store.begin() as session:
        claimed = outbox.claim(
            session,
            token="mine",
            limit=10,
            sources={"main"},
            now=play.now,
            lease_now=postgres_store.lease_now(session),
            lease=timedelta(minutes=15),
        )
        assert 1 in {mail.customer_id for mail in claimed}
        erasing = Meanwhile(postgres_store, "SELECT 1", lambda: _erase(play))
        session.connection().exec_driver_sql("SELECT 1")
    with pytest.raises(MailStateError, match="being sent"):
        erasing.finish()


def test_an_export_tells_everything_as_json(store: Store) -> None:
    play = _told_twice(store)
    with store.begin() as session:
        hashed = address_hash(KEY, "ann.private@mail.test")
        suppression.suppress(session, hashed, reason="bounced", now=play.now)
    with store.read() as session:
        told = export(session, "main", "7", KEY)
    text = json.dumps(told, default=str)
    assert all(personal in text for personal in PERSONAL)
    assert "bob@mail.test" not in text
    assert told["customer"]["email"] == "ann.private@mail.test"
    assert told["suppressed"]["reason"] == "bounced"
    assert [(row["shop_id"], len(row["versions"]), len(row["watches"])) for row in told["relations"]] == [
        ("1", 1, 2),
        ("2", 0, 0),
    ]
    assert [row["state"] for row in told["notifications"]] == ["mailed", "mailed", "pending"]
    assert [mail["state"] for mail in told["mails"]] == ["sent", "pending"]
    assert ["To", "ann.private@mail.test"] in told["mails"][0]["headers"]
    assert "97,00" in told["mails"][0]["text"]
    assert "lease_token" not in text


def test_an_export_knows_who_was_erased(sqlite_store: Store) -> None:
    play = _told_twice(sqlite_store)
    _erase(play)
    for shop_id, why in (("7", "was erased at"), ("9", "no customer main:9 is stored")):
        with sqlite_store.read() as session, pytest.raises(NotFoundError, match=why):
            export(session, "main", shop_id, KEY)


def test_a_watching_customer_can_be_erased_before_anything_was_told(sqlite_store: Store) -> None:
    play = watching(sqlite_store)
    assert _erase(play).mails == 0
    play.shop.product("42", EUR="1.00", stock="5")
    assert play.told() == []
