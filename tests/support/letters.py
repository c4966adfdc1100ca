"""Makes what mails are made of: a lamp that fell from 120 to 90 euros, a letter about it, and the sender's settings."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from worker.mail.facts import Digest, Item, PriceFact
from worker.mail.render import Rendered
from worker.settings import Sender

UNTIL = datetime(2026, 12, 31, 12, 0, tzinfo=UTC)


def make_price(
    now: str = "90.00", before: str | None = "120.00", limit: str | None = "100.00", **overrides: Any
) -> PriceFact:
    """A price that was met."""
    fields: dict[str, Any] = {
        "currency": "EUR",
        "now": Decimal(now),
        "before": None if before is None else Decimal(before),
        "limit": None if limit is None else Decimal(limit),
    }
    return PriceFact(**fields | overrides)


def make_item(**overrides: Any) -> Item:
    """A product that got cheaper; with price=None and stock=True one that is back in stock."""
    fields: dict[str, Any] = {
        "relation_id": "1",
        "product_id": "42",
        "product_name": "Desk lamp",
        "link": "https://shop.test/p/desk-lamp",
        "picture": "https://shop.test/media/lamp.jpg",
        "price": make_price(),
        "in_stock": True,
        "until": UNTIL,
    }
    return Item(**fields | overrides)


def make_restocked(**overrides: Any) -> Item:
    """A product that is back in stock."""
    return make_item(**{"product_name": "Red chair", "price": None, "stock": True} | overrides)


def make_digest(*items: Item, **overrides: Any) -> Digest:
    """A letter about these items, or about the lamp."""
    fields: dict[str, Any] = {
        "language": "en",
        "firstname": "Ann",
        "lastname": "Lee",
        "items": items or (make_item(),),
        "account_url": "https://shop.test/account",
        "shop_name": "Lamp Shop",
        "timezone": ZoneInfo("Europe/Berlin"),
    }
    return Digest(**fields | overrides)


def make_rendered(**overrides: Any) -> Rendered:
    """A mail ready to be wrapped."""
    fields: dict[str, Any] = {
        "subject": "Desk lamp now €90.00",
        "text": "Hello Ann,\n\nthe lamp costs less.\n",
        "html": "<!DOCTYPE html><html><body><p>The lamp costs less.</p></body></html>\n",
        "language": "en",
    }
    return Rendered(**fields | overrides)


def make_sender(**overrides: Any) -> Sender:
    """The `[mail]` section."""
    fields: dict[str, Any] = {
        "from_address": "watch@shop.test",
        "from_name": "Lamp Shop",
        "reply_to": "",
        "list_id": "",
        "unsubscribe_mailto": "",
        "redirect_all_to": "",
        "default_language": "en",
        "template_dir": "",
        "digest_wait_seconds": 60.0,
        "digest_max_items": 20,
    }
    return Sender(**fields | overrides)
