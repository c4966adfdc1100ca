"""A customer and a relation as resource objects, with the names and types of a real shop's answers."""

from worker.shop.document import parse
from worker.shopserver.attributes import PREFIX
from worker.shopserver.calls import Call, Document
from worker.shopserver.params import Params
from worker.shopserver.tables import Customer, Relation

TYPE = "customer.lists"

_EMPTY = (
    *("company", "vatid", "title", "address1", "address2", "address3", "postal", "city", "state"),
    *("telephone", "mobile", "telefax", "website"),
)
_NULL = ("countryid", "longitude", "latitude", "birthday")


def relation_attributes(relation: Relation, call: Call) -> Document:
    """The attributes of a relation; unlike a real shop's they tell when it was created and changed."""
    values: Document = {
        "id": str(relation.id),
        "domain": relation.domain,
        "refid": relation.refid,
        "datestart": relation.datestart,
        "dateend": relation.dateend,
        "config": parse(relation.config.encode()) or [],
        "position": relation.position,
        "status": relation.status,
        "type": relation.type,
        "ctime": call.local(relation.ctime),
        "mtime": call.local(relation.mtime),
    }
    return {PREFIX + name: value for name, value in values.items()}


def related_item(relation: Relation, call: Call) -> Document:
    """A relation as customer/relationships lists it."""
    return {
        "id": str(relation.id),
        "type": TYPE,
        "links": {
            "self": {"href": _address(relation, call, call.params.get("include")), "allow": ["DELETE", "GET", "PATCH"]}
        },
        "attributes": relation_attributes(relation, call),
    }


def relationship(relation: Relation, call: Call) -> Document:
    """A relation as the customer shows it among its relationships: an identifier of the item referred to."""
    return {
        "id": relation.refid,
        "type": relation.domain,
        "attributes": relation_attributes(relation, call),
        "links": {"self": {"href": _address(relation, call), "allow": ["DELETE", "PATCH"]}},
    }


def customer_attributes(customer: Customer | None) -> Document:
    """The attributes of a customer; of nobody they are empty."""
    values: Document = dict.fromkeys(_EMPTY, "") | dict.fromkeys(_NULL)
    values |= {
        "id": customer.id if customer else None,
        "salutation": customer.salutation if customer else "",
        "firstname": customer.firstname if customer else "",
        "lastname": customer.lastname if customer else "",
        "languageid": customer.language if customer else None,
        "email": customer.email if customer else "",
        "label": f"{customer.firstname} {customer.lastname}".strip() if customer else "",
        "code": customer.code if customer else "",
    }
    return {f"customer.{name}": value for name, value in values.items()}


def _address(relation: Relation, call: Call, include: "str | Params | None" = None) -> str:
    params: Params = {"id": relation.customer_id, "related": "relationships", "relatedid": str(relation.id)}
    return call.addresses.resource("customer", params if include is None else {**params, "include": include})
