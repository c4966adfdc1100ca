"""Sends mails over a few persistent connections at once, inside one event loop."""

import asyncio
import ssl
from collections.abc import Callable, Collection, Sequence

import structlog

from worker import failpoints
from worker.dispatch.counts import Counts
from worker.dispatch.desk import Clock, Desk
from worker.dispatch.feed import Feed
from worker.dispatch.judge import Judge, Write
from worker.dispatch.looks import Looks
from worker.dispatch.replies import Kind, Phase, Verdict
from worker.dispatch.smtp import Connection
from worker.dispatch.threads import Threads
from worker.dispatch.together import Together
from worker.progress import Progress, silent
from worker.settings import Smtp
from worker.store.tables import Mail

_log = structlog.get_logger(__name__)
_PAGE_PER_CONNECTION = 4


class Batch:
    """One event loop's worth of sending. `probing`: why the way is closed; one connection, until the first mail is sent."""

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
        probing: str | None,
        threads: int,
        progress: Progress = silent,
    ) -> None:
        self.claimed = 0
        self._done = 0
        self._progress = progress
        self._desk = desk
        self._counts = counts
        self._stop = stop
        self._probing = probing is not None
        self._threads = Threads(threads)
        self._write: Write = Together(lambda entries: self._threads(desk.write, entries))
        self._judge = Judge(desk, self._threads, self._write, counts, clock, probing=probing)
        width = 1 if self._probing else settings.connections
        self._connections = [Connection(settings, tls) for _ in range(width)]
        page = 1 if self._probing else width * _PAGE_PER_CONNECTION
        self._feed = Feed(self._claim, page=page, share=max(1, width // 2), limit=limit, stop=self._is_over)
        self._looks = Looks(self._permit, self._feed.left_over, clock)
        self._door = asyncio.Lock()
        self._door_is_open = False
        self._failed = False

    @property
    def got_through(self) -> bool:
        """The probe showed that the way is open again."""
        return self._judge.got_through

    async def run(self) -> None:
        """Send until nothing is due, `stop()` says so, or the way closes. Raises the first error of a connection."""
        with self._threads:
            try:
                outcomes = await asyncio.gather(*map(self._work, self._connections), return_exceptions=True)
                await self._judge.end()
            finally:
                left = self._feed.left_over() + self._judge.undecided()
                if left:
                    await self._threads(self._desk.hand_back, left)
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
                    await self._threads(self._desk.put_aside, mail)
                    raise
                self._feed.done(mail)
                self._done += 1
                self._progress("mails", self._done)
        finally:
            await connection.close()

    async def _serve(self, connection: Connection, mail: Mail) -> bool:
        """Deal with one mail. False: this connection can't, and ends."""
        if await self._judge.should_wait(mail):
            return True
        if not connection.usable and not await self._open(connection):
            return False
        if await self._looks.at(mail) is not None:
            return True
        verdict = await connection.envelope(mail.sender, mail.recipient, mail.message)
        if verdict is not None and connection.worn and _is_silence_at_mail(verdict):
            # Relays close connections that were idle or have carried enough; that says nothing about this mail.
            if not await self._open(connection):
                return False
            verdict = await connection.envelope(mail.sender, mail.recipient, mail.message)
        if verdict is None:
            await self._judge.recipient_accepted()
            verdict = await self._submit(connection, mail)
        if verdict is None:
            self._counts.lost += 1
        else:
            await self._judge.conclude(mail, verdict)
        return True

    async def _submit(self, connection: Connection, mail: Mail) -> Verdict | None:
        if not await self._write((mail, None)):
            await connection.reset()
            return None
        failpoints.hit("dispatch.submitting")
        verdict = await connection.submit(mail.message)
        failpoints.hit("dispatch.replied")
        return verdict

    async def _open(self, connection: Connection) -> bool:
        """Open it. The first one goes alone, so that a relay that refuses us is asked once and not by all at once."""
        async with self._door:
            if not self._door_is_open:
                return not self._is_over() and await self._try_to_open(connection)
        return await self._try_to_open(connection)

    async def _try_to_open(self, connection: Connection) -> bool:
        verdict = await connection.open()
        if verdict is None:
            self._door_is_open = True
            return True
        # A relay may allow fewer connections than we are set to use; the way is closed when none is left.
        if not any(other.usable for other in self._connections):
            await self._judge.close(verdict)
        return False

    async def _claim(self, limit: int, excluding: Collection[str]) -> list[Mail]:
        reaped, mails = await self._threads(self._desk.claim, limit, self._probing, excluding)
        failpoints.hit("dispatch.claimed")
        self._counts.add_reaped(reaped)
        self.claimed += len(mails)
        return mails

    async def _permit(self, mails: Sequence[Mail]) -> list[str | None]:
        found = await self._threads(self._desk.permit, mails)
        for ended in filter(None, found):
            self._counts.add(ended)  # at once: the turn of a mail that was looked at along with others may never come
        return found

    def _is_over(self) -> bool:
        return self._failed or self._judge.got_through or self._judge.closed is not None or self._stop()


def _is_silence_at_mail(verdict: Verdict) -> bool:
    return verdict.phase is Phase.MAIL and verdict.kind is Kind.UNSENT_TRANSIENT


def _raise_first(errors: Sequence[BaseException]) -> None:
    for other in errors[1:]:
        _log.error("another connection failed as well", error=type(other).__name__)
    if errors:
        raise errors[0]
