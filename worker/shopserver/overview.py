"""What is in the shop, for `watchpost shop show`."""

from decimal import Decimal
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from worker.shopserver.render_products import money
from worker.shopserver.store import ShopStore
from worker.shopserver.tables import Customer, Price, Product, Relation, Stock


def overview(store: ShopStore) -> dict[str, list[dict[str, Any]]]:
    """Products with the prices of one piece and their stock, customers with the number of their relations."""
    with store.read() as session:
        return {"products": _products(session), "customers": _customers(session)}


def _products(session: Session) -> list[dict[str, Any]]:
    prices: dict[str, dict[str, str | None]] = {}
    for price in session.scalars(select(Price).where(Price.quantity == 1).order_by(Price.id)):
        amount = None if price.value is None else money(price.value)
        prices.setdefault(price.product_id, {}).setdefault(price.currency, amount)
    stock: dict[str, dict[str, int | Decimal | None]] = {}
    for entry in session.scalars(select(Stock).order_by(Stock.id)):
        stock.setdefault(entry.product_id, {})[entry.type] = _level(entry.level)
    return [
        {
            "id": product.id,
            "code": product.code,
            "label": product.label,
            "enabled": product.status == 1,
            "prices": prices.get(product.id, {}),
            "stock": stock.get(product.id, {}),
        }
        for product in session.scalars(select(Product).order_by(Product.id))
    ]


def _level(level: Decimal | None) -> int | Decimal | None:
    return int(level) if level is not None and level == level.to_integral_value() else level


def _customers(session: Session) -> list[dict[str, Any]]:
    counted = select(Relation.customer_id, func.count()).group_by(Relation.customer_id)
    counts = {customer_id: count for customer_id, count in session.execute(counted)}  # noqa: C416 - rows are no pairs to mypy
    return [
        {
            "id": customer.id,
            "code": customer.code,
            "email": customer.email,
            "enabled": customer.status == 1,
            "relations": counts.get(customer.id, 0),
        }
        for customer in session.scalars(select(Customer).order_by(Customer.id))
    ]
