"""The resource customer/relationships: fetch, add, modify and delete relations (seed, from "Fetch relations" on).

`include` chooses which domains are listed. One relation that is named by `relatedid`, or by its id in the body, needs no include:
a write either takes effect or is an error.
"""

from worker.shopserver import attributes, body, params, relations
from worker.shopserver.calls import Answer, Call, Document, Resource, attribute_help
from worker.shopserver.problems import Problem, Refused, malformed, not_found
from worker.shopserver.render import TYPE, related_item, relation_attributes
from worker.shopserver.tables import Relation

_HELP = {
    "domain": attribute_help("string", required=True, label="Domain code, up to 32 bytes"),
    "type": attribute_help("string", "default", label="Type code, up to 64 bytes"),
    "refid": attribute_help("string", required=True, label="ID of the item referred to, up to 36 bytes"),
    "datestart": attribute_help("string", None, label='Date "YYYY-MM-DD HH:mm:ss"'),
    "dateend": attribute_help("string", None, label='Date "YYYY-MM-DD HH:mm:ss"'),
    "config": attribute_help("object", "{}", label="Key/value pairs, up to 64 KiB"),
    "position": attribute_help("integer", "0", label="Position in the list"),
    "status": attribute_help("integer", "1", label="-2 archived, -1 review, 0 disabled, 1 enabled"),
}


def _links(call: Call) -> Document:
    others = {name: value for name, value in call.params.items() if name != "relatedid"}
    return {
        "self": call.addresses.resource("customer", call.params),
        "related": call.addresses.resource("customer", others),
    }


def _options(_call: Call) -> Answer:
    return Answer(meta={"attributes": {attributes.PREFIX + name: text for name, text in _HELP.items()}})


def _get(call: Call) -> Answer:
    owner = call.own()
    relation_id = params.text(call.params, "relatedid")
    with call.store.read() as session:
        if relation_id is None:
            return _list(call, relations.listed(session, owner, params.included(call.params)))
        relation = relations.find(session, owner, relation_id)
        if relation is None:
            raise _unknown(relation_id)
        return _single(call, relation)


def _post(call: Call) -> Answer:
    owner = call.own()
    if "relatedid" in call.params:
        raise malformed("A relation is added without relatedid; the shop gives it an id.", parameter="relatedid")
    news, problems = [], []
    for item in body.items(call.body, TYPE):
        if item.id is not None:
            problems.append(Problem(403, "The shop gives a new relation its id.", pointer=f"{item.pointer}/id"))
        try:
            news.append((item.pointer, attributes.new(body.attributes(item), item.pointer)))
        except Refused as refused:
            problems += refused.problems
    if problems:
        raise Refused(problems)
    with call.store.begin() as session:
        before = relations.listed(session, owner, params.included(call.params))
        added = relations.add(session, owner, news, call.now)
        return _list(call, [*before, *added], status=201)


def _patch(call: Call) -> Answer:
    owner = call.own()
    relation_id = params.text(call.params, "relatedid")
    if relation_id is None:
        body.one_item(call.body, TYPE)
        raise not_found("Name the relation to change with relatedid.", parameter="relatedid")
    item = body.one_item(call.body, TYPE)
    given = body.attributes(item)
    if item.id not in {None, relation_id}:
        raise Refused([Problem(409, "The id in the body is another one than relatedid.", pointer="/data/id")])
    with call.store.begin() as session:
        relation = relations.find(session, owner, relation_id)
        if relation is None:
            raise _unknown(relation_id)
        columns = attributes.change(given, relation_attributes(relation, call), item.pointer)
        relations.modify(session, relation, columns, call.now)
        return _single(call, relation)


def _delete(call: Call) -> Answer:
    owner = call.own()
    named = params.text(call.params, "relatedid")
    if named is not None and call.body.data:
        raise malformed("Name the relations to delete either with relatedid or in the body.", parameter="relatedid")
    wanted = {named: None} if named is not None else _ids(body.items(call.body, TYPE))
    with call.store.begin() as session:
        for relation_id, pointer in wanted.items():
            relation = relations.find(session, owner, relation_id)
            if relation is None:
                raise _unknown(relation_id, pointer)
            session.delete(relation)
    return Answer(total=0, content={"links": _links(call)})


def _ids(items: list[body.Item]) -> dict[str, str | None]:
    ids: dict[str, str | None] = {}
    for item in items:
        if item.id is None:
            raise malformed("The id of the relation to delete is missing.", pointer=item.pointer)
        ids[item.id] = f"{item.pointer}/id"
    return ids


def _unknown(relation_id: str, pointer: str | None = None) -> Refused:
    detail = f"You have no relation {relation_id[:20]}."
    return not_found(detail, pointer=pointer) if pointer else not_found(detail, parameter="relatedid")


def _list(call: Call, found: list[Relation], status: int = 200) -> Answer:
    data = [related_item(relation, call) for relation in found]
    return Answer(status=status, total=len(found), content={"links": _links(call), "data": data})


def _single(call: Call, relation: Relation) -> Answer:
    return Answer(total=1, content={"links": _links(call), "data": related_item(relation, call)})


RESOURCE = Resource(
    {"OPTIONS": _options, "GET": _get, "POST": _post, "PATCH": _patch, "DELETE": _delete},
    _links,
)
