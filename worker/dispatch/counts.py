"""What one dispatch did."""

from collections.abc import ItemsView, KeysView
from dataclasses import asdict, dataclass

from worker.store.outbox import Reaped


@dataclass(slots=True)
class Counts:
    """Mails by what became of them; `dict(counts)` for logs and `status`."""

    sent: int = 0
    retried: int = 0
    """Refused for now; an attempt counts."""
    failed: int = 0
    expired: int = 0
    cancelled: int = 0
    superseded: int = 0
    suppressed: int = 0
    held: int = 0
    ambiguous: int = 0
    """Attempts whose outcome nobody can know, also those of dispatchers that died."""
    lost: int = 0
    """Leases lost to another process; what became of these mails is counted there."""
    waiting: int = 0
    """Still pending afterwards, due or not."""
    paused: str | None = None
    """Why nothing more may be sent: `paused` by the operator, or the route's fault, such as `configuration:auth_535`."""

    def add(self, state: str) -> None:
        """Count one mail by the state it ended in."""
        setattr(self, state, getattr(self, state) + 1)

    def add_reaped(self, reaped: Reaped) -> None:
        """Count what dispatchers left that died."""
        self.ambiguous += reaped.ambiguous
        self.held += reaped.held

    def keys(self) -> KeysView[str]:
        """The names, for `dict(counts)`."""
        return asdict(self).keys()

    def items(self) -> ItemsView[str, int | str | None]:
        """Names and values."""
        return asdict(self).items()

    def __getitem__(self, name: str) -> int | str | None:
        value: int | str | None = asdict(self)[name]
        return value
