"""Says in a mail's words what is true of a watch now: product, link, picture, prices, until when."""

from datetime import datetime
from urllib.parse import quote

from sqlalchemy.orm import Session

from worker.domain.episode import State, limit_in_force, usable
from worker.domain.model import Defect, Kind
from worker.domain.rules import Situation, interval_of
from worker.mail.facts import Item, PriceFact
from worker.settings import Shop
from worker.store import tables
from worker.store.cases import Case, previous_price


def describe(session: Session, case: Case, situation: Situation, shop: Shop) -> Item:
    """The item of one (relation, kind) whose condition holds."""
    relation, product = case.relation, case.relation.product
    if product is None or isinstance(situation.terms, Defect):
        raise ValueError(f"relation {relation.shop_id} is no legible watch")
    language = relation.customer.language or shop.language
    text = _text(product, language, shop.language)
    told_price = situation.kind is Kind.PRICE
    stock = case.reading(Kind.STOCK, "")
    return Item(
        relation_id=relation.shop_id,
        product_id=product.shop_id,
        product_name=text.name if text else product.label or product.code,
        link=product_link(shop, product, text),
        picture=text.picture if text else None,
        price=_price(session, case, situation, situation.state) if told_price else None,
        stock=not told_price,
        in_stock=stock.in_stock if stock else None,
        costs=None if told_price else _costs(case, situation.terms.currency),
        until=_until(situation),
        language=language,
    )


def product_link(shop: Shop, product: tables.Product, text: tables.ProductText | None) -> str | None:
    """The product's page by the shop's pattern, the API gives only a slug; None where no pattern is set."""
    if not shop.product_url:
        return None
    parts = {
        "slug": text.slug if text else product.code,
        "id": product.shop_id,
        "code": product.code,
        "language": text.language if text else shop.language,
    }
    return shop.product_url.format(**{name: quote(value, safe="") for name, value in parts.items()})


def _text(product: tables.Product, *languages: str) -> tables.ProductText | None:
    by_language = {text.language: text for text in product.texts}
    for language in languages:
        if language in by_language:
            return by_language[language]
    return next(iter(by_language.values()), None)


def _price(session: Session, case: Case, situation: Situation, state: State | None) -> PriceFact:
    terms = situation.terms
    assert not isinstance(terms, Defect)  # noqa: S101 - describe() refused those; this tells the type checker
    reading = case.reading(Kind.PRICE, terms.currency)
    if reading is None or reading.price is None:
        raise ValueError(f"relation {case.relation.shop_id} has no price to tell of")
    return PriceFact(
        currency=terms.currency,
        now=reading.price,
        before=previous_price(session, reading),
        limit=limit_in_force(state, terms),
        limit_is_own=terms.limit is not None,
    )


def _costs(case: Case, currency: str) -> PriceFact | None:
    reading = case.reading(Kind.PRICE, currency)
    now = usable(reading.price) if reading else None
    return None if now is None else PriceFact(currency=currency, now=now)


def _until(situation: Situation) -> datetime:
    interval = interval_of(situation)
    if interval is None:
        raise ValueError("no active interval")
    return interval.end
