"""Lists of the catalogue: `page[offset]`, `page[limit]`, the one filter a resource knows, and the links from page to page."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from worker.shopserver import params
from worker.shopserver.calls import Call, Document
from worker.shopserver.problems import malformed

MAX_PAGE = 1000
"""A page asked for with `page[limit]` may be this long."""

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    """A page of rows, how many there are on all pages, and the links around it."""

    rows: Sequence[Row]
    total: int
    links: Document


def read(session: Session, call: Call, resource: str, query: Select[Row], default: int) -> Page[Row]:
    """The page of an ordered query that the request asks for. Raises Refused (400) for what can't be had."""
    if params.text(call.params, "sort") not in {None, f"{resource}.id"}:
        raise malformed(f"Only sort={resource}.id is possible, and it is the default.", parameter="sort")
    page = params.group(call.params, "page")
    offset = params.whole_number(page, "offset", "page") or 0
    limit = params.whole_number(page, "limit", "page")
    limit = default if limit is None else limit
    if not 1 <= limit <= MAX_PAGE:
        raise malformed(f"page[limit] must be 1 to {MAX_PAGE}.", parameter="page[limit]")
    total = session.scalar(select(func.count()).select_from(query.subquery())) or 0
    rows = session.scalars(query.offset(offset).limit(limit)).all()
    return Page(rows, total, _links(call, resource, offset, limit, total))


def wanted(call: Call, *names: str) -> list[str] | None:
    """The values of the filter called by `names`; None where it isn't used. Raises Refused (400) for any other filter."""
    here = params.group(call.params, "filter")
    if not here:
        return None
    for name in names[:-1]:
        if set(here) != {name}:
            raise _no_filter(names)
        here = params.group(here, name)
    if set(here) != {names[-1]}:
        raise _no_filter(names)
    return params.texts(here[names[-1]], "filter")


def address(call: Call, resource: str, offset: int) -> str:
    """The URL of this list from another offset on."""
    page = call.params.get("page", {})
    if isinstance(page, str):  # malformed, but the answer that says so has a self link, too
        return call.addresses.resource(resource, call.params)
    return call.addresses.resource(resource, {**call.params, "page": {**page, "offset": str(offset)}})


def _links(call: Call, resource: str, offset: int, limit: int, total: int) -> Document:
    last = (total - 1) // limit * limit if total else 0
    offsets = {"first": 0, "prev": offset - limit, "next": offset + limit, "last": last, "self": offset}
    useful = {
        "first": offset > 0,
        "prev": offset >= limit,
        "next": offset + limit < total,
        "last": last > offset,
        "self": True,
    }
    return {name: address(call, resource, where) for name, where in offsets.items() if useful[name]}


def _no_filter(names: Sequence[str]) -> Exception:
    written = "filter" + "".join(f"[{name}]" for name in names)
    return malformed(f"The only filter here is {written}[]=.", parameter="filter")
