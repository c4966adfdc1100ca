"""Runs all checks: first whether the parts can be used at all, then what the database tells."""

from collections.abc import Callable
from datetime import datetime

from sqlalchemy.exc import DBAPIError

from worker.configuration import require_sender
from worker.doctor import inside, outside
from worker.doctor.finding import Finding, Level
from worker.errors import WatchpostError
from worker.installation import Installation
from worker.store import schema


def examine(parts: Installation, now: datetime, *, relay: bool, tolerated: int) -> list[Finding]:
    """Every finding, good ones too. `relay` also knocks at the mail relay; `tolerated` mails a day may fail.

    Nothing is changed: what is written is there already, or gone afterwards. No mail is sent.
    """
    database = _tried("database", lambda: _database(parts))
    found = [
        _tried("sender", lambda: _sender(parts)),
        _tried("templates", lambda: _templates(parts)),
        database,
        _tried("broker", lambda: outside.broker(parts.settings)),
    ]
    if database.level is Level.GOOD:
        found += _inside(parts, now, tolerated)
    if relay:
        found.append(_tried("relay", lambda: outside.relay(parts.settings)))
    return found


def _tried(check: str, work: Callable[[], str | Finding]) -> Finding:
    try:
        told = work()
    except WatchpostError as problem:
        return Finding(check, Level.PROBLEM, str(problem))
    return told if isinstance(told, Finding) else Finding(check, Level.GOOD, told)


def _sender(parts: Installation) -> str:
    require_sender(parts.settings)
    _ = parts.key
    return "set, and there is a key for hashes of addresses"


def _templates(parts: Installation) -> str:
    _ = parts.renderer
    return "every template renders"


def _database(parts: Installation) -> str:
    schema.prove_writable(parts.store)
    return f"{parts.store.place} can be written and has this program's schema"


def _inside(parts: Installation, now: datetime, tolerated: int) -> list[Finding]:
    try:
        with parts.store.read() as session:
            return [
                *inside.sources(session, parts.settings, now),
                *inside.stages(session, parts.settings, now),
                *inside.way(session, parts.settings),
                *inside.mails(session, parts.settings, now, tolerated),
                *inside.relations(session, parts.settings),
            ]
    except DBAPIError as problem:
        return [Finding("database", Level.PROBLEM, parts.store.trouble(problem))]
