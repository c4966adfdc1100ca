"""What all tests of the shop's API share."""

from collections.abc import Iterator

import pytest
import stamina

from worker.shop.http import READ_ATTEMPTS


@pytest.fixture(autouse=True)
def _retries_without_pauses() -> Iterator[None]:
    with stamina.set_testing(True, attempts=READ_ATTEMPTS, cap=True):
        yield
