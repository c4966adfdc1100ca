"""Single flight: one fenced, renewed lease per stage and source, living by the database's clock.

The token is the fence: whoever takes a lease over writes another one. The time only says when that may be done.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from threading import Event, Thread
from uuid import uuid4

import structlog
from sqlalchemy import ColumnElement, Interval, Update, bindparam, func, update
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from sqlalchemy.orm import Session

from worker.errors import AlreadyRunningError, LeaseLostError
from worker.store import tables
from worker.store.base import bare
from worker.store.session import Store
from worker.store.steady import steady
from worker.store.types import UtcDateTime

_FAREWELL = 5.0
"""Seconds for the keeper to come to its end; one that hangs renews nothing that was given back."""
_log = structlog.get_logger(__name__)


def _renewal(until: ColumnElement[datetime]) -> Update:
    # Built once: each transaction of each stage runs it.
    lease = bare(tables.Lease)
    held = (lease.c.name == bindparam("held"), lease.c.token == bindparam("by"))
    return update(lease).where(*held).values(lease_until=until).returning(lease.c.name)


_BY_OUR_CLOCK = _renewal(bindparam("until", type_=UtcDateTime))
_BY_ITS_CLOCK = _renewal(func.clock_timestamp() + bindparam("ttl", type_=Interval))


class Lease:
    """The right to run a stage. Call `renew` in each of the stage's transactions: it fences them."""

    def __init__(self, store: Store, name: str, token: str, ttl: timedelta) -> None:
        self.name = name
        self._store = store
        self._token = token
        self._ttl = ttl

    def renew(self, session: Session) -> None:
        """Extend the lease inside the caller's transaction. Raises LeaseLostError where another process took over."""
        held = {"held": self.name, "by": self._token}
        if self._store.is_sqlite:
            kept = session.execute(_BY_OUR_CLOCK, held | {"until": self._store.lease_now(session) + self._ttl})
        else:
            kept = session.execute(_BY_ITS_CLOCK, held | {"ttl": self._ttl})
        if kept.first() is None:
            raise LeaseLostError(
                f"{self.name}: another process took over while this one was held up; nothing was written since"
            )

    def keep(self, done: Event) -> None:
        """Renew it from time to time until `done`: its holder may wait for a shop longer than it lasts."""
        while not done.wait(self._ttl.total_seconds() / 3):
            try:
                with self._store.begin() as session:
                    self.renew(session)
            except LeaseLostError:
                return  # the holder finds out when it writes
            except SQLAlchemyError as problem:
                _log.warning("lease not renewed", lease=self.name, error=type(problem).__name__)

    @steady
    def release(self) -> None:
        """Give the lease back; a lost one is left alone."""
        with self._store.begin() as session:
            session.execute(
                update(tables.Lease)
                .where(tables.Lease.name == self.name, tables.Lease.token == self._token)
                .values(token=None, lease_until=None)
            )


def acquire(store: Store, name: str, ttl: timedelta) -> Lease:
    """Take the lease. Raises AlreadyRunningError where somebody holds it."""
    token = str(uuid4())
    _take(store, name, token, ttl)
    return Lease(store, name, token, ttl)


@steady
def _take(store: Store, name: str, token: str, ttl: timedelta) -> None:
    try:
        _claim(store, name, token, ttl)
    except IntegrityError:  # another process created the row first; both now compete for it
        _claim(store, name, token, ttl)


def _claim(store: Store, name: str, token: str, ttl: timedelta) -> None:
    with store.begin() as session:
        row = session.get(tables.Lease, name, with_for_update=True)
        if row is None:
            row = tables.Lease(name=name)
            session.add(row)
        now = store.lease_now(session)
        # With our own token it is ours: the commit came through whose answer was lost.
        if row.token not in {None, token} and row.lease_until is not None and row.lease_until > now:
            raise AlreadyRunningError(
                f"{name} is already running (its lease lasts until {row.lease_until:%Y-%m-%d %H:%M:%S} UTC)"
            )
        row.token, row.lease_until = token, now + ttl


@contextmanager
def single_flight(store: Store, name: str, ttl: timedelta = timedelta(minutes=5)) -> Iterator[Lease]:
    """Hold the lease `name` for a block of work. Raises AlreadyRunningError where somebody else does."""
    lease, done = acquire(store, name, ttl), Event()
    keeper = Thread(target=lease.keep, args=(done,), name=f"lease {name}", daemon=True)
    keeper.start()
    try:
        yield lease
    finally:
        done.set()
        keeper.join(_FAREWELL)
        lease.release()
