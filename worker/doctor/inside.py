"""Checks of what the database tells: shops, stages, the way to the relay, mails and relations."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import Session

from worker.dispatch import route
from worker.dispatch.remedies import remedy
from worker.doctor.finding import Finding, Level
from worker.domain.reasons import SENTENCES, Reason
from worker.heartbeat import late
from worker.outbox_view import OPEN_STATES, WHAT_TO_DO, stranded
from worker.settings import Settings
from worker.store.tables import Mail, Relation, Run, SourceState, Switch

_LATELY = timedelta(days=1)
"""What ended in a state that nobody wants is shown so long; after that it stays in `status` and `outbox list`."""
_NOTABLE_GAP = timedelta(minutes=1)


def sources(session: Session, settings: Settings, now: datetime) -> Iterator[Finding]:
    """Is what we know of each shop fresh enough to send mails?"""
    if not settings.sources:
        yield Finding("shops", Level.PROBLEM, "no shop is connected", "add a table [sources.NAME] to the settings")
    for name, shop in sorted(settings.sources.items()):
        state = session.get(SourceState, name)
        last = state.last_good_sync_at if state else None
        if last is None or now - last > timedelta(minutes=shop.max_staleness_minutes):
            since = f"since {_moment(last)}" if last else "ever"
            yield Finding(
                f"shop {name}", Level.PROBLEM, f"no good sync {since}: nothing of it is sent", f"watchpost sync {name}"
            )
        else:
            yield Finding(f"shop {name}", Level.GOOD, f"last good sync {_moment(last)}")
        gap = timedelta(seconds=state.clock_gap_seconds or 0) if state else timedelta(0)
        if abs(gap) >= _NOTABLE_GAP:
            way = "ahead of" if gap > timedelta(0) else "behind"
            text = f"its clock is {abs(gap).total_seconds():,.0f} s {way} ours"
            yield Finding(f"shop {name}", Level.NOTE, text, "set both by NTP")


def stages(session: Session, settings: Settings, now: datetime) -> Iterator[Finding]:
    """Did every stage run in time, and did its last run come to a good end? Only of shops in the settings."""
    behind = late(session, settings, now)
    for stage in behind:
        since = f"has not run since {_moment(stage.since)}" if stage.since else "has never run"
        name = f"stage {stage.stage} {stage.source}".rstrip()
        yield Finding(name, Level.PROBLEM, since, "do beat, worker and broker run?")
    newest = select(func.max(Run.id)).group_by(Run.stage, Run.source)
    failed = 0
    last = select(Run).where(Run.id.in_(newest), Run.source.in_(["", *settings.sources]))
    for run in session.scalars(last.order_by(Run.stage, Run.source)):
        errors = [run.error] if run.error else (run.counts or {}).get("errors") or []
        if errors:
            failed += 1
            more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
            yield Finding(
                f"stage {run.stage} {run.source}".rstrip(),
                Level.PROBLEM,
                f"its run of {_moment(run.started_at)} complained: {errors[0]}{more}",
                "watchpost status",
            )
    if not behind and not failed:
        yield Finding("stages", Level.GOOD, "all ran in time and without complaints")


def way(session: Session, settings: Settings) -> Iterator[Finding]:
    """May mails leave at all?"""
    paused, closed = session.get(Switch, route.PAUSED), session.get(Switch, route.ROUTE)
    if paused is not None:
        text = f"paused since {_moment(paused.changed_at)}: {paused.reason or 'no reason given'}"
        yield Finding("way to the relay", Level.PROBLEM, text, "watchpost resume")
    if closed is not None:
        meaning = remedy(closed.reason, settings.smtp)
        text = f"closed since {_moment(closed.changed_at)}: {meaning} ({closed.reason}); it is tried again by itself"
        yield Finding(
            "way to the relay", Level.PROBLEM, text, "watchpost doctor --relay; once mended: watchpost resume"
        )
    if paused is None and closed is None:
        yield Finding("way to the relay", Level.GOOD, "open")


def mails(session: Session, settings: Settings, now: datetime, tolerated: int) -> Iterator[Finding]:
    """Are there mails that somebody has to look at?"""
    lately = Mail.settled_at > now - _LATELY
    in_doubt = and_(Mail.ambiguous_attempts > 0, Mail.state != "held", or_(Mail.state.in_(OPEN_STATES), lately))
    counts = {
        name: session.scalar(select(func.count()).select_from(Mail).where(condition)) or 0
        for name, condition in {
            "held": Mail.state == "held",
            "failed": and_(Mail.state == "failed", lately),
            "ambiguous": in_doubt,
            "expired": and_(Mail.state == "expired", lately),
        }.items()
    }
    texts = {
        "held": "held: they may have arrived, or an operator held them",
        "failed": "failed since yesterday: the relay refuses them for good",
        "ambiguous": "ambiguous since yesterday: the connection broke after the body",
    }
    for name, text in texts.items():
        if counts[name]:
            bad = name != "failed" or counts[name] > tolerated
            level = Level.PROBLEM if bad else Level.NOTE
            yield Finding("mails", level, f"{counts[name]} {text}", WHAT_TO_DO[name])
    if counts["expired"]:
        text = f"{counts['expired']} expired since yesterday: they could not be sent in time"
        yield Finding("mails", Level.NOTE, text, "watchpost outbox list --state expired --newer 3d")
    left_behind = stranded(session, settings.sources)
    for source, count in left_behind.items():
        text = f"{count} of the shop {source}, which is not in the settings: they are never sent"
        remedy = f"put [sources.{source}] back, or: watchpost outbox cancel --all --state pending --source {source}"
        yield Finding("mails", Level.PROBLEM, text, remedy)
    if not left_behind and not any(counts.values()):
        yield Finding("mails", Level.GOOD, "none is held, failed, ambiguous or expired")


def relations(session: Session, settings: Settings) -> Iterator[Finding]:
    """Which watches can't be evaluated? Only those we failed at need an operator; the others are the shop's."""
    rows = session.execute(
        select(Relation.source, Relation.rejected, func.count(), func.min(Relation.shop_id))
        .where(
            Relation.rejected.is_not(None), Relation.retired_at.is_(None), Relation.source.in_(list(settings.sources))
        )
        .group_by(Relation.source, Relation.rejected)
        .order_by(Relation.source, Relation.rejected)
    ).all()
    for source, reason, count, example in rows:
        level = Level.PROBLEM if reason == Reason.INTERNAL_ERROR else Level.NOTE
        why = SENTENCES.get(Reason(reason)) if reason in set(Reason) else None
        text = f"{count} quarantined as {reason}: {why or 'a field could not be read'}"
        yield Finding(f"relations {source}", level, text, f"watchpost explain {source}:{example}")
    if not rows:
        yield Finding("relations", Level.GOOD, "none is quarantined")


def _moment(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC" if moment else "never"
