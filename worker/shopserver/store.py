"""The shop's database and what its owner does with it: load, set prices and stock, give out tokens."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal

from sqlalchemy import event, inspect, select
from sqlalchemy.orm import Session

from worker.errors import NotFoundError
from worker.shopserver import credentials, document, fields, loader, tables
from worker.shopserver.document import DocumentError
from worker.store.session import Store


def system_clock() -> datetime:
    """The time now, to the second: that is how exact the API is."""
    return datetime.now(UTC).replace(microsecond=0)


class ShopStore:
    """The shop's data in a database of its own. It may be used by several processes at once (SQLite in WAL mode)."""

    def __init__(self, url: str, *, clock: Callable[[], datetime] = system_clock) -> None:
        """`url` is SQLAlchemy's, such as `sqlite:////path/to/shop.db`; the tables are created where they are missing."""
        self.clock = clock
        self._database = Store(url)
        tables.Base.metadata.create_all(self._database.engine)

    @contextmanager
    def begin(self) -> Iterator[Session]:
        """A transaction that writes; it is rolled back on any error."""
        with self._database.begin() as session:
            event.listen(session, "before_flush", lambda *_: _date(session, self.clock().replace(microsecond=0)))
            yield session

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A transaction that only reads."""
        with self._database.read() as session:
            yield session

    def dispose(self) -> None:
        """Close the connections."""
        self._database.dispose()

    def is_empty(self) -> bool:
        """Whether nothing was ever loaded."""
        with self.read() as session:
            firsts = (session.scalar(select(table.id).limit(1)) for table in (tables.Product, tables.Customer))
            return all(first is None for first in firsts)

    def load(self, content: Mapping[str, object]) -> dict[str, int]:
        """Add or replace products, customers and relations (document.py), all or nothing; returns how many of each.

        Raises DocumentError that names the path in the document.
        """
        entries = document.checked(document.ShopDocument, content)
        with self.begin() as session:
            return loader.write(session, entries)

    def set_price(self, product: str, currency: str, value: Decimal | str | int | None) -> None:
        """Set the price of quantity 1; None is "on request". `product` is an id or a code.

        Raises NotFoundError for the product, DocumentError for the currency or the value.
        """
        entry = document.checked(document.PriceEntry, {"currency": currency, "value": value})
        with self.begin() as session:
            product_id = _product(session, product).id
            price = session.scalar(
                select(tables.Price)
                .where(
                    tables.Price.product_id == product_id,
                    tables.Price.currency == entry.currency,
                    tables.Price.quantity == 1,
                    tables.Price.type == "default",
                    tables.Price.list_type == "default",
                )
                .order_by(tables.Price.id)
                .limit(1)
            )
            if price is not None:
                price.value = entry.value
            else:
                session.add(tables.Price(product_id=product_id, **entry.model_dump()))

    def set_stock(self, product: str, level: Decimal | int | None, *, type: str = "default") -> None:  # noqa: A002 - the API's word
        """Set a stock level, which may have decimals; None is unlimited.

        Raises NotFoundError for the product, DocumentError for the level or the type.
        """
        entry = document.checked(document.StockEntry, {"level": level, "type": type})
        with self.begin() as session:
            product_id = _product(session, product).id
            stock = session.scalar(
                select(tables.Stock).where(tables.Stock.product_id == product_id, tables.Stock.type == entry.type)
            )
            if stock is None:
                session.add(tables.Stock(product_id=product_id, **entry.model_dump()))
            else:
                stock.level = entry.level

    def set_product(self, product: str, *, enabled: bool) -> None:
        """Show or hide a product. Raises NotFoundError."""
        with self.begin() as session:
            _product(session, product).status = int(enabled)

    def add_token(self, customer: str, token: str | None = None) -> str:
        """A bearer token for the customer (id or code), made up where none is given; it can't be read again later.

        Raises NotFoundError for the customer, DocumentError for a token that is too weak or already another customer's.
        """
        secret = token or credentials.new_secret()
        if not credentials.is_token(secret):
            raise DocumentError("A token has 16 to 128 letters, digits or -._~+/ in it.")
        with self.begin() as session:
            if not loader.give_token(session, _customer(session, customer).id, secret):
                raise DocumentError("This token belongs to another customer.")
        return secret


def _date(session: Session, now: datetime) -> None:
    """Give new rows their times and changed ones their new mtime, where the one who wrote them did not."""
    for row in session.new:
        if isinstance(row, tables.Dated):
            row.ctime, row.mtime = row.ctime or now, row.mtime or now
        if isinstance(row, tables.Price):
            row.list_mtime = row.list_mtime or now
    for row in session.dirty:
        changed = {attribute.key for attribute in inspect(row).attrs if attribute.history.has_changes()}
        listed = changed & tables.Price.LIST_FIELDS if isinstance(row, tables.Price) else set[str]()
        if listed:
            row.list_mtime = now
        if isinstance(row, tables.Dated) and changed - listed and "mtime" not in changed:
            row.mtime = now


def _product(session: Session, id_or_code: str) -> tables.Product:
    product = session.get(tables.Product, id_or_code)
    product = product or session.scalar(select(tables.Product).where(tables.Product.code == id_or_code))
    if product is None:
        raise NotFoundError(f"There is no product with the id or code {fields.shown(id_or_code)}.")
    return product


def _customer(session: Session, id_or_code: str) -> tables.Customer:
    customer = session.get(tables.Customer, id_or_code)
    customer = customer or session.scalar(select(tables.Customer).where(tables.Customer.code == id_or_code))
    if customer is None:
        raise NotFoundError(f"There is no customer with the id or code {fields.shown(id_or_code)}.")
    return customer
