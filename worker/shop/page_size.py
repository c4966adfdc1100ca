"""How many records to ask for at once: as many as the shop answers quickly, fewer once it gets slow."""

from dataclasses import dataclass, field


@dataclass(slots=True)
class PageSize:
    """Adapts between `least` and `most`. Pure: callers tell how long an answer took, in seconds.

    An answer slower than `slow` halves the size, a time-out quarters it and keeps it below what timed out; answers faster
    than `quick` let it grow by half. Only a full page says anything about a larger one.
    """

    start: int
    most: int
    least: int = 10
    quick: float = 1.0
    slow: float = 5.0
    size: int = field(init=False)

    def __post_init__(self) -> None:
        self.most = max(1, self.most)
        self.least = min(self.least, self.most)
        self.size = min(max(self.start, self.least), self.most)

    def answered(self, records: int, seconds: float) -> None:
        """A page came back."""
        if seconds > self.slow:
            self.size = max(self.least, self.size // 2)
        elif seconds < self.quick and records >= self.size:
            self.size = min(self.most, self.size + max(1, self.size // 2))

    def timed_out(self) -> bool:
        """No answer in time. True: the page is smaller now, ask again; False: it was as small as it gets."""
        if self.size <= self.least:
            return False
        self.most = max(self.least, self.size // 2)
        self.size = max(self.least, self.size // 4)
        return True
