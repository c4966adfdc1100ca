"""Who one is, and that nobody reaches what belongs to somebody else."""

from concurrent.futures import ThreadPoolExecutor

import httpx2
import pytest

from tests.shopserver.front import RELATIONS, Front, attributes, change, document, listed, one, problems

CUSTOMER = "/jsonapi/customer"


def test_a_client_learns_that_nobody_is_logged_in(front: Front) -> None:
    answer = front.client().get(CUSTOMER)
    assert (answer.status_code, answer.json()["data"]["id"]) == (200, None)


@pytest.mark.parametrize("method", ["GET", "POST", "PATCH", "DELETE"])
def test_nobody_has_no_relations_and_makes_none(front: Front, method: str) -> None:
    answer = front.client().request(method, RELATIONS + "&relatedid=1", json=document(attributes()))
    assert problems(answer) == [("401", "Authorization")]
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert len(listed(front.client("1"))) == 5


@pytest.mark.parametrize("method", ["POST", "PATCH", "DELETE"])
def test_nobody_makes_or_changes_an_account(front: Front, method: str) -> None:
    answer = front.client().request(method, CUSTOMER, json={"data": {"attributes": {"customer.firstname": "X"}}})
    assert problems(answer) == [("401", "Authorization")]


@pytest.mark.parametrize(
    "header",
    ["Bearer wrong-token-of-nobody", "Bearer", "Basic YTpi", "token-of-customer-1", "Bearer \u00fc"],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_wrong_token_is_refused_even_for_reading(front: Front, header: str, method: str) -> None:
    headers = {"Authorization": header.encode("latin-1")}
    answer = front.client().request(method, CUSTOMER, headers=headers)
    assert problems(answer) == [("401", "Authorization")]


def test_a_customer_sees_only_own_relations(front: Front) -> None:
    assert list(listed(front.client("1"))) == ["1", "2", "3", "4", "5"]
    assert list(listed(front.client("2"))) == ["6", "7", "8"]
    included = front.client("2").get(CUSTOMER + "?include=product").json()["data"]["relationships"]["product"]["data"]
    assert [item["attributes"]["customer.lists.id"] for item in included] == ["6", "7", "8"]


def test_a_customers_relations_are_out_of_reach_for_others(front: Front) -> None:
    bob = front.client("2")
    for other in (front.client("1"), front.client("3")):
        assert problems(other.get(one("6"))) == [("404", "relatedid")]
        assert problems(other.patch(one("6"), json=change(status=0))) == [("404", "relatedid")]
        assert problems(other.delete(one("6"))) == [("404", "relatedid")]
        assert problems(other.request("DELETE", RELATIONS, json={"data": {"id": "6"}})) == [("404", "/data/id")]
    assert listed(bob)["6"]["status"] == 1


@pytest.mark.parametrize("method", ["GET", "POST", "PATCH", "DELETE"])
@pytest.mark.parametrize("address", [CUSTOMER + "?id=2", RELATIONS + "&id=2", one("6") + "&id=2"])
def test_the_id_of_another_customer_opens_nothing(anna: httpx2.Client, method: str, address: str) -> None:
    assert problems(anna.request(method, address)) == [("404", "id")]


def test_the_links_of_a_customer_lead_to_the_own_relations(anna: httpx2.Client) -> None:
    link = anna.get(CUSTOMER).json()["links"]["customer/relationships"]["href"]
    assert anna.get(link + "&include=product").json()["meta"]["total"] == 5


def test_two_customers_have_the_same_relation(front: Front) -> None:
    for number in ("1", "2", "3"):
        assert front.client(number).post(RELATIONS, json=document(attributes())).status_code == 201


def test_an_account_that_is_switched_off_is_not_found(front: Front) -> None:
    for method, address in (("GET", CUSTOMER), ("GET", RELATIONS), ("POST", RELATIONS), ("DELETE", CUSTOMER)):
        assert front.client("6").request(method, address).status_code == 404


def test_a_customer_changes_own_name_and_language(anna: httpx2.Client) -> None:
    changed = {"customer.firstname": "Änne", "customer.languageid": "en", "customer.email": "aenne@example.com"}
    answer = anna.patch(CUSTOMER, json={"data": {"type": "customer", "id": "1", "attributes": changed}})
    assert answer.status_code == 200
    assert changed.items() <= anna.get(CUSTOMER).json()["data"]["attributes"].items()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("customer.id", "2"),
        ("customer.code", "x"),
        ("customer.city", "x"),
        ("customer.status", 1),
        ("customer.email", ""),
        ("customer.email", "x" * 256),
        ("customer.salutation", "x"),
        ("customer.salutation", ["ms"]),
        ("customer.firstname", None),
        ("customer.lastname", "x\nBcc: y"),
        ("customer.languageid", "englis"),
    ],
)
def test_nothing_else_of_an_account_is_changed(anna: httpx2.Client, name: str, value: object) -> None:
    before = anna.get(CUSTOMER).json()
    answer = anna.patch(CUSTOMER, json={"data": {"attributes": {"customer.firstname": "X", name: value}}})
    assert answer.status_code == 400
    assert len(problems(answer)) == 1
    assert anna.get(CUSTOMER).json() == before


def test_no_account_is_made_for_somebody_who_has_one(anna: httpx2.Client) -> None:
    assert problems(anna.post(CUSTOMER, json={"data": {"attributes": {}}})) == [("403", "related")]


def test_a_closed_account_is_gone_with_its_relations_and_tokens(front: Front, anna: httpx2.Client) -> None:
    assert anna.delete(CUSTOMER).status_code == 200
    assert problems(anna.get(CUSTOMER)) == [("401", "Authorization")]
    assert problems(front.client("2").get(one("1"))) == [("404", "relatedid")]


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
def test_a_forgotten_related_does_not_touch_the_account(anna: httpx2.Client, method: str) -> None:
    answer = anna.request(method, CUSTOMER + "?relatedid=1", json={"data": {"attributes": {}}})
    assert problems(answer) == [("400", "related")]
    assert problems(anna.request("DELETE", CUSTOMER, json={"data": [{"id": "1"}]})) == [("400", "related")]
    assert len(listed(anna)) == 5


def test_of_two_equal_requests_at_once_one_wins(front: Front) -> None:
    clients = [front.client("3") for _ in range(6)]
    with ThreadPoolExecutor(len(clients)) as pool:
        answers = list(pool.map(lambda client: client.post(RELATIONS, json=document(attributes())), clients))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409, 409, 409]


def test_an_account_that_is_closed_meanwhile_is_a_refusal_not_a_failure(front: Front) -> None:
    clients = [front.client("3") for _ in range(6)]
    with ThreadPoolExecutor(len(clients)) as pool:
        answers = list(pool.map(lambda client: client.delete(CUSTOMER), clients))
    statuses = [answer.status_code for answer in answers]
    assert statuses.count(200) == 1
    assert set(statuses) <= {200, 401, 409}
