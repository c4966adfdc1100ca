"""What operators do to a mail: retry, hold, release, cancel. Each is one compare-and-set, so that it can't cross a dispatcher.

Which states each starts from follows from the guarantee. A mail without an ambiguous attempt is provably unsent unless it
is `sent`: the relay refused it, or never saw its body. With one it may have arrived, so only a release, which is
counted, lets it go again: duplicates <= ambiguous attempts + releases. `sent` stays sent. `cancelled` and `superseded`
stay, too: their news went back to the ledger and is told by another mail.

Each function needs a transaction of its own, which the error it raises must roll back.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, exists, func, or_, select, update
from sqlalchemy.orm import Session, aliased

from worker.compose import RETRY_WINDOW
from worker.errors import MailStateError, NotFoundError
from worker.ledger import cancel as take_back
from worker.log import address_hash
from worker.mail.facts import from_json
from worker.store import suppression
from worker.store.tables import Mail, Notification, Relation

OPERATOR = "operator"
"""The reason of mails and notifications that an operator held or cancelled."""

_UNSENT_ENDS = ("failed", "expired", "suppressed")
RETRIED_FROM = ("pending", *_UNSENT_ENDS)
RELEASED_FROM = ("held", *_UNSENT_ENDS)
HELD_FROM = ("pending",)
CANCELLED_FROM = ("pending", "held")
_BUSY = ("leased", "submitting")
_HAS_BYTES = func.length(Mail.message) > 0


def retry(session: Session, mail_id: int, *, key: bytes, now: datetime) -> None:
    """Make an unsent mail due at once; one that had ended gets a new retry window. The last look is taken as ever.

    Raises NotFoundError and MailStateError.
    """
    if _set(session, mail_id, Mail.state == "pending", next_attempt_at=now):
        return
    unsent = and_(Mail.state.in_(_UNSENT_ENDS), Mail.ambiguous_attempts == 0, _HAS_BYTES)
    mail = _change(session, mail_id, "retried", unsent, state="pending", next_attempt_at=now, settled_at=None)
    _refuse_suppressed(session, mail, key)
    _refuse_outdated(session, mail)
    _reopen(session, mail, now)


def hold(session: Session, mail_id: int, *, now: datetime) -> None:
    """Keep a pending mail until it is released or cancelled. Raises NotFoundError and MailStateError."""
    _change(session, mail_id, "held", Mail.state.in_(HELD_FROM), state="held", reason=OPERATOR, settled_at=now)


def release(session: Session, mail_id: int, *, now: datetime) -> None:
    """Let a held mail go, or one that ended after an ambiguous attempt: identical bytes, the same Message-ID. It is counted.

    Raises NotFoundError and MailStateError.
    """
    in_doubt = and_(Mail.state.in_(_UNSENT_ENDS), Mail.ambiguous_attempts > 0)
    mail = _change(
        session,
        mail_id,
        "released",
        and_(or_(Mail.state == "held", in_doubt), _HAS_BYTES),
        state="pending",
        next_attempt_at=now,
        settled_at=None,
        releases=Mail.releases + 1,
    )
    _reopen(session, mail, now)


def cancel(session: Session, mail_id: int, *, now: datetime) -> None:
    """End a mail that is pending or held. Raises NotFoundError and MailStateError.

    Where it was provably never submitted its notifications are taken back, so that what still holds is told by another
    mail; where it may have arrived they count as told.
    """
    mail = _change(
        session,
        mail_id,
        "cancelled",
        Mail.state.in_(CANCELLED_FROM),
        state="cancelled",
        reason=OPERATOR,
        settled_at=now,
    )
    if mail.ambiguous_attempts:
        return
    rows = session.scalars(_notifications(mail_id).with_for_update()).all()
    _lock_relations(session, rows)
    for row in rows:
        take_back(session, row, OPERATOR, now)


def _lock_relations(session: Session, rows: Sequence[Notification]) -> None:
    """Before their notifications are taken back; in the order everybody locks them (store/cases.py)."""
    ids = sorted({row.relation_id for row in rows})
    session.scalars(
        select(Relation).where(Relation.id.in_(ids)).order_by(Relation.id).with_for_update(key_share=True)
    ).all()


def _notifications(mail_id: int) -> Select[Notification]:
    return select(Notification).where(Notification.mail_id == mail_id).order_by(Notification.id)


def _set(session: Session, mail_id: int, allowed: ColumnElement[bool], **values: Any) -> bool:
    """The compare-and-set: on PostgreSQL it waits for a claim that is just being made, and then finds it."""
    changed = update(Mail).where(Mail.id == mail_id, allowed).values(**values).returning(Mail.id)
    return session.scalar(changed, execution_options={"synchronize_session": False}) is not None


def _change(session: Session, mail_id: int, done: str, allowed: ColumnElement[bool], **values: Any) -> Mail:
    """`_set`, and the mail as it is then. Raises NotFoundError and MailStateError where it could not be set."""
    if not _set(session, mail_id, allowed, **values):
        raise _refusal(session, mail_id, done)
    return session.get_one(Mail, mail_id, populate_existing=True)


def _refusal(session: Session, mail_id: int, done: str) -> NotFoundError | MailStateError:
    mail = session.get(Mail, mail_id, populate_existing=True)
    if mail is None:
        return NotFoundError(f"there is no mail {mail_id}; see: watchpost outbox list")
    if mail.state in _BUSY and mail.lease_until is not None:
        until = f"{mail.lease_until:%Y-%m-%d %H:%M:%S} UTC"
        return MailStateError(
            f"mail {mail_id} is being sent ({mail.state}) and can't be {done} now; the dispatcher's lease ends at {until}, "
            "then the next dispatch takes it back"
        )
    return MailStateError(f"mail {mail_id} is {mail.state} and can't be {done}{_because(mail, done)}")


def _because(mail: Mail, done: str) -> str:
    if done in {"retried", "released"} and not mail.message:
        return ": its bytes have been removed"
    if mail.state == "sent":
        return ": no mail is sent twice"
    if mail.state in {"cancelled", "superseded"} and done in {"retried", "released"}:
        return ": what still holds of it is told by another mail"
    if done == "retried" and (mail.ambiguous_attempts or mail.state == "held"):
        return f": it may have arrived; to send it all the same: watchpost outbox release {mail.id}"
    if done == "released" and mail.state in _UNSENT_ENDS:
        return f": it is provably unsent; use: watchpost outbox retry {mail.id}"
    return ""


def _refuse_suppressed(session: Session, mail: Mail, key: bytes) -> None:
    hashes = {address_hash(key, address) for address in (mail.recipient, mail.customer_email)}
    if suppression.is_suppressed(session, hashes):
        raise MailStateError(
            f"mail {mail.id} can't be retried: its address is suppressed; first: watchpost suppress remove ADDRESS"
        )


def _refuse_outdated(session: Session, mail: Mail) -> None:
    """A mail that ended counts as told; what the same watch fired since is in a later mail, which must not be repeated."""
    mine, later = aliased(Notification), aliased(Notification)
    found = exists().where(
        mine.mail_id == mail.id,
        later.relation_id == mine.relation_id,
        later.kind == mine.kind,
        later.id > mine.id,
        later.state != "cancelled",
    )
    if session.scalar(select(found)):
        raise MailStateError(f"mail {mail.id} can't be retried: a later mail tells of the same watch")


def _reopen(session: Session, mail: Mail, now: datetime) -> None:
    """A new window, as `compose` would set it."""
    ends = [from_json(row.facts).until for row in session.scalars(_notifications(mail.id))]
    latest = max(ends, default=now + RETRY_WINDOW)
    if latest <= now:
        raise MailStateError(f"mail {mail.id} can't be sent any more: the watches it tells of have ended")
    mail.expires_at = min(latest, now + RETRY_WINDOW)
