"""Lets something happen just before a statement, as it may in the middle of any transaction."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event

from worker.store.session import Store


@contextmanager
def before(store: Store, statement: str, happens: Callable[[], object], times: int = 1) -> Iterator[None]:
    """Within the block, `happens` is called before the first statements that contain `statement`, `times` at most."""
    left = times

    def look(_connection: object, _cursor: object, text: str, *_rest: Any) -> None:
        nonlocal left
        if left and statement in text:
            left -= 1
            happens()

    event.listen(store.engine, "before_cursor_execute", look)
    try:
        yield
    finally:
        event.remove(store.engine, "before_cursor_execute", look)
    assert left < times, f"{statement} was never said"
