"""With a prefix, parameters go inside it; the seed's plain URLs work, too."""

import httpx2
import pytest

from tests.shopserver.front import RELATIONS, Front, attributes, change, document, listed, problems

BASE = "/jsonapi"


@pytest.fixture
def inside(front: Front) -> httpx2.Client:
    """Customer 1 at a shop whose prefix is `ai`."""
    front.open(prefix="ai")
    return front.client("1")


def test_the_links_alone_lead_from_the_base_to_the_relations(inside: httpx2.Client) -> None:
    options = inside.options(BASE).json()["meta"]
    assert options["prefix"] == "ai"
    customer = inside.get(options["resources"]["customer"]).json()
    relations = inside.get(customer["links"]["customer/relationships"]["href"] + "&ai[include]=product").json()
    assert [item["id"] for item in relations["data"]] == ["1", "2", "3", "4", "5"]
    link = relations["data"][0]["links"]["self"]["href"]
    assert inside.patch(link, json=change(position=3)).json()["data"]["attributes"]["customer.lists.position"] == 3
    assert inside.delete(link).status_code == 200
    assert list(listed(inside)) == ["2", "3", "4", "5"]


def test_the_resource_is_in_the_path_or_inside_the_prefix(inside: httpx2.Client) -> None:
    for address in ("/jsonapi/customer?ai[related]=relationships&ai[include]=product", RELATIONS):
        assert inside.get(address).json()["meta"]["total"] == 5
    answer = inside.get("/jsonapi/customer?ai[resource]=product")
    assert problems(answer) == [("400", "resource")]


def test_beside_the_prefix_plain_parameters_are_ignored(inside: httpx2.Client) -> None:
    answer = inside.get("/jsonapi?ai[resource]=customer&ai[related]=relationships&include=product&relatedid=99")
    assert (answer.status_code, answer.json()["meta"]["total"]) == (200, 0)


def test_the_seeds_plain_urls_work(inside: httpx2.Client) -> None:
    answer = inside.post(RELATIONS, json=document(attributes()))
    assert answer.status_code == 201
    assert "ai%5Brelatedid%5D=10" in answer.json()["data"][-1]["links"]["self"]["href"]


def test_the_csrf_token_stays_outside(front: Front) -> None:
    front.open(prefix="ai", csrf=True)
    client = front.client()
    token = client.post("/login", data={"token": "token-of-customer-1"}).json()["meta"]["csrf"]["value"]
    address = "/jsonapi?ai[resource]=customer&ai[related]=relationships"
    answer = client.post(f"{address}&ai[_token]={token}", json=document(attributes()))
    assert answer.status_code == 419
    answer = client.post(f"{address}&_token={token}", json=document(attributes()))
    assert answer.status_code == 201
    assert token not in answer.json()["links"]["self"]


def test_locale_and_currency_may_stand_on_either_side(inside: httpx2.Client) -> None:
    for address in (
        "ai[resource]=product&ai[id]=2&ai[include]=price&ai[currency]=EUR",
        "ai[resource]=product&ai[id]=2&ai[include]=price&currency=EUR",
    ):
        assert inside.get(f"/jsonapi?{address}").json()["included"][0]["attributes"]["price.currencyid"] == "EUR"


def test_pages_follow_each_other(inside: httpx2.Client) -> None:
    answer = inside.get("/jsonapi?ai[resource]=product&ai[page][limit]=3").json()
    answer = inside.get(answer["links"]["next"]).json()
    assert [item["id"] for item in answer["data"]] == ["4", "8", "9"]


def test_without_a_prefix_a_bracketed_parameter_means_nothing(anna: httpx2.Client) -> None:
    assert anna.get("/jsonapi?ai[resource]=customer").json()["meta"]["prefix"] is None


@pytest.mark.parametrize(
    "address", ["/jsonapi?ai=customer", "/jsonapi?ai[resource][]=customer", "/jsonapi/customer?ai[related]=x"]
)
def test_what_is_inside_is_checked(inside: httpx2.Client, address: str) -> None:
    assert inside.get(address).status_code in {400, 404}
