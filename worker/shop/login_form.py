"""The login form in a host's HTML: where it is sent, what its fields are called, and the CSRF token beside them. Pure."""

from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urlencode

_MAX_BYTES = 1024 * 1024  # a login page is small; what comes after is not looked at
_MAX_TOKEN = 4096
_NAMED_FIELD = frozenset({"text", "email", "tel", ""})
_SENT_AS_IS = frozenset({"hidden", "submit"})


@dataclass(slots=True)
class LoginForm:
    """A form with one password field."""

    action: str
    """As the page writes it; empty is the page's own address."""
    username: str
    """What the field for the name is called."""
    password: str
    others: list[tuple[str, str]] = field(repr=False)
    """Hidden fields and the button, sent back as they are."""

    @property
    def token(self) -> str | None:
        """The CSRF token among the hidden fields."""
        return next((value for name, value in self.others if value and _is_token(name)), None)

    def filled(self, username: str, password: str) -> str:
        """The body to send, as application/x-www-form-urlencoded."""
        return urlencode([*self.others, (self.username, username), (self.password, password)])


def login_form(body: bytes) -> LoginForm | None:
    """The first form that asks for a name and one password; None where there is none."""
    for action, inputs in _page(body).forms:
        passwords = [name for kind, name, _ in inputs if kind == "password"]
        if len(passwords) != 1:
            continue  # a search, or a registration that wants the password twice
        before = inputs[: [name for _, name, _ in inputs].index(passwords[0])]
        names = [name for kind, name, _ in before if kind in _NAMED_FIELD]
        if names:
            others = [(name, value) for kind, name, value in inputs if kind in _SENT_AS_IS]
            return LoginForm(action, names[-1], passwords[0], others)
    return None


def csrf_token(body: bytes) -> str | None:
    """The token an HTML page tells its scripts (`<meta name="csrf-token">`), else one in a hidden field of its forms."""
    page = _page(body)
    hidden = (
        value
        for _, inputs in page.forms
        for kind, name, value in inputs
        if kind == "hidden" and _is_token(name) and value
    )
    return page.token or next(hidden, None)


def can_be_sent(token: str) -> bool:
    """Whether a token from elsewhere may become part of a header."""
    return token.isascii() and token.isprintable() and len(token) <= _MAX_TOKEN


def _is_token(name: str) -> bool:
    return "token" in name.lower() or "csrf" in name.lower()


def _page(body: bytes) -> "_Page":
    page = _Page()
    page.feed(body[:_MAX_BYTES].decode("utf-8", "replace"))
    page.close()
    return page


class _Page(HTMLParser):
    """Collects the forms with their inputs as (type, name, value), and the CSRF token in the head."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[tuple[str, list[tuple[str, str, str]]]] = []
        self.token: str | None = None
        self._open = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append((given.get("action", "").strip(), []))
            self._open = True
        elif tag in {"input", "button"} and self._open and given.get("name"):
            kind = given.get("type", "" if tag == "input" else "submit").strip().lower()
            self.forms[-1][1].append((kind, given["name"], given.get("value", "")))
        elif tag == "meta" and given.get("name", "").lower() == "csrf-token":
            self.token = given.get("content") or self.token

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._open = False
