"""Made-up letters of every kind a mail has to cope with: templates are tried with them at start, operators look at them."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

from worker.mail.facts import Digest, Item, PriceFact

_UNTIL = datetime(2030, 12, 31, 12, tzinfo=UTC)

PRICE = Item(
    relation_id="1",
    product_id="1",
    product_name="Sample lamp",
    link="https://shop.example/lamp",
    picture="https://shop.example/lamp.png",
    price=PriceFact(currency="EUR", now=Decimal("89.90"), before=Decimal("119.00"), limit=Decimal("100.00")),
    in_stock=True,
    until=_UNTIL,
)
STOCK = Item(
    relation_id="2",
    product_id="2",
    product_name="Sample chair",
    link="https://shop.example/chair",
    picture="https://shop.example/chair.png",
    stock=True,
    in_stock=True,
    costs=PriceFact(currency="EUR", now=Decimal("249.00")),
    until=_UNTIL,
)
BOTH = replace(STOCK, relation_id="3", price=PRICE.price, costs=None)
STOCK_ALONE = replace(STOCK, relation_id="8", picture=None, costs=None)
BELOW_LIMIT = replace(
    PRICE, relation_id="4", price=PriceFact(currency="JPY", now=Decimal(900), limit=Decimal(1000)), in_stock=False
)
NO_LIMIT_SET = replace(
    PRICE,
    relation_id="5",
    price=PriceFact(
        currency="KWD", now=Decimal("1.250"), before=Decimal("1.300"), limit=Decimal("1.500"), limit_is_own=False
    ),
)
BARE = Item(
    relation_id="6",
    product_id="6",
    product_name="",
    price=PriceFact(currency="ZZZ", now=Decimal("0.0049")),
    until=_UNTIL,
)


def samples(language: str) -> list[Digest]:
    """One letter for each topic, with and without everything that can be missing."""
    named = Digest(
        language=language,
        salutation="ms",
        firstname="Ada",
        lastname="Lovelace",
        items=(PRICE,),
        account_url="https://shop.example/account",
        shop_name="Sample shop",
        timezone=UTC,
    )
    unnamed = Digest(language=language, items=(BARE,), timezone=UTC)
    several = [(PRICE, NO_LIMIT_SET), (STOCK, replace(STOCK, relation_id="7")), (PRICE, STOCK, BOTH, STOCK_ALONE)]
    return [
        *(replace(named, items=(item,)) for item in (PRICE, STOCK, BOTH, BELOW_LIMIT, NO_LIMIT_SET, STOCK_ALONE)),
        *(replace(named, items=items) for items in several),
        replace(named, salutation="", items=(PRICE, BARE), more=1),
        replace(named, salutation="mr", firstname="", more=5),
        replace(named, salutation="", lastname=""),
        unnamed,
        replace(unnamed, more=1),
    ]
