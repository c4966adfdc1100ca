"""The last look at mails before they go, taken at several at once: it reads a dozen tables, however few mails it is about."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import TypeAlias

from worker.dispatch.desk import Clock
from worker.store.tables import Mail

_LASTS = timedelta(seconds=5)
"""How long a mail may go after a look that let it: a shop is read less often than that."""

_Key: TypeAlias = tuple[int, str | None]
"""A mail's id and its lease: what was found about a lease that was lost says nothing about the next one."""


class Looks:
    """`await looks.at(mail)` gives what `permit` says of it. Mails that `around()` tells of are looked at with it."""

    def __init__(
        self,
        permit: Callable[[list[Mail]], Awaitable[list[str | None]]],
        around: Callable[[], Sequence[Mail]],
        clock: Clock,
    ) -> None:
        self._permit = permit
        self._around = around
        self._clock = clock
        self._looking = asyncio.Lock()
        self._found: dict[_Key, tuple[datetime, str | None]] = {}
        self._gone: set[_Key] = set()
        """Mails whose answer was given: they are on their way, or ended."""

    async def at(self, mail: Mail) -> str | None:
        """None: it may go. Raises what the look raises, and then it is about this mail."""
        async with self._looking:
            if not self._is_known(mail):
                await self._look(mail)
            self._gone.add(_key(mail))
            return self._found.pop(_key(mail))[1]

    def _is_known(self, mail: Mail) -> bool:
        if _key(mail) not in self._found:
            return False
        since, ended = self._found[_key(mail)]
        return ended is not None or since <= self._clock() < since + _LASTS

    async def _look(self, mail: Mail) -> None:
        others = [
            other
            for other in self._around()
            if _key(other) not in self._gone and other.id != mail.id and not self._is_known(other)
        ]
        try:
            await self._look_at([mail, *others])
        except Exception:  # whose fault is it? The others are looked at again in their turn
            if not others:
                raise
            await self._look_at([mail])

    async def _look_at(self, mails: list[Mail]) -> None:
        since = self._clock()
        for mail, found in zip(mails, await self._permit(mails), strict=True):
            self._found[_key(mail)] = since, found


def _key(mail: Mail) -> _Key:
    return mail.id, mail.lease_token
