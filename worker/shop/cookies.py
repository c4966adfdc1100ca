"""The cookies of one session with one origin.

Not `http.cookiejar`: it keeps cookies of one name apart by domain and path, so that a session cookie from the settings
and the shop's renewal of it would both be sent. A session here talks to one origin only, where the newest value counts.
"""

from collections.abc import Iterable

from worker.shop.http_date import http_date


class Cookies:
    """Name and value of what the settings and the shop's `Set-Cookie` headers say (RFC 6265, 5.2). Values stay out of repr."""

    def __init__(self, header: str = "") -> None:
        """Begin with a `Cookie` header as the settings hold it: `name=value; other=value`."""
        self._values: dict[str, str] = {}
        for pair in header.split(";"):
            name, _, value = pair.strip().partition("=")
            if name:
                self._values[name] = value

    def header(self) -> str:
        """The `Cookie` header to send; empty for none."""
        return "; ".join(f"{name}={value}" for name, value in self._values.items())

    def get(self, name: str) -> str | None:
        """The value of one cookie."""
        return self._values.get(name)

    def clear(self) -> None:
        """Forget all of them: the session is over."""
        self._values.clear()

    def update(self, set_cookies: Iterable[str], date: str | None) -> None:
        """Take over the `Set-Cookie` headers of an answer whose `Date` header is given."""
        for set_cookie in set_cookies:
            pair, *attributes = set_cookie.split(";")
            name, equals, value = pair.strip().partition("=")
            if not name or not equals or not (pair.isascii() and pair.isprintable()):
                continue
            if _ends(attributes, date):
                self._values.pop(name, None)
            else:
                self._values[name] = value


def _ends(attributes: Iterable[str], date: str | None) -> bool:
    """Max-Age outranks Expires; an Expires before the answer's own Date ends the cookie."""
    settings = {}
    for attribute in attributes:
        name, _, value = attribute.partition("=")
        settings[name.strip().lower()] = value.strip()
    age = settings.get("max-age", "")
    if age.removeprefix("-").isdecimal() and age.isascii():
        return age.startswith("-") or not age.strip("0")
    expires, now = http_date(settings.get("expires")), http_date(date)
    return expires is not None and now is not None and expires <= now
