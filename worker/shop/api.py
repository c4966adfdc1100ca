"""The JSON:API as one session speaks it: discovery, the parameter prefix, the CSRF token, pages."""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from worker.domain.model import Json
from worker.errors import ShopAnswerError
from worker.shop.answer import document
from worker.shop.document import encode
from worker.shop.http import Session, WriteMethod
from worker.shop.record import member, obj
from worker.shop.urls import Parameters, follow, with_parameters

MAX_PAGES = 1000

_PREFIX = re.compile(r"[A-Za-z0-9_\-]{1,64}", re.ASCII)
_TOKEN_NAME = re.compile(r"[A-Za-z0-9_\-.\[\]]{1,64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Discovery:
    """What OPTIONS on the base URL tells: where each resource is, and what parameters are nested in."""

    url: str
    resources: Mapping[str, Json]
    prefix: str | None


@dataclass(frozen=True, slots=True)
class Reply:
    """One document, and what the shop names it by for a conditional request."""

    page: dict[str, Json]
    etag: str | None


class Api:
    """One session's conversation. Every failure is a ShopError."""

    def __init__(self, session: Session, discovery: Discovery | None = None) -> None:
        """A discovery made by another session with the same shop saves asking again."""
        self._session = session
        self._discovery = discovery
        self._csrf: tuple[str, str] | None = None

    def discovery(self) -> Discovery:
        """What the shop offers; asked once and kept."""
        if self._discovery is None:
            base = self._session.base
            answer = self._session.read(base, "OPTIONS")
            self._discovery = _discovery(self._noted(document(answer)), answer.url, answer.where)
        return self._discovery

    def resource(self, name: str) -> str:
        """The URL of a resource such as `customer`."""
        resources = self.discovery().resources
        if name not in resources:
            raise ShopAnswerError(f"the shop's JSON:API offers no resource {name!r}; check the source's url")
        return self.follow(resources[name])

    def follow(self, link: Json) -> str:
        """The URL of a link from one of the shop's answers; only within its origin."""
        return follow(link, self.discovery().url)

    def address(self, url: str, parameters: Parameters) -> str:
        """The URL with parameters as this shop nests them."""
        return with_parameters(url, parameters, self.discovery().prefix)

    def get(self, url: str, parameters: Parameters = ()) -> dict[str, Json]:
        """One document."""
        return self._noted(document(self._session.read(self.address(url, parameters))))

    def pages(self, url: str, parameters: Parameters, keep: Collection[str] = ()) -> Iterator[dict[str, Json]]:
        """A document and all that follow by `links.next`; parameters named in `keep` are repeated on each page.

        (The shop leaves `locale` and `currency` out of its own links.) A circle is a ShopAnswerError.
        """
        kept = [(name, value) for name, value in parameters if name in keep]
        return (reply.page for reply in self.replies(self.address(url, parameters), kept))

    def replies(self, url: str, kept: Parameters, *, patient: bool = True, etag: str | None = None) -> Iterator[Reply]:
        """As `pages`, from a complete address on, with parameters for the links.

        With the `etag` of an earlier answer from there, UnchangedError says that it is still so.
        """
        seen: set[str] = set()
        while True:
            seen.add(url)
            answer = self._session.read(url, patient=patient, etag=etag)
            page = self._noted(document(answer))
            yield Reply(page, answer.etag)
            link = member(page, "links", "next")
            if link is None:
                return
            url, etag = self.address(follow(link, answer.url), kept), None
            if url in seen or len(seen) >= MAX_PAGES:
                raise ShopAnswerError(f"{answer.where}: the pages go in a circle or never end")

    def write(
        self, method: WriteMethod, url: str, parameters: Parameters, body: dict[str, Json] | None
    ) -> dict[str, Json]:
        """Send one change, with the CSRF token of the newest answer beside the nested parameters; never sent again."""
        url = self.address(url, parameters)
        if self._csrf is not None:
            url = with_parameters(url, [self._csrf])
        return self._noted(document(self._session.write(method, url, None if body is None else encode(body))))

    def _noted(self, page: dict[str, Json]) -> dict[str, Json]:
        name, value = member(page, "meta", "csrf", "name"), member(page, "meta", "csrf", "value")
        if isinstance(name, str) and isinstance(value, str) and _TOKEN_NAME.fullmatch(name):
            self._csrf = (name, value)
        return page


def _discovery(page: dict[str, Json], url: str, where: str) -> Discovery:
    named = obj(member(page, "meta", "resources"))
    if not named:
        raise ShopAnswerError(f"{where}: no meta.resources in the answer; the source's url is not a JSON:API")
    prefix = member(page, "meta", "prefix") or None
    if prefix is not None and not (isinstance(prefix, str) and _PREFIX.fullmatch(prefix)):
        raise ShopAnswerError(f"{where}: meta.prefix is no name")
    return Discovery(url, named, prefix)
