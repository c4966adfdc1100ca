"""What a single setting may hold: every type here refuses what can't work and says what would."""

import os
import re
import ssl
import unicodedata
from difflib import get_close_matches
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from email_validator import EmailNotValidError, validate_email
from pydantic import AfterValidator, BeforeValidator, Field, SecretStr
from pydantic_settings import NoDecode

_HASH_KEY_LENGTH = 32
# Control and format characters, surrogates, line and paragraph separators don't belong into a header (RFC 5322, 2.2).
_UNPRINTABLE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def _matching(pattern: str, meaning: str) -> AfterValidator:
    compiled = re.compile(pattern)

    def check(value: str) -> str:
        if compiled.fullmatch(value) is None:
            raise ValueError(f"must be {meaning}")
        return value

    return AfterValidator(check)


def _header_text(value: str) -> str:
    if any(unicodedata.category(character) in _UNPRINTABLE for character in value):
        raise ValueError("must be one line without control characters, because it becomes part of a mail header")
    if "=?" in value:
        raise ValueError('must not contain "=?", which mail programs take for encoded text; write the text itself')
    return value


def _address(value: str) -> str:
    if not value:
        return value
    try:
        parsed = validate_email(
            value,
            check_deliverability=False,  # a start must not depend on DNS
            allow_smtputf8=False,  # our own addresses must pass every relay
            test_environment=True,  # staging shops live below .test
        )
    except EmailNotValidError:
        raise ValueError("must be one plain address such as alerts@example.com, without a name or brackets") from None
    return str(parsed.ascii_email)


def _host(value: str) -> str:
    try:
        ip_address(value)
    except ValueError:
        if re.fullmatch(r"[\w.-]+", value) is None:
            raise ValueError("must be a host name or an IP address, without scheme and port") from None
    return value


def _zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # OSError: a folder such as "Europe", on some Pythons
        close = get_close_matches(value, available_timezones(), n=1)
        hint = f"did you mean {close[0]}?" if close else "use a name such as Europe/Berlin"
        raise ValueError(f"is not a known time zone; {hint}") from None
    return value


def _certificates(value: str) -> str:
    if not value:
        return value
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=value)
    except ssl.SSLError:
        raise ValueError(f"{value} holds no certificate; name a file of certificates in PEM format") from None
    except (OSError, ValueError) as error:
        raise ValueError(
            f"{value!r} can't be read ({_reason(error)}); name a readable file or leave it empty"
        ) from None
    return value


def _folder(value: str) -> str:
    if value and not (Path(value).is_dir() and os.access(value, os.R_OK | os.X_OK)):
        raise ValueError(f"{value} is not a readable folder; create it or leave it empty")
    return value


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or "not a file name"


def _some_secret(secret: SecretStr | None) -> SecretStr | None:
    return secret if secret is not None and secret.get_secret_value() else None


def _header_secret(secret: SecretStr | None) -> SecretStr | None:
    if secret is None or not secret.get_secret_value():
        return None
    text = secret.get_secret_value()
    if not (text.isascii() and text.isprintable()):
        raise ValueError("must be one line of printable ASCII characters, because it becomes part of a request header")
    return secret


def _hash_key(secret: SecretStr) -> SecretStr:
    if 0 < len(secret.get_secret_value()) < _HASH_KEY_LENGTH:
        raise ValueError(f"is too short; use at least {_HASH_KEY_LENGTH} random characters (openssl rand -hex 32)")
    return secret


def _names(value: Any) -> Any:
    if isinstance(value, str):  # environment variables can't hold lists
        return tuple(name.strip() for name in value.split(",") if name.strip())
    if isinstance(value, list | tuple):
        return tuple(value)
    raise ValueError('must be a list such as ["default"]')


Seconds = Annotated[float, Field(gt=0, le=86_400)]
Currency = Annotated[str, _matching("[A-Z]{3}", "three capital letters such as EUR")]
Language = Annotated[str, _matching("[a-z]{2,3}(_[A-Z]{2})?", "a language such as en, de or de_AT")]
# Names are parts of environment variables: lower-case, and no double underscore, which separates the parts there.
SourceName = Annotated[
    str,
    _matching(
        "(?=.{1,32}$)[a-z0-9]+(_[a-z0-9]+)*",
        "named with lower-case letters, digits and single _ between them, at most 32",
    ),
]
CustomerName = Annotated[
    str,
    _matching(
        "(?=.{1,64}$)[a-z0-9]+([_-][a-z0-9]+)*",
        "named with lower-case letters, digits and single _ or - between them, at most 64",
    ),
]
HeaderText = Annotated[str, Field(max_length=200), AfterValidator(_header_text)]
ListId = Annotated[
    str,
    _matching("([A-Za-z0-9_-]+([.][A-Za-z0-9_-]+)+)?", "empty or like watch.shop.example.com, without <> (RFC 2919)"),
]
Address = Annotated[str, AfterValidator(_address)]
"""One address or empty; its domain in ASCII."""
Host = Annotated[str, AfterValidator(_host)]
ZoneName = Annotated[str, AfterValidator(_zone)]
CertificateFile = Annotated[str, AfterValidator(_certificates)]
Folder = Annotated[str, AfterValidator(_folder)]
Password = Annotated[SecretStr | None, AfterValidator(_some_secret)]
"""An empty one is none."""
HeaderSecret = Annotated[SecretStr | None, AfterValidator(_header_secret)]
HashKey = Annotated[SecretStr, AfterValidator(_hash_key)]
Names = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_names)]
"""A list, or names separated by commas."""
