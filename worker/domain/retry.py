"""When a mail that was put off is tried again."""

from datetime import timedelta

_STEPS = (
    timedelta(minutes=5),
    timedelta(minutes=15),
    timedelta(minutes=30),
    timedelta(hours=1),
    timedelta(hours=2),
)
_THEREAFTER = timedelta(hours=4)
_SPREAD = 0.2


def delay(attempt: int, jitter: float) -> timedelta:
    """How long to wait after the attempt of this number: 5, 15, 30 min, 1, 2, then every 4 hours, each up to 20 % off.

    `attempt` counts from 1. `jitter` is drawn by the caller from [-1, 1], so that mails put off together don't come
    back together. Raises ValueError outside these bounds.
    """
    if attempt < 1:
        raise ValueError(f"attempt {attempt}: they are counted from 1")
    if not -1 <= jitter <= 1:
        raise ValueError(f"jitter {jitter}: it must be between -1 and 1")
    base = _STEPS[attempt - 1] if attempt <= len(_STEPS) else _THEREAFTER
    return base * (1 + _SPREAD * jitter)
