"""Last step, where the settings ask for it: expired watches are removed in the shop, as its own job does."""

from collections.abc import Sequence

from worker import complaints
from worker.errors import ShopError
from worker.shop.source import Remover, Unread
from worker.store import retirement
from worker.sync.work import Work

_AT_ONCE = 200
"""So many in one sync: removing is slow, and there is always a next one."""


def remove_expired(work: Work) -> None:
    """Remove some of them; what the shop refuses is told to the operator and stays."""
    source = work.source
    if not (work.shop.write_back and isinstance(source, Remover)):
        return
    with work.store.read() as session:
        expired = retirement.expired_watches(
            session, work.name, work.now, _AT_ONCE, by_customers=work.incremental is None
        )
    if not expired:
        return
    ids = {watch.shop_id: watch.id for watch in expired}
    failed = "expired watches could not be removed in the shop"
    try:
        for gone in source.remove([(watch.account, watch.shop_id) for watch in expired]):
            if isinstance(gone, Unread):
                _complain(work, f"{gone.key}: {failed}: {gone.error}")
            else:
                _retire(work, [ids[shop_id] for shop_id in gone])
    except ShopError as refusal:
        _complain(work, f"{failed}: {refusal}")


def _complain(work: Work, line: str) -> None:
    work.counts.errors = complaints.first(work.counts.errors, (line,))


def _retire(work: Work, ids: Sequence[int]) -> None:
    """At once, so that what comes after can't make us forget it."""
    if ids:
        with work.writing() as session:
            work.counts.removed += retirement.retire(session, ids, work.now)
