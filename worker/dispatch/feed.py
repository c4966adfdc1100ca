"""Hands out leased mails one by one, evenly over destinations, and leases more when they run out."""

import asyncio
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Collection

from worker.dispatch.health import destination
from worker.store.tables import Mail

_PATIENCE = 10.0
"""Seconds before the outbox is asked again whether others are due: it looks at all that is due to find out."""

Claim = Callable[[int, Collection[str]], Awaitable[list[Mail]]]
"""Leases up to so many more mails, but none for these destinations."""


class Feed:
    """The queue between the outbox and the connections of one batch.

    `share`: how many connections one destination may hold while others wait, in the queue or in the outbox: so a slow one
    never holds up the others, however many of its mails come first. `stop()` tells that no further mail should be begun.
    """

    def __init__(self, claim: Claim, *, page: int, share: int, limit: int | None, stop: Callable[[], bool]) -> None:
        self._claim = claim
        self._page = page
        self._share = share
        self._left = limit
        self._stop = stop
        self._claiming = asyncio.Lock()
        self._dry = False
        self._ask_again = 0.0
        """By the loop's clock; until then nothing is due but the destinations that have their share."""
        self._queues: dict[str, deque[Mail]] = {}
        self._in_flight: dict[int, Mail] = {}
        self._load: Counter[str] = Counter()

    async def next(self) -> Mail | None:
        """A mail to work on, or None when this connection should end. Give it back with `done` or `put_back`."""
        async with self._claiming:
            if self._stop():
                return None
            if not self._within_share() and not self._dry:
                await self._refill()
            if not self._queues or self._stop():
                return None
            # The destination with the fewest mails on their way: a slow one can't take all connections while others wait.
            domain = min(self._within_share() or self._queues, key=lambda name: self._load[name])
            queue = self._queues.pop(domain)
            mail = queue.popleft()
            if queue:
                self._queues[domain] = queue  # now the last in turn
            self._in_flight[mail.id] = mail
            self._load[domain] += 1
            return mail

    def done(self, mail: Mail) -> None:
        """The mail was dealt with."""
        del self._in_flight[mail.id]
        self._load[destination(mail)] -= 1

    def put_back(self, mail: Mail) -> None:
        """The mail is still leased; another connection may take it."""
        self.done(mail)
        self._queues.setdefault(destination(mail), deque()).appendleft(mail)

    def left_over(self) -> list[Mail]:
        """Mails that nobody took, or that were not brought to an end."""
        return [*self._in_flight.values(), *(mail for queue in self._queues.values() for mail in queue)]

    def _within_share(self) -> list[str]:
        return [domain for domain in self._queues if self._load[domain] < self._share]

    async def _refill(self) -> None:
        """Lease more; while mails of others are queued, only of destinations that have less than their share."""
        now = asyncio.get_running_loop().time()
        if self._queues and now < self._ask_again:
            return
        wanted = self._page if self._left is None else min(self._page, self._left)
        mails = await self._claim(wanted, set(self._queues)) if wanted else []
        few = len(mails) < wanted or not wanted
        if self._queues and few:
            self._ask_again = now + _PATIENCE
        self._dry = not self._queues and few
        if self._left is not None:
            self._left -= len(mails)
        for mail in mails:
            self._queues.setdefault(destination(mail), deque()).append(mail)
