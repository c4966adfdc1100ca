"""Fault row 21: clocks that jump, and the hours that a time zone repeats or leaves out."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from freezegun import freeze_time
from freezegun.api import FrozenDateTimeFactory

from tests.dispatch.dispatching import START, Dispatching, make_settings
from tests.support.factories import make_config
from tests.support.invariant import nothing_is_lost
from tests.support.stages import Play, imported, watching
from worker.errors import AlreadyRunningError, LeaseLostError
from worker.shop.times import parse_time
from worker.store import outbox, tables
from worker.store.lease import acquire
from worker.store.session import Store

BERLIN = ZoneInfo("Europe/Berlin")
HOUR = timedelta(hours=1)
LEASE = timedelta(minutes=5)


@contextmanager
def _our_clock() -> Iterator[FrozenDateTimeFactory]:
    """The clock of this machine, which leases on SQLite live by, moved by the test."""
    with freeze_time(START, real_asyncio=True) as clock:
        assert isinstance(clock, FrozenDateTimeFactory)
        yield clock


def test_a_machine_whose_clock_is_wrong_does_not_take_what_others_work_on(postgres_store: Store) -> None:
    """On PostgreSQL leases live by the server's clock."""
    with _our_clock() as clock:
        acquire(postgres_store, "scan:main", LEASE)
        for wrong in (24 * HOUR, -48 * HOUR):
            clock.tick(wrong)
            with pytest.raises(AlreadyRunningError):
                acquire(postgres_store, "scan:main", LEASE)


def test_a_clock_that_jumps_ahead_ends_a_lease_and_the_late_one_is_fenced_off(sqlite_store: Store) -> None:
    with _our_clock() as clock:
        late = acquire(sqlite_store, "scan:main", LEASE)
        clock.tick(HOUR)
        acquire(sqlite_store, "scan:main", LEASE)
        with pytest.raises(LeaseLostError), sqlite_store.begin() as session:
            late.renew(session)


def test_a_clock_that_is_set_back_only_makes_others_wait(sqlite_store: Store) -> None:
    with _our_clock() as clock:
        mine = acquire(sqlite_store, "scan:main", LEASE)
        clock.tick(-HOUR)
        with pytest.raises(AlreadyRunningError):
            acquire(sqlite_store, "scan:main", LEASE)
        with sqlite_store.begin() as session:
            mine.renew(session)
        clock.tick(LEASE)
        acquire(sqlite_store, "scan:main", LEASE)


def _claim(play: Dispatching, token: str) -> list[int]:
    with play.store.begin() as session:
        now = play.store.lease_now(session)
        outbox.reap(session, now=play.now, lease_now=now, resend=True)
        mails = outbox.claim(session, token=token, limit=9, sources={"main"}, now=play.now, lease_now=now, lease=LEASE)
    return [mail.id for mail in mails]


def test_a_mail_is_neither_lost_nor_taken_twice_when_the_clock_jumps(sqlite_store: Store) -> None:
    with _our_clock() as clock:
        play = Dispatching(sqlite_store, make_settings(1))
        mail_id = play.add()
        assert _claim(play, "first") == [mail_id]
        clock.tick(-HOUR)
        assert _claim(play, "second") == []
        clock.tick(2 * HOUR)
        assert _claim(play, "third") == [mail_id]
        with sqlite_store.begin() as session:
            now = sqlite_store.lease_now(session)
            assert outbox.mark_submitting(session, [(mail_id, "first")], lease_now=now, lease=LEASE) == set()
        nothing_is_lost(sqlite_store, [], mails=1)


def test_a_retry_waits_until_a_clock_that_was_set_back_comes_to_it(sqlite_store: Store) -> None:
    play = Dispatching(sqlite_store, make_settings(1))
    mail_id = play.add()
    play.now -= HOUR
    assert _claim(play, "early") == []
    play.now += HOUR
    assert _claim(play, "in time") == [mail_id]


@pytest.mark.parametrize("jump", [-2 * HOUR, -25 * HOUR], ids=str)
def test_a_scan_tells_nothing_twice_when_its_clock_is_set_back(store: Store, jump: timedelta) -> None:
    play = watching(store)
    play.later(days=2)
    play.shop.product("42", EUR="99.00")
    assert play.told() == ["1 price"]
    play.now += jump
    assert play.told() == []
    play.shop.product("42", EUR="98.99")
    assert play.told() == []
    play.now -= jump
    play.later(days=1).shop.product("42", EUR="90.00")
    assert play.told() == ["1 price"]
    nothing_is_lost(store, [], mails=0, notifications=2)


def test_a_mirror_that_was_read_in_the_future_is_not_stale(sqlite_store: Store) -> None:
    play = imported(sqlite_store)
    staleness = {"main": timedelta(minutes=120)}
    with sqlite_store.read() as session:
        assert outbox.fresh_sources(session, staleness, play.now - HOUR) == {"main"}


def _berlin(text: str, *, later: bool = False) -> datetime:
    found = parse_time(text, BERLIN, later=later)
    assert found is not None
    return found


def _watch(store: Store, begin: datetime, **fields: object) -> Play:
    """A watch that is told as soon as it is active: its price is below the limit already."""
    play = imported(store)
    play.now = begin
    play.shop.product("42", EUR="90.00")
    play.shop.watch("1", ctime=begin, config=make_config(stock=0), **fields)
    play.sync()
    return play


def _fires_at(play: Play, moment: datetime) -> bool:
    return bool(play.rehearse(seconds=(moment - play.now).total_seconds()))


SECOND = timedelta(seconds=1)


def test_a_watch_that_ends_in_the_hour_that_comes_twice_lasts_until_the_second(sqlite_store: Store) -> None:
    end = _berlin("2026-10-25 02:30:00", later=True)
    assert end == datetime(2026, 10, 25, 1, 30, tzinfo=UTC)
    play = _watch(sqlite_store, _berlin("2026-10-24 12:00:00"), dateend=end)
    assert _fires_at(play, end - HOUR)
    assert _fires_at(play, end - SECOND)
    assert not _fires_at(play, end)


def test_a_watch_that_starts_in_the_hour_that_comes_twice_starts_with_the_first(sqlite_store: Store) -> None:
    start = _berlin("2026-10-25 02:30:00")
    assert start == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    play = _watch(sqlite_store, _berlin("2026-10-24 12:00:00"), datestart=start)
    assert not _fires_at(play, start - SECOND)
    assert _fires_at(play, start)


def test_a_watch_that_starts_in_the_hour_that_is_left_out_starts_an_hour_later_by_the_wall_clock(
    sqlite_store: Store,
) -> None:
    start = _berlin("2026-03-29 02:30:00")
    assert start == datetime(2026, 3, 29, 1, 30, tzinfo=UTC) == _berlin("2026-03-29 03:30:00")
    play = _watch(sqlite_store, _berlin("2026-03-28 12:00:00"), datestart=start)
    assert not _fires_at(play, start - SECOND)
    assert _fires_at(play, start)


@pytest.mark.parametrize("begin", ["2026-03-28 12:00:00", "2026-10-24 12:00:00"])
def test_a_day_of_a_timeframe_is_24_hours_also_where_the_clocks_change(sqlite_store: Store, begin: str) -> None:
    ctime = _berlin(begin)
    play = imported(sqlite_store)
    play.now = ctime
    play.shop.product("42", EUR="90.00")
    play.shop.watch("1", ctime=ctime, config=make_config(stock=0, timeframe=1))
    play.sync()
    assert _fires_at(play, ctime + timedelta(hours=24) - SECOND)
    assert not _fires_at(play, ctime + timedelta(hours=24))


def test_a_mail_is_tried_until_its_watch_ends_by_the_shops_clock(sqlite_store: Store) -> None:
    end = _berlin("2026-10-25 02:30:00", later=True)
    play = _watch(sqlite_store, _berlin("2026-10-24 12:00:00"), dateend=end)
    assert play.scan().fired == 1
    play.compose()
    assert play.row(tables.Mail).expires_at == end
