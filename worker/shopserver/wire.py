"""The answer as HTTP: JSON:API documents with their meta, links, headers and the session cookie."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import cast

from starlette.responses import Response

from worker.domain.model import Json
from worker.shop.document import encode as json_of
from worker.shopserver import conditions, credentials, gate
from worker.shopserver.addresses import Addresses
from worker.shopserver.calls import Answer, Document
from worker.shopserver.problems import Refused

MEDIA_TYPE = "application/vnd.api+json"

_PRIVATE = {"Cache-Control": "no-cache, private", "Vary": "Authorization, Cookie"}
"""Who asks may matter for any answer."""


@dataclass(frozen=True, slots=True)
class Cookie:
    """A session cookie to be set; `max_age` in seconds, None until the browser is closed."""

    value: str
    secure: bool
    max_age: int | None = None


@dataclass(slots=True)
class Frame:
    """What goes around an answer; it fills while the request is understood, so that a refusal carries what was known by then."""

    prefix: str | None
    addresses: Addresses | None = None
    allow: str | None = None
    links: Document = field(default_factory=dict)
    csrf_session: str | None = None
    """The session whose CSRF token the answer tells."""
    cookie: Cookie | None = None
    tagged: bool = False
    """The answer gets an entity tag, and is left out where the client has it already."""
    if_none_match: str | None = None

    def response(self, answer: Answer) -> Response:
        """The answer of a resource."""
        meta = self._meta(answer.total, answer.meta)
        body = encode({"meta": meta, **answer.content})
        if not self.tagged:
            return self._respond(answer.status, body, {})
        tag = conditions.entity_tag(body, exact=True)
        if "csrf" in meta:  # another one for each session
            del meta["csrf"]
            tag = conditions.entity_tag(encode({"meta": meta, **answer.content}), exact=False)
        known = conditions.is_known(self.if_none_match, tag)
        return self._respond(304 if known else answer.status, None if known else body, {"ETag": tag})

    def refusal(self, refused: Refused) -> Response:
        """The error document."""
        links = {"links": self.links} if self.links else {}
        errors = [problem.as_error() for problem in refused.problems]
        document: Document = {"meta": self._meta(0, {}), **links, "errors": errors}
        return self._respond(refused.status, encode(document), refused.headers)

    def _meta(self, total: int | None, more: Mapping[str, object]) -> Document:
        meta: Document = {} if total is None else {"total": total}
        meta["prefix"] = self.prefix
        if self.addresses is not None:
            media = self.addresses.media
            meta["content-baseurl"] = self.addresses.content
            meta["content-baseurls"] = {"fs-media": media, "fs-mimeicon": media, "fs-theme": media}
        if self.csrf_session is not None:
            meta["csrf"] = {"name": gate.CSRF_NAME, "value": credentials.csrf_token(self.csrf_session)}
        return {**meta, **more}

    def _respond(self, status: int, body: bytes | None, headers: Mapping[str, str]) -> Response:
        response = Response(body, status, {**_PRIVATE, **headers}, None if body is None else MEDIA_TYPE)
        if self.allow is not None:
            response.headers["Allow"] = self.allow
        if self.cookie is not None:
            response.set_cookie(
                gate.COOKIE,
                self.cookie.value,
                max_age=self.cookie.max_age,
                secure=self.cookie.secure,
                httponly=True,
                samesite="lax",
            )
        return response


def encode(document: Document) -> bytes:
    """A document as JSON; amounts and other numbers keep their digits."""
    return json_of(cast(Json, document)).encode()
