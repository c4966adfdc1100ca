"""Addresses of one shop: only its own origin is ever followed, and parameters are added the way the shop nests them."""

from collections.abc import Iterable, Sequence
from urllib.parse import quote, unquote, unquote_plus, urlsplit

import httpx2

from worker.errors import ShopAnswerError

Parameters = Sequence[tuple[str, str]]

_DEFAULT_PORTS = {"http": 80, "https": 443}
_MAX_SHOWN = 120


def origin(url: str) -> tuple[str, str, int] | None:
    """Scheme, host and port (RFC 6454); None for anything but a plain http(s) URL without credentials.

    Read by the parser of the HTTP client itself, so that no trick of spelling can send a request elsewhere.
    """
    try:
        parsed = httpx2.URL(url)
    except (httpx2.InvalidURL, ValueError):
        return None
    if parsed.scheme not in _DEFAULT_PORTS or not parsed.raw_host or parsed.userinfo:
        return None
    return parsed.scheme, parsed.raw_host.decode("ascii"), parsed.port or _DEFAULT_PORTS[parsed.scheme]


def follow(link: object, base: str) -> str:
    """The absolute URL of a link found in an answer from `base`. Raises ShopAnswerError unless it stays on its origin.

    Cookies, tokens and CSRF values travel with every request, so that none may go elsewhere.
    """
    href = link.get("href") if isinstance(link, dict) else link
    if not isinstance(href, str) or not href:
        raise ShopAnswerError(f"an answer of {path_of(base)} holds a link without an address")
    url = _joined(base, href)
    if origin(url) is None or origin(url) != origin(base):
        raise ShopAnswerError(
            f"an answer of {path_of(base)} points to another origin ({shown_origin(url)} instead of "
            f"{shown_origin(base)}); if the shop moved there, change the source's url"
        )
    return url


def absolute(reference: str, base: str | None) -> str | None:
    """A reference as absolute URL, whatever the origin (for pictures, which nobody here fetches); None unless http(s)."""
    try:
        url = httpx2.URL(base).join(reference) if base else httpx2.URL(reference)
    except (httpx2.InvalidURL, ValueError):
        return None
    return str(url) if url.scheme in _DEFAULT_PORTS and url.host else None


def with_parameters(url: str, parameters: Parameters, prefix: str | None = None) -> str:
    """The URL with these query parameters in place of any of the same name; its other parameters stay byte for byte.

    With a prefix (`meta.prefix` of the shop) each is nested: `page[limit]` becomes `prefix[page][limit]`.
    """
    named = [(_nested(name, prefix), value) for name, value in parameters]
    replaced = {name for name, _ in named}
    address, _, query = url.partition("?")
    kept = [part for part in query.split("&") if part and unquote_plus(part.partition("=")[0]) not in replaced]
    added = [f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in named]
    return f"{address}?{'&'.join([*kept, *added])}" if kept or added else address


def batches(ids: Iterable[str], name: str, prefix: str | None, size: int, length: int) -> Iterable[list[str]]:
    """Ids in groups of at most `size` whose parameters `name` take at most `length` characters of a URL."""
    overhead = len(quote(_nested(name, prefix), safe="")) + 2
    batch: list[str] = []
    used = 0
    for item in ids:
        cost = overhead + len(quote(item, safe=""))
        if batch and (len(batch) == size or used + cost > length):
            yield batch
            batch, used = [], 0
        batch.append(item)
        used += cost
    if batch:
        yield batch


def path_of(url: str) -> str:
    """The path of a URL, for messages: never its query, which may carry tokens."""
    return ascii(unquote(urlsplit(url).path) or "/")[1:-1][:_MAX_SHOWN]


def shown_origin(url: str) -> str:
    """The origin of a URL, for messages."""
    parts = origin(url)
    if parts is None:
        return "no http(s) address"
    scheme, host, port = parts
    shown = f"{scheme}://{host}" if port == _DEFAULT_PORTS[scheme] else f"{scheme}://{host}:{port}"
    return ascii(shown)[1:-1][:_MAX_SHOWN]


def _joined(base: str, href: str) -> str:
    try:
        return str(httpx2.URL(base).join(href).copy_with(fragment=None))
    except (httpx2.InvalidURL, ValueError):
        return ""


def _nested(name: str, prefix: str | None) -> str:
    if prefix is None:
        return name
    head, bracket, rest = name.partition("[")
    return f"{prefix}[{head}]{bracket}{rest}"
