"""Sync: mirrors one shop into the store. Accounts first, then the products somebody watches, each page in its own transaction.

A customer counts as imported once the relations and the products they point to have been read; what could not be read
changes nothing, and nothing is concluded from it.
"""

from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import func, select, update

from worker.domain.model import ProductReading
from worker.domain.terms import Defaults
from worker.errors import ShopError
from worker.paging import pages
from worker.progress import Progress, silent
from worker.settings import Settings, Shop
from worker.shop.source import Account, Disabled, Missing, Source, Unread
from worker.store import catalogue, relations, tables
from worker.store.lease import Lease, single_flight
from worker.store.runs import record_run
from worker.store.session import Store

_ALWAYS_RETIRED = 20
"""So many relations may vanish at once however small the shop is (fault row 19)."""


@dataclass(slots=True)
class SyncCounts:
    """What a sync did."""

    accounts: int = 0
    unread: int = 0
    disabled: int = 0
    seen: int = 0
    new: int = 0
    changed: int = 0
    revived: int = 0
    unchanged: int = 0
    rejected: int = 0
    unreadable: int = 0
    """Records without a usable id."""
    retired: int = 0
    kept_back: int = 0
    """Vanished relations that the shrink guard did not believe in."""
    products: int = 0
    missing: int = 0
    changes: int = 0
    """Prices and stock states that changed."""
    errors: tuple[str, ...] = ()
    """Why accounts could not be read, one line each."""


def sync(
    store: Store,
    source: Source,
    name: str,
    settings: Settings,
    *,
    now: datetime,
    accept_shrink: bool = False,
    progress: Progress = silent,
) -> SyncCounts:
    """Bring the mirror of one shop up to date.

    Raises AlreadyRunningError, ShopError where the shop as a whole can't be read, LeaseLostError.
    """
    with record_run(store, "sync", name, now) as run, single_flight(store, f"sync:{name}") as lease:
        counts = SyncCounts()
        try:
            _Sync(store, source, name, settings, lease, now, counts, progress).run(accept_shrink)
        finally:
            run.counts = asdict(counts)
    return counts


class _Sync:
    """One run; holds what its steps share."""

    def __init__(
        self,
        store: Store,
        source: Source,
        name: str,
        settings: Settings,
        lease: Lease,
        now: datetime,
        counts: SyncCounts,
        progress: Progress,
    ) -> None:
        self._store = store
        self._source = source
        self._name = name
        self._shop: Shop = settings.sources[name]
        self._defaults = Defaults(timeframe_days=settings.rules.default_timeframe_days, currency=self._shop.currency)
        self._lease = lease
        self._now = now
        self._counts = counts
        self._progress = progress

    def run(self, accept_shrink: bool) -> None:
        known = self._count_known()
        read, vanished = self._read_accounts()
        self._retire(vanished, known, accept_shrink)
        self._read_products()
        self._finish(read)

    def _count_known(self) -> int:
        with self._store.read() as session:
            return session.scalars(
                select(func.count()).where(tables.Relation.source == self._name, tables.Relation.retired_at.is_(None))
            ).one()

    def _read_accounts(self) -> tuple[list[int], list[int]]:
        """Ids of the customers read completely, and of the relations the shop no longer lists."""
        read: list[int] = []
        vanished: list[int] = []
        named: dict[str, int | None] = {}
        for account in self._source.accounts():
            named[account.key] = None
            with self._store.begin() as session:
                self._lease.renew(session)
                match account:
                    case Account(key, customer, listed, unreadable):
                        owner = relations.upsert_customer(session, self._name, key, customer, self._now)
                        changes = relations.upsert_relations(
                            session, owner, listed, defaults=self._defaults, now=self._now
                        )
                        named[key] = owner.id
                        read.append(owner.id)
                        if not unreadable:  # what seems to be gone may be one of those
                            vanished += changes.vanished
                        self._count(changes)
                        self._counts.unreadable += unreadable
                    case Disabled(key):
                        relations.disable_account(session, self._name, key, self._now)
                        self._counts.disabled += 1
                    case Unread(key, error):
                        relations.mark_unread(session, self._name, key, self._now)
                        self._counts.unread += 1
                        self._counts.errors += (f"{key}: {error}",)
            self._progress("accounts", len(named))
        with self._store.read() as session:
            vanished += relations.vanished_accounts(session, self._name, named)
        return read, vanished

    def _count(self, changes: relations.Changes) -> None:
        self._counts.accounts += 1
        for key in ("seen", "new", "changed", "revived", "unchanged", "rejected"):
            setattr(self._counts, key, getattr(self._counts, key) + getattr(changes, key))

    def _retire(self, vanished: list[int], known: int, accept_shrink: bool) -> None:
        """Retire what vanished, unless that is too much of what was `known` before to be believed."""
        if len(vanished) > max(_ALWAYS_RETIRED, known * self._shop.max_shrink_percent / 100) and not accept_shrink:
            self._counts.kept_back = len(vanished)
            self._counts.errors += (
                f"{len(vanished)} of {known} relations vanished at once; none was retired. "
                "If that is right, run: watchpost sync --accept-shrink",
            )
            return
        with self._store.begin() as session:
            self._lease.renew(session)
            for page in pages(vanished, 500):
                self._counts.retired += relations.retire(session, page, self._now)

    def _read_products(self) -> None:
        with self._store.begin() as session:
            self._lease.renew(session)
            wanted = catalogue.needed(session, self._name, self._shop.language, self._now)
            catalogue.end_unneeded(session, self._name, wanted)
        total = sum(len(ids) for ids in wanted.views.values())
        for view, ids in wanted.views.items():
            for page in pages(self._source.products(ids, view), self._shop.page_size):
                readings = [item for item in page if isinstance(item, ProductReading)]
                missing = [item.product_id for item in page if isinstance(item, Missing)]
                with self._store.begin() as session:
                    self._lease.renew(session)
                    self._counts.changes += catalogue.record(
                        session, self._name, readings, self._shop.stock_types, self._now
                    )
                    catalogue.record_missing(session, self._name, missing, self._now)
                self._counts.products += len(readings)
                self._counts.missing += len(missing)
                self._progress("products", self._counts.products + self._counts.missing, total)

    def _finish(self, read: list[int]) -> None:
        if self._counts.unread and not (self._counts.accounts or self._counts.disabled):
            raise ShopError(f"{self._name}: no customer could be read: {self._counts.errors[0]}")
        with self._store.begin() as session:
            self._lease.renew(session)
            for page in pages(read, 500):
                session.execute(
                    update(tables.Customer)
                    .where(tables.Customer.id.in_(page), tables.Customer.first_synced_at.is_(None))
                    .values(first_synced_at=self._now)
                )
            state = session.get(tables.SourceState, self._name) or tables.SourceState(source=self._name)
            state.first_synced_at = state.first_synced_at or self._now
            state.last_good_sync_at = self._now
            session.add(state)
