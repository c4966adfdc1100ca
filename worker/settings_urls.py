"""The addresses a setting may hold: of a shop, of links in mails, of the database and of the broker."""

from string import Formatter
from typing import Annotated
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, SecretStr
from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

PLACEHOLDERS = frozenset({"slug", "id", "code", "language"})
"""What `product_url` may contain in braces."""

_SQLITE = ("sqlite", "sqlite+pysqlite")
_POSTGRESQL = ("postgresql", "postgresql+psycopg")
_REDIS = ("redis://", "rediss://", "redis+socket://")


def _web_address(value: str) -> SplitResult:
    if not value.isprintable() or " " in value:
        raise ValueError("must not contain spaces or control characters")
    try:
        parts = urlsplit(value)
        _ = parts.port  # raises on a port that is none
    except ValueError:
        raise ValueError("is not a web address; write it like https://shop.example.com/path") from None
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("must begin with http:// or https:// and name a host")
    if parts.username is not None or parts.password is not None:
        raise ValueError("must not contain a user name or password; give each customer a token or a cookie instead")
    return parts


def _shop_url(value: str) -> str:
    if _web_address(value).fragment:
        raise ValueError("must not contain a # part")
    return value


def _optional_url(value: str) -> str:
    if value:
        _web_address(value)
    return value


def _link_pattern(value: str) -> str:
    if not value:
        return value
    allowed = ", ".join(f"{{{name}}}" for name in sorted(PLACEHOLDERS))
    try:
        fields = [field[1:] for field in Formatter().parse(value) if field[1] is not None]
    except ValueError:
        raise ValueError(f"has a brace without its partner; placeholders are {allowed}") from None
    if any(name not in PLACEHOLDERS or spec or conversion for name, spec, conversion in fields):
        raise ValueError(f"may only use the placeholders {allowed}")
    if "{" in _web_address(value).netloc:
        raise ValueError("must not have a placeholder in the host: products would decide where links lead")
    return value


def same_origin(one: str, other: str) -> bool:
    """Whether two (valid) web addresses have scheme, host and port in common."""
    first, second = urlsplit(one), urlsplit(other)
    return (first.scheme, first.hostname, _port(first)) == (second.scheme, second.hostname, _port(second))


def _port(parts: SplitResult) -> int:
    return parts.port or (443 if parts.scheme == "https" else 80)


def is_postgresql(database_url: str) -> bool:
    """Whether the (valid) URL names a PostgreSQL database; an empty one is SQLite."""
    return database_url.startswith("postgresql")


def _database_url(secret: SecretStr) -> SecretStr:
    text = secret.get_secret_value()
    if not text:
        return secret
    url = _parse_database_url(text)
    if url.drivername not in _SQLITE + _POSTGRESQL:
        raise ValueError("must begin with postgresql:// or sqlite:///, or be empty for SQLite in data_dir")
    if url.drivername in _SQLITE and (not url.database or url.database.startswith((":memory:", "file:"))):
        raise ValueError(
            "must name a file, such as sqlite:////var/lib/watchpost/watchpost.sqlite3: worker and beat share it"
        )
    if url.drivername in _POSTGRESQL and not url.database:
        raise ValueError("must name a database, such as postgresql://user@host/watchpost")
    return secret


def _parse_database_url(text: str) -> URL:
    try:
        return make_url(text)
    except (ArgumentError, ValueError):  # neither may be shown: they can quote the password
        raise ValueError("is not a database URL; write it like postgresql://user:password@host/watchpost") from None


def _broker_url(secret: SecretStr) -> SecretStr:
    text = secret.get_secret_value()
    if not text:
        return secret
    try:
        _ = urlsplit(text).port
    except ValueError:
        raise ValueError("is not a Redis URL; write it like redis://:password@host:6379/0") from None
    if not text.startswith(_REDIS):
        raise ValueError("must begin with redis:// or rediss://, or be empty for a folder in data_dir")
    return secret


ShopUrl = Annotated[str, AfterValidator(_shop_url)]
OptionalUrl = Annotated[str, AfterValidator(_optional_url)]
LinkPattern = Annotated[str, AfterValidator(_link_pattern)]
DatabaseUrl = Annotated[SecretStr, AfterValidator(_database_url)]
BrokerUrl = Annotated[SecretStr, AfterValidator(_broker_url)]
