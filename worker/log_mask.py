"""What must not reach a log: values under telling names, and addresses, credentials and control characters in texts."""

import re
from typing import Any

from structlog.types import EventDict, WrappedLogger

HIDDEN = "********"
ADDRESS = "<address>"

_SECRET_NAME = re.compile(
    "passw|passphrase|secret|token|cookie|authorization|api_?key|hash_key|e-?mail|body", re.IGNORECASE
)
_HASH_NAME = re.compile("_hash$", re.IGNORECASE)
_MULTILINE = ("exception", "stack")
_NOT_AN_ADDRESS = "message_id"
_SECRET_TEXT = (
    (re.compile(r"(?<=://)[^\s/@?#]*:\S*@"), ""),
    (re.compile(r"\b(bearer|basic)\s+[\w.~+/=-]+", re.IGNORECASE), rf"\1 {HIDDEN}"),
    (re.compile(r"(cookie[\"']?\s*[:=]\s*[\"']?)[^\"'\n]+", re.IGNORECASE), rf"\1{HIDDEN}"),
    (re.compile(r"((?:password|token|secret)[\"']?\s*[:=]\s*[\"']?)[^\s\"',;&]+", re.IGNORECASE), rf"\1{HIDDEN}"),
)
# A host needs a dot here, or the names of Celery's nodes (celery@host) would vanish, too.
_ADDRESS = re.compile(r"(?:\"[^\"\n]*\"|[^\s<>\"(),:;@]+)@[\w-]+(?:\.[\w-]+)+")
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]")


def mask(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Structlog processor that hides what no log may hold, at any depth. It is the last one before the renderer."""
    return {key: _value(key, value) for key, value in event.items()}


def _value(name: str, value: Any) -> Any:
    if _SECRET_NAME.search(name) and not _HASH_NAME.search(name):
        return value if value is None or value == "" else HIDDEN
    match value:
        case None | bool() | int() | float():
            return value
        case dict():
            return {str(key): _value(str(key), inner) for key, inner in value.items()}
        case list() | tuple() | set() | frozenset():
            return [_value(name, inner) for inner in value]
        case bytes() | bytearray():
            return f"<{len(value)} bytes>"
        case _:
            return _text(name, str(value))


def _text(name: str, text: str) -> str:
    for pattern, replacement in _SECRET_TEXT:
        text = pattern.sub(replacement, text)
    if name != _NOT_AN_ADDRESS:
        text = _ADDRESS.sub(ADDRESS, text)
    text = _CONTROL.sub(lambda found: found.group().encode("unicode_escape").decode(), text)
    # A text from outside must not be able to fake a line of its own.
    return text if name in _MULTILINE else text.replace("\n", "\\n")
