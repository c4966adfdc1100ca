"""HTTP with one shop: one origin, bounded answers, retries for reading only; secrets stay out of logs and errors."""

import logging
import time
from dataclasses import dataclass, field, replace
from datetime import timedelta
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Literal, NoReturn

import httpx2
import stamina

from worker.errors import ShopAnswerError, ShopUnreachableError
from worker.settings import Account, AdminLogin
from worker.shop.clock_gap import ClockGap
from worker.shop.cookies import Cookies
from worker.shop.document import MAX_BYTES
from worker.shop.etag import usable_etag
from worker.shop.http_date import http_date
from worker.shop.urls import follow, path_of, shown_origin

ReadMethod = Literal["GET", "OPTIONS", "POST"]
"""POST where it only asks, as GraphQL does."""
WriteMethod = Literal["POST", "PATCH", "DELETE"]

READ_ATTEMPTS = 3
MAX_REDIRECTS = 5
MAX_WAIT_SECONDS = 30.0
"""A shop that asks for a longer pause (Retry-After) is left alone until the next run."""

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_TRANSIENT = frozenset({429, 502, 503, 504})
_CODINGS = frozenset({"identity", "gzip", "x-gzip", "deflate"})
_UNSENT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout)

# They log whole URLs (with CSRF tokens) at INFO and headers (with cookies) at DEBUG.
for _name in ("httpx2", "httpcore2"):
    logging.getLogger(_name).setLevel(logging.WARNING)


class TimedOutError(ShopUnreachableError):
    """No complete answer in time: asked for less, the shop may be fast enough."""


class TooLargeError(ShopAnswerError):
    """More bytes than are taken: asked for less, the answer may fit."""


class _TransientError(ShopUnreachableError):
    """Worth asking again, after `retry_after` where the shop said so."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. `where` names the request in messages: method, origin and path, never the query."""

    where: str
    status: int
    content_type: str
    url: str = field(repr=False)
    body: bytes = field(repr=False)
    location: str | None = field(default=None, repr=False)
    """Where a redirect leads, as the shop wrote it."""
    retry_after: timedelta | None = None
    """The pause the shop asks for."""
    etag: str | None = None
    """What the shop names this answer by; None where it does not, and where a redirect led to it."""
    unchanged: bool = False
    """304: what the tag we sent names is still so."""

    @property
    def redirects(self) -> bool:
        """Whether it is a redirect that can be followed."""
        return self.status in _REDIRECTS and self.location is not None


def open_http(timeout_seconds: float, transport: httpx2.BaseTransport | None = None) -> httpx2.Client:
    """The connection pool for one shop, without cookies of its own: sessions of several customers share it."""
    return httpx2.Client(
        transport=transport,
        timeout=timeout_seconds,
        follow_redirects=False,
        cookies=CookieJar(policy=DefaultCookiePolicy(allowed_domains=[])),
        headers={
            "Accept": "application/vnd.api+json, application/json",
            "Accept-Encoding": "gzip",
            "Cache-Control": "no-cache",
            "User-Agent": "watchpost",
        },
    )


class Session:
    """One login's session with the shop at `base`, without a login a stranger's.

    Each answer has to be complete within about `timeout_seconds`.
    """

    def __init__(
        self,
        client: httpx2.Client,
        base: str,
        account: Account | AdminLogin | None,
        timeout_seconds: float,
        clock_gap: ClockGap | None = None,
        *,
        setting: str = "the source's url",
    ) -> None:
        """Sessions with one shop may share a clock gap. `setting` is what messages call the one that says `base`."""
        self.base = base
        self._setting = setting
        self.clock_gap = clock_gap or ClockGap()
        self.cookies = Cookies(account.cookie.get_secret_value() if account and account.cookie else "")
        self.headers: dict[str, str] = {}
        """Sent with every request besides the usual ones."""
        self._client = client
        self._timeout = timeout_seconds
        self._token = account.token if account else None

    def read(
        self,
        url: str,
        method: ReadMethod = "GET",
        body: str | None = None,
        *,
        patient: bool = True,
        etag: str | None = None,
    ) -> Answer:
        """Ask, follow redirects within the origin and ask again after transport errors, 429, 502, 503 and 504.

        With the `etag` of an earlier answer the shop may say that it is unchanged (RFC 9110, 13.1.2). Without patience a
        time-out is raised at once (TimedOutError). Raises ShopUnreachableError, and ShopAnswerError for answers that are too
        big, broken or lead elsewhere.
        """
        for attempt in stamina.retry_context(
            on=_again if patient else _again_unless_timed_out,
            attempts=READ_ATTEMPTS,
            timeout=None,
            wait_initial=0.5,
            wait_max=5,
            wait_jitter=0.5,
        ):
            with attempt:
                return self._read_once(url, method, body, etag)
        raise AssertionError("stamina returns or raises")

    def send(self, method: WriteMethod, url: str, body: str | None, content_type: str = "application/json") -> Answer:
        """Send once, never again, and return whatever is answered, a redirect too.

        Raises ShopUnreachableError; whether the shop carried it out, only reading back tells.
        """
        try:
            return self._exchange(method, url, body, content_type)
        except _UNSENT as error:
            raise ShopUnreachableError(f"{self._failed(method, url, error)}; nothing was sent") from None
        except httpx2.HTTPError as error:
            raise ShopUnreachableError(
                f"{self._failed(method, url, error)}; it is not known whether the shop carried it out"
            ) from None

    def write(self, method: WriteMethod, url: str, body: str | None) -> Answer:
        """Send once, as `send` does. Raises ShopAnswerError for a redirect."""
        answer = self.send(method, url, body)
        if answer.redirects:
            raise ShopAnswerError(
                f"{answer.where}: redirected ({answer.status}), which a write never follows; "
                "check the source's url and the customer's login"
            )
        return answer

    def _read_once(self, url: str, method: ReadMethod, body: str | None, etag: str | None) -> Answer:
        seen: set[str] = set()
        while True:
            seen.add(url)
            try:
                answer = self._exchange(method, url, body, etag=etag)
            except httpx2.DecodingError:
                raise ShopAnswerError(f"{_asked(method, url)}: the compressed answer is broken") from None
            except (httpx2.ReadTimeout, httpx2.WriteTimeout):
                raise TimedOutError(
                    f"{_asked(method, url)}: no complete answer within {self._timeout:g} s, the source's timeout_seconds"
                ) from None
            except httpx2.HTTPError as error:
                raise _TransientError(self._failed(method, url, error)) from None
            if answer.status in _TRANSIENT:
                _raise_transient(answer)
            if not answer.redirects:
                return answer if len(seen) == 1 else replace(answer, etag=None)
            url, etag = follow(answer.location, url), None  # a tag means something at its own address only
            if answer.status == 303 or (method == "POST" and answer.status in {301, 302}):
                method, body = "GET", None
            if url in seen or len(seen) > MAX_REDIRECTS:
                raise ShopAnswerError(f"{answer.where}: the shop redirects in a circle or too often")

    def _exchange(
        self, method: str, url: str, body: str | None, content_type: str = "application/json", etag: str | None = None
    ) -> Answer:
        where = _asked(method, url)
        url = follow(url, self.base)
        deadline, asked = time.monotonic() + self._timeout, self.clock_gap.now()
        headers = self._headers() if body is None else {**self._headers(), "Content-Type": content_type}
        if etag is not None:  # some servers answer no-cache in full, whatever the tag
            headers |= {"If-None-Match": etag, "Cache-Control": "max-age=0"}
        request = self._client.build_request(method, url, headers=headers, content=body)
        response = self._client.send(request, stream=True)
        try:
            self.clock_gap.note(response.headers.get("date"), asked)
            content = _bounded(response, where, deadline)
        finally:
            response.close()
        self.cookies.update(response.headers.get_list("set-cookie"), response.headers.get("date"))
        return Answer(
            where=where,
            status=response.status_code,
            content_type=response.headers.get("content-type", "").partition(";")[0].strip().lower(),
            url=url,
            body=content,
            location=response.headers.get("location"),
            retry_after=_retry_after(response.headers),
            etag=usable_etag(response.headers.get_list("etag")),
            unchanged=etag is not None and response.status_code == 304,
        )

    def _failed(self, method: str, url: str, error: httpx2.HTTPError) -> str:
        """What went wrong, and where to look. Only a refused connection may speak: other texts can quote what the shop sent."""
        name = type(error).__name__
        where = _asked(method, url)
        if isinstance(error, httpx2.ConnectError):
            return f"{where}: the shop can't be reached ({error}); check {self._setting}, and whether the shop runs"
        return f"{where}: the connection broke off ({name}); check {self._setting}, and the shop's log"

    def _headers(self) -> dict[str, str]:
        headers = dict(self.headers)
        if self._token is not None:
            headers["Authorization"] = f"Bearer {self._token.get_secret_value().strip()}"
        if cookies := self.cookies.header():
            headers["Cookie"] = cookies
        return headers


def _bounded(response: httpx2.Response, where: str, deadline: float) -> bytes:
    codings = [coding.lower() for coding in response.headers.get_list("content-encoding", split_commas=True)]
    if len(codings) > 1 or not _CODINGS.issuperset(codings):
        raise ShopAnswerError(f"{where}: the answer is compressed in a way nobody asked for")
    content = bytearray()
    for chunk in response.iter_bytes():
        content += chunk
        if len(content) > MAX_BYTES:
            raise TooLargeError(f"{where}: the answer has more than {MAX_BYTES} bytes")
        if time.monotonic() > deadline:
            raise httpx2.ReadTimeout("the answer takes too long", request=response.request)
    return bytes(content)


def _raise_transient(answer: Answer) -> NoReturn:
    message, pause = f"{answer.where}: {answer.status}", answer.retry_after
    if pause is not None and pause.total_seconds() > MAX_WAIT_SECONDS:
        raise ShopUnreachableError(f"{message}, and the shop asks for a pause of {pause.total_seconds():.0f} s", pause)
    raise (TimedOutError if answer.status == 504 else _TransientError)(message, pause)


def _retry_after(headers: httpx2.Headers) -> timedelta | None:
    """The pause (RFC 9110, 10.2.3); a date counts from the answer's own Date, so that clocks need not agree."""
    value = headers.get("retry-after", "")
    if value.isascii() and value.isdecimal():
        return timedelta(seconds=int(value[:9]))
    until, now = http_date(value), http_date(headers.get("date"))
    return None if until is None or now is None else max(timedelta(0), until - now)


def _again(error: Exception) -> bool | float:
    if not isinstance(error, _TransientError | TimedOutError):
        return False
    return True if error.retry_after is None else error.retry_after.total_seconds()


def _again_unless_timed_out(error: Exception) -> bool | float:
    return _again(error) if isinstance(error, _TransientError) else False


def _asked(method: str, url: str) -> str:
    return f"{method} {shown_origin(url)}{path_of(url)}"
