"""Leaves erased customers out of what a shop lists."""

from dataclasses import replace

from worker.shop.source import Account, Page
from worker.store.erased import erased_ids
from worker.sync.work import Work


def without_erased(work: Work, page: Page) -> Page:
    """The page without the accounts of erased customers; nobody can be erased while this sync holds its lease."""
    shop_ids = {_shop_id(entry) for entry in page.entries if isinstance(entry, Account)}
    with work.store.read() as session:
        gone = erased_ids(session, work.key, work.name, shop_ids)
    if not gone:
        return page
    kept = tuple(entry for entry in page.entries if not isinstance(entry, Account) or _shop_id(entry) not in gone)
    work.counts.erased += len(page.entries) - len(kept)
    return replace(page, entries=kept)


def _shop_id(account: Account) -> str:
    return account.key if account.customer is None else account.customer.id
