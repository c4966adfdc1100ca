"""Fourth step: the products somebody watches, in every language and currency their watchers need."""

from datetime import timedelta

from worker.domain.model import ProductReading
from worker.paging import pages
from worker.shop.source import Missing, Wanted
from worker.store import catalogue, views
from worker.sync.work import Work

_BATCH = 500
_STORED_AT_ONCE = 100


def read(work: Work) -> None:
    """Read what may have changed, or everything where the interface does not tell."""
    only_due = work.incremental is not None
    _settle_views(work)
    with work.writing() as session:
        if only_due:
            refresh = timedelta(hours=work.shop.product_refresh_hours)
            views.mark_due(session, work.name, work.now, work.now - refresh)
        total = views.count(session, work.name, only_due=only_due)
    after = 0
    while True:
        with work.store.read() as session:
            batch = views.next_batch(session, work.name, after, _BATCH, only_due=only_due)
        if batch is None:
            return
        _read_batch(work, batch, total)
        with work.writing() as session:
            views.have_been_read(session, batch)
        after = batch.last


def _settle_views(work: Work) -> None:
    settled = _BATCH
    while settled == _BATCH:
        with work.writing() as session:
            settled = views.settle(session, work.name, work.shop.language, work.now, _BATCH)


def _read_batch(work: Work, batch: views.Batch, total: int) -> None:
    wanted = [Wanted(shop_id, needed) for shop_id, needed in batch.views.items()]
    done: set[str] = set()
    for page in pages(work.source.products(wanted), _STORED_AT_ONCE):
        readings = [item for item in page if isinstance(item, ProductReading)]
        missing = [item.product_id for item in page if isinstance(item, Missing)]
        with work.writing() as session:
            work.counts.changes += catalogue.record(session, work.name, readings, work.shop.stock_types, work.now)
            catalogue.record_prices(session, work.name, readings)
            catalogue.record_missing(session, work.name, missing, work.now)
        work.counts.products += len(readings)
        work.counts.missing += len(missing)
        done |= {reading.id for reading in readings}.union(missing)
        work.progress("products", work.products_done + len(done), total)
    work.products_done += len(done)
