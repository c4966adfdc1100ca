"""What the last answers say about the relay and about single destinations. Pure; forgotten after the batch."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from worker.dispatch.replies import Kind, Phase, Verdict
from worker.store.tables import Mail

_SEVERAL = 3
_MOST = 20
REST = timedelta(minutes=5)
"""How long a destination is left alone on which the relay breaks off."""
_PAUSES = (timedelta(seconds=15), timedelta(minutes=1), timedelta(minutes=5))


def destination(mail: Mail) -> str:
    """The domain the mail goes to."""
    return mail.recipient.rpartition("@")[2].lower()


@dataclass(frozen=True, slots=True)
class Refusal:
    """A recipient refused for good."""

    mail: Mail
    verdict: Verdict


class Refusals:
    """Recipients refused one after the other, until the relay accepts one again.

    A relay that lost its configuration refuses everybody. So a refusal is believed when the relay accepts another
    recipient, or when the batch ends; several domains in a row speak against the relay. `in_doubt`: it gave us reason to
    doubt it before, so a long row within one domain does, too.
    """

    def __init__(self, *, in_doubt: bool = False) -> None:
        self._in_doubt = in_doubt
        self._waiting: dict[int, Refusal] = {}

    def add(self, refusal: Refusal) -> list[Refusal]:
        """One more in the row. Returns those that must be believed now, because the row gets too long to keep."""
        self._waiting[refusal.mail.id] = refusal
        oldest = list(self._waiting)[:-_MOST]
        return [self._waiting.pop(mail_id) for mail_id in oldest]

    def speak_against_the_relay(self) -> bool:
        """Whether several domains were refused in a row, or too many of one."""
        if self._in_doubt and len(self._waiting) == _MOST:
            return True
        return len({destination(refusal.mail) for refusal in self._waiting.values()}) >= _SEVERAL

    def take(self) -> list[Refusal]:
        """All of the row, which is over."""
        taken = list(self._waiting.values())
        self._waiting.clear()
        return taken


class Sick(Enum):
    """What should be left alone for a while."""

    RELAY = "relay"
    DESTINATION = "destination"


class Trouble:
    """Counts mails on which the relay broke off, one after the other, and tells who is sick.

    The relay, where that happened with several destinations, or before a recipient was named; with one alone it may be
    that one: a relay that asks there first hangs when it does. `patience`: how many mails one destination is allowed.
    """

    def __init__(self, patience: int = _SEVERAL) -> None:
        self._patience = patience
        self._unnamed = 0
        self._named: set[str] = set()
        """Where it happened since the last answer from anywhere."""
        self._strikes: Counter[str] = Counter()
        """How often it happened since the last answer from there."""

    def note(self, domain: str, verdict: Verdict) -> Sick | None:
        """Learn from one answer."""
        broke_off = verdict.kind in {Kind.UNSENT_TRANSIENT, Kind.AMBIGUOUS}
        overloaded = verdict.slow_down and verdict.phase is Phase.MAIL
        if not (broke_off or overloaded):
            self._unnamed = 0
            self._named.clear()
            del self._strikes[domain]
            return None
        if verdict.phase is Phase.MAIL:
            self._unnamed += 1
        else:
            self._named.add(domain)
            self._strikes[domain] += 1
        if self._unnamed + len(self._named) >= _SEVERAL:
            return Sick.RELAY
        if self._strikes[domain] < self._patience:
            return None
        del self._strikes[domain]
        return Sick.DESTINATION


class Pace:
    """Destinations for which the relay asked us to slow down: each further time in a row the pause is longer."""

    def __init__(self) -> None:
        self._strikes: dict[str, int] = {}
        self._until: dict[str, datetime] = {}

    def note(self, domain: str, verdict: Verdict, now: datetime) -> None:
        """Learn from one answer."""
        if verdict.kind is Kind.SENT:
            self._strikes.pop(domain, None)
        elif verdict.slow_down:
            strikes = self._strikes[domain] = self._strikes.get(domain, 0) + 1
            self._until[domain] = now + _PAUSES[min(strikes, len(_PAUSES)) - 1]

    def pause(self, domain: str, until: datetime) -> None:
        """Nothing goes there until then."""
        self._until[domain] = until

    def pause_until(self, domain: str, now: datetime) -> datetime | None:
        """Until when nothing should go there, or None."""
        until = self._until.get(domain)
        return until if until is not None and until > now else None
