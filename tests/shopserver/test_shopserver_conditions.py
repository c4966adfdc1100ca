"""Conditional requests: a product that is still as it was is not sent again, and whoever asks gets what is theirs."""

from typing import Any

import httpx2
import pytest

from tests.shopserver.front import Front

ONE = "/jsonapi/product?id=1&include=price,stock,text,media&currency=EUR&locale=en"
LIST = ONE.replace("id=1", "filter[%3D%3D][product.id][]=1&filter[%3D%3D][product.id][]=2")


@pytest.fixture
def visitor(front: Front) -> httpx2.Client:
    return front.client()


def ask_again(client: httpx2.Client, address: str, tag: str) -> httpx2.Response:
    return client.get(address, headers={"If-None-Match": tag})


@pytest.mark.parametrize("address", [ONE, LIST])
def test_what_is_unchanged_is_not_sent_again(visitor: httpx2.Client, address: str) -> None:
    first = visitor.get(address)
    tag = first.headers["ETag"]
    again = ask_again(visitor, address, tag)
    assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", tag)
    assert not {"Content-Type", "Content-Length"} & {name.title() for name in again.headers}
    assert {name: again.headers[name] for name in ("Vary", "Cache-Control", "Allow")} == {
        "Vary": "Authorization, Cookie",
        "Cache-Control": "no-cache, private",
        "Allow": first.headers["Allow"],
    }


@pytest.mark.parametrize("form", ["{}", "W/{}", '"other", {}', '"a,b" ,W/{} , "c"', "*"])
def test_a_tag_is_found_in_every_way_to_write_it(visitor: httpx2.Client, form: str) -> None:
    tag = visitor.get(ONE).headers["ETag"]
    assert ask_again(visitor, ONE, form.format(tag)).status_code == 304


@pytest.mark.parametrize("form", ['"other"', "{bare}", '"x{bare}"', "", '"', '"*"', "w/{bare}", "\xe9"])
def test_another_tag_gets_the_whole_answer(visitor: httpx2.Client, form: str) -> None:
    tag = visitor.get(ONE).headers["ETag"]
    sent = form.replace("{bare}", tag.strip('"')).encode("latin-1")
    answer = visitor.get(ONE, headers=[("If-None-Match", sent)])  # type: ignore[list-item] - bytes are sent as they are
    assert (answer.status_code, answer.headers["ETag"]) == (200, tag)
    assert answer.json()["data"]["id"] == "1"


def test_tags_on_two_lines_are_one_list(visitor: httpx2.Client) -> None:
    tag = visitor.get(ONE).headers["ETag"]
    headers = httpx2.Headers([("If-None-Match", '"other"'), ("If-None-Match", tag)])
    assert visitor.get(ONE, headers=headers).status_code == 304


def test_every_change_that_shows_changes_the_tag_and_changing_it_back_the_tag_too(
    front: Front, visitor: httpx2.Client
) -> None:
    def tag() -> str:
        found: str = visitor.get(ONE).headers["ETag"]
        return found

    first = tag()
    texts = {"en": {"name": "Shirt"}}
    product = {"id": "1", "code": "tshirt", "label": "T-Shirt", "texts": texts, "prices": [], "stock": [{"level": 5}]}
    changes: list[Any] = [
        lambda: front.store.set_price("1", "EUR", "1.00"),
        lambda: front.store.set_stock("1", 7),
        lambda: front.store.load({"products": [product]}),
    ]
    seen = {first}
    for change in changes:
        change()
        assert tag() not in seen
        seen.add(tag())
    front.store.set_price("2", "EUR", "1.00")
    assert tag() in seen  # another product's price


def test_a_price_that_begins_changes_the_tag(front: Front, visitor: httpx2.Client) -> None:
    prices = [{"currency": "EUR", "value": "5.00", "datestart": "2026-11-23 12:00:00"}]
    front.store.load({"products": [{"id": "1", "code": "tshirt", "label": "T", "prices": prices}]})
    tag = visitor.get(ONE).headers["ETag"]
    assert ask_again(visitor, ONE, tag).status_code == 304
    front.clock.turn(hours=1)
    assert ask_again(visitor, ONE, tag).status_code == 200


def test_another_view_has_another_tag(visitor: httpx2.Client) -> None:
    addresses = (ONE, ONE.replace("EUR", "USD"), ONE.replace("=en", "=de"), ONE.replace(",media", ""), LIST)
    assert len({visitor.get(address).headers["ETag"] for address in addresses}) == len(addresses)


def test_a_product_that_is_gone_is_not_found_whatever_the_client_has(front: Front, visitor: httpx2.Client) -> None:
    tag = visitor.get(ONE).headers["ETag"]
    front.store.set_product("1", enabled=False)
    for sent in (tag, "*"):
        answer = ask_again(visitor, ONE, sent)
        assert answer.status_code == 404
        assert "ETag" not in answer.headers


def test_a_token_that_is_wrong_is_refused_whatever_the_client_has(front: Front, visitor: httpx2.Client) -> None:
    tag = visitor.get(ONE).headers["ETag"]
    headers = {"If-None-Match": tag, "Authorization": "Bearer nobody-has-this-token"}
    assert visitor.get(ONE, headers=headers).status_code == 401


def test_a_csrf_token_in_the_answer_makes_the_tag_a_weak_one_that_outlasts_sessions(front: Front) -> None:
    front.open(csrf=True)
    one, other = (front.client().get(ONE) for _ in range(2))
    assert one.json()["meta"]["csrf"] != other.json()["meta"]["csrf"]
    assert one.headers["ETag"] == other.headers["ETag"]
    assert one.headers["ETag"].startswith('W/"')
    assert ask_again(front.client(), ONE, one.headers["ETag"]).status_code == 304
    with_token = front.client("1").get(ONE)
    assert with_token.headers["ETag"].startswith('"')  # it holds no CSRF token


@pytest.mark.parametrize("address", ["/jsonapi/customer", "/jsonapi/customer?related=relationships&include=product"])
def test_a_customers_own_answers_have_no_tag(anna: httpx2.Client, address: str) -> None:
    answer = ask_again(anna, address, "*")
    assert answer.status_code == 200
    assert "ETag" not in answer.headers
    assert answer.headers["Vary"] == "Authorization, Cookie"


def test_head_is_conditional_too(visitor: httpx2.Client) -> None:
    tag = visitor.head(ONE).headers["ETag"]
    assert visitor.head(ONE, headers={"If-None-Match": tag}).status_code == 304
