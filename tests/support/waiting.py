"""Waits for a condition instead of sleeping a guessed time."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def monotonic() -> float:
    """Seconds of the monotonic clock, also while freezegun stops `time.monotonic`."""
    return time.clock_gettime(time.CLOCK_MONOTONIC)


def wait_until(probe: Callable[[], T], timeout: float = 20, what: str = "the condition") -> T:
    """Call `probe` until it returns something true, and return that. Raises TimeoutError after `timeout` seconds."""
    deadline = monotonic() + timeout
    while True:
        found = probe()
        if found:
            return found
        if monotonic() > deadline:
            raise TimeoutError(f"waited {timeout:g} seconds for {what}")
        time.sleep(0.01)
