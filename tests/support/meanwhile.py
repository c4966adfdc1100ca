"""Two transactions on PostgreSQL that meet at a chosen statement."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from sqlalchemy import event, text

from tests.support.waiting import wait_until
from worker.store.session import Store

_WAITING_FOR_LOCKS = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"


class Meanwhile:
    """Runs `work` in another thread before the first statement that begins with `prefix`; goes on when it is done or blocked."""

    def __init__(self, store: Store, prefix: str, work: Callable[[], object]) -> None:
        self._store = store
        self._prefix = prefix
        self._work = work
        self._pool = ThreadPoolExecutor(1)
        self._done: Future[object] | None = None
        self._own = False
        event.listen(store.engine, "before_cursor_execute", self._begin)

    def _begin(self, _connection: object, _cursor: object, statement: str, *_rest: Any) -> None:
        if self._own or self._done is not None or not statement.startswith(self._prefix):
            return
        self._own = True
        done = self._done = self._pool.submit(self._work)
        wait_until(lambda: done.done() or self._blocked(), what="the other stage")
        self._own = False

    def _blocked(self) -> bool:
        with self._store.engine.connect() as connection:
            return bool(connection.scalar(text(_WAITING_FOR_LOCKS)))

    def finish(self) -> None:
        """Wait for the other thread and raise what it raised. Raises AssertionError where it never began."""
        assert self._done is not None
        self._done.result()
        self._pool.shutdown()
