"""The circuit breaker of a source: a shop that does not answer is left alone for a while, longer each time."""

import random
from datetime import datetime, timedelta

from worker.errors import ShopRestingError, ShopUnreachableError
from worker.store import tables
from worker.store.session import Store

_PATIENCE = 3
"""So many syncs in a row without an answer, and scheduled ones begin to skip."""
_SHORTEST = timedelta(minutes=5)
_LONGEST = timedelta(hours=1)


def check(store: Store, name: str, now: datetime) -> None:
    """Raises ShopRestingError while the shop is left alone."""
    with store.read() as session:
        state = session.get(tables.SourceState, name)
    if state is not None and state.resting_until is not None and now < state.resting_until:
        raise ShopRestingError(
            f"{name}: the shop did not answer {state.failures} times in a row and is left alone until "
            f"{state.resting_until:%Y-%m-%d %H:%M:%S} UTC; to try at once, run: watchpost sync {name}"
        )


def note_silence(store: Store, name: str, now: datetime, silence: ShopUnreachableError) -> None:
    """A sync got no answer."""
    with store.begin() as session:
        state = session.get(tables.SourceState, name, with_for_update=True)
        if state is None:
            state = tables.SourceState(source=name, failures=0)
            session.add(state)
        state.failures += 1
        rest = max(_rest(state.failures), silence.retry_after or timedelta(0))
        state.resting_until = now + rest if rest else None


def _rest(failures: int) -> timedelta:
    if failures < _PATIENCE:
        return timedelta(0)
    rest: timedelta = min(_SHORTEST * (1 << min(failures - _PATIENCE, 10)), _LONGEST)
    return rest * random.uniform(0.8, 1.2)  # noqa: S311 - spreads, protects nothing
