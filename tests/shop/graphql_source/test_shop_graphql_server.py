"""The test server's answers are compared with those of a real shop, field by field; what differs has a reason."""

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from decimal import Decimal
from fnmatch import fnmatchcase
from typing import Any

import httpx2
import pytest
from sqlalchemy import delete, update

from tests.support.admin_host import TOKEN
from tests.support.documents import differences
from tests.support.graphql_shop.front import RECORDINGS, GraphqlFront
from worker.shopserver import tables

EXCHANGES = {path.stem: json.loads(path.read_text()) for path in sorted((RECORDINGS / "graphql").glob("*.json"))}
UNCHANGED = [name for name in EXCHANGES if name < "090"]

Found = list[tuple[str, str, object]]

DIFFERENCES = [
    ("*", "body/errors/#/message", "texts are for people (and taken out of the recordings)"),
    ("*", "body/data/*/label", "labels are taken out of the recordings"),
    ("04[23]-products-*", "body/data/searchProducts/items/#/lists/*/#/id", "an id: our shop keeps no list items"),
    ("04[23]-products-*", "body/data/*/media/#/item/preview*", "pictures are called as in the shop's other interfaces"),
    ("042-products-by-ids", "body/data/searchProducts/items/#/instock", "our flag follows the stock of all types"),
    ("067-error-bad-filter-key-debug", "body/errors/#/extensions", "ours tells nobody where it stumbled"),
    ("077-* 08[13]-*", "body/message", "texts are for people (and taken out of the recordings)"),
    ("082-*", "*", "the host's page and address"),
]


def replay(front: GraphqlFront, exchange: dict[str, Any]) -> httpx2.Response:
    """Send the recorded request as somebody of the same group."""
    request, group = exchange["request"], exchange["actor"].get("admin")
    headers = {name: value for name, value in request["headers"].items() if name in {"Accept", "Content-Type"}}
    if "X-CSRF-TOKEN" in request["headers"]:
        headers["Cookie"] = front.host.open_session()
        headers["X-CSRF-TOKEN"] = front.host.sessions[headers["Cookie"].partition("=")[2]].csrf
    elif group is not None:
        headers["Authorization"] = f"Bearer {TOKEN}"
    front.host.groups = frozenset({group or "admin"})
    body = request["body"]
    content = body if body is None or isinstance(body, str) else json.dumps(body)
    return front.client.request(request["method"], front.url, headers=headers, content=content)


def compare(front: GraphqlFront, name: str) -> Found:
    recorded = EXCHANGES[name]["response"]
    ours = replay(front, EXCHANGES[name])
    headers = {key.lower(): value for key, value in recorded["headers"].items()}
    theirs = {"status": recorded["status"], "headers": headers, "body": recorded["body"]}
    told = {key: value.replace("utf-8", "UTF-8") for key, value in ours.headers.items() if key in headers}
    body = ours.json() if recorded["body_is_json"] else ours.text
    return list(differences(theirs, {"status": ours.status_code, "headers": told, "body": body}))


def unexplained(found: Found, name: str) -> list[str]:
    return [
        f"{place} ({kind}): {detail}"
        for place, kind, detail in found
        if not any(explains(difference, name, place) for difference in DIFFERENCES)
    ]


def explains(difference: tuple[str, str, str], name: str, place: str) -> bool:
    names, places, _ = difference
    return any(fnmatchcase(name, pattern) for pattern in names.split()) and fnmatchcase(place, places)


@pytest.fixture(scope="module")
def compared(open_front: Callable[[], AbstractContextManager[GraphqlFront]]) -> dict[str, Found]:
    """What differs while nothing was changed, by recording."""
    with open_front() as front:
        return {name: compare(front, name) for name in UNCHANGED}


@pytest.mark.parametrize("name", UNCHANGED)
def test_an_answer_differs_from_the_recorded_one_only_where_there_is_a_reason(
    compared: dict[str, Found], name: str
) -> None:
    assert unexplained(compared[name], name) == []


@pytest.mark.parametrize("difference", DIFFERENCES, ids=lambda difference: f"{difference[0]} {difference[1]}")
def test_a_listed_difference_is_still_there(compared: dict[str, Found], difference: tuple[str, str, str]) -> None:
    assert any(explains(difference, name, place) for name, found in compared.items() for place, _, _ in found)


def test_after_the_recorded_changes_the_answers_are_the_recorded_ones(front: GraphqlFront) -> None:
    """A relation's mtime moves alone, a deletion moves none, and prices and stock do not move their product's."""
    long_ago = datetime(2026, 1, 1, tzinfo=UTC)
    with front.store.begin() as session:
        for table in (tables.Customer, tables.Relation, tables.Product, tables.Price, tables.Stock):
            session.execute(update(table).values(mtime=long_ago))

    front.clock.now = datetime(2026, 11, 23, 12, 39, 33, tzinfo=UTC)
    config = {"timeframe": 7, "pricevalue": "10.00", "price": 1, "stock": 1, "currency": "EUR"}
    relation = {"customer": "3", "domain": "product", "type": "watch", "refid": "2", "config": config}
    front.store.load({"relations": [relation]})
    assert unexplained(compare(front, "090-mtime-2-customers-changed"), "090-mtime-2-customers-changed") == []
    assert unexplained(compare(front, "091-mtime-2b-has-and-lists-mtime"), "091-mtime-2b-has-and-lists-mtime") == []

    front.store.load({"relations": [{**relation, "config": {**config, "timeframe": 90}}]})
    assert unexplained(compare(front, "094-mtime-5-customers-changed"), "094-mtime-5-customers-changed") == []

    with front.store.begin() as session:
        session.execute(delete(tables.Relation).where(tables.Relation.id == 2))
    assert unexplained(compare(front, "097-mtime-7-relations"), "097-mtime-7-relations") == []

    front.store.set_price("1", "EUR", Decimal("15.00"))
    assert unexplained(compare(front, "099-mtime-9-prices"), "099-mtime-9-prices") == []

    front.clock.turn(seconds=1)
    front.store.set_stock("2", 9)
    assert unexplained(compare(front, "102-mtime-12-stocks-products"), "102-mtime-12-stocks-products") == []


def test_every_recording_is_replayed() -> None:
    replayed = {"090", "091", "094", "097", "099", "102"} | {name[:3] for name in UNCHANGED}
    assert {name[:3] for name in EXCHANGES} == replayed


def ask(front: GraphqlFront, query: str, **variables: Any) -> dict[str, Any]:
    headers = {"Accept": "application/json", "Authorization": f"Bearer {TOKEN}"}
    answer = front.client.post(front.url, json={"query": query, "variables": variables}, headers=headers)
    document: dict[str, Any] = answer.json()
    return document


def many_customers(front: GraphqlFront, number: int) -> None:
    now = front.clock()
    with front.store.begin() as session:
        session.add_all(
            tables.Customer(
                id=str(key),
                code=f"c{key}",
                email="",
                salutation="",
                firstname="",
                lastname="",
                status=1,
                ctime=now,
                mtime=now,
            )
            for key in range(100, 100 + number)
        )


def test_without_a_limit_there_are_100_items_sorted_as_numbers(front: GraphqlFront) -> None:
    many_customers(front, 120)
    found = ask(front, '{ searchCustomers(sort: ["customer.id"]) { total items { id } } }')["data"]["searchCustomers"]
    assert found["total"] == 126
    assert [item["id"] for item in found["items"]] == [*"123456", *(str(key) for key in range(100, 194))]


def test_totals_end_at_their_cap_while_items_go_on(front: GraphqlFront) -> None:
    assert front.shop.engine.cap == 10_000
    front.shop.engine.cap = 4
    found = ask(front, "{ searchCustomers { total items { id } } }")["data"]["searchCustomers"]
    assert (found["total"], len(found["items"])) == (4, 6)


def test_a_query_may_have_500_fields(front: GraphqlFront) -> None:
    fields = " ".join(f"a{number}: id" for number in range(499))
    assert "errors" not in ask(front, f"{{ searchStocks {{ items {{ {fields[: -len(' a498: id')]} }} }} }}")
    assert "data" not in ask(front, f"{{ searchStocks {{ items {{ {fields} }} }} }}")


def test_a_relation_to_a_deleted_product_has_no_item(front: GraphqlFront) -> None:
    with front.store.begin() as session:
        session.execute(delete(tables.Product).where(tables.Product.id == "4"))
    query = '{ searchCustomers(include: ["product"]) { items { lists { product { refid item { code } } } } } }'
    customers = ask(front, query)["data"]["searchCustomers"]["items"]
    listed = {entry["refid"]: entry["item"] for customer in customers for entry in customer["lists"]["product"]}
    assert listed["4"] is None
    assert listed["3"] == {"code": "poster"}
