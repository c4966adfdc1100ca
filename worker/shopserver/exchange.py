"""From a raw request to an answer: who asks, for which resource, and what surrounds every answer (meta, links, Allow, CSRF)."""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy.exc import IntegrityError, NoResultFound
from sqlalchemy.orm.exc import StaleDataError
from starlette.responses import Response

from worker.shopserver import credentials, customer, gate, params, products, relationships, root, stock
from worker.shopserver.addresses import Addresses
from worker.shopserver.body import MAX_BODY, Body
from worker.shopserver.calls import Answer, Call, Resource
from worker.shopserver.params import Params
from worker.shopserver.problems import Problem, Refused, malformed, not_found
from worker.shopserver.store import ShopStore
from worker.shopserver.wire import Cookie, Frame

_RESOURCES = {"customer": customer.RESOURCE, "product": products.RESOURCE, "stock": stock.RESOURCE}
_READS = {"GET", "OPTIONS"}
_PARAMETERS = {"id", "related", "relatedid", "include", "filter", "sort", "page", "fields"}
_HOST = re.compile(r"([A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(:[0-9]{1,5})?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shop:
    """How the shop is set up; see `app.create_app`."""

    store: ShopStore
    prefix: str | None
    csrf: bool
    clock: Callable[[], datetime]
    zone: ZoneInfo
    base_path: str
    currency: str
    language: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """A request as it came, with nothing checked but its size: `body` None was too long."""

    method: str
    scheme: str
    host: str | None
    resource: str | None
    query: bytes
    body: Body | None
    authorization: str | None
    cookie: str | None
    origin: str | None
    if_none_match: str | None = None


class Exchange:
    """Answers requests; anything wrong with them becomes a JSON:API error document."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop

    def jsonapi(self, incoming: Incoming) -> Response:
        """A request to the base URL or to a resource."""
        return self.framed(lambda frame: self._answer(incoming, frame))

    def framed(self, work: Callable[[Frame], Answer]) -> Response:
        """Do the work and put what is known by then around its answer, or around the reason for refusing it."""
        frame = Frame(self.shop.prefix)
        try:
            return frame.response(work(frame))
        except Refused as refused:
            return frame.refusal(refused)
        except (IntegrityError, NoResultFound, StaleDataError):
            # Two writers were equally fast, and the database let one through; or the account was closed just now.
            detail = "Another request changed the same thing at the same time."
            return frame.refusal(Refused([Problem(409, detail, pointer="/data")]))

    def addresses(self, incoming: Incoming, view: Params) -> Addresses:
        """Links that begin as the client addressed us. Raises Refused (400) for a Host that is none."""
        if incoming.host is None or not _HOST.fullmatch(incoming.host):
            raise Refused([Problem(400, "The Host header is missing or no host.", header="Host")])
        return Addresses(f"{incoming.scheme}://{incoming.host}", self.shop.base_path, self.shop.prefix, view)

    def call(self, method: str, inner: Params, body: Body, addresses: Addresses) -> Call:
        """What a resource gets to see, while nobody is logged in."""
        return Call(
            method=method,
            params={name: value for name, value in inner.items() if name in _PARAMETERS},
            body=body,
            customer_id=None,
            addresses=addresses,
            store=self.shop.store,
            zone=self.shop.zone,
            language=self.shop.language,
            currency=self.shop.currency,
            now=self.now(),
        )

    def now(self) -> datetime:
        """The time, to the second: that is how exact the API is."""
        return self.shop.clock().replace(microsecond=0)

    def _answer(self, incoming: Incoming, frame: Frame) -> Answer:
        frame.addresses = self.addresses(incoming, {})
        outer = params.parse(incoming.query)
        inner = self._inner(outer)
        frame.addresses = self.addresses(incoming, _view(inner, outer))
        call = self.call(incoming.method, inner, incoming.body or Body(b"", ""), frame.addresses)
        resource = self._resource(incoming.resource, inner)
        frame.allow, frame.links = resource.allow, resource.links(call)
        frame.tagged, frame.if_none_match = resource.tagged and incoming.method == "GET", incoming.if_none_match
        if incoming.method not in resource.handlers:
            raise Refused([Problem(405, f"{incoming.method[:20]} is not possible here.", header="Allow")])
        visitor = gate.identify(self.shop.store, incoming.authorization, incoming.cookie, call.now)
        if self.shop.csrf and not visitor.bearer:
            frame.csrf_session = visitor.session or credentials.new_secret()
            if visitor.session is None:
                frame.cookie = Cookie(frame.csrf_session, secure=incoming.scheme == "https")
            if incoming.method not in _READS:
                gate.check_csrf(visitor, params.text(outer, gate.CSRF_NAME))
        if incoming.body is None:
            raise Refused([Problem(413, f"The body is longer than {MAX_BODY} bytes.", pointer="")])
        return resource.handlers[incoming.method](replace(call, customer_id=visitor.customer_id))

    def _inner(self, outer: Params) -> Params:
        """The parameters that count: those inside the prefix; where there are none, plain ones, so that the seed's URLs work."""
        prefix = self.shop.prefix
        return params.group(outer, prefix) if prefix is not None and prefix in outer else outer

    def _resource(self, in_path: str | None, inner: Params) -> Resource:
        in_query = params.text(inner, "resource") if self.shop.prefix is not None else None
        if in_path and in_query and in_path != in_query:
            raise malformed("The path names another resource than the parameters.", parameter="resource")
        name, related = in_path or in_query, params.text(inner, "related")
        if name is None:
            return root.RESOURCE
        if name not in _RESOURCES:
            raise not_found(f"The resources here are {', '.join(_RESOURCES)}.", parameter="resource")
        if related is None:
            return _RESOURCES[name]
        if (name, related) != ("customer", "relationships"):
            raise not_found("The only related resource here is customer?related=relationships.", parameter="related")
        return relationships.RESOURCE


def _view(inner: Params, outer: Params) -> Params:
    """Language and currency, which hosts take inside the prefix or outside of it."""
    found: Params = {}
    for name in ("currency", "locale"):
        if value := params.text(inner, name) or params.text(outer, name):
            found[name] = value
    return found
