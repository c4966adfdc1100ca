"""The shop as an ASGI application: `create_app(store)`. Reads requests within limits and passes them on to the resources."""

import re
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from functools import partial
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy import select
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from worker.errors import SettingsError
from worker.shopserver import pictures
from worker.shopserver.body import MAX_BODY, Body
from worker.shopserver.document import LANGUAGE
from worker.shopserver.exchange import Exchange, Incoming, Shop
from worker.shopserver.gate import COOKIE
from worker.shopserver.login import login
from worker.shopserver.problems import Problem
from worker.shopserver.store import ShopStore
from worker.shopserver.tables import Product
from worker.shopserver.wire import MEDIA_TYPE, encode

_CURRENCY = re.compile("[A-Z]{3}")
_PREFIX = re.compile("[A-Za-z0-9_-]{1,32}")
_DRAINED = 16 * MAX_BODY
_PICTURE = re.compile(
    f"(?:product|preview/(?P<size>{'|'.join(map(str, pictures.SIZES))}))/(?P<code>.+)\\.png", re.DOTALL
)


def create_app(
    store: ShopStore,
    *,
    prefix: str | None = None,
    csrf: bool = False,
    clock: Callable[[], datetime] | None = None,
    timezone: str = "UTC",
    base_path: str = "/jsonapi",
    currency: str = "EUR",
    language: str = "en",
) -> Starlette:
    """The application.

    `prefix`: parameters go inside `prefix[...]` (`meta.prefix`). `csrf`: writes by cookie need `_token` (`meta.csrf`).
    `clock`: the time, aware; the store's where none is given. `timezone`: the zone of naive dates in answers and requests.
    `currency`, `language`: what prices and texts are filtered by where a request names nothing that the shop has.
    Raises SettingsError for a prefix, a currency, a language or a time zone that can't be.
    """
    if _CURRENCY.fullmatch(currency) is None:
        raise SettingsError(f"The currency {currency!r} must have three letters, like EUR.")
    if LANGUAGE.fullmatch(language) is None:
        raise SettingsError(f"The language {language!r} must be written like en or de_AT.")
    if prefix is not None and not _PREFIX.fullmatch(prefix):
        raise SettingsError(f"The prefix {prefix!r} must be 1 to 32 letters, digits, - or _.")
    exchange = Exchange(
        Shop(
            store=store,
            prefix=prefix,
            csrf=csrf,
            clock=clock or store.clock,
            zone=_zone(timezone),
            base_path=base_path,
            currency=currency,
            language=language,
        )
    )
    app = Starlette(
        routes=[
            Route(base_path, _Endpoint(exchange.jsonapi)),
            Route(base_path + "/{resource}", _Endpoint(exchange.jsonapi)),
            Route("/login", _Endpoint(partial(login, exchange))),
            Route("/media/{path:path}", partial(_picture, store)),
        ],
        exception_handlers={HTTPException: _nothing_here},
    )
    app.router.redirect_slashes = False
    return app


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise SettingsError(f"There is no time zone {name!r}; write it like Europe/Berlin.") from error


class _Endpoint:
    """An ASGI endpoint for any method (Starlette would refuse unknown ones in its own format)."""

    def __init__(self, answer: Callable[[Incoming], Response]) -> None:
        self._answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive, send)
        try:
            incoming = await _read(request)
        except ClientDisconnect:
            return  # nobody waits for an answer
        response = await run_in_threadpool(self._answer, incoming)
        await response(scope, receive, send)


async def _read(request: Request) -> Incoming:
    headers = request.headers
    data = await _limited(request.stream())
    return Incoming(
        method="GET" if request.method == "HEAD" else request.method,
        scheme=request.scope["scheme"],
        host=headers.get("host"),
        resource=request.path_params.get("resource"),
        query=request.scope["query_string"],
        body=None if data is None else Body(data, headers.get("content-type", "")),
        authorization=headers.get("authorization"),
        cookie=request.cookies.get(COOKIE),
        origin=headers.get("origin"),
        if_none_match=", ".join(headers.getlist("if-none-match")) or None,
    )


async def _limited(stream: AsyncIterator[bytes]) -> bytes | None:
    """The body, or None where it is too long. That is read on, up to a point, else the client could not read our answer."""
    parts, size = [], 0
    async for chunk in stream:
        size += len(chunk)
        if size <= MAX_BODY:
            parts.append(chunk)
        elif size > _DRAINED:
            break
    return b"".join(parts) if size <= MAX_BODY else None


def _picture(store: ShopStore, request: Request) -> Response:
    """A product's picture, `product/CODE.png` or `preview/SIZE/CODE.png`."""
    match = _PICTURE.fullmatch(request.path_params["path"])
    with store.read() as session:
        if match is None or session.scalar(select(Product.id).where(Product.code == match["code"])) is None:
            raise HTTPException(404)
    picture = pictures.draw(match["code"], int(match["size"] or pictures.SIZES[-1]))
    return Response(picture, headers={"Cache-Control": "public, max-age=86400"}, media_type="image/png")


def _nothing_here(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - it is registered for nothing else
    problem = Problem(error.status_code, "There is nothing at this address, or not by this method.", parameter="")
    return Response(encode({"errors": [problem.as_error()]}), error.status_code, error.headers, MEDIA_TYPE)
