"""The shop's own tables, in a database of its own: the catalogue, the customers with their secrets, and the relations.

Start and end dates are naive texts ("YYYY-MM-DD HH:mm:ss") in the shop's zone, exactly as clients write them; ctime and
mtime are aware UTC, and set when a row is written (store.py).
"""

from datetime import datetime
from decimal import Decimal

from sqlalchemy import ForeignKey, Index, MetaData, String, Text, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from worker.store.types import Money, UtcDateTime


class Base(DeclarativeBase):
    """Metadata apart from Watchpost's: this database may be on another machine, or not be there at all."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy reads a plain dict here
        datetime: UtcDateTime,
        Decimal: Money,
    }


class Dated:
    """A row that tells when it was created and changed last: the row itself, whatever happened to others that belong to it.

    So a product's mtime stays where it is when a price or the stock changes, a customer's when a relation does, and what
    was deleted leaves no trace.
    """

    ctime: Mapped[datetime]
    mtime: Mapped[datetime]


class Product(Dated, Base):
    """Something one can watch."""

    __tablename__ = "product"
    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    code: Mapped[str] = mapped_column(String(64), unique=True)
    label: Mapped[str] = mapped_column(Text)
    type: Mapped[str] = mapped_column(String(64))
    slug: Mapped[str] = mapped_column(Text)
    status: Mapped[int]
    datestart: Mapped[str | None] = mapped_column(String(19))
    dateend: Mapped[str | None] = mapped_column(String(19))
    instock: Mapped[bool]
    """What is said about a product without stock entries."""


class ProductText(Base):
    """A name or description in one language; `language` None is meant for all."""

    __tablename__ = "product_text"
    id: Mapped[int] = mapped_column(primary_key=True)
    product_id: Mapped[str] = mapped_column(ForeignKey("product.id", ondelete="CASCADE"), index=True)
    language: Mapped[str | None] = mapped_column(String(5), index=True)
    type: Mapped[str] = mapped_column(String(64))
    content: Mapped[str] = mapped_column(Text)


class Price(Dated, Base):
    """A price and what ties it to its product (`list_...`, `datestart`, `dateend`). `value` None is a price on request."""

    LIST_FIELDS = frozenset({"list_type", "list_status", "datestart", "dateend"})

    __tablename__ = "price"
    id: Mapped[int] = mapped_column(primary_key=True)
    product_id: Mapped[str] = mapped_column(ForeignKey("product.id", ondelete="CASCADE"), index=True)
    currency: Mapped[str] = mapped_column(String(3), index=True)
    value: Mapped[Decimal | None]
    costs: Mapped[Decimal]
    rebate: Mapped[Decimal]
    taxrate: Mapped[Decimal]
    quantity: Mapped[int]
    type: Mapped[str] = mapped_column(String(64))
    status: Mapped[int]
    list_type: Mapped[str] = mapped_column(String(64))
    list_status: Mapped[int]
    list_mtime: Mapped[datetime]
    """When one of LIST_FIELDS changed last; `mtime` is that of the price itself."""
    datestart: Mapped[str | None] = mapped_column(String(19))
    dateend: Mapped[str | None] = mapped_column(String(19))


class Media(Base):
    """The product has a picture; the picture itself is drawn when it is asked for (pictures.py)."""

    __tablename__ = "media"
    id: Mapped[int] = mapped_column(primary_key=True)
    product_id: Mapped[str] = mapped_column(ForeignKey("product.id", ondelete="CASCADE"), unique=True)


class Stock(Dated, Base):
    """How many pieces are there; `level` None is unlimited."""

    __tablename__ = "stock"
    __table_args__ = (UniqueConstraint("product_id", "type"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    product_id: Mapped[str] = mapped_column(ForeignKey("product.id", ondelete="CASCADE"))
    type: Mapped[str] = mapped_column(String(64))
    level: Mapped[Decimal | None]
    """May have decimals; the JSON:API cuts them off, as a real shop's does."""
    timeframe: Mapped[str] = mapped_column(String(16))
    dateback: Mapped[str | None] = mapped_column(String(19))


class Customer(Dated, Base):
    """Who may log in; `password` is a salted hash."""

    __tablename__ = "customer"
    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    code: Mapped[str] = mapped_column(String(255), unique=True)
    email: Mapped[str] = mapped_column(Text)
    language: Mapped[str | None] = mapped_column(String(5))
    salutation: Mapped[str] = mapped_column(String(8))
    firstname: Mapped[str] = mapped_column(Text)
    lastname: Mapped[str] = mapped_column(Text)
    status: Mapped[int]
    password: Mapped[str | None] = mapped_column(Text)


class Token(Base):
    """A bearer token of a customer: found by `key`, compared by `digest`; the token itself is nowhere."""

    __tablename__ = "token"
    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    key: Mapped[str] = mapped_column(String(16), index=True)
    customer_id: Mapped[str] = mapped_column(ForeignKey("customer.id", ondelete="CASCADE"), index=True)


class Login(Base):
    """A session that somebody logged in to; found and compared like a token."""

    __tablename__ = "login"
    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    key: Mapped[str] = mapped_column(String(16), index=True)
    customer_id: Mapped[str] = mapped_column(ForeignKey("customer.id", ondelete="CASCADE"), index=True)
    expires_at: Mapped[datetime]


class Relation(Dated, Base):
    """A customer's list item. Its id is never given twice, so that "removed and added again" can be seen."""

    __tablename__ = "relation"
    __table_args__ = (
        UniqueConstraint("customer_id", "domain", "type", "refid"),
        Index(None, "customer_id", "domain", "position"),
        {"sqlite_autoincrement": True},
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    customer_id: Mapped[str] = mapped_column(ForeignKey("customer.id", ondelete="CASCADE"))
    domain: Mapped[str] = mapped_column(String(32))
    type: Mapped[str] = mapped_column(String(64))
    refid: Mapped[str] = mapped_column(String(36))
    datestart: Mapped[str | None] = mapped_column(String(19))
    dateend: Mapped[str | None] = mapped_column(String(19))
    config: Mapped[str] = mapped_column(Text)
    """An object as ASCII-escaped JSON text."""
    position: Mapped[int]
    status: Mapped[int]
