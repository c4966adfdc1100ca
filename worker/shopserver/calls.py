"""What a resource gets to see of a request, and what it answers."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeAlias
from zoneinfo import ZoneInfo

from worker.shopserver import fields
from worker.shopserver.addresses import Addresses
from worker.shopserver.body import Body
from worker.shopserver.params import Params, text
from worker.shopserver.problems import Problem, Refused, not_found
from worker.shopserver.store import ShopStore

Document: TypeAlias = dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request: read, within its limits, and it is known who sent it."""

    method: str
    params: Params
    body: Body
    customer_id: str | None
    """Who is logged in; None is nobody."""
    addresses: Addresses
    store: ShopStore
    zone: ZoneInfo
    language: str
    currency: str
    """What texts and prices are filtered by where the request names nothing else that the shop has."""
    now: datetime

    def local(self, moment: datetime) -> str:
        """A time as the API writes it: naive, in the shop's zone."""
        return moment.astimezone(self.zone).strftime(fields.DATE_FORMAT)

    def own(self) -> str:
        """The id of the customer who is logged in. Raises Refused: 401 for nobody, 404 where `id` names another customer."""
        if self.customer_id is None:
            raise Refused(
                [
                    Problem(
                        401,
                        "Log in first: send a bearer token, or a session cookie from POST /login.",
                        header="Authorization",
                    )
                ],
                {"WWW-Authenticate": "Bearer"},
            )
        if text(self.params, "id") not in {None, self.customer_id}:
            raise not_found("There is no such customer, or it is not you.", parameter="id")
        return self.customer_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the resource says; `meta` and headers are added where all answers pass through."""

    status: int = 200
    total: int | None = None
    meta: Mapping[str, object] = field(default_factory=dict)
    content: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Resource:
    """A resource by its methods. `links` are what its error answers carry, too."""

    handlers: Mapping[str, Callable[[Call], Answer]]
    links: Callable[[Call], Document]
    tagged: bool = False
    """What GET answers has an entity tag, so that a client can ask whether it is still so."""

    @property
    def allow(self) -> str:
        """The methods as the Allow header lists them."""
        return ",".join(sorted(self.handlers))


def attribute_help(kind: str, default: object = "", *, required: bool = False, label: str = "") -> Document:
    """How OPTIONS describes an attribute or a filter."""
    return {"label": label, "type": kind, "default": default, "required": required}
