"""`explain` names every reason there is: each is brought about in a shop and read back."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import text, update

from tests.support.factories import make_config
from tests.support.stages import KEY, Play, imported, make_settings, watching
from worker.domain.model import Json, Kind
from worker.domain.reasons import SENTENCES, Reason
from worker.log import address_hash
from worker.store import tables
from worker.store.session import Store

Story = Callable[[Store], tuple[Play, Kind]]
OUTCOMES = {
    "fire": {Reason.PRICE_BELOW_LIMIT, Reason.BACK_IN_STOCK},
    "idle": {Reason.NOT_A_WATCH, Reason.IDLE},
    "reject": {
        Reason.BAD_CONFIG,
        Reason.BAD_TIMEFRAME,
        Reason.BAD_FLAG,
        Reason.BAD_CURRENCY,
        Reason.BAD_PRICEVALUE,
        Reason.FUTURE_CTIME,
        Reason.UNREADABLE,
        Reason.INTERNAL_ERROR,
    },
}


def _synced(change: Callable[[Play], object], kind: Kind = Kind.PRICE) -> Story:
    """A watch for which something changed in the shop, as the next sync saw."""

    def story(store: Store) -> tuple[Play, Kind]:
        play = watching(store)
        change(play)
        play.later(minutes=5).sync()
        return play, kind

    return story


def _config(**config: Json) -> Story:
    return _synced(lambda play: play.shop.patch("1", **config))


def _told(store: Store) -> Play:
    """The customer was told of 99 EUR in a mail."""
    play = watching(store)
    play.shop.product("42", EUR="99.00")
    assert play.told() == ["1 price"]
    play.compose()
    play.send()
    return play


def _suppressed(play: Play) -> None:
    with play.store.begin() as session:
        session.add(
            tables.Suppression(address_hash=address_hash(KEY, "c7@mail.test"), reason="bounced", created_at=play.now)
        )


def _put_aside(store: Store) -> tuple[Play, Kind]:
    play = watching(store)
    with store.begin() as session:
        session.execute(text("UPDATE watch SET armed_by = 'nonsense'"))
    play.shop.product("42", EUR="99.00")
    assert play.told() == []
    with store.begin() as session:
        session.execute(update(tables.Watch).values(armed_by="arrival"))
    return play, Kind.PRICE


def _not_synced(store: Store) -> tuple[Play, Kind]:
    play = Play(store)
    play.shop.customer("7")
    play.shop.watch("1", ctime=play.now)
    play.shop.product("42", EUR="99.00")
    play.shop.while_reading = lambda what: _stop() if what == "products" else None
    with pytest.raises(KeyboardInterrupt):
        play.sync()
    return play, Kind.PRICE


def _stop() -> None:
    raise KeyboardInterrupt


def _held_at_import(store: Store) -> tuple[Play, Kind]:
    play = Play(store)
    play.shop.customer("7")
    play.shop.watch("1", ctime=play.now)
    play.shop.product("42", EUR="99.00")
    assert play.told() == []
    return play, Kind.PRICE


def _in_stock_all_along(store: Store) -> tuple[Play, Kind]:
    play = imported(store)
    play.shop.watch("1", ctime=play.now)
    play.shop.product("42", stock="3")
    assert play.told() == []
    return play, Kind.STOCK


def _not_far_enough_down(store: Store) -> tuple[Play, Kind]:
    """Told of 99, armed again at 90, which is back up at 95 before the cooldown is over."""
    play = _told(store)
    play.shop.product("42", EUR="90.00")
    play.told()
    play.shop.product("42", EUR="95.00")
    play.told()
    return play, Kind.PRICE


def _cooling_down(store: Store) -> tuple[Play, Kind]:
    play = _told(store)
    play.shop.product("42", EUR="90.00")
    assert play.told() == []
    return play, Kind.PRICE


def _not_yet_read(store: Store) -> tuple[Play, Kind]:
    """A setting changed the currency that counts; no sync has asked for it yet."""
    play = imported(store).later(minutes=5)
    play.shop.watch("1", ctime=play.now, config=make_config(currency=None))
    play.fires()
    play.settings = make_settings(source="").model_copy(
        update={
            "sources": {"main": play.settings.sources["main"].model_copy(update={"currency": "USD"})},
        }
    )
    return play, Kind.PRICE


STORIES: dict[Reason, Story] = {
    Reason.PRICE_BELOW_LIMIT: _synced(lambda play: play.shop.product("42", EUR="99.00")),
    Reason.BACK_IN_STOCK: _synced(lambda play: play.shop.product("42", stock="1"), Kind.STOCK),
    Reason.NOT_A_WATCH: _synced(lambda play: play.shop.watch("1", type="favorite")),
    Reason.IDLE: _config(price=0),
    Reason.BAD_CONFIG: _synced(lambda play: play.shop.watch("1", config="[price]")),
    Reason.BAD_TIMEFRAME: _config(timeframe="7 days"),
    Reason.BAD_FLAG: _config(stock="yes"),
    Reason.BAD_CURRENCY: _config(currency="EURO"),
    Reason.BAD_PRICEVALUE: _config(pricevalue="20,00"),
    Reason.FUTURE_CTIME: _synced(lambda play: play.shop.watch("1", ctime=play.now + timedelta(hours=1))),
    Reason.UNREADABLE: _synced(lambda play: play.shop.doubles.append(replace(play.shop.listed["1"], refid="43"))),
    Reason.INTERNAL_ERROR: _put_aside,
    Reason.NOT_SYNCED: _not_synced,
    Reason.RETIRED: _synced(lambda play: play.shop.delete("1")),
    Reason.INACTIVE: _synced(lambda play: play.shop.watch("1", status=0)),
    Reason.NOT_STARTED: _synced(lambda play: play.shop.watch("1", datestart=play.now + timedelta(days=1))),
    Reason.EXPIRED: _synced(lambda play: play.shop.watch("1", dateend=play.now)),
    Reason.PRODUCT_UNAVAILABLE: _synced(lambda play: play.shop.hidden.add("42")),
    Reason.PRODUCT_NOT_STARTED: _synced(lambda play: play.shop.detail("42", datestart=play.now + timedelta(days=1))),
    Reason.PRODUCT_ENDED: _synced(lambda play: play.shop.detail("42", dateend=play.now)),
    Reason.CUSTOMER_DISABLED: _synced(lambda play: play.shop.disabled.add("7") or play.shop.product("42", EUR="99.00")),
    Reason.NO_ADDRESS: _synced(lambda play: play.shop.customer("7", email="") or play.shop.product("42", EUR="99.00")),
    Reason.SUPPRESSED: _synced(lambda play: _suppressed(play) or play.shop.product("42", EUR="99.00")),
    Reason.NOT_OBSERVED: _not_yet_read,
    Reason.NO_PRICE: _synced(lambda play: play.shop.product("42", EUR=None)),
    Reason.NOT_BELOW_LIMIT: _synced(lambda play: play.shop.product("42", EUR="100.00")),
    Reason.OUT_OF_STOCK: _synced(lambda play: play.shop.product("42", stock="0"), Kind.STOCK),
    Reason.NO_FURTHER_DROP: _not_far_enough_down,
    Reason.ALREADY_TOLD: lambda store: (_told(store), Kind.PRICE),
    Reason.HELD_AT_IMPORT: _held_at_import,
    Reason.NEVER_OUT_OF_STOCK: _in_stock_all_along,
    Reason.COOLDOWN: _cooling_down,
}  # fmt: skip


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_is_named_with_its_rule_and_sentence(sqlite_store: Store, reason: Reason) -> None:
    play, kind = STORIES[reason](sqlite_store)
    found = next(item for item in play.explain()["decisions"] if item["kind"] == kind)
    assert (found["reason"], found["sentence"]) == (reason, SENTENCES[reason])
    assert found["outcome"] == next((name for name, reasons in OUTCOMES.items() if reason in reasons), "wait")
    failed = [check for check in found["checks"] if not check["passed"]]
    if reason in OUTCOMES["fire"]:
        assert failed == []
    elif reason is not Reason.INTERNAL_ERROR:
        assert failed[0]["reason"] == reason
    assert all(check["inputs"] for check in found["checks"])


def test_a_watch_that_cannot_be_judged_is_explained_all_the_same(sqlite_store: Store) -> None:
    play = watching(sqlite_store)
    with sqlite_store.begin() as session:
        session.execute(text("UPDATE watch SET armed_by = 'nonsense'"))
    found = play.explain()["decisions"][0]
    assert (found["outcome"], found["reason"]) == ("reject", "internal_error")
    assert [check["inputs"] for check in found["checks"]] == [{"error": "ValueError"}]
