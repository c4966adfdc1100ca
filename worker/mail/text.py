"""Foreign text made fit for a mail: names, links and header values that shops and customers control."""

import re
import unicodedata
from urllib.parse import quote, urlsplit

_RAW_LIMIT = 10_000  # no name needs more; keeps a name of a megabyte from costing time
_LINK_LIMIT = 2_000
# Bidi controls turn text around, the others are invisible. Both joiners stay: emoji and Persian need them.
_DROPPED = re.compile(
    "[\u00ad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufdd0-\ufdef\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)
_BREAKS = re.compile("[\x00-\x20\x7f-\x9f\u2028\u2029]+")
_PATH_SIGNS = "/:@!$&'()*+,;=~-._%"
_NOT_IN_LINKS = re.compile(r"[\x00-\x1f\x7f-\x9f]")  # urlsplit would drop some of them in silence
_HOST = re.compile(r"(\[[0-9a-fA-F:.]+\]|[\w.-]+)(:\d+)?")
_LINKLIKE = re.compile(r"[/@:<>]|\bwww\b|\w\.\w\w", re.IGNORECASE)
_FIRST_STRONG_ISOLATE, _POP_ISOLATE = "\u2068", "\u2069"
_JOINER = "\u200d"


def one_line(text: str, limit: int) -> str:
    """Text without control characters, line ends and lone surrogates, at most `limit` characters."""
    text = text[:_RAW_LIMIT].encode("utf-8", "ignore").decode("utf-8")
    return shorten(_BREAKS.sub(" ", text).strip(" "), limit)


def clean(text: str, limit: int) -> str:
    """`one_line` of foreign text: bidi controls and invisible characters vanish, every blank is one space."""
    text = unicodedata.normalize("NFC", _DROPPED.sub("", one_line(text, _RAW_LIMIT)))
    return shorten(" ".join(text.split()), limit)


def shorten(text: str, limit: int) -> str:
    """`text`, or its beginning with an ellipsis: cut between words where one ends near, never inside a composed sign."""
    if len(text) <= limit:
        return text
    end = limit - 1
    space = text.rfind(" ", 0, end + 1)
    if space > limit * 2 // 3:
        end = space
    while end > 0 and _continues(text, end):
        end -= 1
    return text[:end].rstrip(" ,;:-–—") + "…"


def _continues(text: str, index: int) -> bool:
    """Whether the sign at `index` belongs to the one before it (accents, emoji sequences)."""
    sign = text[index]
    return (
        text[index - 1] == _JOINER
        or sign == _JOINER
        or unicodedata.category(sign) in {"Mn", "Me", "Mc"}
        or "\U0001f3fb" <= sign <= "\U0001f3ff"  # skin tones
    )


def header_value(text: str, limit: int = 250) -> str:
    """`one_line` that no header parser takes for an encoded word: older ones would decode line ends out of it (RFC 2047)."""
    return one_line(text, limit).replace("=?", "= ?")


def person_name(text: str) -> str:
    """A name to greet somebody by, or "" where it looks like a link: shops let anybody register with an advertisement as name."""
    name = clean(text, 60)
    return "" if _LINKLIKE.search(name) else name


def isolate(text: str) -> str:
    """Text whose right-to-left signs can't turn their surroundings around (UAX #9, isolates); other text stays as it is."""
    if any(unicodedata.bidirectional(sign) in {"R", "AL"} for sign in text):
        return f"{_FIRST_STRONG_ISOLATE}{text}{_POP_ISOLATE}"
    return text


def web_link(url: str | None) -> str | None:
    """An absolute http(s) address, percent-encoded, or None for everything else (`javascript:`, user names, control characters)."""
    if not url or len(url) > _LINK_LIMIT or _NOT_IN_LINKS.search(url):
        return None
    try:
        parts = urlsplit(url)
        _ = parts.port  # the property checks it
        encoded = parts._replace(
            path=quote(parts.path, safe=_PATH_SIGNS),
            query=quote(parts.query, safe=_PATH_SIGNS + "?"),
            fragment=quote(parts.fragment, safe=_PATH_SIGNS + "?"),
        )
    except ValueError:  # a broken host or port, or a lone surrogate, which has no UTF-8
        return None
    if parts.scheme not in {"http", "https"} or not _HOST.fullmatch(parts.netloc):
        return None
    link = encoded.geturl()
    return link if len(link) <= _LINK_LIMIT else None  # or it would be None when it is read again
