"""The scripted day: who watches what, what happens, and who is mailed."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from worker.demo.scene import SOURCE, Scene
from worker.shop.client import CustomerClient
from worker.shopserver.credentials import new_secret

_PEOPLE = {
    "anna": ("de", "Anna", "Berger"),
    "ben": ("en", "Ben", "Cole"),
    "carla": ("de", "Carla", "Diaz"),
    "dora": ("en", "Dora", "Evans"),
    "emil": ("en", "Emil", "Fischer"),
    "finn": ("en", "Finn", "Gray"),
    "greta": ("de", "Greta", "Holm"),
}
_PRODUCTS = {
    "lamp": ("1", "Desk lamp Lumen", "Schreibtischlampe Lumen", "120.00", 4),
    "mug": ("2", "Stoneware mug", "Steinzeugbecher", "14.90", 0),
    "chair": ("3", "Oak chair", "Eichenstuhl", "249.00", 2),
}


def people() -> dict[str, str]:
    """Each customer's bearer token, made up anew for each demo."""
    return {name: new_secret() for name in _PEOPLE}


def name_of(account: str) -> str:
    """How the report calls a customer."""
    return account.capitalize()


def shop_document(tokens: dict[str, str], now: datetime) -> dict[str, object]:
    """The shop in the morning."""
    return {
        "products": [_product(code, *rest) for code, rest in _PRODUCTS.items()],
        "customers": [
            {
                "id": str(number),
                "code": f"{account}@example.com",
                "email": f"{account}@example.com",
                "language": language,
                "firstname": first,
                "lastname": last,
                "tokens": [tokens[account]],
            }
            for number, (account, (language, first, last)) in enumerate(_PEOPLE.items(), start=1)
        ],
        "relations": [
            _watch("1", "lamp", price="100.00"),
            _watch("1", "mug", stock=True),
            _watch("2", "lamp", price="80.00"),
            _watch("3", "mug", stock=True),
            {**_watch("4", "lamp", price="100.00", days="7"), "ctime": (now - timedelta(days=8)).isoformat()},
            _watch("5", "lamp", price="20,00"),
            _watch("6", "lamp", price="150.00"),
            _watch("7", "chair", price=""),
            {"customer": "7", "domain": "product", "type": "favorite", "refid": "1"},
        ],
    }


def _product(code: str, number: str, english: str, german: str, price: str, stock: int) -> dict[str, object]:
    return {
        "id": number,
        "code": code,
        "label": english,
        "texts": {"en": {"name": english}, "de": {"name": german}},
        "prices": [{"currency": "EUR", "value": price}],
        "stock": [{"level": stock}],
    }


def _watch(
    customer: str, product: str, *, price: str | None = None, stock: bool = False, days: str = "30"
) -> dict[str, Any]:
    config = {
        "timeframe": days,
        "stock": "1" if stock else "0",
        "price": "0" if price is None else "1",
        "currency": "EUR",
    }
    if price is not None:
        config["pricevalue"] = price
    return {
        "customer": customer,
        "domain": "product",
        "type": "watch",
        "refid": _PRODUCTS[product][0],
        "config": config,
    }


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happens. `mailed` names the customers who must get a mail, and nobody else may."""

    hour: str
    title: str
    act: Callable[[Scene], None]
    mailed: frozenset[str] = field(default_factory=frozenset)
    about: str = ""
    """The product whose watches the report shows; empty: all."""


def steps() -> list[Step]:
    """The day in order."""
    return [
        Step("09:00", "Watchpost is connected to the shop: first import, no storm", lambda _: None),
        Step("10:00", "The lamp drops from 120 to 95 EUR", _price("lamp", "95.00"), frozenset({"anna", "finn"}), "lamp"),
        Step("11:00", "The mug is back in stock", _stock("mug", 6), frozenset({"anna", "carla"}), "mug"),
        Step("12:00", "The lamp's price recovers to 125 EUR", _price("lamp", "125.00"), frozenset(), "lamp"),
        Step("13:00", "The lamp drops again, to 92 EUR", _price("lamp", "92.00"), frozenset({"anna"}), "lamp"),
        Step("14:00", "Ben raises his limit from 80 to 95 EUR (PATCH)", _ben_patches, frozenset({"ben"}), "lamp"),
        Step("15:00", "Anna deletes her lamp watch and adds it again", _anna_renews, frozenset({"anna"}), "lamp"),
        Step("16:00", "The chair drops from 249 to 199 EUR; Greta set no limit", _price("chair", "199.00"),
             frozenset({"greta"}), "chair"),
    ]  # fmt: skip


def _price(product: str, value: str) -> Callable[[Scene], None]:
    return lambda scene: scene.shop.set_price(product, "EUR", value)


def _stock(product: str, level: int) -> Callable[[Scene], None]:
    return lambda scene: scene.shop.set_stock(product, level)


def _client(scene: Scene, account: str) -> CustomerClient:
    shop = scene.parts.settings.sources[SOURCE]
    return CustomerClient.connect(shop, shop.customers[account])


def _watch_of(client: CustomerClient, product: str) -> str:
    wanted = _PRODUCTS[product][0]
    return next(
        relation.id
        for relation in client.fetch("product").relations
        if relation.type == "watch" and relation.refid == wanted
    )


def _ben_patches(scene: Scene) -> None:
    with _client(scene, "ben") as client:
        client.modify(_watch_of(client, "lamp"), {"config": {"pricevalue": "95.00"}})


def _anna_renews(scene: Scene) -> None:
    with _client(scene, "anna") as client:
        client.renew(_watch_of(client, "lamp"))
