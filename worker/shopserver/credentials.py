"""Secrets: how they are made, hashed and compared. What the database holds is useless to whoever steals it."""

import hashlib
import hmac
import re
import secrets
from threading import Lock

_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]{16,128}=*")  # RFC 6750, section 2.1
_SCRYPT = {"n": 2**14, "r": 8, "p": 1}
_NO_PASSWORD = "00" * 16 + "$" + "00" * 64
_one_at_a_time = Lock()  # one scrypt takes 16 MiB; a flood of logins must not take 16 MiB each


def new_secret() -> str:
    """A token or session id of 256 random bits."""
    return secrets.token_urlsafe(32)


def is_token(text: str) -> bool:
    """Whether the text can be a bearer token: 16 to 128 signs of RFC 6750."""
    return _TOKEN.fullmatch(text) is not None


def digest(secret: str) -> str:
    """What is stored of a random secret; it needs neither salt nor stretching."""
    return hashlib.sha256(secret.encode()).hexdigest()


def key(hashed: str) -> str:
    """The part of a digest by which its row is found; the rest is compared in constant time."""
    return hashed[:16]


def same(one: str, other: str) -> bool:
    """Compare in constant time."""
    return hmac.compare_digest(one.encode(), other.encode())


def hash_password(password: str) -> str:
    """Salted and stretched (scrypt)."""
    salt = secrets.token_bytes(16)
    return f"{salt.hex()}${_stretch(password, salt).hex()}"


def is_password(password: str, stored: str | None) -> bool:
    """Whether it is the stored one; takes as long where none is stored, so that nobody learns who has an account."""
    salt, _, expected = (stored or _NO_PASSWORD).partition("$")
    return same(_stretch(password, bytes.fromhex(salt)).hex(), expected) and stored is not None


def csrf_token(session: str) -> str:
    """The CSRF token of a session; it is derived, so there is nothing to store."""
    return hmac.new(session.encode(), b"csrf", hashlib.sha256).hexdigest()[:40]


def _stretch(password: str, salt: bytes) -> bytes:
    with _one_at_a_time:
        return hashlib.scrypt(password.encode(), salt=salt, **_SCRYPT)
