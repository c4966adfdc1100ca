"""Cuts streams into pages (itertools.batched came with Python 3.12 only)."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

T = TypeVar("T")


def pages(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Lists of at most `size` items, in order, reading no further ahead than one page."""
    stream = iter(items)
    while page := list(islice(stream, size)):
        yield page
