"""Stages side by side on PostgreSQL, where SQLite would let one writer in at a time: nothing is lost between them."""

from collections.abc import Callable
from threading import Thread
from typing import Any

from sqlalchemy import event, text

from tests.support.stages import watching
from tests.support.waiting import wait_until
from worker.store.session import Store

_WAITING_FOR_LOCKS = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"


class Meanwhile:
    """Runs `work` in another thread before the first statement that begins with `prefix`; goes on when it is done or blocked."""

    def __init__(self, store: Store, prefix: str, work: Callable[[], object]) -> None:
        self._store = store
        self._prefix = prefix
        self._thread = Thread(target=work)
        self._own = False
        event.listen(store.engine, "before_cursor_execute", self._begin)

    def _begin(self, _connection: object, _cursor: object, statement: str, *_rest: Any) -> None:
        if self._own or self._thread.ident is not None or not statement.startswith(self._prefix):
            return
        self._own = True
        self._thread.start()
        wait_until(lambda: not self._thread.is_alive() or self._blocked(), what="the other stage")
        self._own = False

    def _blocked(self) -> bool:
        with self._store.engine.connect() as connection:
            return bool(connection.scalar(text(_WAITING_FOR_LOCKS)))

    def finish(self) -> None:
        """Wait for the other thread. Raises AssertionError where it never began."""
        assert self._thread.ident is not None
        self._thread.join()


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
