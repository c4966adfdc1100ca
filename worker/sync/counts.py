"""What a sync did, in numbers: printed, kept with the run and shown by `status`."""

from dataclasses import asdict, dataclass, field
from typing import Any

from worker.store.relations import Changes


@dataclass(slots=True)
class SyncCounts:
    """Relations are seen, new, changed, revived, unchanged, retired and quarantined; the rest says how that came about."""

    accounts: int = 0
    unread: int = 0
    disabled: int = 0
    seen: int = 0
    new: int = 0
    changed: int = 0
    revived: int = 0
    unchanged: int = 0
    rejected: int = 0
    """Kept, shown with their reason, and never evaluated."""
    unreadable: int = 0
    """Records without a usable id, or of nobody we know."""
    erased: int = 0
    """Accounts of customers who were erased: they are left out."""
    retired: int = 0
    kept_back: int = 0
    """Vanished relations that the shrink guard did not believe in."""
    missed: int = 0
    """Relations that only a comparison with the whole shop found; all of them are read anew in the next sync."""
    customers_changed: int = 0
    products: int = 0
    unchanged_products: int = 0
    """Of which the shop said that they are as it told before; nothing of them was sent."""
    missing: int = 0
    changes: int = 0
    """Prices and stock states that changed."""
    problems: dict[str, int] = field(default_factory=dict)
    """Fields of the shop's answers that could not be read."""
    removed: int = 0
    """Expired watches that were removed in the shop."""
    resumed: bool = False
    """It went on where a sync before it had died."""
    errors: tuple[str, ...] = ()
    """What an operator should look at, one line each."""

    @property
    def quarantined(self) -> int:
        """Records that can't be evaluated."""
        return self.rejected + self.unreadable

    def add(self, changes: Changes) -> None:
        """Count a page."""
        self.seen += changes.seen
        self.new += changes.new
        self.changed += changes.changed
        self.revived += changes.revived
        self.unchanged += changes.unchanged
        self.rejected += changes.rejected

    def as_json(self) -> dict[str, Any]:
        """All of them."""
        return {**asdict(self), "quarantined": self.quarantined}
