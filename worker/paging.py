"""Cuts streams into pages (itertools.batched came with Python 3.12 only), and reads them ahead."""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

T = TypeVar("T")


def pages(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Lists of at most `size` items, in order, reading no further ahead than one page."""
    stream = iter(items)
    while page := list(islice(stream, size)):
        yield page


def ahead(items: Iterable[T]) -> Iterator[T]:
    """The same items; while one is being worked on, the next is already made, in a thread that all of them are made in.

    What making one raises is raised when its turn comes.
    """
    stream = iter(items)
    with ThreadPoolExecutor(1) as thread:
        coming = thread.submit(lambda: list(islice(stream, 1)))
        while item := coming.result():
            coming = thread.submit(lambda: list(islice(stream, 1)))
            yield item[0]
