"""Erases one customer: who it was and what was written to him goes, that something was told stays without him.

All of it is one transaction, and no sync of the shop runs beside it, so that nothing is half done and nobody comes back.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session, defer

from worker.customer_export import find
from worker.errors import MailStateError
from worker.ledger import cancel as take_back
from worker.store import erased, tables
from worker.store.lease import single_flight
from worker.store.retirement import retire_row
from worker.store.session import Store

ERASED = "erased"
"""The reason of mails and notifications that ended with their customer."""
_OPEN = ("pending", "held")
_BUSY = ("leased", "submitting")


@dataclass(slots=True)
class Erasure:
    """What an erasure did. `already`: there was nothing left to do."""

    already: bool = False
    relations: int = 0
    mails: int = 0
    """Mails that lost their address and their text."""
    cancelled: int = 0
    """Mails among them that will not be sent."""


def erase(store: Store, source: str, shop_id: str, key: bytes, now: datetime) -> Erasure:
    """Erase a customer by the shop's id; the second time there is nothing to do.

    Raises NotFoundError, MailStateError while one of his mails is being sent, and AlreadyRunningError while the shop is
    being synced; nothing was changed then.
    """
    with single_flight(store, f"sync:{source}") as lease, store.begin() as session:
        lease.renew(session)
        if erased.erased_at(session, key, source, shop_id) is not None:
            return Erasure(already=True)
        customer = find(session, source, shop_id, key)
        # Locks come in everybody's order: customer, mails, relations, and what hangs on them.
        session.refresh(customer, with_for_update={"key_share": True})
        done = Erasure()
        unsent = _end_mails(session, customer, now, done)
        relations = _lock_relations(session, customer)
        _take_back(session, customer, unsent, now)
        erased.remember(session, key, "relation", source, [row.shop_id for row in relations], now)
        erased.remember(session, key, "customer", source, [shop_id], now)
        _retire(session, relations, now)
        done.relations = len(relations)
        _forget(customer, erased.tombstone(key, "customer", source, shop_id))
        return done


def _end_mails(session: Session, customer: tables.Customer, now: datetime, done: Erasure) -> list[int]:
    """Ends his mails and empties all of them; returns those that were open and provably unsent."""
    mails = session.scalars(
        select(tables.Mail)
        .where(tables.Mail.customer_id == customer.id)
        .order_by(tables.Mail.id)
        .options(defer(tables.Mail.message))
        .with_for_update()
    ).all()
    for mail in mails:
        if mail.state in _BUSY and mail.lease_until is not None:
            raise MailStateError(
                f"mail {mail.id} to this customer is being sent ({mail.state}; the dispatcher's lease ends at "
                f"{mail.lease_until:%Y-%m-%d %H:%M:%S} UTC); nothing was erased, try again when the dispatch is done"
            )
    unsent = [mail.id for mail in mails if mail.state in _OPEN and not mail.ambiguous_attempts]
    for mail in mails:
        if mail.state in _OPEN:
            mail.state, mail.reason, mail.settled_at = "cancelled", ERASED, now
            done.cancelled += 1
        mail.recipient = mail.customer_email = ""
        mail.message = b""
    done.mails = len(mails)
    return unsent


def _lock_relations(session: Session, customer: tables.Customer) -> Sequence[tables.Relation]:
    mine = select(tables.Relation).where(tables.Relation.customer_id == customer.id).order_by(tables.Relation.id)
    return session.scalars(mine.with_for_update(key_share=True)).all()


def _take_back(session: Session, customer: tables.Customer, unsent: Sequence[int], now: datetime) -> None:
    """What was never told counts as not told, whether it waited for a mail or in one."""
    row = tables.Notification
    untold = select(row).where(row.customer_id == customer.id, or_(row.state == "pending", row.mail_id.in_(unsent)))
    for notification in session.scalars(untold.order_by(row.id).with_for_update()).all():
        take_back(session, notification, ERASED, now)
    session.execute(update(row).where(row.customer_id == customer.id).values(facts={}))


def _retire(session: Session, relations: Sequence[tables.Relation], now: datetime) -> None:
    """Watches stay as empty shells, because the ledger points to them; everything else about them goes."""
    version = tables.RelationVersion
    for row in relations:
        if row.product_id is None:
            session.delete(row)
            continue
        row.config, row.defect_detail = "{}", None
        retire_row(session, row, now)
        session.execute(update(version).where(version.relation_id == row.id).values(config="{}"))


def _forget(customer: tables.Customer, tombstone: str) -> None:
    customer.shop_id = f"{ERASED}-{tombstone}"
    customer.account = customer.salutation = customer.firstname = customer.lastname = ""
    customer.email = customer.language = None
    customer.enabled = False
