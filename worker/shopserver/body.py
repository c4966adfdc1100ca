"""The JSON:API document in a request's body: its type, its size and its resource objects."""

from dataclasses import dataclass

from worker.domain.model import Json
from worker.shop.document import DocumentError, parse
from worker.shopserver.fields import shown
from worker.shopserver.problems import Problem, Refused, malformed, pointer_to

MAX_BODY = 1024 * 1024
"""Bytes of a request's body."""

MAX_ITEMS = 100
"""Resource objects in one request."""

# The seed's own examples send JSON without saying so: fetch() calls it text/plain, jQuery form data.
_TYPES = {"application/json", "application/vnd.api+json", "text/plain", "application/x-www-form-urlencoded", ""}
_MEMBERS = {"id", "type", "attributes", "links", "meta"}


@dataclass(frozen=True, slots=True)
class Body:
    """What came after the headers."""

    data: bytes
    content_type: str


@dataclass(frozen=True, slots=True)
class Item:
    """One resource object of the request and where it stands in the document."""

    pointer: str
    id: str | None
    attributes: dict[str, Json] | None


def items(body: Body, kind: str) -> list[Item]:
    """The objects in `data`, whether it is one or a list of them. `kind` is the type they may name.

    Raises Refused: 400 malformed, 409 another type, 413 too many, 415 not JSON.
    """
    data = _data(body)
    if isinstance(data, list):
        if len(data) > MAX_ITEMS:
            raise Refused([Problem(413, f"More than {MAX_ITEMS} items in one request.", pointer="/data")])
        if not data:
            raise malformed("The list holds nothing to work on.", pointer="/data")
        return [_item(element, pointer_to("data", place), kind) for place, element in enumerate(data)]
    return [_item(data, "/data", kind)]


def one_item(body: Body, kind: str) -> Item:
    """The single object in `data`. Raises Refused as `items` does, and 400 for a list."""
    data = _data(body)
    if isinstance(data, list):
        raise malformed("Only one item can be changed at a time, so data must be an object.", pointer="/data")
    return _item(data, "/data", kind)


def attributes(item: Item) -> dict[str, Json]:
    """The attributes of an object that must have some. Raises Refused (400)."""
    if item.attributes is None:
        raise malformed("The attributes are missing.", pointer=item.pointer)
    return item.attributes


def _data(body: Body) -> Json:
    _check_type(body.content_type)
    try:
        document = parse(body.data)
    except DocumentError as error:
        raise malformed(
            f"The body can't be read: {error}." if body.data else "The body is empty.", pointer=""
        ) from None
    if "data" not in document:
        raise malformed("The member data is missing.", pointer="")
    return document["data"]


def _check_type(content_type: str) -> None:
    kind, *parameters = (part.strip().lower() for part in content_type.split(";"))
    charsets = [
        value.strip('"') for name, _, value in (part.partition("=") for part in parameters) if name == "charset"
    ]
    if kind not in _TYPES or any(charset not in {"utf-8", "utf8"} for charset in charsets):
        raise Refused([Problem(415, "Send JSON in UTF-8 as application/json.", header="Content-Type")])


def _item(value: Json, pointer: str, kind: str) -> Item:
    if not isinstance(value, dict):
        raise malformed("Must be an object.", pointer=pointer)
    if unknown := sorted(set(value) - _MEMBERS):
        raise malformed(f"There is no member {shown(unknown[0])} in a resource object.", pointer=pointer)
    if value.get("type", kind) != kind:
        raise Refused([Problem(409, f'The type of such an item is "{kind}".', pointer=f"{pointer}/type")])
    found, given = value.get("attributes"), value.get("id")
    if found is not None and not isinstance(found, dict):
        raise malformed("The attributes must be an object.", pointer=f"{pointer}/attributes")
    if given is not None and not isinstance(given, str):
        raise malformed("An id must be a string.", pointer=f"{pointer}/id")
    return Item(pointer, given, found)
