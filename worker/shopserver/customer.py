"""The resource customer: who one is, with the related items. One's own account can be changed and closed, none is created.

Without credentials GET answers with an empty customer whose id is null, as a real shop does: that is how a client
learns that nobody is logged in. Everything else needs a customer.
"""

from collections.abc import Callable
from functools import partial

from sqlalchemy.orm import Session

from worker.domain.model import Json
from worker.shopserver import body, fields, params, products, relations, tables
from worker.shopserver.calls import Answer, Call, Document, Resource, attribute_help
from worker.shopserver.document import LANGUAGE
from worker.shopserver.problems import Problem, Refused, malformed, pointer_to
from worker.shopserver.render import customer_attributes, relationship

_SALUTATIONS = ("", "company", "mr", "ms")
_LINE = 255


def _salutation(value: object) -> str:
    if value not in _SALUTATIONS:
        raise ValueError(f"must be one of {', '.join(_SALUTATIONS[1:])} or empty, not {fields.shown(value)}")
    return str(value)


def _line(value: object) -> str:
    return "" if value == "" else fields.text(value, _LINE)


def _language(value: object) -> str | None:
    if value is not None and not (isinstance(value, str) and LANGUAGE.fullmatch(value)):
        raise ValueError(f'must be a language like "de" or "de_AT", or null, not {fields.shown(value)}')
    return value


_EDITABLE: dict[str, tuple[str, Callable[[object], str | None]]] = {
    "customer.salutation": ("salutation", _salutation),
    "customer.firstname": ("firstname", _line),
    "customer.lastname": ("lastname", _line),
    "customer.languageid": ("language", _language),
    "customer.email": ("email", partial(fields.text, limit=_LINE)),
}


def show(call: Call, customer_id: str) -> Answer:
    """The customer with the related items that `include` names."""
    with call.store.read() as session:
        customer = session.get_one(tables.Customer, customer_id)
        related, included = _related(session, call, customer_id)
        return _answer(call, customer, related, included)


def _links(call: Call) -> Document:
    return {"self": call.addresses.resource("customer", call.params)}


def _options(_call: Call) -> Answer:
    return Answer(
        meta={"attributes": {name: attribute_help("string", label=column) for name, (column, _) in _EDITABLE.items()}}
    )


def _get(call: Call) -> Answer:
    if call.customer_id is None and "id" not in call.params:
        return _answer(call, None)
    return show(call, call.own())


def _post(call: Call) -> Answer:
    call.own()
    detail = "Accounts are not created through this API. To add relations, POST to customer?related=relationships."
    raise Refused([Problem(403, detail, parameter="related")])


def _patch(call: Call) -> Answer:
    owner = call.own()
    _refuse_relatedid(call)
    item = body.one_item(call.body, "customer")
    if item.id not in {None, owner}:
        raise Refused([Problem(409, "The id in the body is not yours.", pointer="/data/id")])
    changes = _changes(body.attributes(item))
    with call.store.begin() as session:
        customer = session.get_one(tables.Customer, owner)
        for column, value in changes.items():
            setattr(customer, column, value)
        return _answer(call, customer)


def _delete(call: Call) -> Answer:
    owner = call.own()
    _refuse_relatedid(call)
    with call.store.begin() as session:
        session.delete(session.get_one(tables.Customer, owner))
    return Answer(total=0, content={"links": _links(call)})


def _refuse_relatedid(call: Call) -> None:
    # Without this, a DELETE that forgot related=relationships would close the whole account.
    if "relatedid" in call.params or (call.method == "DELETE" and call.body.data):
        raise malformed("related=relationships is missing.", parameter="related")


def _changes(given: dict[str, Json]) -> dict[str, str | None]:
    changes: dict[str, str | None] = {}
    problems = []
    for name, value in given.items():
        place = "/data/attributes" + (pointer_to(name) if name in _EDITABLE else "")
        if name not in _EDITABLE:
            problems.append(Problem(400, f"{fields.shown(name)} can't be changed here.", pointer=place))
            continue
        column, check = _EDITABLE[name]
        try:
            changes[column] = check(value)
        except ValueError as error:
            problems.append(Problem(400, f"{name} {error}.", pointer=place))
    if problems:
        raise Refused(problems)
    return changes


def _related(session: Session, call: Call, owner: str) -> tuple[Document, list[Document]]:
    include = params.included(call.params)
    found = relations.listed(session, owner, include)
    related: Document = {
        domain: {"data": [relationship(relation, call) for relation in found if relation.domain == domain]}
        for domain in dict.fromkeys(relation.domain for relation in found)
    }
    wanted = {relation.refid for relation in found if relation.domain == "product"}
    return related, products.as_included(session, call, wanted, include)


def _answer(
    call: Call,
    customer: tables.Customer | None,
    related: Document | None = None,
    included: list[Document] | None = None,
) -> Answer:
    own: params.Params = {"id": customer.id} if customer else {}
    relationships = call.addresses.resource("customer", {**own, "related": "relationships"})
    data: Document = {
        "id": customer.id if customer else None,
        "type": "customer",
        "links": {"self": {"href": call.addresses.resource("customer", own), "allow": ["DELETE", "GET", "PATCH"]}},
        "attributes": customer_attributes(customer),
    }
    if related:
        data["relationships"] = related
    links = {**_links(call), "customer/relationships": {"href": relationships, "allow": ["GET", "POST"]}}
    return Answer(total=1, content={"links": links, "data": data, "included": included or []})


RESOURCE = Resource({"OPTIONS": _options, "GET": _get, "POST": _post, "PATCH": _patch, "DELETE": _delete}, _links)
