"""One administrator's session with a shop's admin interface: logs in, stays logged in, and says what to do where it can't.

The hosts around Aimeos (Laravel, Symfony, TYPO3, ...) differ in how they say "log in": 401, 403, 419 for a CSRF token
that is over, or a redirect to a login page, which then comes with 200. All of them mean the same here.
"""

from collections.abc import Callable
from datetime import timedelta
from urllib.parse import unquote

import httpx2

from worker.errors import ShopAnswerError, ShopLoginError, ShopUnreachableError
from worker.settings import AdminLogin, Shop
from worker.shop.answer import HTML, asks_for_a_password
from worker.shop.http import Answer, ReadMethod, Session, WriteMethod, open_http
from worker.shop.login_form import LoginForm, can_be_sent, csrf_token, login_form
from worker.shop.urls import follow

_SHUT_OUT = frozenset({401, 403, 419})
_FORM = "application/x-www-form-urlencoded"
_XSRF_COOKIE = "XSRF-TOKEN"  # Laravel's; axios and others send it back as a header


class ForbiddenError(ShopLoginError):
    """403: the shop knows who we are, and this account may not do that."""


class AdminSession:
    """Reads and writes as the administrator in the settings. Failures are ShopError; status 4xx and 5xx are returned otherwise."""

    def __init__(self, name: str, shop: Shop, *, transport: httpx2.BaseTransport | None = None) -> None:
        """`name` is what the settings call the source. Nothing is sent yet."""
        login = shop.admin
        if login is None:
            raise ValueError("the source's settings hold no admin login")
        self._setting = f"sources.{name}.admin"
        self._login: AdminLogin = login
        self._http = open_http(shop.timeout_seconds, transport)
        self._session = Session(self._http, shop.url, login, shop.timeout_seconds, setting=f"sources.{name}.url")
        self._login_url = _without_query(follow(login.login_url or "/login", shop.url))
        self._csrf: str | None = None
        self._inside = login.password is None

    @property
    def base(self) -> str:
        """The interface's address in the settings."""
        return self._session.base

    @property
    def clock_gap(self) -> timedelta | None:
        """How far the shop's clock is ahead of ours."""
        return self._session.clock_gap.value

    @property
    def who(self) -> str:
        """Whom the settings let us log in as, without secrets."""
        if self._login.username:
            return f"administrator {self._login.username}"
        return f"administrator, by {'token' if self._login.token is not None else 'cookie'}"

    def read(self, url: str, method: ReadMethod = "GET", body: str | None = None, *, patient: bool = True) -> Answer:
        """Ask as `Session.read` does. Raises ShopLoginError where the shop shuts us out although we logged in again."""
        return self._inside_again(lambda: self._session.read(url, method, body, patient=patient))

    def write(self, method: WriteMethod, url: str, body: str | None) -> Answer:
        """Send a change; it is sent again only where the shop refused it for its login, so that nothing was carried out."""
        return self._inside_again(lambda: self._session.send(method, url, body))

    def close(self) -> None:
        """Give back connections."""
        self._http.close()

    def _inside_again(self, ask: Callable[[], Answer]) -> Answer:
        if not self._inside:
            self._log_in()
        answer = self._ask(ask)
        if self._shut_out(answer):
            self._renew(answer)
            answer = self._ask(ask)
            if self._shut_out(answer):
                raise self._refused(answer)
        return answer

    def _ask(self, ask: Callable[[], Answer]) -> Answer:
        cookie = self._session.cookies.get(_XSRF_COOKIE)
        told = {
            "Accept": "application/json",  # else Laravel redirects to its login page instead of saying 401
            "X-CSRF-TOKEN": self._csrf or "",
            "X-XSRF-TOKEN": unquote(cookie or ""),
        }
        self._session.headers = {name: value for name, value in told.items() if value and can_be_sent(value)}
        return ask()

    def _shut_out(self, answer: Answer) -> bool:
        """Whether this is how the host says that nobody it knows is asking."""
        if answer.status in _SHUT_OUT:
            return True
        if answer.redirects:  # reads follow redirects, so this is a write's
            return True
        return answer.status < 300 and (_without_query(answer.url) == self._login_url or _asks_to_log_in(answer))

    def _renew(self, answer: Answer) -> None:
        """Do what may help: log in again, or for a session from the settings fetch a new CSRF token."""
        if self._login.password is not None:
            self._log_in()
        elif self._login.cookie is not None and answer.status == 419:
            page = self._ask(lambda: self._session.read(self._login_url))  # who is logged in is sent on from there
            self._csrf = (
                csrf_token(page.body) if page.status < 300 and not self._session.cookies.get(_XSRF_COOKIE) else None
            )
        else:
            raise self._refused(answer)

    def _log_in(self) -> None:
        self._inside, self._csrf = False, None
        self._session.cookies.clear()
        page = self._ask(lambda: self._session.read(self._login_url))
        _check_up(page)
        form = login_form(page.body) if page.content_type in HTML else None
        if form is None:
            raise ShopLoginError(
                f"{page.where}: {page.status}, but no login form; set {self._setting}.login_url to the page that has it"
            )
        password = self._login.password.get_secret_value() if self._login.password else ""
        filled, action = form.filled(self._login.username, password), follow(form.action or page.url, page.url)
        answer = self._ask(lambda: self._session.send("POST", action, filled, _FORM))
        _check_up(answer)
        if self._is_refusal(answer, page.url):
            raise ShopLoginError(
                f"{answer.where}: the shop does not accept this login; check {self._setting}.username and .password"
            )
        self._csrf = self._token_after(answer, form)
        self._inside = True

    def _is_refusal(self, answer: Answer, form_url: str) -> bool:
        """A form that was refused comes again, at once or by a redirect to it."""
        if answer.redirects:
            return _target(answer) == _without_query(form_url)
        return answer.status >= 300 or _asks_to_log_in(answer)

    def _token_after(self, answer: Answer, form: LoginForm) -> str | None:
        """The CSRF token of the session that has just begun; where it is a cookie, no other may be sent beside it."""
        if self._session.cookies.get(_XSRF_COOKIE) or form.token is None:
            return None
        target = _target(answer) if answer.redirects else None
        if target is None:
            return form.token
        try:
            page = self._ask(lambda: self._session.read(target))
        except ShopAnswerError:  # it leads elsewhere; the token of the form may still do
            return form.token
        return csrf_token(page.body) or form.token

    def _refused(self, answer: Answer) -> ShopLoginError:
        if answer.status == 403:
            return ForbiddenError(
                f"{answer.where}: 403; the account of {self._setting} may not do this: put it into the group admin, "
                "or make it a superuser"
            )
        failed = f"{answer.where}: {'a login page' if answer.status < 400 else answer.status}"
        if self._login.password is not None:
            return ShopLoginError(
                f"{failed}, although we have just logged in; check that {self._setting}.username may use the admin "
                "interface, and that the source's url is right"
            )
        setting = "token" if self._login.token is not None else "cookie"
        remedy = (
            "make a new one" if setting == "token" else "log in again and copy it anew, or give username and password"
        )
        return ShopLoginError(f"{failed}; {self._setting}.{setting} is wrong or has expired: {remedy}")


def _check_up(answer: Answer) -> None:
    if answer.status == 429 or answer.status >= 500:
        raise ShopUnreachableError(f"{answer.where}: {answer.status}; nobody can log in now", answer.retry_after)


def _without_query(url: str) -> str:
    return url.partition("?")[0]


def _target(answer: Answer) -> str | None:
    """Where a redirect leads within the origin, without parameters; None for elsewhere, where nobody follows."""
    try:
        return _without_query(follow(answer.location, answer.url))
    except ShopAnswerError:
        return None


def _asks_to_log_in(answer: Answer) -> bool:
    # GraphQL calls its JSON text/html, too.
    return answer.content_type in HTML and answer.body.lstrip()[:1] == b"<" and asks_for_a_password(answer.body)
