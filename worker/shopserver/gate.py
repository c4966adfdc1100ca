"""Who sends a request: a bearer token, a session cookie or nobody; and whether a cookie's write carries its CSRF token."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from worker.shopserver import credentials, tables
from worker.shopserver.problems import Problem, Refused
from worker.shopserver.store import ShopStore

COOKIE = "session"
CSRF_NAME = "_token"
LIFETIME = timedelta(days=30)
"""A login ends after this time."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """Whoever sent the request. With a cookie the browser speaks, so a write must prove that the page meant it."""

    customer_id: str | None
    session: str | None = None
    """The session cookie; None where a bearer token speaks or no cookie came."""
    bearer: bool = False


def identify(store: ShopStore, authorization: str | None, cookie: str | None, now: datetime) -> Visitor:
    """The visitor by the headers. An unknown cookie is nobody; a token that was sent must be right.

    Raises Refused: 401 for another kind of login or an unknown token, 404 for a customer whose account is switched off.
    """
    with store.read() as session:
        if authorization is not None:
            scheme, _, token = authorization.partition(" ")
            if scheme.lower() != "bearer":
                raise _unknown("Only bearer tokens are understood here.")
            customer_id = by_token(session, token.strip())
            if customer_id is None:
                raise _unknown("This token is unknown.")
            check_enabled(session, customer_id)
            return Visitor(customer_id, bearer=True)
        if cookie is None:
            return Visitor(None)
        found = select(tables.Login).where(tables.Login.key == credentials.key(credentials.digest(cookie)))
        for login in session.scalars(found):
            if credentials.same(login.digest, credentials.digest(cookie)) and login.expires_at > now:
                check_enabled(session, login.customer_id)
                return Visitor(login.customer_id, session=cookie)
        return Visitor(None, session=cookie)


def check_csrf(visitor: Visitor, given: str | None) -> None:
    """A write by a cookie needs the token of `meta.csrf` in its query. Raises Refused (419)."""
    if visitor.bearer or visitor.customer_id is None or visitor.session is None:
        return
    if given is None or not credentials.same(given, credentials.csrf_token(visitor.session)):
        detail = f"Append {CSRF_NAME} with the value of meta.csrf to the URL; a new one comes with every answer."
        raise Refused([Problem(419, detail, parameter=CSRF_NAME)])


def by_token(session: Session, token: str) -> str | None:
    """The id of the customer the token speaks for."""
    hashed = credentials.digest(token)
    for row in session.scalars(select(tables.Token).where(tables.Token.key == credentials.key(hashed))):
        if credentials.same(row.digest, hashed):
            return row.customer_id
    return None


def by_password(session: Session, code: str, password: str) -> str | None:
    """The id of the customer with this code and password; takes as long where there is none."""
    customer = session.scalar(select(tables.Customer).where(tables.Customer.code == code))
    fits = credentials.is_password(password, customer.password if customer else None)
    return customer.id if customer is not None and fits else None


def open_session(session: Session, customer_id: str, now: datetime) -> str:
    """Log the customer in; returns the new session's cookie. Logins that are over are forgotten."""
    session.execute(delete(tables.Login).where(tables.Login.expires_at <= now))
    secret = credentials.new_secret()
    hashed = credentials.digest(secret)
    session.add(
        tables.Login(digest=hashed, key=credentials.key(hashed), customer_id=customer_id, expires_at=now + LIFETIME)
    )
    return secret


def check_enabled(session: Session, customer_id: str) -> None:
    """Raises Refused (404) for a customer whose account is switched off."""
    if session.get_one(tables.Customer, customer_id).status != 1:
        raise Refused([Problem(404, "This account is switched off.", parameter="id")])


def _unknown(detail: str) -> Refused:
    return Refused([Problem(401, detail, header="Authorization")], {"WWW-Authenticate": 'Bearer error="invalid_token"'})
