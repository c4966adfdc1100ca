"""An administrator's session over real HTTP: logged in, logged in again, and never in the dark about why not."""

import json
import logging
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from tests.shopserver.front import Door, plain
from tests.support.admin_host import PASSWORD, TOKEN, USERNAME, AdminHost
from worker.errors import ShopAnswerError, ShopLoginError, ShopUnreachableError
from worker.settings import Shop
from worker.shop.admin_session import AdminSession, ForbiddenError
from worker.shop.http import READ_ATTEMPTS, TimedOutError
from worker.shopserver.serving import serve

BY_FORM = {"username": USERNAME, "password": PASSWORD}
BY_TOKEN = {"token": TOKEN}
QUESTION = '{"query": "{ a }"}'
EVERY_WAY = pytest.mark.parametrize("way", ["401", "403", "redirect", "page"])

Connect = Callable[..., AdminSession]


async def interface(scope: Scope, receive: Receive, send: Send) -> None:
    """Something behind the host: says hello as JSON, under whatever content type."""
    request = Request(scope, receive)
    kind = "text/html; charset=UTF-8" if request.method == "POST" else "application/json"
    hello = {"hello": request.method, "form": '<form><input type="password">'}
    await Response(json.dumps(hello), media_type=kind)(scope, receive, send)


@pytest.fixture(scope="module")
def door() -> Iterator[tuple[Door, str]]:
    door = Door()
    with serve(door) as url:
        yield door, url


@pytest.fixture
def host(door: tuple[Door, str]) -> AdminHost:
    door[0].app = host = AdminHost(interface)
    return host


@pytest.fixture
def connect(host: AdminHost, door: tuple[Door, str]) -> Iterator[Connect]:
    """Opens sessions with a login of the settings' table `admin`."""
    opened: list[AdminSession] = []

    def open_session(login: dict[str, str], **settings: Any) -> AdminSession:
        base = {"url": f"{door[1]}/admin/default/jsonadm", "interface": "jsonadm", "currency": "EUR"}
        opened.append(AdminSession("main", Shop.model_validate(base | {"admin": login} | settings), transport=plain()))
        return opened[-1]

    yield open_session
    for session in opened:
        session.close()


def ask(session: AdminSession) -> dict[str, Any]:
    """One read that is a POST, as GraphQL does it."""
    answer = session.read(session.base, "POST", QUESTION)
    assert answer.status == 200
    found: dict[str, Any] = json.loads(answer.body)
    return found


def test_a_token_is_sent_with_every_request(connect: Connect, host: AdminHost) -> None:
    session = connect(BY_TOKEN)
    assert session.read(f"{session.base}/customer").status == 200
    assert ask(session)["hello"] == "POST"
    assert session.write("DELETE", f"{session.base}/customer/lists/1", None).status == 200
    assert [(asked.method, asked.accepted) for asked in host.asked] == [("GET", True), ("POST", True), ("DELETE", True)]
    assert {asked.headers["authorization"] for asked in host.asked} == {f"Bearer {TOKEN}"}


def test_json_is_always_asked_for(connect: Connect, host: AdminHost) -> None:
    ask(connect(BY_FORM))
    assert {asked.headers["accept"] for asked in host.asked} == {"application/json"}


def test_a_question_is_sent_with_its_body(connect: Connect, host: AdminHost) -> None:
    ask(connect(BY_TOKEN))
    assert host.asked[0].body == QUESTION.encode()
    assert host.asked[0].headers["content-type"] == "application/json"


@pytest.mark.parametrize(("xsrf_cookie", "meta_token"), [(True, True), (True, False), (False, True)])
def test_the_login_form_is_filled_in_once(
    connect: Connect, host: AdminHost, xsrf_cookie: bool, meta_token: bool
) -> None:
    """The token changes with the login, and comes as a cookie or in the page after it."""
    host.xsrf_cookie, host.meta_token = xsrf_cookie, meta_token
    session = connect(BY_FORM)
    assert ask(session)["hello"] == "POST"
    assert session.write("DELETE", f"{session.base}/customer/lists/1", None).status == 200
    assert host.logins == 1
    assert [asked.accepted for asked in host.asked] == [True, True]


def test_a_login_that_leads_elsewhere_is_one_all_the_same(connect: Connect, host: AdminHost) -> None:
    host.after_login = "http://shop.example/welcome"
    assert ask(connect(BY_FORM))["hello"] == "POST"


@EVERY_WAY
def test_a_session_that_is_over_is_begun_again(connect: Connect, host: AdminHost, way: Any) -> None:
    host.says_log_in = way
    session = connect(BY_FORM)
    ask(session)
    host.expire()
    ask(session)
    assert session.read(f"{session.base}/customer").status == 200
    host.expire()
    assert session.read(f"{session.base}/customer").status == 200
    assert host.logins == 3


def test_a_write_is_sent_again_only_where_nobody_was_let_through(connect: Connect, host: AdminHost) -> None:
    session = connect(BY_FORM)
    ask(session)
    host.expire()
    session.write("DELETE", f"{session.base}/customer/lists/1", None)
    assert [asked.accepted for asked in host.asked if asked.method == "DELETE"] == [False, True]


@EVERY_WAY
def test_a_login_that_does_not_help_is_tried_once(connect: Connect, host: AdminHost, way: Any) -> None:
    host.says_log_in, host.expires_after = way, 0
    with pytest.raises(ShopLoginError, match=r"sources\.main\.admin"):
        ask(connect(BY_FORM))
    assert host.logins == 2  # at the beginning, and again


@EVERY_WAY
@pytest.mark.parametrize(("setting", "login"), [("token", {"token": "nobody"}), ("cookie", {"cookie": "a=b"})])
def test_a_token_or_cookie_that_is_over_is_named_with_the_remedy(
    connect: Connect, host: AdminHost, way: Any, setting: str, login: dict[str, str]
) -> None:
    host.says_log_in = way
    session = connect(login)
    for attempt in (lambda: ask(session), lambda: session.write("DELETE", session.base, None)):
        with pytest.raises(ShopLoginError) as refused:
            attempt()
        assert ("group admin" if way == "403" else f"sources.main.admin.{setting} is wrong or has expired") in str(
            refused.value
        )
    assert not any(asked.accepted for asked in host.asked)
    assert host.logins == 0


def test_a_session_from_the_settings_fetches_its_csrf_token(connect: Connect, host: AdminHost) -> None:
    session = connect({"cookie": host.open_session()})
    assert ask(session)["hello"] == "POST"
    assert ask(session)["hello"] == "POST"
    assert [asked.accepted for asked in host.asked] == [False, True, True]


def test_the_csrf_token_is_fetched_from_the_page_where_there_is_no_cookie(connect: Connect, host: AdminHost) -> None:
    host.xsrf_cookie = False
    assert ask(connect({"cookie": host.open_session()}))["hello"] == "POST"
    assert host.asked[-1].headers["x-csrf-token"].startswith("csrf/")


def test_a_csrf_token_that_is_over_is_renewed(connect: Connect, host: AdminHost) -> None:
    session = connect({"cookie": host.open_session()})
    ask(session)
    for login in host.sessions.values():
        login.csrf = "csrf/renewed="
    assert ask(session)["hello"] == "POST"


def test_a_wrong_password_is_named_and_tried_once(connect: Connect, host: AdminHost) -> None:
    for way in ("422", "redirect", "page"):
        host.refuses_by = way  # type: ignore[assignment] - one of its three values
        with pytest.raises(ShopLoginError, match=r"check sources\.main\.admin\.username and \.password") as refused:
            ask(connect({"username": USERNAME, "password": "wr0ng"}))
        assert "wr0ng" not in str(refused.value)
    assert host.asked == []


def test_a_host_without_a_form_there_is_told_which_setting_to_change(connect: Connect, host: AdminHost) -> None:
    host.login_path = "/account/enter"
    with pytest.raises(ShopLoginError, match=r"set sources\.main\.admin\.login_url"):
        ask(connect(BY_FORM))


def test_the_form_may_be_elsewhere_on_the_host(connect: Connect, host: AdminHost, door: tuple[Door, str]) -> None:
    host.login_path = "/account/enter"
    assert ask(connect({**BY_FORM, "login_url": f"{door[1]}/account/enter?from=admin"}))["hello"] == "POST"


def test_an_account_without_the_right_is_told_apart(connect: Connect, host: AdminHost) -> None:
    async def forbids(_: Request) -> Response:
        return JSONResponse({"message": "s3cret trace"}, 403)

    host.faults.append(forbids)
    for login in (BY_FORM, BY_TOKEN):
        with pytest.raises(ForbiddenError, match=r"the account of sources\.main\.admin may not do this") as refused:
            ask(connect(login))
        assert "s3cret" not in str(refused.value)


def test_json_that_is_called_html_is_no_login_page(connect: Connect) -> None:
    assert "password" in ask(connect(BY_TOKEN))["form"]


def times(count: int, response: Callable[[], Response]) -> Callable[[Request], Any]:
    """A fault that is over after so many requests."""
    left = iter(range(count))

    async def fault(_: Request) -> Response | None:
        return response() if next(left, None) is not None else None

    return fault


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_question_is_asked_again_after_a_passing_fault(connect: Connect, host: AdminHost, status: int) -> None:
    host.faults.append(times(READ_ATTEMPTS - 1, lambda: PlainTextResponse("", status)))
    assert ask(connect(BY_TOKEN))["hello"] == "POST"
    assert len(host.asked) == READ_ATTEMPTS


def test_a_write_is_sent_once_whatever_comes_back(connect: Connect, host: AdminHost) -> None:
    host.faults.append(times(1, lambda: PlainTextResponse("", 503)))
    session = connect(BY_TOKEN)
    assert session.write("DELETE", session.base, None).status == 503
    assert len(host.asked) == 1


def test_a_long_pause_reaches_whoever_asked(connect: Connect, host: AdminHost) -> None:
    host.faults.append(times(9, lambda: PlainTextResponse("", 429, {"Retry-After": "3600"})))
    with pytest.raises(ShopUnreachableError) as refused:
        ask(connect(BY_TOKEN))
    assert refused.value.retry_after == timedelta(hours=1)


def test_nobody_can_log_in_now(connect: Connect, host: AdminHost, door: tuple[Door, str]) -> None:
    async def too_many(scope: Scope, receive: Receive, send: Send) -> None:
        many = scope["path"] == "/login" and scope["method"] == "POST"
        await (PlainTextResponse("", 429, {"Retry-After": "60"}) if many else host)(scope, receive, send)

    session = connect(BY_FORM)
    door[0].app = too_many
    with pytest.raises(ShopUnreachableError, match="nobody can log in now") as refused:
        ask(session)
    assert refused.value.retry_after == timedelta(minutes=1)


def test_an_impatient_question_times_out_at_once(connect: Connect, host: AdminHost) -> None:
    async def silence(request: Request) -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass  # until nobody waits any more

    host.faults.append(silence)
    session = connect(BY_TOKEN, timeout_seconds=0.2)
    with pytest.raises(TimedOutError):
        session.read(session.base, patient=False)
    assert len(host.asked) == 1
    with pytest.raises(TimedOutError):
        session.read(session.base)
    assert len(host.asked) == 1 + READ_ATTEMPTS


def test_a_redirect_to_another_origin_is_not_followed(connect: Connect, host: AdminHost) -> None:
    host.faults.append(times(9, lambda: Response(None, 302, {"Location": "http://evil.test/"})))
    with pytest.raises(ShopAnswerError, match="another origin"):
        ask(connect(BY_TOKEN))


def test_a_form_that_sends_the_password_elsewhere_is_not_filled_in(
    connect: Connect, host: AdminHost, door: tuple[Door, str]
) -> None:
    async def foreign(scope: Scope, receive: Receive, send: Send) -> None:
        page = '<form action="http://evil.test/"><input name="u"><input type="password" name="p"></form>'
        await HTMLResponse(page)(scope, receive, send)

    session = connect(BY_FORM)
    door[0].app = foreign
    with pytest.raises(ShopAnswerError, match="another origin"):
        ask(session)


def test_the_gap_between_the_clocks_is_measured(connect: Connect, host: AdminHost) -> None:
    session = connect(BY_TOKEN)
    assert session.clock_gap is None
    ask(session)
    assert session.clock_gap is not None
    assert abs(session.clock_gap) < timedelta(seconds=5)


def test_no_secret_is_in_a_log_an_error_or_a_repr(
    connect: Connect, host: AdminHost, caplog: pytest.LogCaptureFixture
) -> None:
    host.expires_after = 0
    with caplog.at_level(logging.DEBUG, logger="httpx2"), pytest.raises(ShopLoginError) as refused:
        ask(session := connect(BY_FORM))
    said = caplog.text + str(refused.value) + repr(session) + repr(vars(session))
    assert PASSWORD not in said
    assert "laravel_session" not in said
    assert "csrf/" not in said
    assert session.who == f"administrator {USERNAME}"
