"""The stage: take back what others left, then send what is due until nothing is, or the way is closed."""

import asyncio
from collections.abc import Callable

from worker.dispatch.batch import Batch
from worker.dispatch.counts import Counts
from worker.dispatch.desk import Clock, Desk, Recheck
from worker.dispatch.smtp import tls_context
from worker.progress import Progress, silent
from worker.settings import Settings
from worker.store.session import Store

_MOST_THREADS = 8  # the store's pool has as many connections


def run(
    store: Store,
    settings: Settings,
    *,
    clock: Clock,
    recheck: Recheck,
    hash_key: bytes,
    limit: int | None = None,
    stop: Callable[[], bool] = lambda: False,
    progress: Progress = silent,
) -> Counts:
    """Send every mail that is due, or `limit` of them. Any number of processes may do so at once.

    `clock` tells the time mails are scheduled by. `recheck` is asked just before a mail goes. Once `stop()` is true no
    further mail is begun; those on their way are finished and the others handed back.
    Raises SettingsError where smtp.ca_file can't be read, and whatever the database or `recheck` raises, after the
    mails on their way were finished.
    """
    desk = Desk(store, settings, clock, recheck, hash_key)
    counts = Counts()
    reaped, counts.expired = desk.tidy()
    counts.add_reaped(reaped)
    tls = tls_context(settings.smtp)
    left = limit
    while not stop():
        outlook = desk.look()
        if outlook.way.closed or not outlook.due or left == 0:
            break
        batch = Batch(
            desk,
            counts,
            settings.smtp,
            tls,
            clock=clock,
            stop=stop,
            limit=left,
            probing=outlook.way.probing,
            progress=progress,
            threads=1 if store.is_sqlite else min(settings.smtp.connections, _MOST_THREADS),  # SQLite has one writer
        )
        asyncio.run(batch.run())
        left = None if left is None else left - batch.claimed
        if not batch.got_through:
            break
    counts.waiting, counts.paused = desk.remainder()
    return counts
