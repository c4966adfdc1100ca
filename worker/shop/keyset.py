"""Page by page through a listing that is sorted by id, each page after the last id of the one before, as large as it goes quickly.

Nothing the shop says about the length of a listing is believed (`total` is capped, `next` disappears): only an empty page
ends it, so that a short one is confirmed by one more request.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import TypeVar

from worker.domain.model import Json
from worker.errors import ShopAnswerError
from worker.shop.answer import BrokenDownError
from worker.shop.http import TimedOutError, TooLargeError
from worker.shop.page_size import PageSize
from worker.shop.record import member, usable_id

CAPPED_TOTAL = 10_000
"""A total of so many means "so many or more"."""


Ask = Callable[[str | None, int, bool], dict[str, Json]]
"""Asks for the page after an id, for so many records, patiently or not (then a time-out is raised at once: TimedOutError)."""
Answered = TypeVar("Answered")


@dataclass(frozen=True, slots=True)
class Rows:
    """One page, never without a usable id in it."""

    records: list[dict[str, Json]]
    broken: int
    """Entries that are no records."""
    cursor: str
    """The last id."""
    left: int | None
    """How many records there are from the first of this page on, as the shop says; None where that is capped or missing."""


def keyset(ask: Ask, size: PageSize, after: str | None) -> Iterator[Rows]:
    """All pages after an id. Raises ShopAnswerError for a page that does not lead forward, and what `ask` raises."""
    while True:
        page = asked_in_time(size, partial(ask, after), lambda page: len(listed(page)))
        rows = _rows(page, after)
        if rows is None:
            return
        yield rows
        after = rows.cursor


def asked_in_time(size: PageSize, ask: Callable[[int, bool], Answered], records: Callable[[Answered], int]) -> Answered:
    """One answer. `ask` is told how many records to ask for, and whether to be patient.

    After a time-out, a break-down or an answer too large to take, less is asked for, down to the least. How long the answer
    took for its `records` decides about the next one.
    """
    while True:
        began = time.monotonic()
        try:
            answered = ask(size.size, size.size <= size.least)
        except (TimedOutError, BrokenDownError, TooLargeError):
            if not size.timed_out():
                raise
            continue
        took = time.monotonic() - began
        size.answered(records(answered), took)
        return answered


def listed(page: dict[str, Json]) -> list[Json]:
    """The entries of a page. Raises ShopAnswerError where it holds no list, or none although there are some."""
    data, total = page.get("data"), member(page, "meta", "total")
    if not isinstance(data, list):
        raise ShopAnswerError("the shop's answer holds no list")
    if not data and isinstance(total, int) and total > 0:
        raise ShopAnswerError(f"the shop says there are {total} more records, but lists none")
    return data


def _rows(page: dict[str, Json], after: str | None) -> Rows | None:
    entries = listed(page)
    if not entries:
        return None
    records = [entry for entry in entries if isinstance(entry, dict)]
    ids = [found for found in (usable_id(record.get("id")) for record in records) if found is not None]
    if not ids:
        raise ShopAnswerError("a page of the shop's answer holds no usable id, so that nobody knows where to go on")
    order = [_place(found) for found in ids]
    if (after is not None and order[0] <= _place(after)) or any(one > next_one for one, next_one in pairwise(order)):
        raise ShopAnswerError("the pages of the shop's answer go in a circle or are not sorted by id")
    total = member(page, "meta", "total")
    left = total if isinstance(total, int) and len(entries) <= total < CAPPED_TOTAL else None
    return Rows(records, len(entries) - len(records), ids[-1], left)


def _place(found: str) -> tuple[int, str]:
    """Ids are numbers, so that the longer one is the larger."""
    return len(found), found
