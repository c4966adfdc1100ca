"""Conditional requests: the entity tag of a document, and whether a client has that one already (RFC 9110, 8.8.3 and 13.1.2)."""

import hashlib
import re

_TAG = re.compile(r'(?:W/)?"([\x21\x23-\x7e\x80-\xff]*)"')
_DIGITS = 32


def entity_tag(served: bytes, *, exact: bool) -> str:
    """The tag of what is served; a weak one where the answer holds something besides that differs each time."""
    return f'{"" if exact else "W/"}"{hashlib.sha256(served).hexdigest()[:_DIGITS]}"'


def is_known(if_none_match: str | None, tag: str) -> bool:
    """Whether the header names the tag, strong or weak alike, or any (`*`)."""
    if if_none_match is None:
        return False
    return if_none_match.strip() == "*" or tag.removeprefix("W/").strip('"') in _TAG.findall(if_none_match)
