"""The outbox: every change of a mail's state. A lease token fences them, so that late news of a lost lease changes nothing.

pending -> leased -> submitting -> sent | failed | pending (put off, or ambiguous once) | held; and from leased straight to
expired, suppressed, cancelled, superseded, held. Leases live by `lease_now` (store.lease_now), schedules by `now`.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import ColumnElement, case, false, func, literal, not_, select, tuple_, update
from sqlalchemy.orm import Session, defer

from worker.store.tables import Mail, SourceState
from worker.store.types import UtcDateTime

Final = Literal["failed", "expired", "cancelled", "superseded", "suppressed", "held"]
"""The states, besides sent, that no mail leaves by itself."""

Held = tuple[int, str]
"""A mail's id and the token we hold it by."""

_AT_ONCE = 1_000
"""So many mails are changed in one transaction: statements take 65,535 parameters at most, and others wait for the locks."""
_UNLEASED: dict[str, Any] = {"lease_token": None, "lease_until": None}
_PLAIN = {"synchronize_session": False}  # rows a session has loaded keep what they had; refresh them


@dataclass(frozen=True, slots=True)
class Reaped:
    """What became of mails whose dispatcher died: back to pending, of these ambiguous ones, and held ones."""

    unsent: int
    ambiguous: int
    held: int


def fresh_sources(session: Session, staleness: Mapping[str, timedelta], now: datetime) -> frozenset[str]:
    """The sources whose last good sync is no older than `staleness` allows; mails of all others wait."""
    rows = session.execute(select(SourceState.source, SourceState.last_good_sync_at))
    return frozenset(
        source for source, synced in rows if synced and source in staleness and now - synced <= staleness[source]
    )


def is_due(session: Session, *, sources: Collection[str], now: datetime) -> bool:
    """Whether a claim would find anything."""
    return session.scalar(select(Mail.id).where(*_due(sources, now)).limit(1)) is not None


def claim(
    session: Session,
    *,
    token: str,
    limit: int,
    sources: Collection[str],
    now: datetime,
    lease_now: datetime,
    lease: timedelta,
    excluding: Collection[str] = (),
) -> list[Mail]:
    """Lease up to `limit` mails that are due, the longest due first; nobody else gets them while the lease lasts.

    `excluding`: domains in lower case whose mails are left where they are.
    """
    due = session.scalars(
        select(Mail.id)
        .where(*_due(sources, now), *(not_(_goes_to(domain)) for domain in excluding))
        .order_by(Mail.next_attempt_at, Mail.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()
    mails = session.scalars(
        update(Mail)
        .where(Mail.id.in_(due), Mail.state == "pending")
        .values(state="leased", lease_token=token, lease_until=lease_now + lease)
        .returning(Mail)
    ).all()
    return sorted(mails, key=lambda mail: (mail.next_attempt_at, mail.id))


def keep(session: Session, held: Collection[Held], *, lease_now: datetime, lease: timedelta) -> dict[int, Mail]:
    """Lock leased mails and read them as they stand, without their bytes; the leases of those missing were lost.

    A lease that is half over is restarted; others are left alone, because a commit that writes waits for the disk.
    """
    mails = session.scalars(
        select(Mail)
        .where(*_among(held), Mail.state == "leased", Mail.lease_until > lease_now)
        .options(defer(Mail.message))
        .order_by(Mail.id)
        .with_for_update()
    ).all()
    for mail in mails:
        if mail.lease_until is not None and mail.lease_until < lease_now + lease / 2:
            mail.lease_until = lease_now + lease
    return {mail.id: mail for mail in mails}


def mark_submitting(session: Session, held: Collection[Held], *, lease_now: datetime, lease: timedelta) -> set[int]:
    """The last commit before the bodies. Restarts the leases. Returns the ids; nothing may be sent of those missing."""
    return set(
        session.scalars(
            update(Mail)
            .where(*_among(held), Mail.state == "leased", Mail.lease_until > lease_now)
            .values(state="submitting", lease_until=lease_now + lease)
            .returning(Mail.id),
            execution_options=_PLAIN,
        )
    )


def settle_sent(session: Session, held: Collection[Held], *, now: datetime, reason: str, code: int | None) -> set[int]:
    """The relay has them. Returns the ids; the leases of those missing were lost."""
    return set(
        session.scalars(
            update(Mail)
            .where(*_among(held), Mail.state == "submitting")
            .values(
                state="sent", settled_at=now, reason=reason, reply_code=code, attempts=Mail.attempts + 1, **_UNLEASED
            )
            .returning(Mail.id),
            execution_options=_PLAIN,
        )
    )


def settle(
    session: Session,
    mail_id: int,
    token: str,
    state: Final,
    *,
    now: datetime,
    reason: str | None = None,
    code: int | None = None,
    answered: bool = False,
) -> bool:
    """The end of a mail. `answered` counts an attempt: the relay said something about this mail. False: lease lost."""
    return _changed(
        session,
        mail_id,
        token,
        state=state,
        settled_at=now,
        reason=reason,
        reply_code=Mail.reply_code if code is None else code,
        attempts=Mail.attempts + int(answered),
        **_UNLEASED,
    )


def settle_retry(
    session: Session, mail_id: int, token: str, *, next_attempt_at: datetime, reason: str, code: int | None
) -> bool:
    """The relay refused it for now; the attempt counts. False: lease lost."""
    return _changed(
        session,
        mail_id,
        token,
        state="pending",
        next_attempt_at=next_attempt_at,
        reason=reason,
        reply_code=code,
        attempts=Mail.attempts + 1,
        **_UNLEASED,
    )


def settle_ambiguous(
    session: Session, mail_id: int, token: str, *, resend: bool, now: datetime, next_attempt_at: datetime, reason: str
) -> str | None:
    """Nobody knows whether the relay has it: once back to pending where `resend`, else held. None: lease lost."""
    return session.scalars(
        update(Mail)
        .where(*_mine(mail_id, token, "submitting"))
        .values(next_attempt_at=next_attempt_at, reason=reason, **_in_doubt(resend, now), **_UNLEASED)
        .returning(Mail.state),
        execution_options=_PLAIN,
    ).first()


def put_off(session: Session, mail_id: int, token: str, *, next_attempt_at: datetime, reason: str) -> bool:
    """Provably unsent, and the relay said nothing about this mail: later, without counting an attempt."""
    return _changed(
        session, mail_id, token, state="pending", next_attempt_at=next_attempt_at, reason=reason, **_UNLEASED
    )


def put_off_destination(session: Session, domain: str, *, next_attempt_at: datetime, reason: str) -> None:
    """No pending mail to this domain (in lower case) goes before then; no attempt is counted."""
    session.execute(
        update(Mail)
        .where(Mail.state == "pending", Mail.next_attempt_at < next_attempt_at, _goes_to(domain))
        .values(next_attempt_at=next_attempt_at, reason=reason),
        execution_options=_PLAIN,
    )


def release(session: Session, mail_id: int, token: str, *, next_attempt_at: datetime | None = None) -> bool:
    """Hand a mail back, at once or for later. False where the lease was lost or the body may be on its way."""
    later: dict[str, Any] = {} if next_attempt_at is None else {"next_attempt_at": next_attempt_at}
    return _changed(session, mail_id, token, "leased", state="pending", **later, **_UNLEASED)


def reap(session: Session, *, now: datetime, lease_now: datetime, resend: bool) -> Reaped:
    """Take back mails whose lease ran out: leased ones were never sent, submitting ones are ambiguous.

    What many dispatchers left that died at once takes several calls.
    """
    run_out = (Mail.lease_token.is_not(None), Mail.lease_until <= lease_now)
    unsent = _locked(session, *run_out, Mail.state == "leased")
    if unsent:
        session.execute(update(Mail).where(Mail.id.in_(unsent)).values(state="pending", **_UNLEASED))
    in_doubt = _locked(session, *run_out, Mail.state == "submitting")
    states: Sequence[str] = ()
    if in_doubt:
        states = session.scalars(
            update(Mail)
            .where(Mail.id.in_(in_doubt))
            .values(reason="dispatcher_died", **_in_doubt(resend, now), **_UNLEASED)
            .returning(Mail.state)
        ).all()
    return Reaped(unsent=len(unsent), ambiguous=len(states), held=states.count("held"))


def expire(session: Session, now: datetime) -> int:
    """End some of the mails whose retry window is over. Returns how many; none are left when it is 0."""
    over = _locked(session, Mail.state == "pending", Mail.expires_at <= now)
    if over:
        session.execute(update(Mail).where(Mail.id.in_(over)).values(state="expired", settled_at=now))
    return len(over)


def waiting(session: Session) -> int:
    """How many mails are pending, due or not."""
    return session.scalar(select(func.count()).where(Mail.state == "pending")) or 0


def _due(sources: Collection[str], now: datetime) -> tuple[ColumnElement[bool], ...]:
    return Mail.state == "pending", Mail.next_attempt_at <= now, Mail.expires_at > now, Mail.source.in_(sorted(sources))


def _goes_to(domain: str) -> ColumnElement[bool]:
    return func.lower(Mail.recipient).endswith(f"@{domain}", autoescape=True)


def _among(held: Collection[Held]) -> tuple[ColumnElement[bool], ...]:
    # The ids alone would do for the index, the pairs for the fence.
    return Mail.id.in_([mail_id for mail_id, _ in held]), tuple_(Mail.id, Mail.lease_token).in_(sorted(held))


def _mine(mail_id: int, token: str, *states: str) -> tuple[ColumnElement[bool], ...]:
    return Mail.id == mail_id, Mail.lease_token == token, Mail.state.in_(states or ("leased", "submitting"))


def _changed(
    session: Session,
    mail_id: int,
    token: str,
    *states: str,
    **values: Any,
) -> bool:
    change = update(Mail).where(*_mine(mail_id, token, *states)).values(**values).returning(Mail.id)
    return session.scalar(change, execution_options=_PLAIN) is not None


def _in_doubt(resend: bool, now: datetime) -> dict[str, Any]:
    again = Mail.ambiguous_attempts == 0 if resend else false()
    return {
        "state": case((again, "pending"), else_="held"),
        "settled_at": case((again, None), else_=literal(now, UtcDateTime())),
        "ambiguous_attempts": Mail.ambiguous_attempts + 1,
    }


def _locked(session: Session, *conditions: ColumnElement[bool]) -> list[int]:
    """The ids of some of these mails, without those another process is just changing: nobody waits, nobody counts twice."""
    # Not ordered: SQLite would read the whole table in that order, bytes and all. Who skips locks needs none.
    rows = select(Mail.id).where(*conditions).limit(_AT_ONCE).with_for_update(skip_locked=True)
    return list(session.scalars(rows))
