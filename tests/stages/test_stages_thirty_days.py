"""A whole watch of thirty days, played through the Celery tasks with a frozen clock, over a real SMTP server."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from freezegun import freeze_time

from tests.support.factories import make_config
from tests.support.fake_shop import FakeShop
from tests.support.smtp import SmtpSink
from tests.support.staged import Staged
from tests.support.stages import START, make_settings
from worker import tasks
from worker.store.session import Store

_TICK = timedelta(hours=12)


def test_a_watch_of_thirty_days_is_told_exactly_when_it_should_be(
    store: Store, smtp_sink: SmtpSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = FakeShop()
    shop.customer("7")

    def price(amount: str) -> Callable[[], None]:
        return lambda: shop.product("42", EUR=amount)

    def begin() -> None:
        shop.product("42", EUR="120.00", stock="0")
        shop.watch("1", ctime=START, config=make_config(stock=0))

    # Days after the relation's creation, on which the tick sees the change for the first time.
    story: dict[float, Callable[[], None]] = {
        0: begin,
        3: price("99.00"),  # below the limit of 100
        5: price("120.00"),  # the condition ends: armed again
        8: price("95.00"),
        8.5: price("94.00"),  # not far enough below what was told
        9: price("89.00"),  # more than 5 % below it, and the cooldown of a day is over
        12: price("110.00"),
        13: lambda: shop.watch("1", config=make_config(stock=0, pricevalue="115.00")),  # a PATCH
        15: lambda: shop.watch("1", config=make_config(stock=1, pricevalue="115.00")),  # another
        18: lambda: shop.product("42", stock="4"),
        20: price("130.00"),
        29.5: price("90.00"),  # the last tick of the thirty days
        30: price("50.00"),  # too late, by the half-open interval
    }
    settings = make_settings(rules=f'[smtp]\nhost = "127.0.0.1"\nport = {smtp_sink.port}\ntls = "none"')
    monkeypatch.setattr(tasks, "installation", lambda: staged)
    staged = Staged(settings, store, shop)
    with freeze_time(START - timedelta(days=1), real_asyncio=True):
        _run_all()  # the first import, before the watch begins
    told: list[tuple[float, str]] = []
    for tick in range(2 * 32):
        day = tick / 2
        story.get(day, lambda: None)()
        before = len(smtp_sink.received())
        with freeze_time(START + tick * _TICK, real_asyncio=True):
            _run_all()
        told += [(day, str(mail.message["Subject"])) for mail in smtp_sink.received()[before:]]
    assert [day for day, _ in told] == [3, 8, 9, 13, 18, 29.5]
    assert [
        amount in subject for amount, (_, subject) in zip(("99", "95", "89", "110", "stock", "90"), told, strict=True)
    ] == [True] * 6


def _run_all() -> None:
    """Every stage, as beat would wake it."""
    for task, source in ((tasks.sync, ("main",)), (tasks.scan, ("main",)), (tasks.compose, ()), (tasks.dispatch, ())):
        counts = task(*source)
        assert "error" not in counts, counts
