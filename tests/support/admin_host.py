"""The host around a shop's admin interface, as Laravel does it: login form, sessions, CSRF, bearer tokens; with faults."""

import itertools
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from typing import Literal
from urllib.parse import parse_qs, quote, unquote

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

TOKEN = "admin-token-0123456789"
USERNAME = "admin@shop.test"
PASSWORD = "s3cret & sure"

Fault = Callable[[Request], Awaitable[Response | None]]
"""May answer in place of the shop, or just take its time."""


@dataclass(slots=True)
class Login:
    """A browser's session: its CSRF token, and how many requests it has made since it was logged in."""

    csrf: str
    inside: bool = False
    requests: int = 0


@dataclass(frozen=True, slots=True)
class Asked:
    """One request to the admin interface as it arrived."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes
    accepted: bool
    """It was let through to the shop."""


@dataclass(slots=True)
class AdminHost:
    """Lets administrators through to `inner` (an ASGI application that finds the account's groups in `scope["groups"]`)."""

    inner: ASGIApp
    groups: frozenset[str] = frozenset({"super"})
    says_log_in: Literal["401", "403", "redirect", "page"] = "401"
    """How somebody unknown is told so, even where JSON is accepted."""
    csrf: bool = True
    xsrf_cookie: bool = True
    """Whether the CSRF token also comes as a cookie."""
    meta_token: bool = True
    """Whether pages tell scripts the CSRF token."""
    login_path: str = "/login"
    refuses_by: Literal["422", "redirect", "page"] = "422"
    """How a wrong password is told."""
    after_login: str = "/home"
    """Where the login leads."""
    expires_after: int | None = None
    """Requests to the interface after which a session is over."""
    faults: list[Fault] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    logins: int = 0
    sessions: dict[str, Login] = field(default_factory=dict)
    _numbers: "itertools.count[int]" = field(default_factory=itertools.count)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        body = await request.body()
        response = await self._answer(request, body)
        if response is not None:
            await response(scope, receive, send)
            return

        read = False

        async def again() -> Message:
            nonlocal read
            if read:
                return await receive()  # until the client is gone
            read = True
            return {"type": "http.request", "body": body, "more_body": False}

        await self.inner({**scope, "groups": self.groups}, again, send)

    def open_session(self) -> str:
        """Log somebody in who has a browser elsewhere; the session's cookie as the settings hold it."""
        return f"laravel_session={self._new(inside=True)}"

    def expire(self) -> None:
        """End every session."""
        self.sessions.clear()

    async def _answer(self, request: Request, body: bytes) -> Response | None:
        """What the host itself says; None lets the request through."""
        if request.url.path == self.login_path:
            return self._log_in(request, body) if request.method == "POST" else self._login_page(request)
        if request.url.path == "/home":
            return self._home(request)
        refusal = self._refusal(request)
        self.asked.append(_asked(request, body, accepted=refusal is None))
        if refusal is None:
            for fault in self.faults:
                if (answer := await fault(request)) is not None:
                    return answer
        return refusal

    def _refusal(self, request: Request) -> Response | None:
        if request.headers.get("authorization") == f"Bearer {TOKEN}":
            return None
        _, session = self._session(request)
        if session is None or not session.inside:
            return self._unknown(request)
        if self.expires_after is not None and session.requests >= self.expires_after:
            self.expire()
            return self._unknown(request)
        if self.csrf and request.method not in {"GET", "OPTIONS"} and self._told_token(request) != session.csrf:
            return JSONResponse({"message": "CSRF token mismatch."}, 419)
        session.requests += 1
        return None

    def _unknown(self, request: Request) -> Response:
        if self.says_log_in == "page":
            return self._login_page(request)
        if self.says_log_in == "redirect" or "json" not in request.headers.get("accept", ""):
            return RedirectResponse(str(request.base_url).rstrip("/") + self.login_path, 302)
        return JSONResponse({"message": "Unauthenticated."}, int(self.says_log_in))

    def _told_token(self, request: Request) -> str:
        """Laravel looks at the header first and at the cookie's copy only where there is none."""
        told = request.headers.get("x-csrf-token")
        return told or request.headers.get("x-xsrf-token", "").removeprefix("enc=")

    def _login_page(self, request: Request) -> Response:
        key, session = self._session(request)
        if session is not None and session.inside:
            return RedirectResponse("/home", 302)
        if session is None:
            key = self._new(inside=False)
            session = self.sessions[key]
        page = _LOGIN_PAGE.format(action=self.login_path, csrf=session.csrf)
        return self._with_cookies(HTMLResponse(page), key)

    def _home(self, request: Request) -> Response:
        key, session = self._session(request)
        if session is None or not session.inside:
            return RedirectResponse(self.login_path, 302)
        meta = f'<meta name="csrf-token" content="{session.csrf}">' if self.meta_token else ""
        return self._with_cookies(HTMLResponse(f"<html><head>{meta}</head><body>Welcome</body></html>"), key)

    def _log_in(self, request: Request, body: bytes) -> Response:
        key, session = self._session(request)
        form = {name: values[0] for name, values in parse_qs(body.decode()).items()}
        if session is None or form.get("_token") != session.csrf:
            return HTMLResponse("<html>Page Expired</html>", 419)
        if (form.get("email"), form.get("password")) != (USERNAME, PASSWORD):
            if self.refuses_by == "422":
                return JSONResponse({"message": "These credentials do not match our records."}, 422)
            return (
                RedirectResponse(self.login_path, 302) if self.refuses_by == "redirect" else self._login_page(request)
            )
        self.logins += 1
        del self.sessions[key]
        return self._with_cookies(RedirectResponse(self.after_login, 302), self._new(inside=True))

    def _session(self, request: Request) -> tuple[str, Login | None]:
        cookies: SimpleCookie = SimpleCookie(request.headers.get("cookie", ""))
        key = cookies["laravel_session"].value if "laravel_session" in cookies else ""
        return key, self.sessions.get(key)

    def _new(self, *, inside: bool) -> str:
        number = next(self._numbers)
        self.sessions[f"session-{number}"] = Login(csrf=f"csrf/{number}=", inside=inside)
        return f"session-{number}"

    def _with_cookies(self, response: Response, key: str) -> Response:
        response.set_cookie("laravel_session", key, httponly=True)
        if self.xsrf_cookie:
            response.headers.append(
                "set-cookie", f"XSRF-TOKEN={quote('enc=' + self.sessions[key].csrf, safe='')}; path=/"
            )
        return response


def _asked(request: Request, body: bytes, *, accepted: bool) -> Asked:
    query = unquote(request.url.query)
    return Asked(request.method, request.url.path, query, dict(request.headers), body, accepted)


_LOGIN_PAGE = """<!DOCTYPE html><html><head><title>Log in</title></head><body>
<form action="/search"><input name="q"></form>
<form method="POST" action="{action}">
  <input type="hidden" name="_token" value="{csrf}" autocomplete="off">
  <input id="email" type="email" name="email" required><input type="password" name="password" required>
  <input type="checkbox" name="remember"><button type="submit">Log in</button>
</form></body></html>"""
