"""The shop's owner loads a document and changes prices, stock and tokens."""

import copy
import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.shopserver.front import FIXTURES, RELATIONS, Front, attributes, document, listed
from worker.errors import NotFoundError
from worker.shopserver.document import DocumentError
from worker.shopserver.overview import overview
from worker.shopserver.sample import load_sample
from worker.shopserver.store import ShopStore

PRODUCT = {"id": "p", "code": "p", "label": "P"}
CUSTOMER = {"id": "c", "code": "c@example.com"}
RELATION = {"customer": "1", "domain": "product", "type": "watch", "refid": "12"}


def test_a_relation_may_be_backdated(front: Front, anna: httpx2.Client) -> None:
    front.store.load({"relations": [{**RELATION, "ctime": "2026-10-01T12:00:00+02:00"}]})
    assert listed(anna)["10"]["ctime"] == "2026-10-01 10:00:00"
    moment = datetime(2025, 1, 1, tzinfo=UTC)
    front.store.load({"relations": [{**RELATION, "ctime": moment}]})
    assert listed(anna)["10"]["ctime"] == "2025-01-01 00:00:00"


def test_what_is_loaded_again_is_replaced(front: Front, anna: httpx2.Client) -> None:
    content = json.loads((FIXTURES / "recorded-shop.json").read_text())
    before = overview(front.store)
    assert front.store.load(content) == {"products": 16, "customers": 5, "relations": 9}
    assert overview(front.store) == before
    content["relations"][0]["config"] = {"price": "1"}
    content["products"][1]["prices"] = [{"currency": "EUR", "value": "7.00"}]
    front.store.load(content)
    assert listed(anna)["1"]["config"] == {"price": "1"}
    assert overview(front.store)["products"][1 + 7]["prices"] == {"EUR": "7.00"}


def test_a_relation_loaded_again_keeps_its_id_and_its_time(front: Front, anna: httpx2.Client) -> None:
    before = listed(anna)["1"]
    front.clock.turn(days=1)
    front.store.load(
        {"relations": [{"customer": "1", "domain": "product", "type": "watch", "refid": "1", "position": 2}]}
    )
    after = listed(anna)["1"]
    assert (after["position"], after["ctime"]) == (2, before["ctime"])


@pytest.mark.parametrize(
    ("content", "place"),
    [
        ({"product": []}, "product"),
        ({"products": {}}, "products"),
        ({"products": [PRODUCT, {"id": "q", "code": "q"}]}, "products[1].label"),
        ({"products": [{**PRODUCT, "color": "red"}]}, "products[0].color"),
        ({"products": [{**PRODUCT, "id": 1}]}, "products[0].id"),
        ({"products": [{**PRODUCT, "id": "x" * 37}]}, "products[0].id"),
        ({"products": [{**PRODUCT, "status": 5}]}, "products[0].status"),
        ({"products": [{**PRODUCT, "dateend": "soon"}]}, "products[0].dateend"),
        ({"products": [{**PRODUCT, "texts": {"english": {"name": "P"}}}]}, "products[0].texts.english"),
        ({"products": [{**PRODUCT, "prices": [{"currency": "EURO", "value": "1"}]}]}, "products[0].prices[0].currency"),
        *(
            (
                {"products": [{**PRODUCT, "prices": [{"currency": "EUR", "value": value}]}]},
                "products[0].prices[0].value",
            )
            for value in ("1,50", "-1", "1e3", "NaN", "0.00001", "1" * 13, 1.5, True, [], " 1", "١")
        ),
        ({"products": [{**PRODUCT, "prices": [{"currency": "EUR"}]}]}, "products[0].prices[0].value"),
        ({"products": [{**PRODUCT, "stock": [{"level": "5"}]}]}, "products[0].stock[0].level"),
        ({"products": [{**PRODUCT, "stock": [{"level": 1}, {"level": 2}]}]}, "products[0].stock[1].type"),
        ({"products": [PRODUCT, {**PRODUCT, "code": "q"}]}, "products[1].id"),
        ({"products": [PRODUCT, {**PRODUCT, "id": "q"}]}, "products[1].code"),
        ({"products": [{**PRODUCT, "code": "mug"}]}, "products[0].code"),
        ({"customers": [{**CUSTOMER, "code": "anna@example.com"}]}, "customers[0].code"),
        ({"customers": [{**CUSTOMER, "tokens": ["short"]}]}, "customers[0].tokens[0]"),
        ({"customers": [{**CUSTOMER, "tokens": ["token-of-customer-1"]}]}, "customers[0].tokens[0]"),
        ({"customers": [{**CUSTOMER, "language": "deutsch"}]}, "customers[0].language"),
        ({"relations": [{**RELATION, "customer": "nobody"}]}, "relations[0].customer"),
        ({"relations": [RELATION, RELATION]}, "relations[1]"),
        ({"relations": [{**RELATION, "refid": "x" * 37}]}, "relations[0].refid"),
        ({"relations": [{**RELATION, "config": ["a"]}]}, "relations[0].config"),
        ({"relations": [{**RELATION, "ctime": "2026-01-01 00:00:00"}]}, "relations[0].ctime"),
    ],
    ids=lambda value: str(value)[:60],
)
def test_a_wrong_document_is_refused_as_a_whole_with_the_place(
    front: Front, content: dict[str, Any], place: str
) -> None:
    before = overview(front.store)
    good: dict[str, Any] = {"products": [{"id": "good", "code": "good", "label": "Good"}]}
    whole = copy.deepcopy(content)
    if isinstance(whole.get("products", []), list) and not place.startswith("products"):
        whole["products"] = good["products"]
    with pytest.raises(DocumentError) as refused:
        front.store.load(whole)
    assert str(refused.value).startswith(f"{place}: ")
    assert overview(front.store) == before


def test_half_a_character_is_refused_before_anything_is_written(front: Front) -> None:
    with pytest.raises(DocumentError, match="surrogate"):
        front.store.load({"customers": [{**CUSTOMER, "email": "\ud800"}]})


def test_an_error_never_repeats_a_secret(front: Front) -> None:
    for entry in ({"tokens": ["my secret token!"]}, {"password": "my secret token!\n"}):
        with pytest.raises(DocumentError) as refused:
            front.store.load({"customers": [{**CUSTOMER, **entry}]})
        assert "my secret" not in str(refused.value)


@pytest.mark.parametrize("product", ["2", "mug"])
def test_a_price_is_set_by_id_or_code(front: Front, product: str) -> None:
    front.store.set_price(product, "eur", Decimal("9.5"))
    front.store.set_price(product, "CHF", "12")
    front.store.set_price(product, "USD", None)
    (found,) = (entry for entry in overview(front.store)["products"] if entry["code"] == "mug")
    assert found["prices"] == {"EUR": "9.50", "USD": None, "CHF": "12.00"}


def test_only_the_usual_price_of_one_piece_is_set(front: Front) -> None:
    others: list[dict[str, Any]] = [{"quantity": 10}, {"type": "purchase"}, {"list_type": "promotion"}, {}]
    prices = [{"currency": "USD", "value": "5.00", **other} for other in others]
    front.store.load({"products": [{"id": "2", "code": "mug", "label": "Mug", "prices": prices}]})
    front.store.set_price("mug", "USD", "4.00")
    answer = front.client().get("/jsonapi/product?id=2&include=price").json()
    assert [item["attributes"]["price.value"] for item in answer["included"]] == ["5.00", "5.00", "5.00", "4.00"]


def test_stock_is_set_by_type(front: Front) -> None:
    front.store.set_stock("mug", 4)
    front.store.set_stock("mug", None, type="web")
    front.store.set_stock("mug", -1, type="web")
    (found,) = (entry for entry in overview(front.store)["products"] if entry["code"] == "mug")
    assert found["stock"] == {"default": 4, "web": -1}


def test_a_product_is_hidden_and_shown_again(front: Front) -> None:
    client = front.client()
    front.store.set_product("mug", enabled=False)
    assert client.get("/jsonapi/product?id=2").status_code == 404
    front.store.set_product("mug", enabled=True)
    assert client.get("/jsonapi/product?id=2").status_code == 200


def test_what_is_not_there_cannot_be_changed(front: Front) -> None:
    with pytest.raises(NotFoundError, match="nope"):
        front.store.set_price("nope", "EUR", "1")
    with pytest.raises(NotFoundError, match="nope"):
        front.store.set_stock("nope", 1)
    with pytest.raises(NotFoundError, match="nope"):
        front.store.set_product("nope", enabled=True)
    with pytest.raises(NotFoundError, match="nope"):
        front.store.add_token("nope")


@pytest.mark.parametrize(("currency", "value"), [("EURO", "1"), ("EUR", "1,5"), ("EUR", "-1"), ("", "1")])
def test_a_wrong_price_is_refused(front: Front, currency: str, value: str) -> None:
    with pytest.raises(DocumentError):
        front.store.set_price("mug", currency, value)


def test_a_new_token_opens_the_account(front: Front) -> None:
    token = front.store.add_token("cem@example.com")
    client = front.client()
    client.headers["Authorization"] = f"Bearer {token}"
    assert client.post(RELATIONS, json=document(attributes())).status_code == 201
    assert len(listed(front.client("3"))) == 1


@pytest.mark.parametrize("token", ["short", "with blanks in between", "token-of-customer-1"])
def test_a_token_is_strong_and_belongs_to_one_customer(front: Front, token: str) -> None:
    with pytest.raises(DocumentError):
        front.store.add_token("3", token)


def test_the_sample_fits_the_seeds_examples(tmp_path: Path) -> None:
    store = ShopStore(f"sqlite:///{tmp_path / 'shop.db'}")
    assert store.is_empty()
    assert set(load_sample(store)) == {"anna@example.com", "ben@example.com"}
    assert not store.is_empty()
    assert "123" in {product["id"] for product in overview(store)["products"]}
    store.dispose()
