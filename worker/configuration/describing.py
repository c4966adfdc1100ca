"""What `watchpost config` prints: every option, its value with secrets hidden, and where it is from."""

import re
from dataclasses import dataclass
from typing import Any

from pydantic import SecretStr

from worker.configuration.loading import Loaded
from worker.configuration.options import options

HIDDEN = "********"
_URLS = ("database.url", "broker.url")
# Everything between the first colon of user:password and the last @: a password may hold "@", "/" or ":" unescaped.
_PASSWORD = re.compile(r"(?<=://)([^:@/?#]*):.*@", re.DOTALL)
_PASSWORD_PARAMETER = re.compile(r"([?&][^=&]*(?:pass|secret|token)[^=&]*=)[^&]*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Row:
    """One option as an operator sees it."""

    key: str
    value: str
    """`********` for a secret that is set; empty for one that is not."""
    origin: str
    """`default`, `file PATH` or `environment VARIABLE`."""


def describe(loaded: Loaded) -> list[Row]:
    """Every option in force, in the order of the settings' shape."""
    return [Row(key, _shown(key, value), loaded.origins[key]) for key, value in options(loaded.settings)]


def _shown(key: str, value: Any) -> str:
    match value:
        case None:
            return ""
        case SecretStr():
            return _hidden(key, value.get_secret_value())
        case bool():
            return str(value).lower()
        case tuple():
            return ", ".join(value)
        case float():
            return f"{value:g}"
        case _:
            return str(value)


def _hidden(key: str, secret: str) -> str:
    if not secret:
        return ""
    if key not in _URLS:
        return HIDDEN
    return _PASSWORD_PARAMETER.sub(rf"\1{HIDDEN}", _PASSWORD.sub(rf"\1:{HIDDEN}@", secret))
