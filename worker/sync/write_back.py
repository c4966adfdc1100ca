"""Last step, where the settings ask for it: expired watches are removed in the shop, as its own job does."""

from worker.errors import ShopError
from worker.shop.source import Remover
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
        expired = retirement.expired_watches(session, work.name, work.now, _AT_ONCE)
    if not expired:
        return
    try:
        gone = source.remove([(watch.account, watch.shop_id) for watch in expired])
    except ShopError as refusal:
        work.counts.errors += (f"expired watches could not be removed in the shop: {refusal}",)
        return
    with work.writing() as session:
        ids = [watch.id for watch in expired if watch.shop_id in gone]
        work.counts.removed = retirement.retire(session, ids, work.now)
