"""Leaves erased customers and their relations out of what a shop lists."""

from dataclasses import replace

from sqlalchemy.orm import Session

from worker.shop.source import Account, Page
from worker.store import retirement
from worker.store.erased import erased_ids, remember
from worker.sync.work import Work

_PAGE = 1000


def without_erased(work: Work, page: Page) -> Page:
    """The page without the accounts of erased customers; nobody can be erased while this sync holds its lease."""
    accounts = {_shop_id(entry): entry for entry in page.entries if isinstance(entry, Account)}
    with work.store.read() as session:
        erased = erased_ids(session, work.key, work.name, accounts)
    if not erased:
        return page
    gone = [account for shop_id, account in accounts.items() if shop_id in erased]
    relations = [relation.id for account in gone for relation in account.relations]
    if relations:  # so that they are not taken for missed ones when all ids are compared
        with work.writing() as session:
            remember(session, work.key, "relation", work.name, relations, work.now)
    work.counts.erased += len(gone)
    return replace(page, entries=tuple(entry for entry in page.entries if entry not in gone))


def count_missed(session: Session, work: Work) -> int:
    """How many relations the shop listed that the mirror lacks, but for those of erased customers."""
    missed, after = 0, ""
    while page := retirement.unknown_ids(session, work.name, after, _PAGE):
        missed += len(page) - len(erased_ids(session, work.key, work.name, page, "relation"))
        after = page[-1]
    return missed


def _shop_id(account: Account) -> str:
    return account.key if account.customer is None else account.customer.id
