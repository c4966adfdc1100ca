"""HTTP with one shop: one origin, bounded answers, retries for reading only; secrets stay out of logs and errors."""

import logging
import time
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Literal, NoReturn

import httpx2
import stamina

from worker.errors import ShopAnswerError, ShopUnreachableError
from worker.settings import Account
from worker.shop.cookies import Cookies
from worker.shop.document import MAX_BYTES
from worker.shop.urls import follow, path_of

ReadMethod = Literal["GET", "OPTIONS"]
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


class _TransientError(ShopUnreachableError):
    """Worth asking again, after `wait` seconds where the shop said so."""

    def __init__(self, message: str, wait: float | None = None) -> None:
        super().__init__(message)
        self.wait = wait


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. `where` names the request in messages: method and path, never the query."""

    where: str
    status: int
    content_type: str
    url: str = field(repr=False)
    body: bytes = field(repr=False)


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
    """One customer's session with the shop at `base`, without an account a stranger's.

    Each answer has to be complete within about `timeout_seconds`.
    """

    def __init__(self, client: httpx2.Client, base: str, account: Account | None, timeout_seconds: float) -> None:
        self.base = base
        self._client = client
        self._timeout = timeout_seconds
        self._token = account.token if account else None
        self._cookies = Cookies(account.cookie.get_secret_value() if account and account.cookie else "")

    def read(self, url: str, method: ReadMethod = "GET") -> Answer:
        """Ask, follow redirects within the origin and ask again after transport errors, 429, 502, 503 and 504.

        Raises ShopUnreachableError, and ShopAnswerError for answers that are too big, broken or lead elsewhere.
        """
        for attempt in stamina.retry_context(
            on=_again, attempts=READ_ATTEMPTS, timeout=None, wait_initial=0.5, wait_max=5, wait_jitter=0.5
        ):
            with attempt:
                return self._read_once(url, method)
        raise AssertionError("stamina returns or raises")

    def write(self, method: WriteMethod, url: str, body: str | None) -> Answer:
        """Send once, never again. Raises ShopUnreachableError; whether the shop carried it out, only reading back tells."""
        try:
            answer, headers = self._exchange(method, url, body)
        except _UNSENT as error:
            raise ShopUnreachableError(f"{method} {path_of(url)}: {_named(error)}; nothing was sent") from None
        except httpx2.HTTPError as error:
            raise ShopUnreachableError(
                f"{method} {path_of(url)}: {_named(error)}; it is not known whether the shop carried it out"
            ) from None
        if "location" in headers and answer.status in _REDIRECTS:
            raise ShopAnswerError(
                f"{answer.where}: redirected ({answer.status}), which a write never follows; "
                "check the source's url and the customer's login"
            )
        return answer

    def _read_once(self, url: str, method: ReadMethod) -> Answer:
        seen: set[str] = set()
        while True:
            seen.add(url)
            try:
                answer, headers = self._exchange(method, url, None)
            except httpx2.DecodingError:
                raise ShopAnswerError(f"{method} {path_of(url)}: the compressed answer is broken") from None
            except httpx2.HTTPError as error:
                raise _TransientError(f"{method} {path_of(url)}: {_named(error)}") from None
            if answer.status in _TRANSIENT:
                _raise_transient(answer, headers)
            if answer.status not in _REDIRECTS or "location" not in headers:
                return answer
            url = follow(headers["location"], url)
            method = "GET" if answer.status == 303 else method
            if url in seen or len(seen) > MAX_REDIRECTS:
                raise ShopAnswerError(f"{answer.where}: the shop redirects in a circle or too often")

    def _exchange(self, method: str, url: str, body: str | None) -> tuple[Answer, httpx2.Headers]:
        where = f"{method} {path_of(url)}"
        url = follow(url, self.base)
        deadline = time.monotonic() + self._timeout
        request = self._client.build_request(method, url, headers=self._headers(body), content=body)
        response = self._client.send(request, stream=True)
        try:
            content = _bounded(response, where, deadline)
        finally:
            response.close()
        self._cookies.update(response.headers.get_list("set-cookie"), response.headers.get("date"))
        content_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        answer = Answer(where=where, status=response.status_code, content_type=content_type, url=url, body=content)
        return answer, response.headers

    def _headers(self, body: str | None) -> dict[str, str]:
        headers = {}
        if self._token is not None:
            headers["Authorization"] = f"Bearer {self._token.get_secret_value().strip()}"
        if cookies := self._cookies.header():
            headers["Cookie"] = cookies
        if body is not None:
            headers["Content-Type"] = "application/json"
        return headers


def _bounded(response: httpx2.Response, where: str, deadline: float) -> bytes:
    codings = [coding.lower() for coding in response.headers.get_list("content-encoding", split_commas=True)]
    if len(codings) > 1 or not _CODINGS.issuperset(codings):
        raise ShopAnswerError(f"{where}: the answer is compressed in a way nobody asked for")
    content = bytearray()
    for chunk in response.iter_bytes():
        content += chunk
        if len(content) > MAX_BYTES:
            raise ShopAnswerError(f"{where}: the answer has more than {MAX_BYTES} bytes")
        if time.monotonic() > deadline:
            raise httpx2.ReadTimeout("the answer takes too long", request=response.request)
    return bytes(content)


def _raise_transient(answer: Answer, headers: httpx2.Headers) -> NoReturn:
    wait = _retry_after(headers)
    if wait is not None and wait > MAX_WAIT_SECONDS:
        raise ShopUnreachableError(f"{answer.where}: {answer.status}, and the shop asks for a pause of {wait:.0f} s")
    raise _TransientError(f"{answer.where}: {answer.status}", wait)


def _retry_after(headers: httpx2.Headers) -> float | None:
    """Seconds (RFC 9110, 10.2.3); a date counts from the answer's own Date, so that clocks need not agree."""
    value = headers.get("retry-after", "")
    if value.isascii() and value.isdecimal():
        return float(value[:9])
    try:
        pause = parsedate_to_datetime(value) - parsedate_to_datetime(headers.get("date", ""))
    except (ValueError, TypeError):
        return None
    return max(0.0, pause.total_seconds())


def _again(error: Exception) -> bool | float:
    if not isinstance(error, _TransientError):
        return False
    return True if error.wait is None else error.wait


def _named(error: httpx2.HTTPError) -> str:
    """What went wrong. Only a refused connection may speak: other texts can quote what the shop sent."""
    name = type(error).__name__
    return f"{name} ({error})" if isinstance(error, httpx2.ConnectError) else name
