"""Stages side by side on PostgreSQL, where SQLite would let one writer in at a time: nothing is lost between them."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

from sqlalchemy import event, select, update

from tests.support.meanwhile import Meanwhile
from tests.support.stages import imported, make_settings, watching
from worker.compose import ComposeCounts
from worker.store import tables
from worker.store.session import Store


def test_a_patch_that_arrives_while_its_relation_is_judged_is_judged_by_the_next_scan(postgres_store: Store) -> None:
    play = watching(postgres_store, pricevalue="80.00")
    play.shop.product("42", EUR="90.00")
    play.shop.patch("1", pricevalue="85.00")
    play.later(minutes=5).sync()
    patch = Meanwhile(postgres_store, "UPDATE relation", play.sync)
    play.shop.patch("1", pricevalue="100.00")
    assert play.scan().fired == 0
    patch.finish()
    assert play.scan().fired == 1


def test_a_patch_that_arrives_while_its_relation_is_put_aside_is_judged_by_the_next_scan(postgres_store: Store) -> None:
    play = watching(postgres_store, pricevalue="80.00")
    play.shop.product("42", EUR="90.00")
    play.shop.patch("1", pricevalue="85.00")
    play.later(minutes=5).sync()
    _break_watches(postgres_store, "nonsense")

    def patched() -> None:
        _break_watches(postgres_store, "arrival")
        play.sync()

    play.shop.patch("1", pricevalue="100.00")
    patch = Meanwhile(postgres_store, "UPDATE relation", patched)
    assert play.scan().poisoned == 1
    patch.finish()
    assert play.scan().fired == 1


def test_a_sync_and_a_scan_do_not_wait_for_each_other_over_what_is_gone_and_what_is_listed(
    postgres_store: Store,
) -> None:
    play = imported(postgres_store)
    play.shop.watch("1", ctime=play.now)
    play.shop.watch("2", refid="43", ctime=play.now)
    play.shop.product("43", EUR="120.00")
    play.sync()
    play.shop.delete("1")
    errors: list[object] = []
    event.listen(postgres_store.engine, "handle_error", lambda context: errors.append(context.original_exception))
    scan = Meanwhile(postgres_store, "UPDATE relation SET seen_at", play.scan)
    play.later(minutes=5).sync()
    scan.finish()
    assert errors == []


def _break_watches(store: Store, armed_by: str) -> None:
    """Store a state that can't be read, as a bug might, or one that can."""
    with store.begin() as session:
        session.execute(update(tables.Watch).values(armed_by=armed_by))


def test_two_composers_write_every_news_into_one_mail(store: Store) -> None:
    play = imported(store)
    customers = [f"{number}" for number in range(10, 16)]
    for number in customers:
        play.shop.customer(number)
    play.sync()
    for number in customers:
        play.shop.watch(number, customer_id=number, ctime=play.now)
    play.told()
    play.shop.product("42", EUR="99.00", stock="1")
    assert len(play.told()) == 2 * len(customers)
    begin = Barrier(2)

    def compose(_number: int) -> ComposeCounts:
        begin.wait()
        return play.compose()

    with ThreadPoolExecutor(2) as pool:
        counts = list(pool.map(compose, range(2)))
    assert sum(count.mails for count in counts) == len(play.mails()) == len(customers)
    assert sum(count.notifications for count in counts) == 2 * len(customers)
    bound = Counter(row.mail_id for row in play.notifications())
    assert sorted(bound) == [mail.id for mail in play.mails()]
    assert set(bound.values()) == {2}


def test_a_composer_takes_nothing_of_a_customer_from_the_one_who_writes_to_her(postgres_store: Store) -> None:
    """It would take the news between the other's two steps, and neither of them would write."""
    play = watching(postgres_store)
    play.shop.product("42", EUR="99.00")
    play.told()
    locked: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: Any) -> None:
        if statement.endswith("SKIP LOCKED"):
            locked.append(statement.partition("FROM ")[2].split()[0])

    with postgres_store.begin() as other:
        other.scalars(select(tables.Customer).with_for_update(key_share=True)).all()
        event.listen(postgres_store.engine, "before_cursor_execute", note)
        assert play.compose().mails == 0
    assert locked == ["customer"]
    assert play.compose().mails == 1


def test_news_that_arrives_while_its_customers_mail_is_written_waits_for_its_own_time(postgres_store: Store) -> None:
    play = watching(postgres_store, make_settings(digest_wait_seconds=600))
    play.shop.product("43", EUR="120.00")
    play.shop.watch("2", refid="43", ctime=play.now)
    play.told()
    play.shop.product("42", EUR="99.00")
    assert play.told() == ["1 price"]
    play.later(seconds=600).shop.product("43", EUR="99.00")
    play.sync()

    def another_worker() -> None:
        assert play.scan().fired == 1
        assert play.compose().mails == 0

    meanwhile = Meanwhile(postgres_store, "INSERT INTO mail", another_worker)
    assert play.compose().notifications == 1
    meanwhile.finish()
    assert play.ledger() == [("price", 1, "mailed"), ("price", 1, "pending")]
    assert play.compose().mails == 0
    assert play.later(seconds=600).compose().mails == 1
