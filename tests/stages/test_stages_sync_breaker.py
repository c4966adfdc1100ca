"""A shop that does not answer is left alone by scheduled syncs, longer each time; an operator is never kept from trying."""

from datetime import timedelta

import pytest

from tests.support.stages import KEY, Play, watching
from worker.errors import ShopAnswerError, ShopRestingError, ShopUnreachableError
from worker.store import tables
from worker.store.session import Store
from worker.sync import sync


def _scheduled(play: Play) -> None:
    sync(play.store, play.shop, "main", play.settings, KEY, now=play.now, scheduled=True)


def _silent(store: Store, times: int, retry_after: timedelta | None = None) -> Play:
    play = watching(store)
    play.shop.products_broken = ShopUnreachableError("no answer within 30 seconds", retry_after)
    for _ in range(times):
        play.later(minutes=5)
        with pytest.raises(ShopUnreachableError):
            _scheduled(play)
    return play


def test_after_three_silences_a_scheduled_sync_leaves_the_shop_alone(store: Store) -> None:
    play = _silent(store, 3)
    reads = len(play.shop.reads)
    with pytest.raises(
        ShopRestingError, match=r"main: the shop did not answer 3 times in a row .* watchpost sync main"
    ):
        _scheduled(play.later(minutes=3))
    assert len(play.shop.reads) == reads
    with pytest.raises(ShopUnreachableError):
        _scheduled(play.later(minutes=4))


def test_two_silences_are_no_reason_yet(sqlite_store: Store) -> None:
    play = _silent(sqlite_store, 2)
    with pytest.raises(ShopUnreachableError):
        _scheduled(play.later(seconds=1))


def test_the_rest_grows_up_to_an_hour(sqlite_store: Store) -> None:
    play = _silent(sqlite_store, 3)
    rests = []
    for _ in range(8):
        state = play.row(tables.SourceState)
        assert state.resting_until is not None
        rests.append((state.resting_until - play.now) / timedelta(minutes=1))
        play.now = state.resting_until
        with pytest.raises(ShopUnreachableError):
            _scheduled(play)
    for rest, about in zip(rests, [5, 10, 20, 40, 60, 60, 60, 60], strict=True):
        assert about * 0.8 <= rest <= about * 1.2


def test_a_pause_the_shop_asks_for_is_kept(sqlite_store: Store) -> None:
    play = _silent(sqlite_store, 1, timedelta(hours=2))
    with pytest.raises(ShopRestingError):
        _scheduled(play.later(hours=1, minutes=59))
    with pytest.raises(ShopUnreachableError):
        _scheduled(play.later(minutes=1))


def test_an_operator_tries_at_once_and_an_answer_ends_the_rest(store: Store) -> None:
    play = _silent(store, 3)
    play.shop.products_broken = None
    play.sync()
    state = play.row(tables.SourceState)
    assert (state.failures, state.resting_until) == (0, None)
    _scheduled(play)


def test_a_shop_that_answers_nonsense_is_not_silent(sqlite_store: Store) -> None:
    play = watching(sqlite_store)
    play.shop.products_broken = ShopAnswerError("the shop answered with something else")
    for _ in range(4):
        with pytest.raises(ShopAnswerError):
            _scheduled(play.later(minutes=5))
    assert play.row(tables.SourceState).failures == 0


def test_status_tells_that_a_shop_is_left_alone(sqlite_store: Store) -> None:
    play = _silent(sqlite_store, 3)
    told = play.status()["sources"]["main"]
    assert told["failures"] == 3
    assert told["resting_until"] > play.now
    assert play.later(hours=2).status()["sources"]["main"]["resting_until"] is None
