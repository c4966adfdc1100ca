"""A shop whose customers all watch one lamp: many mails at once, for tests and benchmarks of what comes after sync."""

from collections.abc import Iterator
from datetime import datetime

from tests.support.factories import make_customer, make_relation
from tests.support.fake_shop import FakeShop
from tests.support.stages import Play
from worker.settings import Settings
from worker.shop.source import Account, Page
from worker.store.session import Store

_PAGE = 500


class Crowd(FakeShop):
    """So many customers with one watch each, made as they are read."""

    def __init__(self, number: int, began: datetime) -> None:
        super().__init__()
        self._number = number
        self._began = began
        self.product("42", EUR="120.00", stock="1")

    def relations(self, since: str | None, after: str | None) -> Iterator[Page]:  # noqa: ARG002 - it has no mtime
        """Every customer after `after`, some hundred a page."""
        keys = [f"{number:07}" for number in range(1, self._number + 1)]
        for first in range(0, self._number, _PAGE):
            page = [key for key in keys[first : first + _PAGE] if after is None or key > after]
            if page:
                yield Page(entries=tuple(map(self._watching, page)), cursor=page[-1])

    def _watching(self, key: str) -> Account:
        customer = make_customer(id=key, email=f"c{key}@mail.test")
        return Account(key, customer, (make_relation(id=key, customer_id=key, ctime=self._began),))


def news_for(number: int, store: Store, settings: Settings, now: datetime) -> Play:
    """The lamp got cheaper, which so many customers are to be told; nothing of it is composed yet."""
    play = Play(store, shop=Crowd(number, now), settings=settings, now=now)
    assert play.fires() == 0
    play.shop.product("42", EUR="90.00")
    assert play.fires() == number
    return play
