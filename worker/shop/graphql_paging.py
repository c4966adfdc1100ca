"""Where a search goes on: after the id of the last item. A shop that gives the same again is found out."""

from collections.abc import Sequence

from worker.errors import ShopAnswerError
from worker.shop.record import Record, usable_id


class Keyset:
    """The way through one search, sorted by id. Ids that are numbers are sorted as numbers, others as the shop likes."""

    def __init__(self, after: str | None) -> None:
        self.after = after
        self._passed = {after}

    def moved(self, items: Sequence[Record], where: str) -> str:
        """The cursor after this page. Raises ShopAnswerError unless it goes on: for ids that were there before, or none."""
        ids = [found for item in items if (found := usable_id(item.get("id"))) is not None]
        if not ids:
            raise ShopAnswerError(f"{where}: a page without ids, so that nobody knows where to go on")
        previous = [self.after, *ids]
        if len(set(ids)) != len(ids) or ids[-1] in self._passed or any(map(_back, previous, ids)):
            raise ShopAnswerError(f"{where}: the pages go in a circle; the shop gives items again that came before")
        self.after = ids[-1]
        self._passed.add(self.after)
        return self.after


def _back(one: str | None, other: str) -> bool:
    """Whether `other` does not come after `one`, as far as anybody can say."""
    return (
        one is not None
        and one.isascii()
        and other.isascii()
        and one.isdigit()
        and other.isdigit()
        and int(one) >= int(other)
    )
