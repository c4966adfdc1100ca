"""From an answer to its document, or to the error that says what the operator can do."""

import re
from typing import NoReturn

from worker.domain.model import Json
from worker.errors import ShopAnswerError, ShopLoginError, ShopRefusedError, ShopUnreachableError
from worker.shop.document import DocumentError, parse
from worker.shop.http import Answer
from worker.shop.record import member, records

HTML = frozenset({"text/html", "application/xhtml+xml"})

# Pointers are structure, not prose of the server: safe to show.
_POINTER = re.compile(r"(/[A-Za-z0-9_.\-]{1,64}){1,8}", re.ASCII)
_PASSWORD_FIELD = re.compile(rb"""type\s*=\s*["']?password""", re.IGNORECASE)


class CsrfRefusedError(ShopLoginError):
    """419: the CSRF token was missing, wrong or outlived its session; nothing was carried out."""


class BrokenDownError(ShopUnreachableError):
    """500: asked for less, the shop may have the memory and the time for it."""


class UnchangedError(ShopAnswerError):
    """304: the answer we have is still right."""


class MissingError(ShopRefusedError):
    """404 in the shop's own words (a JSON:API document): the resource is not there for us."""

    def __init__(self, message: str, *, has_meta: bool) -> None:
        super().__init__(message)
        self.has_meta = has_meta
        """The document has the `meta` of the shop's JSON:API, so that no proxy or framework wrote it."""


def asks_for_a_password(page: bytes) -> bool:
    """Whether an HTML page is one to log in at."""
    return _PASSWORD_FIELD.search(page) is not None


def document(answer: Answer) -> dict[str, Json]:
    """The JSON:API document of a successful answer. Raises the ShopError that fits anything else, and UnchangedError."""
    if 200 <= answer.status < 300:
        return {} if answer.status == 204 else _parsed(answer)
    if answer.unchanged:
        raise UnchangedError(f"{answer.where}: unchanged")
    _raise_status(answer)


def _parsed(answer: Answer) -> dict[str, Json]:
    if answer.content_type in HTML:
        if asks_for_a_password(answer.body):
            raise ShopLoginError(f"{answer.where}: a login page instead of data; check the customer's token or cookie")
        raise ShopAnswerError(
            f"{answer.where}: an HTML page instead of data ({answer.status}); check the source's url, "
            "the customer's login and whether the shop is in maintenance"
        )
    if answer.content_type != "application/json" and not answer.content_type.endswith("+json"):
        raise ShopAnswerError(f"{answer.where}: {answer.content_type[:80]!a} instead of JSON; check the source's url")
    try:
        return parse(answer.body)
    except DocumentError as error:
        raise ShopAnswerError(f"{answer.where}: {error}") from None


def _raise_status(answer: Answer) -> NoReturn:
    failed = f"{answer.where}: {answer.status}"
    if answer.status == 401:
        raise ShopLoginError(f"{failed}; the customer's token or cookie is missing, wrong or expired")
    if answer.status == 419:
        raise CsrfRefusedError(f"{failed}; the shop refused the CSRF token")
    if answer.status == 500:
        raise BrokenDownError(f"{failed}; the shop broke down over this, its own log says why", answer.retry_after)
    if answer.status == 429 or answer.status >= 500:
        raise ShopUnreachableError(f"{failed}; the shop can't answer now", answer.retry_after)
    if answer.status >= 400:
        problem = _problem(answer)
        pointers = sorted(_pointers(problem))
        named = f" ({', '.join(pointers)})" if pointers else ""
        if answer.status == 404 and ("meta" in problem or "errors" in problem):
            raise MissingError(
                f"{failed}; not there, or not for this customer{named}", has_meta=isinstance(problem.get("meta"), dict)
            )
        raise ShopRefusedError(f"{failed}; the shop refuses this{named}")
    raise ShopAnswerError(f"{failed}, which is no answer to this request; check the source's url")


def _problem(answer: Answer) -> dict[str, Json]:
    try:
        return parse(answer.body)
    except DocumentError:
        return {}


def _pointers(problem: dict[str, Json]) -> set[str]:
    found = (member(error, "source", "pointer") for error in records(problem.get("errors")))
    return {pointer for pointer in found if isinstance(pointer, str) and _POINTER.fullmatch(pointer)}
