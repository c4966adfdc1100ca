"""Whatever happens to a watch, it is told once an episode, only while it may be, and never too little."""

from datetime import datetime, timedelta
from decimal import Decimal

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.support.rules import T0, at, make_terms, money
from tests.support.watcher import Notice, Watcher
from worker.domain.episode import Observed, Policy, Version
from worker.domain.model import Kind
from worker.domain.reasons import Outcome
from worker.domain.terms import Terms

COOLDOWN = timedelta(hours=24)
POLICY = Policy(cooldown_hours=Decimal(24), further_drop_percent=Decimal(5))
DAY = 24


LIMITS = st.sampled_from(["20", "25", None])
CURRENCIES = st.sampled_from(["EUR", "EUR", "EUR", "USD"])
HOURS = st.sampled_from([0, 0, 1, 25])


class Life(RuleBasedStateMachine):
    """One relation's life; the subclasses say which kind is watched and what the shop shows."""

    kind: Kind

    @initialize(
        quiet=st.sampled_from([False, False, True]),
        begins=st.sampled_from([None, None, None, None, -1, 1, 3]),
        ends=st.sampled_from([None, None, None, None, 2, 5]),
        timeframe=st.sampled_from([3650, 3650, 10, 3]),
        limit=LIMITS,
        at_ctime=st.booleans(),
    )
    def arrives(
        self, quiet: bool, begins: int | None, ends: int | None, timeframe: int, limit: str | None, at_ctime: bool
    ) -> None:
        self.now = T0
        self.timeframe = timeframe
        self.watcher = Watcher(
            kind=self.kind,
            quiet=quiet,
            policy=POLICY,
            datestart=None if begins is None else at(begins * DAY),
            dateend=None if ends is None else at(ends * DAY),
        )
        self.episode = 0
        self.watcher.ask(make_terms(limit, price=self.kind is Kind.PRICE, stock=True, timeframe_days=timeframe), T0)
        if at_ctime:
            self.show_at_ctime()

    @rule(hours=st.integers(0, 30))
    def time_passes(self, hours: int) -> None:
        self.now += timedelta(hours=hours)
        self.scan()

    @rule(
        limit=LIMITS,
        currency=CURRENCIES,
        flag=st.sampled_from([True, True, False]),
        legible=st.sampled_from([True, True, True, False]),
        scanned=st.booleans(),
    )
    def customer_changes_it(self, limit: str | None, currency: str, flag: bool, legible: bool, scanned: bool) -> None:
        price, stock = (flag, True) if self.kind is Kind.PRICE else (True, flag)
        terms = make_terms(limit, currency=currency, price=price, stock=stock, timeframe_days=self.timeframe)
        self.watcher.ask(terms if legible else None, self.now)
        if scanned:
            self.scan()

    def scan(self) -> None:
        count = len(self.watcher.ledger)
        decision = self.watcher.scan(self.now)
        assert (decision.outcome is Outcome.FIRE) == (len(self.watcher.ledger) == count + 1)
        if decision.outcome is Outcome.FIRE:
            self.check_that_it_may_fire(self.watcher.ledger[-1])

    @precondition(lambda self: self.watcher.told)
    @rule(newest=st.booleans())
    def a_notification_is_cancelled(self, newest: bool) -> None:
        self.watcher.cancel(self.watcher.told[-1 if newest else 0])

    @invariant()
    def no_episode_is_told_twice(self) -> None:
        episodes = [notice.episode for notice in self.watcher.ledger]
        assert len(set(episodes)) == len(episodes)
        assert episodes == sorted(episodes)

    @invariant()
    def episodes_are_only_counted_up(self) -> None:
        if self.watcher.state is not None:
            assert self.watcher.state.episode >= max(1, self.episode)
            self.episode = self.watcher.state.episode

    @invariant()
    def only_what_was_not_cancelled_counts_as_told(self) -> None:
        state, told = self.watcher.state, self.watcher.told
        if state is not None:
            assert state.last_notified_at == (told[-1].at if told else None)
            if told:
                assert state.last_notified_price == told[-1].price

    @property
    def terms(self) -> Terms | None:
        return self.watcher.terms

    def active(self, moment: datetime) -> bool:
        start, end = self.watcher.datestart, self.watcher.dateend
        return (
            T0 <= moment < T0 + timedelta(days=self.timeframe)
            and (start is None or start <= moment)
            and (end is None or moment < end)
        )

    def watching(self) -> bool:
        terms = self.terms
        return terms is not None and (terms.price if self.kind is Kind.PRICE else terms.stock)

    def check_that_it_may_fire(self, notice: Notice) -> None:
        assert self.active(self.now)
        assert self.watching()
        earlier = self.watcher.told[:-1]
        assert not earlier or self.now >= earlier[-1].at + COOLDOWN
        before = self.watcher.ledger[:-1]
        if before and not before[-1].cancelled:
            self.check_that_something_happened_since(before[-1])
        self.check_the_condition(notice)

    def since(self, notice: Notice) -> list[Version | Observed]:
        return self.watcher.log[notice.events_before :]

    def check_that_something_happened_since(self, notice: Notice) -> None:
        raise NotImplementedError

    def check_the_condition(self, notice: Notice) -> None:
        raise NotImplementedError

    def show_at_ctime(self) -> None:
        raise NotImplementedError

    def end(self) -> None:
        raise NotImplementedError

    def begin(self) -> None:
        raise NotImplementedError

    @rule(cancelled=st.booleans())
    def what_ends_and_begins_again_is_told_after_the_cooldown(self, cancelled: bool) -> None:
        if not self.watching():
            return
        self.end()
        if cancelled and self.watcher.told:
            self.watcher.fold()
            self.watcher.cancel(self.watcher.told[-1])
        self.begin()
        self.now += COOLDOWN
        outcome = self.watcher.scan(self.now).outcome
        assert outcome is (Outcome.FIRE if self.active(self.now) else Outcome.WAIT)
        if outcome is Outcome.FIRE:
            self.check_that_it_may_fire(self.watcher.ledger[-1])


class PriceLife(Life):
    kind = Kind.PRICE

    @rule(
        price=st.sampled_from(["17", "18", "18.5", "19", "20", "25", None]),
        currency=CURRENCIES,
        hours=HOURS,
        scanned=st.sampled_from([True, True, False]),
    )
    def shop_shows(self, price: str | None, currency: str, hours: int, scanned: bool) -> None:
        self.now += timedelta(hours=hours, minutes=1)
        self.watcher.see_price(money(price), self.now, currency)
        if scanned:
            self.scan()

    def show_at_ctime(self) -> None:
        self.watcher.see_price(Decimal(19), T0)

    def prices(self, events: list[Version | Observed], currency: str) -> list[Decimal]:
        """The prices among the events that can be compared."""
        seen = [event for event in events if isinstance(event, Observed) and event.currency == currency]
        return [event.price for event in seen if event.price is not None and event.price > 0]

    def limit(self) -> Decimal | None:
        """The customer's own limit, else the price observed at ctime, else the first one after it."""
        assert self.terms is not None
        seen = [event for event in self.watcher.seen if event.currency == self.terms.currency]
        at_ctime = [event.price for event in seen if event.at <= T0][-1:]
        later = [event.price for event in seen if event.at > T0]
        base = [price for price in (*at_ctime, *later) if price is not None and price > 0]
        return self.terms.limit or (base[0] if base else None)

    def check_the_condition(self, notice: Notice) -> None:
        assert self.terms is not None
        newest = [seen for seen in self.watcher.seen if seen.currency == self.terms.currency][-1]
        assert notice.price is not None
        assert notice.limit is not None
        assert (notice.price, notice.limit) == (newest.price, self.limit())
        assert 0 < notice.price < notice.limit

    def check_that_something_happened_since(self, notice: Notice) -> None:
        events = self.since(notice)
        if any(isinstance(event, Version) for event in events):
            return
        assert self.terms is not None
        assert notice.price is not None
        assert notice.limit is not None
        prices = self.prices(events, self.terms.currency)
        ended = max(prices, default=Decimal(0)) >= notice.limit
        assert ended or prices[-1] <= notice.price * Decimal("0.95")

    def end(self) -> None:
        assert self.terms is not None
        self.watcher.see_price(self.limit() or Decimal(20), self.now + timedelta(minutes=2), self.terms.currency)

    def begin(self) -> None:
        assert self.terms is not None
        limit = self.limit()
        assert limit is not None
        self.watcher.see_price(limit - Decimal("0.0001"), self.now + timedelta(minutes=3), self.terms.currency)


class StockLife(Life):
    kind = Kind.STOCK

    @rule(
        in_stock=st.sampled_from([True, True, False, False, None]),
        hours=HOURS,
        scanned=st.sampled_from([True, True, False]),
    )
    def shop_shows(self, in_stock: bool | None, hours: int, scanned: bool) -> None:
        self.now += timedelta(hours=hours, minutes=1)
        self.watcher.see_stock(in_stock, self.now)
        if scanned:
            self.scan()

    def show_at_ctime(self) -> None:
        self.watcher.see_stock(False, T0)

    def check_the_condition(self, notice: Notice) -> None:
        assert notice.price is None
        assert self.watcher.seen[-1].in_stock is True
        assert self.was_out_of_stock() or any(other.cancelled for other in self.watcher.ledger)

    def was_out_of_stock(self) -> bool:
        """When the flag was switched on last, or since."""
        on = out = False
        known: bool | None = None
        for event in self.watcher.log:
            if isinstance(event, Observed):
                known = event.in_stock
                out = out or (on and known is False)
            else:
                switched_on = event.terms is not None and event.terms.stock
                out = known is False if switched_on and not on else out
                on = switched_on
        return out

    def check_that_something_happened_since(self, notice: Notice) -> None:
        events = self.since(notice)
        assert any(isinstance(event, Version) or event.in_stock is False for event in events)

    def end(self) -> None:
        self.watcher.see_stock(False, self.now)

    def begin(self) -> None:
        self.watcher.see_stock(True, self.now)


TestAPriceWatch = PriceLife.TestCase
TestAStockWatch = StockLife.TestCase
TestAPriceWatch.settings = TestAStockWatch.settings = settings(deadline=None, max_examples=80, stateful_step_count=20)
