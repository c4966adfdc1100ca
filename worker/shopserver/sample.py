"""The sample that a new shop begins with: the products and customers of sample.json, with tokens made up on the spot."""

from pathlib import Path

from worker.shop.document import parse
from worker.shopserver.store import ShopStore

SAMPLE = Path(__file__).with_name("sample.json")


def load_sample(store: ShopStore) -> dict[str, str]:
    """Fill the shop; returns a bearer token for each customer, by the customer's code."""
    content = parse(SAMPLE.read_bytes())
    store.load(content)
    customers = content["customers"]
    assert isinstance(customers, list)  # noqa: S101 - load() has checked it
    codes = [str(customer["code"]) for customer in customers if isinstance(customer, dict)]
    return {code: store.add_token(code) for code in codes}
