"""What must be true after every fault: no notification and no mail is missing, and copies were counted as ambiguous."""

import re
from collections import Counter
from collections.abc import Iterable

from sqlalchemy import select

from worker.store import tables
from worker.store.session import Store

OPEN = {"pending", "leased", "submitting"}
FINAL = {"sent", "failed", "expired", "cancelled", "superseded", "suppressed", "held"}
_GIVEN_UP = {"cancelled", "superseded"}
_MESSAGE_ID = re.compile(rb"^Message-ID: (\S+)\r$", re.MULTILINE)


def nothing_is_lost(
    store: Store, taken: Iterable[bytes], *, mails: int, notifications: int | None = None, releases: int = 0
) -> None:
    """Check the tables against `taken`, the messages the relay has or may have; so many rows there must be, and no more.

    `releases`: how often an operator sent a held mail again.
    """
    with store.read() as session:
        rows = {mail.message_id.strip("<>"): mail for mail in session.scalars(select(tables.Mail))}
        told = session.scalars(select(tables.Notification)).all()
    assert len(rows) == mails
    assert {mail.state for mail in rows.values()} <= OPEN | FINAL
    _check_copies(rows, list(taken), releases)
    if notifications is not None:
        assert len(told) == notifications
    by_id = {mail.id: mail for mail in rows.values()}
    for row in told:
        assert (row.state == "mailed") == (row.mail_id is not None), row.id
        assert row.state in {"pending", "mailed", "cancelled"}
        assert row.mail_id is None or by_id[row.mail_id].state not in _GIVEN_UP, row.id


def _check_copies(rows: dict[str, tables.Mail], taken: list[bytes], releases: int) -> None:
    copies: Counter[str] = Counter()
    for content in taken:
        name = name_of(content)
        copies[name] += 1
        assert content == rows[name].message, f"{name} was changed on its way"
    for name, mail in rows.items():
        assert copies[name] <= 1 + mail.ambiguous_attempts + releases, f"{name} arrived {copies[name]} times"
        if mail.state == "sent":
            assert copies[name], f"{name} is said to be sent, but never arrived"
        elif copies[name] and mail.state != "submitting":
            assert mail.ambiguous_attempts, f"{name} arrived, and nobody knows"
    assert copies.total() - len(copies) <= sum(mail.ambiguous_attempts for mail in rows.values()) + releases


def name_of(content: bytes) -> str:
    """The Message-ID, without its brackets."""
    found = _MESSAGE_ID.search(content)
    assert found is not None
    return found[1].decode().strip("<>")
