"""A watch that must wait writes nothing into the ledger, and fires when what it waits for has come."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from tests.support.factories import make_config
from tests.support.stages import KEY, START, Play, imported, watching
from worker.domain.model import Json
from worker.log import address_hash
from worker.store import tables
from worker.store.session import Store

Step = Callable[[Play], object]
_HASH = address_hash(KEY, "C7@MAIL.test")


def _suppress(play: Play) -> None:
    with play.store.begin() as session:
        session.add(tables.Suppression(address_hash=_HASH, reason="bounced", created_at=play.now))


def _release(play: Play) -> None:
    with play.store.begin() as session:
        session.delete(session.get_one(tables.Suppression, _HASH))


REASONS: dict[str, tuple[Step, Step]] = {
    "product_unavailable": (
        lambda play: play.shop.hidden.add("42"),
        lambda play: play.shop.hidden.clear(),
    ),
    "product_unavailable ": (
        lambda play: play.shop.detail("42", enabled=False),
        lambda play: play.shop.detail("42", enabled=True),
    ),
    "product_not_started": (
        lambda play: play.shop.detail("42", datestart=play.now + timedelta(hours=1)),
        lambda play: play.later(hours=1),
    ),
    "product_ended": (
        lambda play: play.shop.detail("42", dateend=play.now),
        lambda play: play.shop.detail("42", dateend=None),
    ),
    "customer_disabled": (
        lambda play: play.shop.disabled.add("7"),
        lambda play: play.shop.disabled.clear(),
    ),
    "customer_disabled ": (
        lambda play: play.shop.customer("7", enabled=False),
        lambda play: play.shop.customer("7", enabled=True),
    ),
    "no_address": (
        lambda play: play.shop.customer("7", email=None),
        lambda play: play.shop.customer("7", email="c7@mail.test"),
    ),
    "no_address ": (
        lambda play: play.shop.customer("7", email="c7@mail.test, d7@mail.test"),
        lambda play: play.shop.customer("7", email="c7@mail.test"),
    ),
    "suppressed": (_suppress, _release),
    "inactive": (
        lambda play: play.shop.watch("1", status=-1),
        lambda play: play.shop.watch("1", status=1),
    ),
    "not_started": (
        lambda play: play.shop.watch("1", datestart=play.now + timedelta(hours=1)),
        lambda play: play.later(hours=1),
    ),
    "expired": (
        lambda play: play.shop.watch("1", dateend=play.now),
        lambda play: play.shop.watch("1", dateend=None),
    ),
    "retired": (
        lambda play: play.shop.watch("1", customer_id="nobody"),
        lambda play: play.shop.watch("1", customer_id="7"),
    ),
}


@pytest.mark.parametrize("reason", REASONS)
def test_a_watch_waits_and_fires_when_that_changes(sqlite_store: Store, reason: str) -> None:
    play = watching(sqlite_store)
    begin, end = REASONS[reason]
    begin(play)
    play.told()
    play.shop.product("42", EUR="99.00", stock="1")
    assert play.told() == []
    if reason != "retired":
        assert play.reason() == reason.strip()
    assert play.notifications() == []
    end(play)
    assert play.told() == ["1 price", "1 stock"]


@pytest.mark.parametrize(
    ("config", "reason"), [({}, "idle"), ({"stock": 1}, "idle"), (make_config(timeframe="7 days"), "bad_timeframe")]
)
def test_a_flag_that_is_off_or_illegible_waits_until_it_is_on(
    sqlite_store: Store, config: dict[str, Json], reason: str
) -> None:
    play = watching(sqlite_store)
    play.shop.watch("1", config=config)
    play.told()
    play.shop.product("42", EUR="99.00")
    assert play.told() == []
    assert play.reason() == reason
    play.shop.patch("1")
    assert play.told() == ["1 price"]


@pytest.mark.parametrize("reason", ["product_unavailable", "no_address", "suppressed", "expired"])
def test_waiting_writes_nothing_on_either_database(store: Store, reason: str) -> None:
    play = watching(store)
    begin, end = REASONS[reason]
    begin(play)
    play.shop.product("42", EUR="99.00", stock="1")
    assert play.waits() == (reason, reason)
    assert play.notifications() == []
    end(play)
    assert play.told() == ["1 price", "1 stock"]


def test_the_scan_counts_why_watches_wait(store: Store) -> None:
    play = watching(store)
    play.shop.customer("7", email="")
    play.shop.product("42", EUR="99.00")
    play.later(minutes=5).sync()
    counts = play.scan()
    assert dict(counts.waiting) == {"no_address": 1, "out_of_stock": 1}
    run = [row for row in play.rows(tables.Run) if row.stage == "scan"][-1]
    assert run.counts == counts.as_json()


def test_a_ctime_of_the_next_five_minutes_is_a_clock_that_is_a_little_ahead(sqlite_store: Store) -> None:
    play = imported(sqlite_store)
    play.shop.product("42", EUR="99.00")
    play.shop.watch("1", ctime=START + timedelta(minutes=5))
    play.sync()
    counts = play.scan()
    assert (counts.rejected, dict(counts.waiting)) == (0, {"not_started": 2})
    assert play.told() == ["1 price"]


def test_a_ctime_in_the_future_is_rejected_and_fires_when_it_has_come(store: Store) -> None:
    play = imported(store)
    play.shop.product("42", EUR="99.00")
    play.shop.watch("1", ctime=START + timedelta(hours=1))
    play.sync()
    assert play.scan().rejected == 1
    assert play.waits() == ("future_ctime", "future_ctime")
    assert play.relation().rejected == "future_ctime"
    assert play.later(hours=1).told() == ["1 price"]
    assert play.relation().rejected is None


def test_what_happens_before_a_future_ctime_is_not_news_then(sqlite_store: Store) -> None:
    """Sold out when the relation came, in stock when it began."""
    play = imported(sqlite_store)
    play.shop.watch("1", ctime=START + timedelta(hours=1), config=make_config(pricevalue=None))
    assert play.told() == []
    play.shop.product("42", EUR="110.00", stock="1")
    assert play.told() == []
    assert play.later(hours=1).waits() == ("not_below_limit", "never_out_of_stock")
    assert play.watch().base_limit == 110


@pytest.mark.parametrize("reason", ["future_ctime", "bad_pricevalue"])
def test_a_rejection_is_shown_until_it_is_mended(sqlite_store: Store, reason: str) -> None:
    play = imported(sqlite_store)
    fields = {
        "future_ctime": {"ctime": START + timedelta(days=1)},
        "bad_pricevalue": {"config": make_config(pricevalue="x")},
    }
    play.shop.watch("1", **fields[reason])
    play.fires()
    for _ in range(3):
        play.later(minutes=5).sync()
        assert play.status()["sources"]["main"]["rejected"] == {reason: 1}
    play.shop.watch("1", ctime=play.now, config=make_config())
    play.fires()
    assert play.status()["sources"]["main"]["rejected"] == {}
