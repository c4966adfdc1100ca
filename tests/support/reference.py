"""The prepared cases of the shop's own notification job, run on our rules as watches that arrive after the first import."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from tests.support.rules import POLICY
from tests.support.rules import T0 as NOW
from worker.domain.episode import Observed, State, Version, advance, fired
from worker.domain.model import Defect, Kind, Price, StockEntry
from worker.domain.offer import in_stock, price_in_force
from worker.domain.reasons import Outcome, Reason
from worker.domain.rules import Decision, Situation, decide
from worker.domain.terms import Defaults, Terms, parse_terms

FOLDER = Path(__file__).resolve().parents[1] / "fixtures" / "recordings"
DEFAULTS = Defaults(timeframe_days=90, currency="EUR")

Case = Mapping[str, Any]


def load_cases() -> list[Case]:
    """Every case, complete: the last one is a note about the whole job and tells only what its relation changes."""
    text = (FOLDER / "watch-job-outcomes.json").read_text(encoding="utf-8")
    cases: list[Case] = json.loads(text, parse_float=Decimal)
    first = cases[0]
    return [{**first, **case, "relation": {**first["relation"], **case["relation"]}} for case in cases]


@dataclass(frozen=True, slots=True)
class Run:
    """One case with the product in stock, or out of it, when the relation was created."""

    case: Case
    was_in_stock: bool

    def decisions(self, prices: Sequence[Case]) -> dict[Kind, Decision]:
        """What is decided for the product with these prices, for each kind."""
        return {kind: decide(self.situation(kind, prices), NOW, POLICY) for kind in Kind}

    def decisions_after_firing(self, prices: Sequence[Case]) -> dict[Kind, Decision]:
        """What the next scan decides, where nothing changed since."""
        again = {}
        for kind in Kind:
            situation = self.situation(kind, prices)
            state = situation.state
            if state is not None and decide(situation, NOW, POLICY).outcome is Outcome.FIRE:
                state = fired(state, at=NOW, price=situation.price)
            again[kind] = decide(self.situation(kind, prices, state=state), NOW, POLICY)
        return again

    def situation(self, kind: Kind, prices: Sequence[Case], *, state: State | None = None) -> Situation:
        """The snapshot as the rules see it; the watch's state is that of its arrival unless one is given."""
        relation, product = self.case["relation"], self.case["product"]
        # A relation without a product to point to is defective before anybody reads its config.
        terms = parse_terms(relation["config"], DEFAULTS) if product["refid"] else Defect("no_refid", "refid=''")
        seen = self._seen(kind, terms, prices)
        return Situation(
            kind=kind,
            is_watch=(relation["domain"], relation["type"]) == ("product", "watch"),
            terms=terms,
            ctime=self._ctime,
            datestart=_moment(relation["datestart"]),
            dateend=_moment(relation["dateend"]),
            status=relation["status"],
            retired=False,
            synced=True,
            product_enabled=product["exists"] and product["status"] == 1,
            product_start=_moment(product["datestart"]),
            product_end=_moment(product["dateend"]),
            undeliverable=self._undeliverable,
            state=state or self._arrive(kind, terms, seen),
            observed=bool(seen),
            price=seen[-1].price if seen else None,
            in_stock=seen[-1].in_stock if seen else None,
        )

    @property
    def _ctime(self) -> datetime:
        return _moment(self.case["relation"]["ctime"]) or NOW

    def _undeliverable(self) -> Reason | None:
        if self.case["customer"]["status"] != 1:
            return Reason.CUSTOMER_DISABLED
        return None if self.case["customer"]["email"] else Reason.NO_ADDRESS

    def _seen(self, kind: Kind, terms: Terms | Defect, prices: Sequence[Case]) -> list[Observed]:
        exists, currency = self.case["product"]["exists"], terms.currency if isinstance(terms, Terms) else ""
        if kind is Kind.PRICE:
            price = price_in_force([_price(listed) for listed in prices], currency, NOW)
            return [Observed(id=2, at=NOW, currency=currency, price=price)] if exists else []
        before = Observed(id=1, at=self._ctime, in_stock=self.was_in_stock)
        entries = [
            StockEntry(type=name, level=None if level is None else Decimal(level))
            for name, level in self.case["stock"].items()
        ]
        flag = bool(self.case["product"]["instock_flag"])
        return [before, Observed(id=2, at=NOW, in_stock=in_stock(entries, (), flag))] if exists else [before]

    def _arrive(self, kind: Kind, terms: Terms | Defect, seen: Sequence[Observed]) -> State | None:
        arrival = Version(number=1, at=self._ctime, terms=terms if isinstance(terms, Terms) else None)
        return advance(
            kind,
            None,
            [arrival, *seen],
            in_force=None,
            known=None,
            ctime=self._ctime,
            quiet=False,
            policy=POLICY,
            base=seen,
        )


def _price(listed: Case) -> Price:
    return Price(
        value=None if listed["value"] is None else Decimal(listed["value"]),
        currency=listed["cur"],
        quantity=Decimal(listed["qty"]),
        type=listed.get("type", "default"),
        list_type=listed.get("ltype", "default"),
        status=listed.get("status", 1),
        list_status=listed.get("lstatus", 1),
        datestart=_moment(listed.get("lstart")),
        dateend=_moment(listed.get("lend")),
    )


def _moment(text: str | None) -> datetime | None:
    """A time of the recordings; "now" is the moment of the run."""
    if text is None:
        return None
    return NOW if text == "now" else datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
