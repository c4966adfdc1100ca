"""Login forms as hosts write them: which fields to fill in, and what is sent back as it came."""

from urllib.parse import parse_qsl

import pytest

from worker.shop.login_form import can_be_sent, csrf_token, login_form

LARAVEL = b"""<html><head><meta name="csrf-token" content="meta-token"></head>
<form method="POST" action="https://shop.test/login"><input type="hidden" name="_token" value="t0ken">
<input type="email" name="email" value=""><input type="password" name="password"><input type="checkbox" name="remember">
<button type="submit">Login</button></form>"""
SYMFONY = b"""<FORM action='/login_check' METHOD=post><INPUT NAME=_username VALUE=''>
<input type=password name=_password><input type="hidden" name="_csrf_token" value="a&amp;b"></FORM>"""
TYPO3 = b"""<form action="?"><input type="text" name="user"/><input type="password" name="pass"/>
<input type="hidden" name="logintype" value="login"/><input type="submit" name="submit" value="Login"/></form>"""
SEARCH = b"<form><input name=q></form>"
REGISTER = b"""<form action="/register"><input name="name"><input type="password" name="password">
<input type="password" name="password_confirmation"></form>"""


@pytest.mark.parametrize(
    ("page", "action", "sent"),
    [
        (LARAVEL, "https://shop.test/login", [("_token", "t0ken"), ("email", "me"), ("password", "p&w")]),
        (SYMFONY, "/login_check", [("_csrf_token", "a&b"), ("_username", "me"), ("_password", "p&w")]),
        (TYPO3, "?", [("logintype", "login"), ("submit", "Login"), ("user", "me"), ("pass", "p&w")]),
        (
            SEARCH + REGISTER + SYMFONY,
            "/login_check",
            [("_csrf_token", "a&b"), ("_username", "me"), ("_password", "p&w")],
        ),
    ],
    ids=["laravel", "symfony", "typo3", "among others"],
)
def test_a_form_is_filled_in(page: bytes, action: str, sent: list[tuple[str, str]]) -> None:
    form = login_form(page)
    assert form is not None
    assert form.action == action
    assert parse_qsl(form.filled("me", "p&w")) == sent


@pytest.mark.parametrize(
    "page",
    [
        b"",
        b"<html>Welcome</html>",
        SEARCH,
        REGISTER,
        b"<input name=u><input type=password name=p>",
        b"<form><input type=password name=p></form>",
        b"<form><input name=u><input type=password></form>",
        b"\xff\xfe<form",
    ],
)
def test_pages_without_a_login_form(page: bytes) -> None:
    assert login_form(page) is None


def test_the_token_is_found() -> None:
    assert csrf_token(LARAVEL) == "meta-token"
    assert csrf_token(SYMFONY) == "a&b"
    assert csrf_token(TYPO3) is None
    form = login_form(LARAVEL)
    assert form is not None
    assert form.token == "t0ken"
    assert "t0ken" not in repr(form)


@pytest.mark.parametrize("token", ["a\r\nX-Injected: 1", "\x00", "ü", "a" * 5000])
def test_a_token_that_would_break_a_header_is_not_sent(token: str) -> None:
    assert not can_be_sent(token)
    assert can_be_sent("eyJpdiI6+/=")
