"""First step: the pages of relations the shop has, or that changed in it."""

from collections.abc import Iterator, Mapping
from datetime import timedelta

from worker import complaints
from worker.domain.model import Customer
from worker.errors import ShopError
from worker.paging import ahead
from worker.shop.source import Account, Disabled, Page, Unread
from worker.store import customers, foreign, passes, relations, retirement
from worker.store.customers import Owner, Upserted
from worker.store.passes import RELATIONS, Plan
from worker.store.relations import Listing
from worker.sync.erased import without_erased
from worker.sync.work import Work

_RESUME_WITHIN = timedelta(hours=1)
"""Customers who are asked one by one: a pass that died longer ago says too little about those it had asked."""


def read(work: Work) -> None:
    """Read every page from where the last sync ended, or died. Raises ShopError where nobody could be read."""
    with work.writing() as session:
        plan = passes.begin(
            session, work.name, RELATIONS, work.now, resume_within=None if work.incremental else _RESUME_WITHIN
        )
    work.counts.resumed |= plan.resumed
    named: dict[str, int | None] = {}
    found = _pages(work, plan)
    # A large shop takes as long to answer as we take to store: one does not wait for the other.
    for page, strangers in ahead(found) if work.incremental else found:
        _store(work, page, strangers, named, plan)
        what, done = ("relations", work.counts.seen) if work.incremental else ("accounts", len(named))
        work.progress(what, done, page.total)
    if work.incremental is None and work.counts.unread and not (work.counts.accounts or work.counts.disabled):
        with work.writing() as session:
            passes.forget(session, work.name, RELATIONS)  # or the next sync would go on behind the last of them
        table = f"[sources.{work.name}.customers.NAME]"
        raise ShopError(f"{work.name}: no customer could be read: {work.counts.errors[0]}; see {table}")
    with work.writing() as session:
        if work.incremental is None and not plan.resumed:
            retirement.vanish_unnamed(session, work.name, named, work.now)
        passes.finish(session, work.name, RELATIONS, work.now, ceiling=work.shop_now())


def _pages(work: Work, plan: Plan) -> Iterator[tuple[Page, dict[str, Customer]]]:
    """The pages, and the customers in them of whom only the shop can tell."""
    for listed in work.source.relations(plan.since, plan.after):
        page = without_erased(work, listed)
        yield page, _strangers(work, page, plan)


def _strangers(work: Work, page: Page, plan: Plan) -> dict[str, Customer]:
    """Customers of the page that neither it nor the store tells of, asked for by key.

    Where everything is read, the store tells of those the shop told of in this pass: who was known before may have changed.
    """
    source = work.incremental
    keys = [entry.key for entry in page.entries if isinstance(entry, Account) and entry.customer is None]
    if source is None or not keys:
        return {}
    with work.store.read() as session:
        here = customers.known(session, work.mirror, keys, seen_since=plan.started_at if plan.is_whole else None)
    unknown = [key for key in keys if foreign.key(key) not in here]
    return {customer.id: customer for customer in source.customers(unknown)} if unknown else {}


def _store(work: Work, page: Page, strangers: Mapping[str, Customer], named: dict[str, int | None], plan: Plan) -> None:
    """One page, and where it ends, in one transaction."""
    mirror, counts = work.mirror, work.counts
    accounts = [entry for entry in page.entries if isinstance(entry, Account)]
    with work.writing() as session:
        told = {account.key: account.customer for account in accounts if account.customer is not None}
        told.update(strangers)
        upserted = customers.upsert(session, mirror, told, touch=plan.is_whole)
        counts.customers_changed += upserted.changed
        owners = upserted.owners
        if rest := [account.key for account in accounts if account.key not in told]:
            owners |= customers.known(session, mirror, rest)
        listings = []
        for account in accounts:
            shop_id = told[account.key].id if account.key in told else account.key
            owner = owners.get(foreign.key(shop_id))
            if owner is None:  # the shop does not know this customer any more
                counts.unreadable += len(account.relations)
                continue
            if not mirror.lists_customers:  # a large shop has too many to remember
                named[account.key] = owner.id
            counts.accounts += 1
            counts.unreadable += account.unreadable
            listings.append(Listing(owner, account.relations, _is_complete(account, owner, upserted)))
        for entry in page.entries:
            match entry:
                case Disabled(key):
                    named[key] = None
                    customers.disable_account(session, work.name, key, work.now)
                    counts.disabled += 1
                case Unread(key, error):
                    named[key] = None
                    if not mirror.lists_customers:  # there, the next change or comparison tells more
                        customers.mark_unread(session, work.name, key, work.now)
                    counts.unread += 1
                    counts.errors = complaints.first(counts.errors, (f"{key}: {error}",))
        counts.unreadable += page.unreadable
        counts.add(relations.store_page(session, mirror, listings))
        passes.advance(session, work.name, RELATIONS, cursor=page.cursor, newest=page.newest, ceiling=work.shop_now())


def _is_complete(account: Account, owner: Owner, upserted: Upserted) -> bool:
    """Whether what is absent has vanished: not where it may be one of those that can't be read, or nothing was here."""
    return account.complete and not account.unreadable and owner.id not in upserted.new
