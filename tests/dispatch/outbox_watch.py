"""Looks at every mail after each step of a test: did it move along the arrows of the design, and is what it says true?"""

from collections.abc import Callable, Collection
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from tests.dispatch.dispatching import START
from worker.store import tables
from worker.store.session import Store

Row = dict[str, Any]
Arrows = Collection[tuple[str, str]]

OPEN = {"pending", "leased", "submitting"}
FROZEN = ("message", "message_id", "sender", "recipient", "customer_email", "created_at")


def _arrows(*texts: str) -> Arrows:
    """`"leased > pending held"` are two."""
    parts = [text.split(" > ") for text in texts]
    return {(before, after) for before, afters in parts for after in afters.split()}


REAPED = _arrows("leased > pending", "submitting > pending held")
CLAIMED = {*REAPED, *_arrows("pending > leased", "leased > leased", "submitting > leased")}
TIDIED = {*REAPED, *_arrows("pending > expired", "leased > expired", "submitting > expired")}
LOOKED_AT = _arrows("leased > leased expired suppressed cancelled superseded held pending")
SUBMITTED = _arrows("leased > submitting")
SETTLED = _arrows("leased > pending failed", "submitting > sent pending failed held")
PUT_BACK = _arrows("leased > pending")
OPERATED = {
    "retry": _arrows("pending > pending", "failed > pending", "expired > pending", "suppressed > pending"),
    "hold": _arrows("pending > held"),
    "release": _arrows("held > pending", "failed > pending", "expired > pending", "suppressed > pending"),
    "cancel": _arrows("pending > cancelled", "held > cancelled"),
}


class ClockedStore(Store):
    """Leases live by a clock that the test moves."""

    moment = START

    def lease_now(self, _session: Session) -> datetime:
        """This moment."""
        return self.moment


class OutboxWatch:
    """Knows how the mails were before the step, and what the relay took."""

    def __init__(self, store: ClockedStore, *, resend: bool) -> None:
        self.taken: dict[int, list[bytes]] = {}
        """What the relay accepted, whoever heard of it."""
        self._store = store
        self._resends = 1 if resend else 0
        self.rows = self._read()

    def added(self) -> None:
        """Mails were composed."""
        self.rows = self._read()

    def is_held_by(self, mail: tables.Mail) -> bool:
        """Whether the lease it was claimed with is still its lease."""
        return bool(self.rows[mail.id]["lease_token"] == mail.lease_token)

    def may_submit(self, mail: tables.Mail) -> bool:
        """Whether it is leased to whoever claimed it, and still is at this moment."""
        row = self.rows[mail.id]
        return self.is_held_by(mail) and row["state"] == "leased" and row["lease_until"] > self._store.moment

    def one(self, mail: tables.Mail, act: Callable[[], Any], arrows: Arrows) -> Any:
        """A step about one claimed mail: it changes that one along these arrows or, where the lease was lost, nothing."""
        mine = self.is_held_by(mail)
        result = act()
        self._compare(arrows, {mail.id} if mine else ())
        return result

    def some(self, mails: Collection[tables.Mail], arrows: Arrows) -> None:
        """A step about several claimed mails was done."""
        self._compare(arrows, {mail.id for mail in mails if self.is_held_by(mail)})

    def operator(self, mail_id: int, what: str) -> None:
        """An operator did something to a mail, or was refused."""
        old = self.rows[mail_id]
        self._compare(OPERATED[what], {mail_id})
        assert self.rows[mail_id]["releases"] == old["releases"] + (what == "release" and self.rows[mail_id] != old)

    def all(self, arrows: Arrows) -> None:
        """A step was done that takes back what others left."""
        before = self.rows
        self._compare(arrows, self.rows)
        for mail_id, row in self.rows.items():
            if row != before[mail_id]:
                self._check_reaping(before[mail_id], row)

    def check(self) -> None:
        """What must be true of every mail at any time."""
        for row in self.rows.values():
            state, copies = row["state"], self.taken.get(row["id"], [])
            assert (row["lease_token"] is not None) == (row["state"] in {"leased", "submitting"})
            assert (row["settled_at"] is None) == (state in OPEN)
            assert state != "sent" or copies
            assert set(copies) <= {row["message"]}
            # Whatever went and was not recorded as sent is counted, or its dispatcher is still at it.
            assert len(copies) <= row["ambiguous_attempts"] + row["releases"] + (state in {"sent", "submitting"})
            in_the_end = state in {"held", "cancelled"}
            assert row["ambiguous_attempts"] <= self._resends + row["releases"] + in_the_end

    def is_over(self) -> bool:
        """Whether every mail ended."""
        return not OPEN & {row["state"] for row in self.rows.values()}

    def _compare(self, arrows: Arrows, only: Collection[int]) -> None:
        before, self.rows = self.rows, self._read()
        assert before.keys() == self.rows.keys()
        for mail_id, row in self.rows.items():
            old = before[mail_id]
            if row != old:
                assert mail_id in only
                assert (old["state"], row["state"]) in arrows
                assert [old[name] for name in FROZEN] == [row[name] for name in FROZEN]

    def _check_reaping(self, old: Row, row: Row) -> None:
        """Nobody's lease is taken before its time, and what was submitting counts as ambiguous."""
        if old["lease_token"] is not None:
            assert old["lease_until"] <= self._store.moment
        assert row["ambiguous_attempts"] == old["ambiguous_attempts"] + (old["state"] == "submitting")

    def _read(self) -> dict[int, Row]:
        with self._store.read() as session:
            return {row.id: dict(row._mapping) for row in session.execute(select(*tables.Mail.__table__.c))}
