"""Fourth step: the products somebody watches, in every language and currency their watchers need."""

from collections.abc import Iterator, Sequence
from datetime import timedelta

from worker.domain.model import ProductReading
from worker.paging import pages
from worker.shop.source import Answered, Conditional, Missing, Unchanged, Wanted
from worker.store import catalogue, views
from worker.sync.remembered import Remembered
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
    after, remembered = 0, Remembered(work)
    while True:
        with work.store.read() as session:
            batch = views.next_batch(session, work.name, after, _BATCH, only_due=only_due)
        if batch is None:
            break
        _read_batch(work, batch, remembered, total)
        with work.writing() as session:
            views.have_been_read(session, batch)
        after = batch.last
    remembered.forget_others()


def _settle_views(work: Work) -> None:
    settled = _BATCH
    while settled == _BATCH:
        with work.writing() as session:
            settled = views.settle(session, work.name, work.shop.language, work.now, _BATCH)


def _read_batch(work: Work, batch: views.Batch, remembered: Remembered, total: int) -> None:
    wanted = [Wanted(shop_id, needed) for shop_id, needed in batch.views.items()]
    done: set[str] = set()
    for answer in _answers(work, wanted, remembered):
        done |= _still_so(work, answer) if isinstance(answer, Unchanged) else _store(work, answer, remembered)
        work.progress("products", work.products_done + len(done), total)
    work.products_done += len(done)


def _answers(work: Work, wanted: Sequence[Wanted], remembered: Remembered) -> Iterator[Answered | Unchanged]:
    """What is stored at once, piece by piece; the next one is asked for when this one is stored."""
    if isinstance(work.source, Conditional):
        yield from work.source.answers(wanted, remembered.recall)
    else:
        for page in pages(work.source.products(wanted), _STORED_AT_ONCE):
            yield Answered(tuple(page))


def _store(work: Work, answer: Answered, remembered: Remembered) -> set[str]:
    readings = [item for item in answer.items if isinstance(item, ProductReading)]
    missing = [item.product_id for item in answer.items if isinstance(item, Missing)]
    with work.writing() as session:
        work.counts.changes += catalogue.record(session, work.name, readings, work.shop.stock_types, work.now)
        catalogue.record_prices(session, work.name, readings)
        catalogue.record_missing(session, work.name, missing, work.now)
        remembered.keep(session, answer)
    work.counts.products += len(readings)
    work.counts.missing += len(missing)
    return {reading.id for reading in readings}.union(missing)


def _still_so(work: Work, answer: Unchanged) -> set[str]:
    ids = answer.request.product_ids
    with work.writing() as session:
        catalogue.record_unchanged(session, work.name, ids, work.now)
    work.counts.unchanged_products += len(ids)
    return set(ids)
