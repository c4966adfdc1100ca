"""In which language and currency a request is answered: what it asks for, if the shop has anything in it, else the default."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from worker.shopserver import params, tables
from worker.shopserver.calls import Call


def language(session: Session, call: Call) -> str:
    """The language of texts."""
    wanted = params.text(call.addresses.view, "locale")
    known = select(tables.ProductText.id).where(tables.ProductText.language == wanted).limit(1)
    return call.language if wanted is None or session.scalar(known) is None else wanted


def currency(session: Session, call: Call) -> str:
    """The currency of prices. An unknown one is the default, silently, as in a real shop: clients look at `price.currencyid`."""
    wanted = params.text(call.addresses.view, "currency")
    known = select(tables.Price.id).where(tables.Price.currency == wanted).limit(1)
    return call.currency if wanted is None or session.scalar(known) is None else wanted
