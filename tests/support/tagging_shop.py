"""A shop in memory that names its answers by what they hold, so that it can be asked for what changed (Conditional)."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import replace

from tests.support.fake_shop import FakeShop
from worker.domain.model import ProductReading, View
from worker.shop.frontend_products import by_view
from worker.shop.source import Answered, Missing, Recall, Request, Unchanged, Wanted


class TaggingShop(FakeShop):
    """Lists products in batches of `batch`; what a list leaves out makes its answer one without a tag."""

    def __init__(self) -> None:
        super().__init__()
        self.batch = 10
        self.tags = True
        """Whether it names its answers."""
        self.sent: list[tuple[str, ...]] = []
        """The products of each answer that was sent in full."""
        self.unchanged: list[tuple[str, ...]] = []
        """The products of each answer that was not."""

    def answers(self, wanted: Sequence[Wanted], recall: Recall) -> Iterator[Answered | Unchanged]:
        """View by view."""
        for view, ids in by_view(wanted).items():
            for batch in _batches(ids, self.batch):
                self.while_reading(f"products in {view.language} and {view.currency}")
                request = Request("/product", "", batch, view)
                recalled = recall(request)
                items = tuple(self._shown(shop_id, view) for shop_id in batch)
                complete = all(isinstance(item, ProductReading) for item in items)
                tag = f'"{hashlib.sha256(repr(items).encode()).hexdigest()}"' if self.tags and complete else None
                if tag is not None and recalled == tag:
                    self.unchanged.append(batch)
                    yield Unchanged(request)
                else:
                    self.sent.append(batch)
                    yield Answered(items, request, tag)

    def _shown(self, shop_id: str, view: View) -> ProductReading | Missing:
        shown = super()._shown(shop_id, view)
        if isinstance(shown, Missing):
            return shown
        return replace(shown, prices=tuple(price for price in shown.prices if price.currency == view.currency))


def _batches(ids: Sequence[str], size: int) -> Iterator[tuple[str, ...]]:
    return (tuple(ids[start : start + size]) for start in range(0, len(ids), size))
