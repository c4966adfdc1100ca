"""The admin JSON API of the tests tells what a real one told: same addresses, statuses, members, names and types."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest

from tests.shopserver.front import FIXTURES, Clock, Door, plain
from tests.support.admin_host import TOKEN, AdminHost
from tests.support.jsonadm.app import BASE, JsonAdmShop
from worker.shop.document import parse
from worker.shopserver.serving import serve
from worker.shopserver.store import ShopStore

FOLDER = FIXTURES.parent / "recordings" / "jsonadm"
RECORDED = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.json"))}
READS = [name for name, exchange in RECORDED.items() if exchange["request"]["method"] != "DELETE"]
GROUPS = {"superuser": "super", "admin": "admin", "editor": "editor"}
OPAQUE = ("config", "links", "title", "detail", "resources", "meta/attributes", "previews")
"""Places whose content is the shop's own."""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[AdminHost, str]]:
    store = ShopStore(f"sqlite:///{tmp_path_factory.mktemp('shop') / 'shop.db'}", clock=Clock())
    store.load(parse((FIXTURES / "recorded-shop.json").read_bytes()))
    door = Door()
    door.app = host = AdminHost(JsonAdmShop(store))
    with serve(door) as url:
        yield host, url
    store.dispose()


def ask(served: tuple[AdminHost, str], exchange: dict[str, Any]) -> httpx2.Response:
    """What the server here says to a recorded request."""
    host, url = served
    actor, request = exchange["actor"].get("admin"), exchange["request"]
    host.groups = frozenset({GROUPS[actor]} if actor else ())
    parts = urlsplit(request["url"])
    path = BASE + parts.path.removeprefix("/admin/jsonadm")
    headers = {"Accept": "application/json"} | ({"Authorization": f"Bearer {TOKEN}"} if actor else {})
    with httpx2.Client(transport=plain()) as client:
        return client.request(
            request["method"], f"{url}{path}?{parts.query}", headers=headers, json=request["body"] or None
        )


def differences(ours: Any, recorded: Any, place: str = "") -> list[str]:
    """Where the one has other members or types than the other. Null may stand for anything."""
    if ours is None or recorded is None or place.endswith(OPAQUE):
        return []
    if type(ours) is not type(recorded):
        return [f"{place}: {type(ours).__name__}, recorded {type(recorded).__name__}"]
    if isinstance(ours, dict):
        found = [f"{place}/{key}: only in one" for key in ours.keys() ^ recorded.keys()]
        for key in ours.keys() & recorded.keys():
            found += differences(ours[key], recorded[key], f"{place}/{key}")
        return found
    if isinstance(ours, list) and ours and recorded:
        return differences(ours[0], recorded[0], f"{place}/0")
    return []


@pytest.mark.parametrize("name", READS)
def test_an_answer_has_the_shape_of_the_recorded_one(served: tuple[AdminHost, str], name: str) -> None:
    exchange = RECORDED[name]
    answer, recorded = ask(served, exchange), exchange["response"]
    assert answer.status_code == recorded["status"]
    assert answer.headers["content-type"].startswith(recorded["headers"]["Content-Type"])
    assert differences(answer.json(), recorded["body"]) == []


LISTS = {
    "159-adm-lists-watch": ["1", "2", "5", "6", "7", "9"],
    "161-adm-lists-watch-page2": ["5", "6"],
    "163-adm-lists-beyond": [],
    "166-adm-lists-limit-0": [],
    "169-adm-lists-keyset": ["5", "6"],
    "170-adm-lists-mtime": ["1", "2", "3", "4", "5", "6", "7", "8", "9"],
    "171-adm-lists-mtime-future": [],
    "181-adm-product": ["1", "2", "3"],
    "182-adm-product-include": ["1", "2", "4"],
    "187-adm-stock-products": ["2", "4", "5", "6"],
}


@pytest.mark.parametrize("name", LISTS)
def test_the_same_records_are_listed(served: tuple[AdminHost, str], name: str) -> None:
    recorded = RECORDED[name]["response"]["body"]["data"]
    assert [item["id"] for item in recorded] == LISTS[name]
    ours = [item["id"] for item in ask(served, RECORDED[name]).json()["data"]]
    assert [found for found in ours if found in LISTS[name]] == LISTS[name]


def test_a_relation_with_the_id_of_a_customer_carries_that_customers_relations(served: tuple[AdminHost, str]) -> None:
    name = "159-adm-lists-watch"
    recorded, ours = RECORDED[name]["response"]["body"]["data"], ask(served, RECORDED[name]).json()["data"]
    for listed in (recorded, ours):
        related = listed[0]["relationships"]["product"]["data"]
        assert "attributes" not in related[0]
        assert {item["attributes"]["customer.lists.parentid"] for item in related[1:]} == {"1"}


def test_no_total_and_no_next_beyond_the_cap(served: tuple[AdminHost, str]) -> None:
    host, _ = served
    inner = host.inner
    assert isinstance(inner, JsonAdmShop)
    inner.total_cap = 4
    try:
        answer = ask(served, RECORDED["161-adm-lists-watch-page2"]).json()
    finally:
        inner.total_cap = 10_000
    assert answer["meta"] == {"total": 4}
    assert len(answer["data"]) == 2
    assert "next" not in answer["links"]


@pytest.mark.parametrize("name", [name for name in RECORDED if name not in READS])
def test_removing_is_answered_with_a_number_whatever_was_there(tmp_path: Path, name: str) -> None:
    store = ShopStore(f"sqlite:///{tmp_path / 'shop.db'}", clock=Clock())
    store.load(parse((FIXTURES / "recorded-shop.json").read_bytes()))
    host = AdminHost(JsonAdmShop(store))
    with serve(host) as url:
        answer = ask((host, url), RECORDED[name])
    assert (answer.status_code, answer.json()) == (200, RECORDED[name]["response"]["body"])
    store.dispose()
