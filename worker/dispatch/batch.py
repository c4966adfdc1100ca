"""Sends mails over a few persistent connections at once, inside one event loop."""

import asyncio
import ssl
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, TypeVar

import structlog

from worker import failpoints
from worker.dispatch.counts import Counts
from worker.dispatch.desk import Clock, Desk, had_second_chance
from worker.dispatch.feed import Feed
from worker.dispatch.health import Pace, Refusal, Refusals, Trouble, destination
from worker.dispatch.replies import Kind, Phase, Verdict
from worker.dispatch.route import Closure, Fault
from worker.dispatch.smtp import Connection
from worker.settings import Smtp
from worker.store.tables import Mail

_log = structlog.get_logger(__name__)
_PAGE_PER_CONNECTION = 4
P = ParamSpec("P")
T = TypeVar("T")


class Batch:
    """One event loop's worth of sending. `probing`: one connection, and the first mail sent ends the batch."""

    def __init__(
        self,
        desk: Desk,
        counts: Counts,
        settings: Smtp,
        tls: ssl.SSLContext | None,
        *,
        clock: Clock,
        stop: Callable[[], bool],
        limit: int | None,
        probing: bool,
        threads: int,
    ) -> None:
        self.got_through = False
        """A probe was sent: the way is open again."""
        self.claimed = 0
        self.closed: Closure | None = None
        """Why this batch closed the way."""
        self._desk = desk
        self._counts = counts
        self._clock = clock
        self._stop = stop
        self._probing = probing
        width = 1 if probing else settings.connections
        self._connections = [Connection(settings, tls) for _ in range(width)]
        self._page = 1 if probing else width * _PAGE_PER_CONNECTION
        self._limit = limit
        self._refusals = Refusals()
        self._trouble = Trouble()
        self._pace = Pace()
        self._opening = 0
        self._proven = False
        self._failed = False
        self._threads = ThreadPoolExecutor(max_workers=threads, thread_name_prefix="dispatch-db")

    async def run(self) -> None:
        """Send until nothing is due, `stop()` says so, or the way closes. Raises the first error of a connection."""
        self._first = asyncio.Lock()
        self._feed = Feed(self._claim, page=self._page, limit=self._limit, stop=self._is_over)
        with self._threads:
            try:
                outcomes = await asyncio.gather(*map(self._work, self._connections), return_exceptions=True)
                await self._judge_refusals()
            finally:
                left = [*self._feed.left_over(), *(refusal.mail for refusal in self._refusals.take())]
                if left:
                    await self._db(self._desk.hand_back, left)
        _raise_first([outcome for outcome in outcomes if outcome is not None])

    async def _work(self, connection: Connection) -> None:
        try:
            while (mail := await self._feed.next()) is not None:
                try:
                    if not await self._serve(connection, mail):
                        self._feed.put_back(mail)
                        return
                except Exception:
                    self._failed = True  # the others finish what they have begun
                    await self._db(self._desk.put_aside, mail)
                    raise
                self._feed.done(mail)
        finally:
            await connection.close()

    async def _serve(self, connection: Connection, mail: Mail) -> bool:
        """Deal with one mail. False: this connection can't, and ends."""
        pause = self._pace.pause_until(destination(mail), self._clock())
        if pause is not None:
            await self._db(self._desk.put_off, mail, "slow_down", pause)
            return True
        if not connection.usable and not await self._open(connection):
            return False
        ended = await self._db(self._desk.permit, mail)
        if ended is not None:
            self._counts.add(ended)
            return True
        verdict = await connection.envelope(mail.sender, mail.recipient, mail.message)
        if verdict is not None and connection.worn and _is_silence_at_mail(verdict):
            # Relays close connections that were idle or have carried enough; that says nothing about this mail.
            if not await self._open(connection):
                return False
            verdict = await connection.envelope(mail.sender, mail.recipient, mail.message)
        if verdict is None:
            await self._believe_refusals()
            verdict = await self._submit(connection, mail)
        if verdict is None:
            self._counts.lost += 1
        else:
            await self._conclude(mail, verdict)
        return True

    async def _submit(self, connection: Connection, mail: Mail) -> Verdict | None:
        if not await self._db(self._desk.mark_submitting, mail):
            await connection.reset()
            return None
        failpoints.hit("dispatch.submitting")
        verdict = await connection.submit(mail.message)
        failpoints.hit("dispatch.replied")
        return verdict

    async def _open(self, connection: Connection) -> bool:
        """Open it. The first one goes alone, so that a relay that refuses us is asked once and not by all at once."""
        async with self._first:
            if not self._proven:
                return not self._is_over() and await self._try_to_open(connection)
        return await self._try_to_open(connection)

    async def _try_to_open(self, connection: Connection) -> bool:
        self._opening += 1
        try:
            verdict = await connection.open()
        finally:
            self._opening -= 1
        if verdict is None:
            self._proven = True
            return True
        # A relay may allow fewer connections than we are set to use; the way is closed when none is left.
        if not self._opening and not any(other.usable for other in self._connections):
            await self._close(verdict)
        return False

    async def _conclude(self, mail: Mail, verdict: Verdict) -> None:
        self._pace.note(destination(mail), verdict, self._clock())
        sick = self._trouble.note(verdict)
        match verdict.kind:
            case Kind.SENT:
                self._count(mail, verdict, await self._db(self._desk.sent, mail, verdict, self._probing))
                self.got_through = self._probing
            case Kind.TRANSIENT:
                self._count(mail, verdict, await self._db(self._desk.retried, mail, verdict))
            case Kind.AMBIGUOUS:
                await self._note_ambiguous(mail, verdict)
            case Kind.UNSENT_TRANSIENT:
                await self._db(self._desk.put_off, mail, verdict.reason)
            case Kind.ROUTE_PAUSED:
                await self._refused(mail, verdict, at_once=True)
            case Kind.PERMANENT | Kind.ADDRESS_REJECTED:
                if verdict.phase is Phase.RCPT:
                    await self._refused(mail, verdict, at_once=self._probing)
                else:
                    await self._fail(mail, verdict)
        if sick:
            await self._close(verdict)

    async def _refused(self, mail: Mail, verdict: Verdict, *, at_once: bool) -> None:
        """The relay refuses the sender or the recipient: is it about this mail, or about us?"""
        if had_second_chance(mail) and not self._probing:
            await self._fail(mail, verdict)
            return
        for believed in self._refusals.add(Refusal(mail, verdict)):
            await self._fail(believed.mail, believed.verdict)
        if at_once or self._refusals.speak_against_the_relay():
            await self._close(verdict, self._refusals.take())

    async def _believe_refusals(self) -> None:
        for refusal in self._refusals.take():
            await self._fail(refusal.mail, refusal.verdict)

    async def _judge_refusals(self) -> None:
        """At the end of the batch: few refusals are believed, unless there is another reason to doubt the relay."""
        if self.closed is None:
            await self._believe_refusals()
            return
        for refusal in self._refusals.take():
            await self._db(self._desk.put_off, refusal.mail, refusal.verdict.reason)

    async def _fail(self, mail: Mail, verdict: Verdict) -> None:
        self._count(mail, verdict, await self._db(self._desk.failed, mail, verdict))

    async def _note_ambiguous(self, mail: Mail, verdict: Verdict) -> None:
        state = await self._db(self._desk.ambiguous, mail, verdict)
        self._count(mail, verdict, state if state == "lost" else "ambiguous")
        if state == "held":
            self._counts.held += 1

    async def _close(self, verdict: Verdict, refusals: Sequence[Refusal] = ()) -> None:
        if self.closed is None:
            about_us = bool(refusals) or verdict.kind is Kind.ROUTE_PAUSED
            self.closed = Closure(Fault.CONFIGURATION if about_us else Fault.UNREACHABLE, verdict.reason)
            _log.warning("route closed", fault=str(self.closed.fault), reason=self.closed.reason)
        elif not refusals:
            return  # the first reason of all connections is the one to repair
        kept = [(refusal.mail, refusal.verdict) for refusal in refusals]
        await self._db(self._desk.close_route, self.closed, kept)

    async def _claim(self, limit: int) -> list[Mail]:
        reaped, mails = await self._db(self._desk.claim, limit, self._probing)
        failpoints.hit("dispatch.claimed")
        self._counts.add_reaped(reaped)
        self.claimed += len(mails)
        return mails

    def _count(self, mail: Mail, verdict: Verdict, state: str) -> None:
        self._counts.add(state)
        if state not in {"sent", "retried"}:
            _log.warning(f"mail {state}", mail=mail.id, reason=verdict.reason)

    def _is_over(self) -> bool:
        return self._failed or self.got_through or self.closed is not None or self._stop()

    async def _db(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, partial(call, *args, **kwargs))


def _is_silence_at_mail(verdict: Verdict) -> bool:
    return verdict.phase is Phase.MAIL and verdict.kind is Kind.UNSENT_TRANSIENT


def _raise_first(errors: Sequence[BaseException]) -> None:
    for other in errors[1:]:
        _log.error("another connection failed as well", error=type(other).__name__)
    if errors:
        raise errors[0]
