"""A scan loads what its decisions depend on, not all that ever happened to a product."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import event

from tests.support.stages import Play, watching
from worker.store import tables
from worker.store.session import Store


@contextmanager
def _loading() -> Iterator[list[int]]:
    """The ids of the observations that are loaded within the block."""
    found: list[int] = []

    def note(row: tables.Observation, _context: object) -> None:
        found.append(row.id)

    event.listen(tables.Observation, "load", note)
    try:
        yield found
    finally:
        event.remove(tables.Observation, "load", note)


def _days(play: Play, count: int) -> None:
    """The price and the stock change each day."""
    for day in range(count):
        play.later(days=1).shop.product("42", EUR=f"{110 + day}.00", stock=str(day % 2))
        play.fires()


@pytest.mark.parametrize("flags", [{"stock": "0"}, {"price": "0"}])
def test_the_history_of_what_nobody_watches_is_left_alone(store: Store, flags: dict[str, str]) -> None:
    play = watching(store, pricevalue="10.00", **flags)
    _days(play, 6)
    play.later(days=1).shop.product("42", EUR="105.00", stock="0")
    play.sync()
    with _loading() as loaded:
        assert play.scan().scanned == 1
    assert len(loaded) == 1


def test_a_kind_that_is_switched_on_later_is_judged_by_all_that_happened_since(sqlite_store: Store) -> None:
    play = watching(sqlite_store, stock="0", pricevalue="10.00")
    _days(play, 4)
    play.later(days=1).shop.product("42", stock="0")
    play.fires()
    play.shop.patch("1", pricevalue="10.00")
    assert play.told() == []
    play.shop.product("42", stock="3")
    assert play.told() == ["1 stock"]
