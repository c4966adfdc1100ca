"""Runs the desk's transactions in threads, so that the event loop never waits for the database."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, Self, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class Threads:
    """Awaiting `threads(call, ...)` gives what `call(...)` returns. Leaving the block waits for all calls."""

    def __init__(self, number: int) -> None:
        self._executor = ThreadPoolExecutor(max_workers=number, thread_name_prefix="dispatch-db")

    async def __call__(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._executor, partial(call, *args, **kwargs))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._executor.shutdown()
