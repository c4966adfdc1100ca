"""Decides what a verdict means for the mail, for its destination and for the way to the relay, and writes it down."""

from collections.abc import Sequence
from typing import TypeAlias

import structlog

from worker.dispatch.counts import Counts
from worker.dispatch.desk import Clock, Desk, had_second_chance
from worker.dispatch.health import REST, Pace, Refusal, Refusals, Sick, Trouble, destination
from worker.dispatch.replies import Kind, Phase, Verdict
from worker.dispatch.route import Closure, Fault
from worker.dispatch.threads import Threads
from worker.dispatch.together import Together
from worker.store.tables import Mail

_log = structlog.get_logger(__name__)

_REFUSES = (f"{Fault.CONFIGURATION}:{Phase.RCPT}_",)
"""The way was closed because recipients are refused: another refusal is no news."""
_BREAKS_OFF_LATER = tuple(f"{Fault.UNREACHABLE}:{phase}_" for phase in (Phase.DATA, Phase.BODY))
"""The way was closed because of what comes after the recipient: a refusal says nothing about that."""

Write: TypeAlias = Together[tuple[Mail, Verdict | None], bool]
"""Desk.write, for one mail at a time."""


class Judge:
    """One for a batch. `probing`: why the way is closed; this batch tries whether it still should be."""

    def __init__(
        self, desk: Desk, threads: Threads, write: Write, counts: Counts, clock: Clock, *, probing: str | None
    ) -> None:
        self.closed: Closure | None = None
        """Why this batch closed the way."""
        self.got_through = False
        """The probe showed that the way is open again."""
        self._desk = desk
        self._threads = threads
        self._write = write
        self._counts = counts
        self._clock = clock
        self._probing = probing
        self._refusals = Refusals(in_doubt=probing is not None)
        self._trouble = Trouble() if probing is None else Trouble(1)  # so that the next probe goes elsewhere
        self._pace = Pace()

    async def should_wait(self, mail: Mail) -> bool:
        """Put the mail off if its destination asked us to slow down."""
        until = self._pace.pause_until(destination(mail), self._clock())
        if until is not None:
            await self._threads(self._desk.put_off, mail, "slow_down", until)
        return until is not None

    async def conclude(self, mail: Mail, verdict: Verdict) -> None:
        """Settle the mail, and draw the conclusions."""
        self._pace.note(destination(mail), verdict, self._clock())
        sick = self._trouble.note(destination(mail), verdict)
        until = self._clock() + REST
        if sick is Sick.DESTINATION:
            self._pace.pause(destination(mail), until)  # at once: the other connections go on meanwhile
        match verdict.kind:
            case Kind.SENT:
                await self._sent(mail, verdict)
            case Kind.TRANSIENT:
                self._count(mail, verdict, await self._threads(self._desk.retried, mail, verdict))
            case Kind.AMBIGUOUS:
                await self._ambiguous(mail, verdict)
            case Kind.UNSENT_TRANSIENT:
                await self._threads(self._desk.put_off, mail, verdict.reason)
            case Kind.ROUTE_PAUSED:
                await self._refused(mail, verdict)
            case Kind.PERMANENT | Kind.ADDRESS_REJECTED if verdict.phase is Phase.RCPT:
                await self._refused(mail, verdict)
            case Kind.PERMANENT | Kind.ADDRESS_REJECTED:
                await self._fail(mail, verdict)
        if sick is Sick.RELAY:
            await self.close(verdict)
        elif sick is Sick.DESTINATION:
            await self._threads(self._desk.put_off_destination, destination(mail), verdict.reason, until)
            _log.warning("destination left alone", reason=verdict.reason, until=until.isoformat())

    async def recipient_accepted(self) -> None:
        """The relay takes mail from us, so those it refused before, it meant."""
        for refusal in self._refusals.take():
            await self._fail(refusal.mail, refusal.verdict)

    async def end(self) -> None:
        """Nothing more comes: few refusals are believed, unless there is another reason to doubt the relay."""
        refusals = self._refusals.take()
        if self.closed is not None:
            for refusal in refusals:
                await self._threads(self._desk.put_off, refusal.mail, refusal.verdict.reason)
        elif refusals and self._is_closed_because(_REFUSES):
            await self.close(refusals[-1].verdict, refusals)
        else:
            for refusal in refusals:
                await self._fail(refusal.mail, refusal.verdict)
            if refusals and self._probing is not None and not self._is_closed_because(_BREAKS_OFF_LATER):
                await self._reopen()  # it answers again, and refused these for their own sake

    def undecided(self) -> list[Mail]:
        """Mails that are still leased because their refusal is in doubt."""
        return [refusal.mail for refusal in self._refusals.take()]

    async def close(self, verdict: Verdict, refusals: Sequence[Refusal] = ()) -> None:
        """Close the way for all dispatchers; mails whose refusal led to that are kept."""
        if self.closed is None:
            about_us = bool(refusals) or verdict.kind is Kind.ROUTE_PAUSED
            self.closed = Closure(Fault.CONFIGURATION if about_us else Fault.UNREACHABLE, verdict.reason)
            _log.warning("route closed", fault=self.closed.fault.value, reason=self.closed.reason)
        elif not refusals:
            return  # the first reason of all connections is the one to repair
        kept = [(refusal.mail, refusal.verdict) for refusal in refusals]
        await self._threads(self._desk.close_route, self.closed, kept)

    async def _sent(self, mail: Mail, verdict: Verdict) -> None:
        self._count(mail, verdict, "sent" if await self._write((mail, verdict)) else "lost")
        if self._probing is not None:
            await self._reopen()

    async def _reopen(self) -> None:
        await self._threads(self._desk.reopen_route)
        self.got_through = True
        _log.info("route open again")

    def _is_closed_because(self, reasons: tuple[str, ...]) -> bool:
        return (self._probing or "").startswith(reasons)

    async def _ambiguous(self, mail: Mail, verdict: Verdict) -> None:
        state = await self._threads(self._desk.ambiguous, mail, verdict)
        self._count(mail, verdict, "lost" if state == "lost" else "ambiguous")
        if state == "held":
            self._counts.held += 1

    async def _refused(self, mail: Mail, verdict: Verdict) -> None:
        """The relay refuses our sender or the recipient: is it about this mail, or about us?"""
        again = had_second_chance(mail)
        if again and self._probing is None:
            await self._fail(mail, verdict)
            return
        for believed in self._refusals.add(Refusal(mail, verdict)):
            await self._fail(believed.mail, believed.verdict)
        about_us = verdict.kind is Kind.ROUTE_PAUSED and not (again and verdict.phase is Phase.RCPT)
        if about_us or self._refusals.speak_against_the_relay():
            await self.close(verdict, self._refusals.take())

    async def _fail(self, mail: Mail, verdict: Verdict) -> None:
        self._count(mail, verdict, await self._threads(self._desk.failed, mail, verdict))

    def _count(self, mail: Mail, verdict: Verdict, outcome: str) -> None:
        self._counts.add(outcome)
        if outcome not in {"sent", "retried"}:
            _log.warning("mail not sent", mail=mail.id, outcome=outcome, reason=verdict.reason)
