"""The way to the relay as all dispatchers see it: open, paused by the operator, or closed since a fault and being probed.

Kept in the table `switch`: `paused` is the operator's; `route` says since when and why the way is closed; `route_probe`
when somebody last tried it.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import delete, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from worker.store.tables import Switch

PAUSED = "paused"
ROUTE = "route"
PROBE = "route_probe"

_SHORTEST = timedelta(seconds=15)
_LONGEST = timedelta(minutes=5)


class Fault(StrEnum):
    """Why the way is closed; the first word of the switch's reason."""

    CONFIGURATION = "configuration"
    """The relay refuses us, or we don't trust it: somebody has to change something."""
    UNREACHABLE = "unreachable"
    """It does not answer, or breaks off: it may be back in a moment."""


@dataclass(frozen=True, slots=True)
class Closure:
    """A fault and its reason code, such as `auth_535`."""

    fault: Fault
    reason: str

    def __str__(self) -> str:
        return f"{self.fault}:{self.reason}"


@dataclass(frozen=True, slots=True)
class Way:
    """Whether mails may go. `closed` is a reason, or None; so is `probing`: is that over? Single file until a mail was sent."""

    closed: str | None = None
    probing: str | None = None


def closed(session: Session) -> str | None:
    """Why nothing may be sent, or None: `paused`, or the fault and its reason code, such as `configuration:auth_535`."""
    if session.get(Switch, PAUSED) is not None:
        return PAUSED
    route = session.get(Switch, ROUTE)
    return None if route is None else route.reason


def look(session: Session, now: datetime) -> Way:
    """Which way it is now, for somebody with mail to send. When a probe is due, one of all that look becomes the prober."""
    reason = closed(session)
    route = session.get(Switch, ROUTE)
    if route is None or reason == PAUSED:
        return Way(closed=reason)
    probe = session.get(Switch, PROBE)
    if probe is None:
        _insert(session, Switch(name=PROBE, changed_at=now))
        return Way(closed=reason)
    if now < probe.changed_at + _patience(route, probe):
        return Way(closed=reason)
    ticket = (
        update(Switch)
        .where(Switch.name == PROBE, Switch.changed_at == probe.changed_at)
        .values(changed_at=now)
        .returning(Switch.name)
    )
    return Way(closed=reason) if session.scalar(ticket) is None else Way(probing=reason)


def close(session: Session, closure: Closure, now: datetime) -> None:
    """Close the way, or keep it closed: no mail leaves until a probe gets through."""
    route = session.get(Switch, ROUTE)
    if route is None:
        _insert(session, Switch(name=ROUTE, changed_at=now, reason=str(closure)))
    else:
        route.reason = str(closure)
    probe = session.get(Switch, PROBE)
    if probe is None:
        _insert(session, Switch(name=PROBE, changed_at=now))
    else:
        probe.changed_at = now


def open_again(session: Session) -> None:
    """A mail got through."""
    session.execute(delete(Switch).where(Switch.name.in_((ROUTE, PROBE))))


def try_soon(session: Session, now: datetime) -> bool:
    """Whoever comes next probes a closed way, however short ago that was done. False: it is not closed.

    It stays closed till then, so that mails which were kept because of it are not judged before the relay works.
    """
    if session.get(Switch, ROUTE) is None:
        return False
    session.merge(Switch(name=PROBE, changed_at=now - _LONGEST))
    return True


def _patience(route: Switch, probe: Switch) -> timedelta:
    """Five minutes for a configuration; for a relay that is away as long as it has been away, within bounds."""
    if route.reason.partition(":")[0] == Fault.CONFIGURATION:
        return _LONGEST
    return min(max(probe.changed_at - route.changed_at, _SHORTEST), _LONGEST)


def _insert(session: Session, switch: Switch) -> None:
    try:
        with session.begin_nested():
            session.add(switch)
    except IntegrityError:
        pass  # another dispatcher found out at the same moment
