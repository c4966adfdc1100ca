"""The dispatcher's paperwork: each method is one short transaction, called from a thread, never across network I/O."""

import random
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast
from uuid import uuid4

from sqlalchemy.orm import Session

from worker.dispatch import route
from worker.dispatch.replies import Kind, Verdict
from worker.domain import retry
from worker.log import address_hash
from worker.settings import Settings
from worker.store import outbox, suppression
from worker.store.outbox import Final, Reaped
from worker.store.session import Store
from worker.store.steady import steady
from worker.store.tables import Mail

Clock = Callable[[], datetime]
Recheck = Callable[[Session, Sequence[Mail], datetime], Sequence[str | None]]
"""Whether these mails may still go: for each None, or the reason, after it settled the mail in the same session.

A mail it refused without settling it is put off for some minutes.
"""

_SECOND_CHANCE = "route_"
"""Begins the reason of a mail that was kept because its refusal spoke against the relay."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """Whether there is anything to do, and which way."""

    due: bool
    way: route.Way


class Desk:
    """Reads and writes the outbox for one dispatch. Every update is fenced by the mail's token, so each may be repeated."""

    def __init__(self, store: Store, settings: Settings, clock: Clock, recheck: Recheck, hash_key: bytes) -> None:
        self._store = store
        self._clock = clock
        self._recheck = recheck
        self._hash_key = hash_key
        self._lease = timedelta(seconds=settings.smtp.lease_seconds)
        self._resend = settings.smtp.ambiguous == "resend"
        self._staleness = {
            name: timedelta(minutes=shop.max_staleness_minutes) for name, shop in settings.sources.items()
        }

    def tidy(self) -> tuple[Reaped, int]:
        """Take back what died dispatchers left, and end what is too late; the latter's number is second."""
        reaped = self._take_back()
        expired = 0
        while some := self._expire():
            expired += some
        return reaped, expired

    @steady
    def look(self) -> Outlook:
        """Whether mails are due and may go."""
        now = self._clock()
        with self._store.begin() as session:
            if outbox.is_due(session, sources=self._sources(session, now), now=now):
                return Outlook(True, route.look(session, now))
            return Outlook(False, route.Way(closed=route.closed(session)))

    @steady
    def claim(self, limit: int, probing: bool, excluding: Collection[str] = ()) -> tuple[Reaped, list[Mail]]:
        """Lease the next mails, unless somebody closed the way meanwhile (a prober goes where it is closed).

        `excluding`: destinations that have their share already.
        """
        now = self._clock()
        with self._store.begin() as session:
            reaped = self._reap(session, now)
            closed = route.closed(session)
            if closed == route.PAUSED or (closed and not probing):
                return reaped, []
            return reaped, outbox.claim(
                session,
                token=str(uuid4()),
                limit=limit,
                sources=self._sources(session, now),
                now=now,
                lease_now=self._store.lease_now(session),
                lease=self._lease,
                excluding=excluding,
            )

    @steady
    def permit(self, mails: Sequence[Mail]) -> list[str | None]:
        """For each None when it may go; else the state it is in now, or `lost`."""
        now = self._clock()
        with self._store.begin() as session:
            lease_now = self._store.lease_now(session)
            rows = outbox.keep(session, list(map(_held, mails)), lease_now=lease_now, lease=self._lease)
            ended = {mail.id: "lost" for mail in mails if mail.id not in rows}
            ended |= self._too_late(session, rows.values(), now)
            asked = [row for row in rows.values() if row.id not in ended]
            refused = [row for row, reason in zip(asked, self._recheck(session, asked, now), strict=True) if reason]
            session.flush()  # refreshing alone would undo what was set on the rows
            ended |= {row.id: self._refused(session, row, now) for row in refused}
        return [ended.get(mail.id) for mail in mails]

    @steady
    def write(self, entries: Sequence[tuple[Mail, Verdict | None]]) -> list[bool]:
        """One commit for all: the body of a mail is about to go (no verdict), or the relay has it. False: its lease was lost."""
        now = self._clock()
        going: list[outbox.Held] = []
        gone: dict[tuple[str, int | None], list[outbox.Held]] = {}
        for mail, verdict in entries:
            (going if verdict is None else gone.setdefault((verdict.reason, verdict.code), [])).append(_held(mail))
        with self._store.begin() as session:
            written: set[int] = set()
            for (reason, code), held in gone.items():
                written |= outbox.settle_sent(session, held, now=now, reason=reason, code=code)
            if going:
                lease_now = self._store.lease_now(session)
                written |= outbox.mark_submitting(session, going, lease_now=lease_now, lease=self._lease)
        return [mail.id in written for mail, _ in entries]

    @steady
    def reopen_route(self) -> None:
        """A probe got through."""
        with self._store.begin() as session:
            route.open_again(session)

    @steady
    def failed(self, mail: Mail, verdict: Verdict) -> str:
        """The relay refuses it for good; an address that does not exist gets no mail any more."""
        now = self._clock()
        with self._store.begin() as session:
            if verdict.kind is Kind.ADDRESS_REJECTED:
                suppression.suppress(session, self._hash(mail.recipient), reason=verdict.reason, now=now)
            return self._end(session, mail, "failed", now, verdict)

    @steady
    def retried(self, mail: Mail, verdict: Verdict) -> str:
        """The relay refuses it for now."""
        again = self._clock() + retry.delay(mail.attempts + 1, _jitter())
        with self._store.begin() as session:
            kept = outbox.settle_retry(
                session,
                mail.id,
                _token(mail),
                next_attempt_at=again,
                reason=verdict.reason,
                code=verdict.code,
            )
        return "retried" if kept else "lost"

    @steady
    def ambiguous(self, mail: Mail, verdict: Verdict) -> str:
        """Nobody knows whether the relay has it. Returns its state, or `lost`."""
        now = self._clock()
        with self._store.begin() as session:
            state = outbox.settle_ambiguous(
                session,
                mail.id,
                _token(mail),
                resend=self._resend,
                now=now,
                next_attempt_at=now + retry.delay(1, _jitter()),
                reason=verdict.reason,
            )
        return state or "lost"

    @steady
    def put_off(self, mail: Mail, reason: str, until: datetime | None = None) -> None:
        """Unsent; later, without counting an attempt."""
        again = until or self._clock() + retry.delay(1, _jitter())
        with self._store.begin() as session:
            outbox.put_off(session, mail.id, _token(mail), next_attempt_at=again, reason=reason)

    @steady
    def put_off_destination(self, domain: str, reason: str, until: datetime) -> None:
        """The relay breaks off on mails that go there: later, all of them."""
        with self._store.begin() as session:
            outbox.put_off_destination(session, domain, next_attempt_at=until, reason=reason)

    @steady
    def put_aside(self, mail: Mail) -> None:
        """Working on it raised an error: let others go first, unless its body may be on the way."""
        again = self._clock() + retry.delay(1, _jitter())
        with self._store.begin() as session:
            outbox.release(session, mail.id, _token(mail), next_attempt_at=again)

    @steady
    def hand_back(self, mails: Iterable[Mail]) -> None:
        """Not begun; whoever comes next may have them."""
        with self._store.begin() as session:
            for mail in mails:
                outbox.release(session, mail.id, _token(mail))

    @steady
    def close_route(self, closure: route.Closure, mails: Iterable[tuple[Mail, Verdict]]) -> None:
        """Close the way. `mails` whose refusal led to that are kept; others go first when it opens again."""
        now = self._clock()
        again = now + retry.delay(1, _jitter())
        with self._store.begin() as session:
            route.close(session, closure, now)
            for mail, verdict in mails:
                kept = _SECOND_CHANCE + verdict.reason
                outbox.put_off(session, mail.id, _token(mail), next_attempt_at=again, reason=kept)

    @steady
    def remainder(self) -> tuple[int, str | None]:
        """How many mails are pending, and why the way is closed, if it is."""
        with self._store.read() as session:
            return outbox.waiting(session), route.closed(session)

    @steady
    def _take_back(self) -> Reaped:
        now = self._clock()
        with self._store.begin() as session:
            return self._reap(session, now)

    @steady
    def _expire(self) -> int:
        now = self._clock()
        with self._store.begin() as session:
            return outbox.expire(session, now)

    def _reap(self, session: Session, now: datetime) -> Reaped:
        return outbox.reap(session, now=now, lease_now=self._store.lease_now(session), resend=self._resend)

    def _sources(self, session: Session, now: datetime) -> frozenset[str]:
        return outbox.fresh_sources(session, self._staleness, now)

    def _too_late(self, session: Session, rows: Collection[Mail], now: datetime) -> dict[int, str]:
        """Ends the mails whose window is over or whose address gets no mail any more; the state of each."""
        if suppression.is_empty(session):  # hashing addresses takes longer than asking
            late = [row for row in rows if now >= row.expires_at]
            return {row.id: self._end(session, row, "expired", now) for row in late}
        hashes = {row.id: {self._hash(address) for address in {row.recipient, row.customer_email}} for row in rows}
        unwanted = suppression.suppressed(session, set().union(*hashes.values()))
        ended: dict[int, str] = {}
        for row in rows:
            if now >= row.expires_at:
                ended[row.id] = self._end(session, row, "expired", now)
            elif hashes[row.id] & unwanted:
                ended[row.id] = self._end(session, row, "suppressed", now)
        return ended

    def _refused(self, session: Session, row: Mail, now: datetime) -> str:
        """The state of a mail that the last look found something against; what it left leased waits some minutes."""
        session.refresh(row)
        if row.state != "leased":
            return row.state
        outbox.release(session, row.id, _token(row), next_attempt_at=now + retry.delay(1, _jitter()))
        return "waiting"

    def _hash(self, address: str) -> str:
        return address_hash(self._hash_key, address)

    def _end(self, session: Session, mail: Mail, state: Final, now: datetime, verdict: Verdict | None = None) -> str:
        mine = outbox.settle(
            session,
            mail.id,
            _token(mail),
            state,
            now=now,
            reason=verdict.reason if verdict else state,
            code=verdict.code if verdict else None,
            answered=verdict is not None and verdict.code is not None,
        )
        return state if mine else "lost"


def had_second_chance(mail: Mail) -> bool:
    """It was kept once although its recipient was refused, and the relay has worked since."""
    return (mail.reason or "").startswith(_SECOND_CHANCE)


def _held(mail: Mail) -> outbox.Held:
    return mail.id, _token(mail)


def _token(mail: Mail) -> str:
    return cast(str, mail.lease_token)  # a claimed mail has one


def _jitter() -> float:
    return random.uniform(-1, 1)  # noqa: S311 - spreads retries, protects nothing
