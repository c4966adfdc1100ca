"""Entity tags (RFC 9110, 8.8.3): what a shop names an answer by, so that it can be asked whether that is still so."""

import re
from collections.abc import Sequence

MAX_LENGTH = 256
"""Characters; it is kept, and sent back as a header."""

# Without the 8-bit characters the RFC tolerates: a header of ours is ASCII.
_TAG = re.compile(r'(?:W/)?"[\x21\x23-\x7e]+"', re.ASCII)


def usable_etag(headers: Sequence[str]) -> str | None:
    """The tag of an answer's ETag headers as it stands there, weak or strong; None for none, several or no proper one."""
    if len(headers) != 1 or len(headers[0]) > MAX_LENGTH or not _TAG.fullmatch(headers[0]):
        return None
    return headers[0]
