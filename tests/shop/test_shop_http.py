"""HTTP as it really is, over real sockets: redirects, retries, limits, and secrets that stay where they belong."""

import gzip
import json
import logging
import socket
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta

import httpx2
import pytest
import stamina
from pydantic import SecretStr
from stamina.instrumentation import RetryDetails, get_on_retry_hooks, set_on_retry_hooks

from tests.support.loopback_http import Asked, LoopbackHttp, Told
from worker.errors import ShopAnswerError, ShopUnreachableError
from worker.settings import Account
from worker.shop.answer import document
from worker.shop.clock_gap import ClockGap
from worker.shop.document import MAX_BYTES
from worker.shop.http import MAX_REDIRECTS, READ_ATTEMPTS, Session, TimedOutError, open_http

ABSURD_DATES = (
    "Fri, 01 Jan 99999999999 00:00:00 GMT",
    "Fri, 99999999999 Jan 2026 00:00:00 GMT",
    "Fri, 01 Jan 2026 00:00:00 +99999999999999999999",
    "Fri, 31 Dec 9999 23:59:59 -2359",
)
Serve = Callable[[Callable[[Asked], Told]], LoopbackHttp]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Starts servers that are stopped after the test."""
    with ExitStack() as stack:
        yield lambda tell: stack.enter_context(LoopbackHttp(tell))


@pytest.fixture
def http() -> Iterator[httpx2.Client]:
    with open_http(10) as client:
        yield client


def session(http: httpx2.Client, server: LoopbackHttp, account: Account | None = None, timeout: float = 10) -> Session:
    return Session(http, server.url, account, timeout)


def test_an_answer_is_read(serve: Serve, http: httpx2.Client) -> None:
    server = serve(lambda _: Told(body=b'{"a": 1}', content_type="Application/Vnd.Api+JSON; charset=utf-8"))
    answer = session(http, server).read(f"{server.url}/x?_token=s3cret")
    assert (answer.where, answer.status, answer.content_type) == (
        f"GET {server.url}/x",
        200,
        "application/vnd.api+json",
    )
    assert document(answer) == {"a": 1}
    assert "s3cret" not in repr(answer)


def test_what_every_request_says(serve: Serve, http: httpx2.Client) -> None:
    server = serve(lambda _: Told())
    session(http, server, Account(token=SecretStr("abc"))).read(server.url)
    headers = server.asked[0].headers
    assert headers["authorization"] == "Bearer abc"
    assert headers["accept"] == "application/vnd.api+json, application/json"
    assert headers["accept-encoding"] == "gzip"
    assert headers["cache-control"] == "no-cache"
    assert "cookie" not in headers


def test_a_redirect_within_the_origin_is_followed_with_the_cookies_it_sets(serve: Serve, http: httpx2.Client) -> None:
    def tell(asked: Asked) -> Told:
        if asked.path == "/old":
            return Told(302, headers={"Location": "/new", "Set-Cookie": "session=fresh; path=/"})
        return Told(body=b'{"new": true}')

    server = serve(tell)
    answer = session(http, server, Account(cookie=SecretStr("session=stale"))).read(f"{server.url}/old")
    assert document(answer) == {"new": True}
    assert [asked.headers["cookie"] for asked in server.asked] == ["session=stale", "session=fresh"]


def test_options_stays_options_through_a_redirect(serve: Serve, http: httpx2.Client) -> None:
    server = serve(lambda asked: Told(301, headers={"Location": "/new"}) if asked.path == "/old" else Told())
    session(http, server).read(f"{server.url}/old", "OPTIONS")
    assert [asked.method for asked in server.asked] == ["OPTIONS", "OPTIONS"]


@pytest.mark.parametrize(("status", "asked"), [(302, "GET"), (303, "GET"), (307, "POST"), (308, "POST")])
def test_a_question_that_is_sent_on(status: int, asked: str, serve: Serve, http: httpx2.Client) -> None:
    server = serve(lambda asked: Told(status, headers={"Location": "/new"}) if asked.path == "/old" else Told())
    session(http, server).read(f"{server.url}/old", "POST", "{}")
    assert [(request.method, request.body) for request in server.asked] == [
        ("POST", b"{}"),
        (asked, b"{}" if asked == "POST" else b""),
    ]


def test_see_other_becomes_get(serve: Serve, http: httpx2.Client) -> None:
    server = serve(lambda asked: Told(303, headers={"Location": "/new"}) if asked.path == "/old" else Told())
    session(http, server).read(f"{server.url}/old", "OPTIONS")
    assert [asked.method for asked in server.asked] == ["OPTIONS", "GET"]


def test_a_redirect_to_another_origin_is_not_followed_and_gets_no_secret(serve: Serve, http: httpx2.Client) -> None:
    other = serve(lambda _: Told())
    server = serve(lambda _: Told(302, headers={"Location": f"{other.url}/jsonapi"}))
    with pytest.raises(ShopAnswerError, match="another origin"):
        session(http, server, Account(token=SecretStr("s3cret"))).read(server.url)
    assert other.asked == []


def test_a_redirect_in_a_circle_is_an_error(serve: Serve, http: httpx2.Client) -> None:
    server = serve(lambda asked: Told(302, headers={"Location": "/b" if asked.path == "/a" else "/a"}))
    with pytest.raises(ShopAnswerError, match="circle"):
        session(http, server).read(f"{server.url}/a")
    assert len(server.asked) == 2


def test_a_redirect_without_end_is_an_error(serve: Serve, http: httpx2.Client) -> None:
    server = serve(lambda asked: Told(302, headers={"Location": asked.path + "x"}))
    with pytest.raises(ShopAnswerError, match="too often"):
        session(http, server).read(f"{server.url}/a")
    assert len(server.asked) == MAX_REDIRECTS + 1


def test_a_url_of_another_origin_is_never_asked(serve: Serve, http: httpx2.Client) -> None:
    other, server = serve(lambda _: Told()), serve(lambda _: Told())
    here = session(http, server, Account(token=SecretStr("s3cret")))
    with pytest.raises(ShopAnswerError, match="another origin"):
        here.read(other.url)
    with pytest.raises(ShopAnswerError, match="another origin"):
        here.write("POST", other.url, "{}")
    assert other.asked == server.asked == []


def test_cookies_of_one_session_stay_out_of_another(serve: Serve, http: httpx2.Client) -> None:
    server = serve(
        lambda asked: Told(headers={"Set-Cookie": f"session={asked.headers.get('authorization', 'none')[-1]}"})
    )
    anna, bob = (
        session(http, server, Account(token=SecretStr("a"))),
        session(http, server, Account(token=SecretStr("b"))),
    )
    for one in (anna, bob, anna, bob):
        one.read(server.url)
    assert [asked.headers.get("cookie") for asked in server.asked] == [None, None, "session=a", "session=b"]


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_passing_fault_is_asked_again(status: int, serve: Serve, http: httpx2.Client) -> None:
    server = serve(lambda _: Told(status if len(server.asked) < READ_ATTEMPTS else 200))
    assert session(http, server).read(server.url).status == 200
    assert len(server.asked) == READ_ATTEMPTS


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_lasting_fault_is_unreachable(status: int, serve: Serve, http: httpx2.Client) -> None:
    server = serve(lambda _: Told(status, body=b"s3cret"))
    with pytest.raises(ShopUnreachableError, match=rf"^GET \S+/x: {status}$"):
        session(http, server).read(f"{server.url}/x")
    assert len(server.asked) == READ_ATTEMPTS


@pytest.mark.parametrize("status", [400, 401, 403, 404, 419, 500])
def test_a_final_answer_is_not_asked_again(status: int, serve: Serve, http: httpx2.Client) -> None:
    server = serve(lambda _: Told(status))
    assert session(http, server).read(server.url).status == status
    assert len(server.asked) == 1


class EnoughError(Exception):
    """Ends a test before the pause."""


@pytest.fixture
def pauses() -> Iterator[list[float]]:
    """The pauses before a retry, none of which is waited for."""
    noted: list[float] = []

    def note(details: RetryDetails) -> None:
        noted.append(details.wait_for)
        raise EnoughError

    hooks = get_on_retry_hooks()
    set_on_retry_hooks([note])
    stamina.set_testing(False)
    yield noted
    set_on_retry_hooks(hooks)


@pytest.mark.parametrize(
    ("headers", "pause"),
    [
        ({"Retry-After": "7"}, 7),
        ({"Retry-After": "0"}, 0),
        ({"Retry-After": "Wed, 01 Jul 2099 10:00:20 GMT", "Date": "Wed, 01 Jul 2099 10:00:00 GMT"}, 20),
        ({"Retry-After": "Wed, 01 Jul 2099 10:00:00 GMT", "Date": "Wed, 01 Jul 2099 10:00:20 GMT"}, 0),
    ],
)
def test_a_pause_the_shop_asks_for_is_kept(headers: dict[str, str], pause: float, pauses: list[float]) -> None:
    answer = httpx2.MockTransport(lambda _: httpx2.Response(429, headers=headers))
    with open_http(10, answer) as http, pytest.raises(EnoughError):
        Session(http, "http://shop.test", None, 10).read("http://shop.test/x")
    assert pauses == [pause]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Retry-After": "soon"},
        {"Retry-After": "-5"},
        {"Retry-After": "٣"},
        *({"Retry-After": date, "Date": "Wed, 01 Jul 2099 10:00:00 GMT"} for date in ABSURD_DATES),
    ],
)
def test_without_a_readable_pause_it_is_a_short_one(headers: dict[str, str], pauses: list[float]) -> None:
    encoded = [(name.encode(), value.encode()) for name, value in headers.items()]
    answer = httpx2.MockTransport(lambda _: httpx2.Response(503, headers=encoded))
    with open_http(10, answer) as http, pytest.raises(EnoughError):
        Session(http, "http://shop.test", None, 10).read("http://shop.test/x")
    assert 0.5 <= pauses[0] <= 1


def test_a_long_pause_is_left_to_the_next_run(serve: Serve, http: httpx2.Client) -> None:
    server = serve(lambda _: Told(429, headers={"Retry-After": "3600"}))
    with pytest.raises(ShopUnreachableError, match="asks for a pause of 3600 s") as refused:
        session(http, server).read(server.url)
    assert len(server.asked) == 1
    assert refused.value.retry_after == timedelta(hours=1)


def test_a_pause_is_told_when_the_patience_is_over(serve: Serve, http: httpx2.Client) -> None:
    server = serve(lambda _: Told(503, headers={"Retry-After": "0"}))
    with pytest.raises(ShopUnreachableError) as refused:
        session(http, server).read(server.url)
    assert len(server.asked) == READ_ATTEMPTS
    assert refused.value.retry_after == timedelta(0)


def test_a_pause_that_a_write_is_asked_for_is_told(serve: Serve, http: httpx2.Client) -> None:
    server = serve(lambda _: Told(429, headers={"Retry-After": "90"}))
    with pytest.raises(ShopUnreachableError) as refused:
        document(session(http, server).write("POST", server.url, "{}"))
    assert refused.value.retry_after == timedelta(seconds=90)


def test_without_patience_only_a_time_out_is_raised_at_once(serve: Serve) -> None:
    server = serve(lambda _: Told(503 if len(server.asked) < READ_ATTEMPTS else 504))
    with open_http(10) as http, pytest.raises(TimedOutError, match=r"^GET \S+/x: 504$"):
        session(http, server).read(f"{server.url}/x", patient=False)
    assert len(server.asked) == READ_ATTEMPTS


def test_a_server_that_is_not_there(http: httpx2.Client) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(
        ShopUnreachableError, match=rf"^GET {url}/x: the shop can't be reached \(.*refused.*; check the source's url"
    ):
        Session(http, url, None, 10).read(f"{url}/x")
    with pytest.raises(ShopUnreachableError, match="nothing was sent"):
        Session(http, url, None, 10).write("POST", f"{url}/x", "{}")


def test_a_body_that_is_cut_off_is_asked_for_again(serve: Serve, http: httpx2.Client) -> None:
    server = serve(lambda _: Told(body=b'{"s3cret": 1', claims=1000))
    with pytest.raises(ShopUnreachableError, match=r"^GET \S+/: .*\(RemoteProtocolError\)"):
        session(http, server).read(server.url)
    assert len(server.asked) == READ_ATTEMPTS


def test_a_server_that_falls_silent_is_timed_out(serve: Serve) -> None:
    server = serve(lambda _: Told(body=b"{", claims=1000, stalls=True))
    with (
        open_http(0.1) as http,
        pytest.raises(ShopUnreachableError, match=r"within 0.1 s, the source's timeout_seconds"),
    ):
        session(http, server, timeout=0.1).read(server.url)


def test_an_answer_that_trickles_is_timed_out_as_a_whole() -> None:
    class Trickle(httpx2.SyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            yield from (b" " for _ in iter(int, 1))  # for ever

    answer = httpx2.MockTransport(lambda _: httpx2.Response(200, stream=Trickle()))
    with open_http(0.05, answer) as http, pytest.raises(ShopUnreachableError, match="no complete answer"):
        Session(http, "http://shop.test", None, 0.05).read("http://shop.test/")


def test_a_write_that_falls_silent_is_sent_once(serve: Serve) -> None:
    server = serve(lambda _: Told(body=b"{", claims=1000, stalls=True))
    with open_http(0.1) as http, pytest.raises(ShopUnreachableError, match="not known whether the shop carried it out"):
        session(http, server, timeout=0.1).write("POST", server.url, '{"data": []}')
    assert [(asked.method, asked.body) for asked in server.asked] == [("POST", b'{"data": []}')]
    assert server.asked[0].headers["content-type"] == "application/json"


def test_a_compressed_answer_is_read(serve: Serve, http: httpx2.Client) -> None:
    body = gzip.compress(json.dumps({"a": "x" * 1000}).encode())
    server = serve(lambda _: Told(body=body, headers={"Content-Encoding": "gzip"}))
    assert document(session(http, server).read(server.url)) == {"a": "x" * 1000}


def test_a_gzip_bomb_is_refused_before_it_unfolds(serve: Serve, http: httpx2.Client) -> None:
    bomb = zlib.compressobj(9, zlib.DEFLATED, 31)
    body = b"".join(bomb.compress(bytes(1 << 20)) for _ in range(64)) + bomb.flush()
    server = serve(lambda _: Told(body=body, headers={"Content-Encoding": "gzip"}))
    assert len(body) < MAX_BYTES // 100
    with pytest.raises(ShopAnswerError, match=f"more than {MAX_BYTES} bytes"):
        session(http, server).read(server.url)


@pytest.mark.parametrize("coding", ["gzip, gzip", "br", "zstd", "gzip, identity"])
def test_a_coding_nobody_asked_for_is_refused(coding: str, serve: Serve, http: httpx2.Client) -> None:
    server = serve(lambda _: Told(headers={"Content-Encoding": coding}))
    with pytest.raises(ShopAnswerError, match="compressed in a way nobody asked for"):
        session(http, server).read(server.url)


def test_a_broken_compression_is_refused(serve: Serve, http: httpx2.Client) -> None:
    server = serve(lambda _: Told(body=b"s3cret", headers={"Content-Encoding": "gzip"}))
    with pytest.raises(ShopAnswerError, match=r"the compressed answer is broken$"):
        session(http, server).read(server.url)


def test_an_answer_that_is_too_big_is_refused(serve: Serve, http: httpx2.Client) -> None:
    server = serve(lambda _: Told(body=b" " * (MAX_BYTES + 1)))
    with pytest.raises(ShopAnswerError, match=f"more than {MAX_BYTES} bytes"):
        session(http, server).read(server.url)


def test_the_gap_between_the_clocks_is_that_of_the_newest_answer() -> None:
    ours = iter(datetime(2026, 3, 1, 10, 0, second, tzinfo=UTC) for second in (0, 4, 10, 10, 20, 20, 30, 30))
    dates = iter(
        [{"Date": "Sun, 01 Mar 2026 10:01:32 GMT"}, {"Date": "Sun, 01 Mar 2026 11:00:00 +0100"}, {}, {"Date": "now"}]
    )
    gap = ClockGap(lambda: next(ours))
    answer = httpx2.MockTransport(lambda _: httpx2.Response(200, headers=next(dates)))
    with open_http(10, answer) as http:
        anna, bob = (Session(http, "http://shop.test", None, 10, gap) for _ in range(2))
        assert gap.value is None
        anna.read("http://shop.test/")
        assert gap.value == timedelta(seconds=90.5)  # asked at :00, answered at :04, so the shop's :32 was at our :02
        bob.read("http://shop.test/")
        assert gap.value == timedelta(seconds=-9.5)
        bob.read("http://shop.test/")
        bob.read("http://shop.test/")
    assert gap.value == timedelta(seconds=-9.5)


@pytest.mark.parametrize("date", [*ABSURD_DATES, "Fri, 31 Dec 9999 23:59:59 GMT", "Wed, 01 Jan 1000 00:00:00 GMT"])
def test_a_date_nobody_can_reckon_with_says_nothing_about_the_shops_clock(date: str) -> None:
    headers = [("date", date), ("set-cookie", f"session=abc; expires={date}")]
    answer = httpx2.MockTransport(lambda _: httpx2.Response(200, headers=headers))
    with open_http(10, answer) as http:
        anna = Session(http, "http://shop.test", None, 10)
        assert anna.read("http://shop.test/").status == 200
    assert anna.clock_gap.value is None


def test_no_secret_reaches_a_log(serve: Serve, http: httpx2.Client, caplog: pytest.LogCaptureFixture) -> None:
    server = serve(lambda _: Told(headers={"Set-Cookie": "session=s3cret"}))
    with caplog.at_level(logging.DEBUG):
        one = session(http, server, Account(token=SecretStr("s3cret")))
        one.read(f"{server.url}/x?_token=s3cret")
        one.write("POST", f"{server.url}/x?_token=s3cret", '{"s3cret": 1}')
    assert "s3cret" not in caplog.text


def test_no_content_is_an_empty_document(serve: Serve, http: httpx2.Client) -> None:
    server = serve(lambda _: Told(204, body=b""))
    assert document(session(http, server).write("DELETE", server.url, None)) == {}
