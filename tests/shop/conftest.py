"""What all tests of the shop's API share. `front` is our own shop over HTTP, with the recorded shop's data."""

from collections.abc import Iterator

import pytest
import stamina

from tests.shopserver.conftest import front, make_front, served
from worker.shop.http import READ_ATTEMPTS

__all__ = ["front", "make_front", "served"]


@pytest.fixture(autouse=True)
def _retries_without_pauses() -> Iterator[None]:
    with stamina.set_testing(True, attempts=READ_ATTEMPTS, cap=True):
        yield
