"""Which watches are removed in the shop: those that are over by what their customers said."""

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import event, update

from tests.support.fake_shop import FakeShop
from tests.support.stages import Play, imported, make_settings, watching
from worker.complaints import KEPT
from worker.domain.model import Json
from worker.errors import ShopLoginError
from worker.shop.source import Unread
from worker.store import retirement, tables
from worker.store.session import Store

BASE: dict[str, Json] = {"price": 1, "currency": "EUR", "pricevalue": "5.00"}


def _expired(play: Play) -> list[str]:
    with play.store.read() as session:
        found = retirement.expired_watches(session, "main", play.now, 200, by_customers=False)
    return [watch.shop_id for watch in found]


def test_only_what_the_customer_said_ends_a_watch_in_the_shop(store: Store) -> None:
    play = imported(store).later(minutes=5)
    soon, late = play.now.replace(month=4), play.now.replace(month=8)
    play.shop.watch("silent", ctime=play.now, config=BASE)
    play.shop.watch("null", ctime=play.now, config={**BASE, "timeframe": None})
    play.shop.watch("nested", ctime=play.now, config={**BASE, "note": {"timeframe": 7}})
    play.shop.watch("days", ctime=play.now, config={**BASE, "timeframe": "90"})
    play.shop.watch("date", ctime=play.now, config=BASE, dateend=soon)
    play.shop.watch("later date", ctime=play.now, config=BASE, dateend=late)
    play.shop.watch("earlier", ctime=play.now, config={**BASE, "timeframe": 3650}, dateend=soon)
    play.shop.watch("rejected", ctime=play.now, config={**BASE, "timeframe": "soon"}, dateend=soon)
    play.shop.watch("idle", ctime=play.now, config={"timeframe": 7})
    play.fires()
    play.later(days=91).sync()
    assert _expired(play) == ["date", "earlier", "days"]
    play.later(days=100).sync()
    assert _expired(play) == ["date", "earlier", "days", "later date"]


def test_a_customer_who_changes_his_mind_about_the_end_is_believed(store: Store) -> None:
    play = watching(store)
    play.shop.watch("1", config={**BASE, "timeframe": "30"})
    play.told()
    play.shop.watch("1", config=BASE)
    play.told()
    assert _expired(play.later(days=100)) == []
    play.shop.watch("1", config={**BASE, "timeframe": "10"})
    play.sync()
    assert _expired(play) == ["1"]


class _Refusing(FakeShop):
    """Nobody may remove anything."""

    def remove(self, relations: Sequence[tuple[str, str]]) -> Iterator[set[str] | Unread]:
        for key, _ in relations:
            yield Unread(key, ShopLoginError("the token is not accepted"))


def test_of_many_customers_who_cannot_remove_theirs_the_first_are_told(sqlite_store: Store) -> None:
    play = Play(sqlite_store, _Refusing(), make_settings(source="write_back = true"))
    for number in range(KEPT + 1):
        play.shop.customer(f"{number}")
        play.shop.watch(f"{number}", customer_id=f"{number}", config={**BASE, "timeframe": 7})
    play.sync()
    counts = play.later(days=8).sync()
    assert (len(counts.errors), counts.removed) == (KEPT, 0)
    assert "expired watches could not be removed in the shop: the token is not accepted" in counts.errors[0]


def test_watches_from_before_it_was_noted_who_ended_them_are_judged_anew(store: Store) -> None:
    """As the migration leaves them."""
    play = imported(store).later(minutes=5)
    play.shop.watch("1", ctime=play.now)
    play.sync()
    with store.begin() as session:
        session.execute(update(tables.Relation).values(told_end_at=None))
        session.execute(update(tables.SourceState).values(judged_by=""))
    assert _expired(play.later(days=100)) == []
    play.sync()
    assert _expired(play) == ["1"]


def test_what_is_over_is_found_by_an_index(store: Store) -> None:
    play = watching(store)
    asked: list[tuple[str, Any]] = []

    def note(_connection: object, _cursor: object, statement: str, parameters: Any, *_rest: object) -> None:
        asked.append((statement, parameters))

    with store.begin() as session:
        event.listen(store.engine, "before_cursor_execute", note)
        retirement.expired_watches(session, "main", play.now, 200, by_customers=False)
        event.remove(store.engine, "before_cursor_execute", note)
        statement, parameters = asked[-1]
        connection = session.connection()
        if not store.is_sqlite:
            connection.exec_driver_sql("SET LOCAL enable_seqscan = off")  # there is just one row
        explain = "EXPLAIN QUERY PLAN" if store.is_sqlite else "EXPLAIN"
        plan = connection.exec_driver_sql(f"{explain} {statement}", parameters).all()
    assert any("ix_relation_told_end" in str(line) for line in plan)
