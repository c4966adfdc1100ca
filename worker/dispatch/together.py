"""Lets calls made at about the same time share one transaction: a commit waits for the disk, however little it writes."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

A = TypeVar("A")
R = TypeVar("R")

_LINGERS = 0.001
"""Seconds for others to join in; what they save is a commit each."""


class Together(Generic[A, R]):
    """Awaiting it with one argument gives one result. Whatever comes within a moment goes along, and whatever piled up.

    `call` takes all arguments, in one transaction, and returns the results in their order. Where it fails, each argument
    is tried alone, so that an error hits the one it belongs to.
    """

    def __init__(self, call: Callable[[list[A]], Awaitable[list[R]]]) -> None:
        self._call = call
        self._waiting: list[tuple[A, asyncio.Future[R]]] = []
        self._running: asyncio.Task[None] | None = None

    async def __call__(self, argument: A) -> R:
        answer: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._waiting.append((argument, answer))
        if self._running is None or self._running.done():
            self._running = asyncio.create_task(self._run())
        return await answer

    async def _run(self) -> None:
        while self._waiting:
            await asyncio.sleep(_LINGERS)
            group, self._waiting = self._waiting, []
            try:
                await self._answer(group)
            except Exception as error:  # noqa: BLE001 - not ours: whoever waits for the answer gets it
                if len(group) == 1:
                    _refuse(group[0][1], error)
                else:
                    await self._one_by_one(group)

    async def _one_by_one(self, group: list[tuple[A, "asyncio.Future[R]"]]) -> None:
        for single in group:
            try:
                await self._answer([single])
            except Exception as error:  # noqa: BLE001 - as above
                _refuse(single[1], error)

    async def _answer(self, group: list[tuple[A, "asyncio.Future[R]"]]) -> None:
        results = await self._call([argument for argument, _ in group])
        for (_, answer), result in zip(group, results, strict=True):
            if not answer.done():  # a cancelled caller does not wait any more
                answer.set_result(result)


def _refuse(answer: "asyncio.Future[R]", error: Exception) -> None:
    if not answer.done():
        answer.set_exception(error)
