"""Turns the settings into what decisions are judged by."""

from decimal import Decimal
from functools import lru_cache

from sqlalchemy.orm import Session, object_session

from worker.domain.episode import Policy
from worker.domain.reasons import Reason
from worker.domain.terms import Defaults
from worker.log import address_hash
from worker.mail.address import parse_address
from worker.settings import Rules, Settings
from worker.store import suppression, tables
from worker.store.cases import Lens


def policy_of(rules: Rules) -> Policy:
    """The rules' settings, exact."""
    return Policy(
        cooldown_hours=Decimal(str(rules.cooldown_hours)),
        further_drop_percent=Decimal(str(rules.further_drop_percent)),
        clock_skew_seconds=Decimal(str(rules.clock_skew_seconds)),
    )


def make_lens(session: Session, settings: Settings, key: bytes) -> Lens:
    """The lens of one run; `key` is the one addresses are hashed with.

    The suppression list may be long, so it is asked for one customer at a time, in the session that loaded the customer;
    a list that is empty when the run begins is not asked at all.
    """
    nobody = suppression.is_empty(session)

    def undeliverable(customer: tables.Customer) -> Reason | None:
        if not customer.enabled:
            return Reason.CUSTOMER_DISABLED
        address = normal_address(customer.email)
        if address is None:
            return Reason.NO_ADDRESS
        if nobody or not suppression.is_suppressed(_session_of(customer), [address_hash(key, address)]):
            return None
        return Reason.SUPPRESSED

    return Lens(
        policy=policy_of(settings.rules),
        quiet=settings.rules.first_import == "quiet",
        defaults={
            name: Defaults(timeframe_days=settings.rules.default_timeframe_days, currency=shop.currency)
            for name, shop in settings.sources.items()
        },
        undeliverable=undeliverable,
    )


def _session_of(customer: tables.Customer) -> Session:
    session = object_session(customer)
    if session is None:  # answering without asking could mail somebody who must not be mailed
        raise RuntimeError(f"customer {customer.id} was judged outside the session that loaded it")
    return session


@lru_cache(maxsize=10_000)
def normal_address(text: str | None) -> str | None:
    """The one valid address in the text, or None."""
    try:
        return parse_address(text or "").email
    except ValueError:
        return None
