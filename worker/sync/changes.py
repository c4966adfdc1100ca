"""Third step, where the interface tells it: customers and products that changed since the last sync."""

from worker.shop.source import Changed, Feed, Incremental
from worker.store import catalogue, customers, passes, views
from worker.store.passes import RELATIONS
from worker.sync.work import Work

_PRODUCTS = (Feed.PRODUCTS, Feed.PRICES, Feed.STOCK)


def read_customers(work: Work) -> None:
    """Bring the customers we know up to date: an address, a language, an account that was switched off."""
    if work.incremental is not None:
        _read(work, work.incremental, Feed.CUSTOMERS)


def find_products(work: Work) -> None:
    """Mark the watched products whose own data, price or stock changed; they are read in the next step."""
    if work.incremental is not None:
        for feed in _PRODUCTS:
            _read(work, work.incremental, feed)


def _read(work: Work, source: Incremental, feed: Feed) -> None:
    with work.writing() as session:
        began = passes.ceiling_of(session, work.name, RELATIONS) if feed is Feed.CUSTOMERS else None
        first = not passes.has_watermark(session, work.name, feed)
        if first:  # whatever there is, is read in this very sync: customers with their relations, and every product
            passes.start_from(session, work.name, feed, began or work.shop_now())
            return
        plan = passes.begin(session, work.name, feed, work.now)
    listed = 0
    for page in source.changed(feed, plan.since or "", plan.after):
        _store(work, feed, page)
        listed += len(page.customers) + len(page.product_ids) + len(page.price_ids)
        work.progress(f"changed {feed}", listed)
    with work.writing() as session:
        passes.finish(session, work.name, feed, work.now, ceiling=work.shop_now())


def _store(work: Work, feed: Feed, page: Changed) -> None:
    with work.writing() as session:
        if page.customers:
            mirror = work.mirror
            here = customers.known(session, mirror, [customer.id for customer in page.customers])
            known = {customer.id: customer for customer in page.customers if customer.id in here}
            work.counts.customers_changed += customers.upsert(session, mirror, known).changed
        ids = [*page.product_ids, *catalogue.products_of_prices(session, work.name, page.price_ids)]
        if ids:
            views.mark_changed(session, work.name, ids)
        passes.advance(session, work.name, feed, cursor=page.cursor, newest=page.newest, ceiling=work.shop_now())
