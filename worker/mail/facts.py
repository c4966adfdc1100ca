"""What a mail says: the facts about each watched product, frozen in the ledger, and the letter they make together."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from decimal import ROUND_FLOOR, Decimal
from typing import Any

from worker.mail import text

NAME_LIMIT = 160
"""Characters of a product name that a mail shows."""

_AMOUNTS = ("now", "before", "limit")
_SALUTATIONS = {"mr": "mr", "ms": "ms", "mrs": "ms", "miss": "ms"}


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceFact:
    """The price that was met. Amounts are in `currency` and are never converted."""

    currency: str
    now: Decimal
    before: Decimal | None = None
    """The price before the drop, where one was observed."""
    limit: Decimal | None = None
    limit_is_own: bool = True
    """False: the customer set no limit, so the price when they began to watch is the limit."""

    @property
    def was(self) -> Decimal | None:
        """`before`, where it is a higher price."""
        return self.before if self.before is not None and self.before > self.now else None

    @property
    def drop(self) -> Decimal | None:
        """By which share the price fell, in whole hundredths rounded down (0.10), or None below one hundredth."""
        if self.was is None:
            return None
        share = ((self.was - self.now) / self.was).quantize(Decimal("0.01"), ROUND_FLOOR)
        return share or None


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """What is told about one relation: its price, its stock or both. Texts and links are made harmless on the way in."""

    relation_id: str
    product_id: str
    product_name: str
    link: str | None = None
    picture: str | None = None
    price: PriceFact | None = None
    """Set where the customer is told of a price."""
    stock: bool = False
    """The customer is told that the product is back in stock."""
    costs: PriceFact | None = None
    """What it costs now, where that is known and no price is told."""
    in_stock: bool | None = None
    """Whether it is in stock, where that is known."""
    until: datetime
    """End of the watch, exclusive, UTC."""
    language: str | None = None
    """The customer's, as the shop tells it: the name is in it, and whoever changes it gets the mail anew."""

    def __post_init__(self) -> None:
        if self.price is None and not self.stock:
            raise ValueError(f"relation {self.relation_id}: an item tells of a price, of stock or of both")
        if self.until.tzinfo is None:
            raise ValueError(f"relation {self.relation_id}: naive end of the watch")
        name = text.clean(self.product_name, NAME_LIMIT) or f"#{text.clean(self.product_id, 40)}"
        object.__setattr__(self, "product_name", name)
        object.__setattr__(self, "link", text.web_link(self.link))
        object.__setattr__(self, "picture", text.web_link(self.picture))
        object.__setattr__(self, "until", self.until.astimezone(UTC))


@dataclass(frozen=True, slots=True, kw_only=True)
class Digest:
    """One letter to one customer."""

    language: str | None
    """As the shop tells it (`de`, `de_AT`); unknown ones fall back to the default language."""
    salutation: str = ""
    """`mr`, `ms`, `mrs`, `miss`, `company` or ""."""
    firstname: str = ""
    lastname: str = ""
    items: tuple[Item, ...]
    """The items that are shown, in order."""
    more: int = 0
    """How many further products the mail tells of without showing them."""
    account_url: str | None = None
    """The customer's watch list in the shop."""
    shop_name: str = ""
    timezone: tzinfo
    """The source's zone; dates are shown in it."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "firstname", text.person_name(self.firstname))
        object.__setattr__(self, "lastname", text.person_name(self.lastname))
        object.__setattr__(self, "account_url", text.web_link(self.account_url))
        object.__setattr__(self, "shop_name", text.clean(self.shop_name, 60))

    @property
    def total(self) -> int:
        """How many products the mail tells of."""
        return len(self.items) + self.more

    @property
    def greeting(self) -> str:
        """How the customer can be addressed: `mr` or `ms` (last name), `full` (both names), `name` (the first one) or `nobody`."""
        if self.lastname and self.salutation in _SALUTATIONS:
            return _SALUTATIONS[self.salutation]
        if self.firstname and self.lastname:
            return "full"
        return "name" if self.firstname else "nobody"

    @property
    def topic(self) -> str:
        """What the mail is about: `price`, `limit`, `stock` or `both` of one product; of more `prices`, `stocks` or `several`.

        `limit` is a price below the customer's own limit of which no drop was observed.
        """
        if self.total == 1:
            return _topic(self.items[0])
        told = {"both" if item.price and item.stock else "price" if item.price else "stock" for item in self.items}
        if self.more or told not in ({"price"}, {"stock"}):
            return "several"
        return "prices" if told == {"price"} else "stocks"


def _topic(item: Item) -> str:
    if item.price is None:
        return "stock"
    if item.stock:
        return "both"
    below_limit = item.price.was is None and item.price.limit is not None and item.price.limit_is_own
    return "limit" if below_limit else "price"


def to_json(item: Item) -> dict[str, Any]:
    """The item as JSON values: amounts as exact strings, the time as ISO 8601 in UTC. `from_json` gives an equal item back."""
    return {
        "relation_id": item.relation_id,
        "product_id": item.product_id,
        "product_name": item.product_name,
        "link": item.link,
        "picture": item.picture,
        "price": _price_to_json(item.price),
        "stock": item.stock,
        "in_stock": item.in_stock,
        "costs": _price_to_json(item.costs),
        "until": item.until.isoformat(),
        "language": item.language,
    }


def from_json(document: Mapping[str, Any]) -> Item:
    """The item that `to_json` wrote."""
    fields = dict(document)
    for name in ("price", "costs"):
        fields[name] = _price_from_json(fields[name])
    fields["until"] = datetime.fromisoformat(fields["until"])
    return Item(**fields)


def _price_to_json(price: PriceFact | None) -> dict[str, Any] | None:
    if price is None:
        return None
    amounts = {name: _plain(getattr(price, name)) for name in _AMOUNTS}
    return {"currency": price.currency, **amounts, "limit_is_own": price.limit_is_own}


def _price_from_json(document: Mapping[str, Any] | None) -> PriceFact | None:
    if document is None:
        return None
    amounts = {name: None if document[name] is None else Decimal(document[name]) for name in _AMOUNTS}
    return PriceFact(**{**document, **amounts})


def _plain(amount: Decimal | None) -> str | None:
    return None if amount is None else format(amount, "f")
