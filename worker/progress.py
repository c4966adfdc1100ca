"""How a stage tells how far it is; the terminal shows a bar, a task shows nothing."""

from typing import Protocol


class Progress(Protocol):
    """Called from time to time with what is being counted, how much is done, and the total where it is known.

    Nothing is half written then: what it raises ends the stage there, and the next run goes on.
    """

    def __call__(self, what: str, done: int, total: int | None = None) -> None: ...


def silent(what: str, done: int, total: int | None = None) -> None:
    """Shows nothing."""
