"""What a scan did, in numbers, and what a rehearsed one would do: printed, kept with the run and shown by `status`."""

from collections import Counter
from dataclasses import dataclass, field

from worker import complaints


@dataclass(frozen=True, slots=True)
class Hit:
    """A watch that fires."""

    source: str
    relation_id: str
    customer_id: str
    product_id: str
    kind: str
    episode: int
    reason: str


@dataclass(slots=True)
class ScanCounts:
    """What a scan did."""

    scanned: int = 0
    fired: int = 0
    rejected: int = 0
    poisoned: int = 0
    """Watches that could not be judged because of an error; they are put aside and the others go on."""
    waiting: Counter[str] = field(default_factory=Counter)
    """By reason code."""
    hits: list[Hit] = field(default_factory=list)
    """Filled by a rehearsal only."""
    errors: tuple[str, ...] = ()
    """Which watches were put aside, one line each for the first."""

    def add(self, page: "ScanCounts") -> None:
        """Count a page that was judged."""
        self.fired += page.fired
        self.rejected += page.rejected
        self.poisoned += page.poisoned
        self.waiting += page.waiting
        self.hits += page.hits
        self.errors = complaints.first(self.errors, page.errors)

    def as_json(self) -> dict[str, object]:
        """Without the hits, which can be many."""
        return {
            "scanned": self.scanned,
            "fired": self.fired,
            "rejected": self.rejected,
            "poisoned": self.poisoned,
            "waiting": dict(self.waiting),
            "errors": list(self.errors),
        }
