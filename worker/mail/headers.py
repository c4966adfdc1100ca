"""Header lines as RFC 5322 and RFC 2047 want them, folded and injection-proof whichever Python runs.

They are written by hand because the standard library re-reads what it is given: in 3.11.7 a subject with
`=?utf-8?q?x=0ABcc:_...?=` became two headers, and a long display name with commas became several addresses.
"""

import re
from email.header import Header

from worker.mail.address import Address
from worker.mail.text import header_value

_LINE = 76
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]+")
_PRINTABLE = re.compile(r"[\x20-\x7e]*")


def text_line(name: str, text: str) -> str:
    """An unstructured header such as Subject, folded: plain where it is short ASCII, else in encoded words."""
    value = header_value(text)
    if _PRINTABLE.fullmatch(value) and len(name) + 2 + len(value) <= _LINE:
        return f"{name}: {value}"
    return f"{name}: {_encoded(value, name)}"


def mailbox_line(name: str, address: Address, display_name: str = "") -> str:
    """From, To or Reply-To with exactly one mailbox."""
    phrase = _phrase(header_value(display_name, 100), name)
    if not phrase:
        return f"{name}: {address.email}"
    last = phrase.rpartition("\r\n")[2]
    gap = " " if len(last) + len(address.email) + len(name) + 5 <= _LINE else "\r\n "
    return f"{name}: {phrase}{gap}<{address.email}>"


def _phrase(text: str, name: str) -> str:
    if not _PRINTABLE.fullmatch(text) or len(text) > _LINE - 20:
        return _encoded(text, name)
    if _ATOMS.fullmatch(text):
        return text
    escaped = re.sub(r'(["\\])', r"\\\1", text)
    return f'"{escaped}"' if text else ""


def _encoded(text: str, name: str) -> str:
    return Header(text, "utf-8", maxlinelen=_LINE, header_name=name).encode(linesep="\r\n")
