"""One (relation, kind) as the scan drives it, without a store: fold what happened, decide, fire; notifications can be cancelled."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from tests.support.rules import POLICY, T0
from worker.domain.episode import Observed, Policy, State, Version, Why, advance, cancelled, fired, limit_in_force
from worker.domain.model import Defect, Kind
from worker.domain.reasons import Outcome, Reason
from worker.domain.rules import Decision, Situation, decide
from worker.domain.terms import Terms


@dataclass(slots=True, kw_only=True)
class Notice:
    """A row of the ledger."""

    episode: int
    at: datetime
    price: Decimal | None
    limit: Decimal | None
    armed_by: Why
    previous_at: datetime | None
    previous_price: Decimal | None
    events_before: int
    """How much of the log had happened when it fired."""
    follows: "Notice | None"
    """What had been told before it."""
    cancelled: bool = False


@dataclass(slots=True, kw_only=True)
class Watcher:
    """What the shop said (`log`, in order), what was folded of it, and what fired."""

    kind: Kind
    ctime: datetime = T0
    datestart: datetime | None = None
    dateend: datetime | None = None
    policy: Policy = POLICY
    quiet: bool = False
    log: list[Version | Observed] = field(default_factory=list)
    ledger: list[Notice] = field(default_factory=list)
    state: State | None = None
    folded: int = 0
    """How much of the log the state knows."""

    def ask(self, terms: Terms | None, at: datetime) -> None:
        """The relation says this from now on; None: it is illegible."""
        number = 1 + sum(isinstance(event, Version) for event in self.log)
        self.log.append(Version(number=number, at=at, terms=terms))

    def see_price(self, price: Decimal | None, at: datetime, currency: str = "EUR") -> None:
        """The shop shows this price."""
        self.log.append(Observed(id=len(self.log), at=at, currency=currency, price=price))

    def see_stock(self, in_stock: bool | None, at: datetime) -> None:
        """The shop shows this stock state."""
        self.log.append(Observed(id=len(self.log), at=at, in_stock=in_stock))

    @property
    def terms(self) -> Terms | None:
        """What the relation asks for now."""
        return _terms(self.log)

    @property
    def seen(self) -> list[Observed]:
        """Every observation."""
        return [event for event in self.log if isinstance(event, Observed)]

    def fold(self) -> None:
        """What a scan does first. A watch without a state begins at its arrival again, as nothing was kept of it."""
        begin = 0 if self.state is None else self.folded
        before = self.log[:begin]
        known = [event for event in before if isinstance(event, Observed)]
        self.state = advance(
            self.kind,
            self.state,
            self.log[begin:],
            in_force=_terms(before),
            known=known[-1] if known else None,
            ctime=self.ctime,
            quiet=self.quiet,
            policy=self.policy,
            base=self.seen,
        )
        self.folded = len(self.log)

    def scan(self, now: datetime, undeliverable: Callable[[], Reason | None] = lambda: None) -> Decision:
        """Fold, decide, and write what fires into the ledger."""
        self.fold()
        situation = self.situation(undeliverable)
        decision = decide(situation, now, self.policy)
        if decision.outcome is Outcome.FIRE:
            self._fire(situation, now)
        return decision

    def situation(self, undeliverable: Callable[[], Reason | None] = lambda: None) -> Situation:
        """What the rules judge now."""
        terms = self.terms
        currency = terms.currency if terms is not None and self.kind is Kind.PRICE else ""
        current = [seen for seen in self.seen if seen.currency == currency]
        return Situation(
            kind=self.kind,
            is_watch=True,
            terms=terms if terms is not None else Defect(Reason.BAD_PRICEVALUE, ""),
            ctime=self.ctime,
            datestart=self.datestart,
            dateend=self.dateend,
            status=1,
            retired=False,
            synced=True,
            product_enabled=True,
            product_start=None,
            product_end=None,
            undeliverable=undeliverable,
            state=self.state,
            observed=bool(current),
            price=current[-1].price if current else None,
            in_stock=current[-1].in_stock if current else None,
        )

    def _fire(self, situation: Situation, now: datetime) -> None:
        state, terms = self.state, self.terms
        assert state is not None
        assert terms is not None
        self.ledger.append(
            Notice(
                episode=state.episode,
                at=now,
                price=situation.price,
                limit=limit_in_force(state, terms),
                armed_by=state.why,
                previous_at=state.last_notified_at,
                previous_price=state.last_notified_price,
                events_before=len(self.log),
                follows=self.told[-1] if self.told else None,
            )
        )
        self.state = fired(state, at=now, price=situation.price)

    def cancel(self, notice: Notice) -> None:
        """Take a notification back. Where another one was told after it, that one follows on what came before."""
        newest = self.told[-1] is notice
        notice.cancelled = True
        if newest and self.state is not None:
            self.state = cancelled(
                self.state,
                armed_by=notice.armed_by,
                previous_at=notice.previous_at,
                previous_price=notice.previous_price,
            )
        for later in self.ledger:
            if later.follows is notice:
                later.armed_by = notice.armed_by if later.armed_by is Why.FURTHER_DROP else later.armed_by
                later.follows, later.previous_at = notice.follows, notice.previous_at
                later.previous_price = notice.previous_price

    @property
    def told(self) -> list[Notice]:
        """What fired and was not cancelled."""
        return [notice for notice in self.ledger if not notice.cancelled]


def _terms(log: list[Version | Observed]) -> Terms | None:
    versions = [event for event in log if isinstance(event, Version)]
    return versions[-1].terms if versions else None
