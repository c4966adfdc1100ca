"""Writes a checked document into the shop's tables, all of it or nothing."""

from collections.abc import Iterable

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from worker.shop.document import encode
from worker.shopserver import credentials, tables
from worker.shopserver.document import CustomerEntry, DocumentError, ProductEntry, RelationEntry, ShopDocument, path


def write(session: Session, document: ShopDocument) -> dict[str, int]:
    """Upsert everything in the caller's transaction and count it. Raises DocumentError for entries that contradict others."""
    _check_unique("products", "id", (entry.id for entry in document.products))
    _check_unique("products", "code", (entry.code for entry in document.products))
    _check_unique("customers", "id", (entry.id for entry in document.customers))
    _check_unique("customers", "code", (entry.code for entry in document.customers))
    _check_unique("relations", "", ((r.customer, r.domain, r.type, r.refid) for r in document.relations))
    for place, product in enumerate(document.products):
        _write_product(session, product, path("products", place))
    for place, customer in enumerate(document.customers):
        _write_customer(session, customer, path("customers", place))
    session.flush()
    for place, relation in enumerate(document.relations):
        _write_relation(session, relation, path("relations", place))
    return {name: len(getattr(document, name)) for name in ("products", "customers", "relations")}


def give_token(session: Session, customer_id: str, token: str) -> bool:
    """Let the token speak for the customer. False where it already speaks for somebody else."""
    hashed = credentials.digest(token)
    known = session.get(tables.Token, hashed)
    if known is None:
        session.add(tables.Token(digest=hashed, key=credentials.key(hashed), customer_id=customer_id))
        session.flush()
    return known is None or known.customer_id == customer_id


def _check_unique(section: str, field: str, values: Iterable[object]) -> None:
    seen: set[object] = set()
    for place, value in enumerate(values):
        if value in seen:
            where = path(section, place, field) if field else path(section, place)
            raise DocumentError(f"{where}: stands in the document twice")
        seen.add(value)


def _write_product(session: Session, entry: ProductEntry, where: str) -> None:
    other = session.scalar(
        select(tables.Product).where(tables.Product.code == entry.code, tables.Product.id != entry.id)
    )
    if other is not None:
        raise DocumentError(f"{where}.code: belongs to the product {other.id}")
    product = session.get(tables.Product, entry.id) or tables.Product(id=entry.id)
    for name in ("code", "label", "type", "status", "datestart", "dateend", "instock"):
        setattr(product, name, getattr(entry, name))
    product.slug = entry.slug or entry.code
    session.add(product)
    session.flush()
    for part in (tables.ProductText, tables.Price, tables.Media, tables.Stock):
        session.execute(delete(part).where(part.product_id == entry.id))
    session.add_all(
        tables.ProductText(product_id=entry.id, language=language, type=kind, content=content)
        for language, texts in entry.texts.items()
        for kind, content in texts.items()
    )
    session.add_all(tables.Price(product_id=entry.id, **price.model_dump()) for price in entry.prices)
    _check_unique(f"{where}.stock", "type", (stock.type for stock in entry.stock))
    session.add_all(tables.Stock(product_id=entry.id, **stock.model_dump()) for stock in entry.stock)
    if entry.picture:
        session.add(tables.Media(product_id=entry.id))
    session.flush()


def _write_customer(session: Session, entry: CustomerEntry, where: str) -> None:
    other = session.scalar(
        select(tables.Customer).where(tables.Customer.code == entry.code, tables.Customer.id != entry.id)
    )
    if other is not None:
        raise DocumentError(f"{where}.code: belongs to the customer {other.id}")
    customer = session.get(tables.Customer, entry.id) or tables.Customer(id=entry.id)
    for name in ("code", "email", "language", "salutation", "firstname", "lastname", "status"):
        setattr(customer, name, getattr(entry, name))
    if entry.password is not None:
        customer.password = credentials.hash_password(entry.password)
    session.add(customer)
    session.flush()
    for place, token in enumerate(entry.tokens):
        if not give_token(session, entry.id, token):
            raise DocumentError(f"{where}.tokens[{place}]: belongs to another customer")


def _write_relation(session: Session, entry: RelationEntry, where: str) -> None:
    if session.get(tables.Customer, entry.customer) is None:
        raise DocumentError(f"{where}.customer: there is no such customer")
    relation = session.scalar(
        select(tables.Relation).where(
            tables.Relation.customer_id == entry.customer,
            tables.Relation.domain == entry.domain,
            tables.Relation.type == entry.type,
            tables.Relation.refid == entry.refid,
        )
    )
    if relation is None:
        relation = tables.Relation(customer_id=entry.customer, domain=entry.domain, type=entry.type, refid=entry.refid)
    for name in ("datestart", "dateend", "position", "status"):
        setattr(relation, name, getattr(entry, name))
    relation.config = encode(entry.config)
    if entry.ctime is not None:
        relation.ctime = entry.ctime
    session.add(relation)
    session.flush()
