"""Logging in for a session cookie, and the CSRF token that protects it."""

import httpx2
import pytest
from sqlalchemy import text

from tests.shopserver.front import RELATIONS, Front, attributes, document, listed, problems

CUSTOMER = "/jsonapi/customer"
ANNA = {"code": "anna@example.com", "password": "annas password"}


def logged_in(front: Front) -> tuple[httpx2.Client, str]:
    """A client with the session cookie of customer 1, and the CSRF token."""
    client = front.client()
    answer = client.post("/login", data=ANNA)
    assert answer.status_code == 200
    return client, answer.json()["meta"].get("csrf", {}).get("value", "")


@pytest.mark.parametrize("form", [ANNA, {"token": "token-of-customer-1"}], ids=["password", "token"])
def test_a_login_sets_a_cookie_that_counts_from_then_on(front: Front, form: dict[str, str]) -> None:
    client = front.client()
    answer = client.post("/login", data=form)
    assert answer.json()["data"]["id"] == "1"
    assert client.get(CUSTOMER).json()["data"]["id"] == "1"
    assert client.post(RELATIONS, json=document(attributes())).status_code == 201


def test_the_cookie_is_out_of_reach_for_scripts_and_other_sites(front: Front) -> None:
    answer = front.client().post("/login", data=ANNA)
    assert answer.headers["Set-Cookie"].partition("; ")[2] == "HttpOnly; Max-Age=2592000; Path=/; SameSite=lax"


@pytest.mark.parametrize(
    "form",
    [
        {**ANNA, "password": "wrong"},
        {**ANNA, "password": ""},
        {"code": "nobody", "password": "annas password"},
        {"code": "bob@example.com", "password": ""},
        {"token": "wrong-token-of-nobody"},
        {"token": ""},
    ],
)
def test_a_wrong_login_is_refused_without_saying_what_was_wrong(front: Front, form: dict[str, str]) -> None:
    answer = front.client().post("/login", data=form)
    assert problems(answer) == [("401", "")]
    assert "Set-Cookie" not in answer.headers


def test_an_account_that_is_switched_off_cannot_log_in(front: Front) -> None:
    answer = front.client().post("/login", data={"code": "off@example.com", "password": "the password"})
    assert answer.status_code == 404
    assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b"code=x", "application/x-www-form-urlencoded", 400),
        (b"", "application/x-www-form-urlencoded", 400),
        (b"code=%ff&password=x", "application/x-www-form-urlencoded", 400),
        (b"code=\xff&password=x", "application/x-www-form-urlencoded", 400),
        (b"&".join([b"a=1"] * 50), "application/x-www-form-urlencoded", 400),
        (b"token=" + b"x" * 9000, "application/x-www-form-urlencoded", 413),
        (b'{"token": "token-of-customer-1"}', "application/json", 415),
    ],
)
def test_a_form_that_cannot_be_read_is_refused(front: Front, content: bytes, kind: str, status: int) -> None:
    answer = front.client().post("/login", content=content, headers={"Content-Type": kind})
    assert answer.status_code == status


def test_a_login_is_a_post(front: Front) -> None:
    answer = front.client().get("/login")
    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")


def test_a_form_of_another_site_logs_nobody_in(front: Front) -> None:
    client = front.client()
    answer = client.post("/login", data=ANNA, headers={"Origin": "http://evil.example"})
    assert problems(answer) == [("403", "Origin")]
    assert client.post("/login", data=ANNA, headers={"Origin": front.url}).status_code == 200


@pytest.mark.parametrize("cookie", ["unknown", "", '"', "x" * 5000, "\u00fc"])
def test_an_unknown_cookie_is_nobody(front: Front, cookie: str) -> None:
    headers = {"Cookie": f"session={cookie}".encode("latin-1")}
    assert front.client().get(CUSTOMER, headers=headers).json()["data"]["id"] is None
    answer = front.client().post(RELATIONS, json=document(attributes()), headers=headers)
    assert problems(answer) == [("401", "Authorization")]


def test_a_login_ends_after_thirty_days(front: Front) -> None:
    client, _ = logged_in(front)
    front.clock.turn(days=30, seconds=-1)
    assert client.get(CUSTOMER).json()["data"]["id"] == "1"
    front.clock.turn(seconds=1)
    assert client.get(CUSTOMER).json()["data"]["id"] is None


def test_no_secret_is_in_the_database(front: Front) -> None:
    client, _ = logged_in(front)
    with front.store.read() as session:
        rows = [
            str(row)
            for table in ("customer", "token", "login")
            for row in session.execute(text(f"SELECT * FROM {table}"))  # noqa: S608 - names from above
        ]
    secrets = ["annas password", "token-of-customer-1", client.cookies["session"]]
    assert rows
    assert not [secret for secret in secrets for row in rows if secret in row]


def test_without_csrf_no_token_is_told_and_any_is_ignored(front: Front) -> None:
    client, token = logged_in(front)
    assert token == ""
    assert client.post(RELATIONS + "&_token=...", json=document(attributes())).status_code == 201


def test_with_csrf_a_write_by_cookie_needs_the_token_of_its_session(front: Front) -> None:
    front.open(csrf=True)
    client, token = logged_in(front)
    other, foreign = logged_in(front)
    for wrong in ("", "&_token=", "&_token=...", f"&_token={foreign}", f"&_token={token.upper()}x", "&_token=%C3%BC"):
        for method in ("POST", "PATCH", "DELETE"):
            answer = client.request(method, RELATIONS + "&relatedid=1" + wrong, json=document(attributes()))
            assert problems(answer) == [("419", "_token")]
    assert len(listed(other)) == 5
    assert client.post(f"{RELATIONS}&_token={token}", json=document(attributes())).status_code == 201
    assert client.delete(f"{RELATIONS}&relatedid=1&_token={token}").status_code == 200


def test_with_csrf_the_token_is_in_every_answer_even_in_refusals(front: Front) -> None:
    front.open(csrf=True)
    client, token = logged_in(front)
    answers = [
        client.options("/jsonapi"),
        client.get(CUSTOMER),
        client.get(RELATIONS),
        client.get("/jsonapi/product"),
        client.post(RELATIONS),
        client.get(RELATIONS + "&relatedid=77"),
    ]
    assert [answer.json()["meta"]["csrf"] for answer in answers] == [{"name": "_token", "value": token}] * len(answers)


def test_with_csrf_a_first_visit_starts_a_session_that_a_login_replaces(front: Front) -> None:
    front.open(csrf=True)
    client = front.client()
    first = client.options("/jsonapi")
    before = client.cookies["session"]
    assert client.get(CUSTOMER).json()["meta"]["csrf"] == first.json()["meta"]["csrf"]
    login = client.post("/login", data=ANNA)
    assert client.cookies["session"] != before
    assert login.json()["meta"]["csrf"] != first.json()["meta"]["csrf"]


def test_with_csrf_a_bearer_token_needs_and_gets_none(front: Front) -> None:
    front.open(csrf=True)
    client = front.client("1")
    assert "csrf" not in client.get(CUSTOMER).json()["meta"]
    assert client.post(RELATIONS, json=document(attributes())).status_code == 201


def test_with_csrf_nobody_is_still_told_to_log_in(front: Front) -> None:
    front.open(csrf=True)
    assert problems(front.client().post(RELATIONS, json=document(attributes()))) == [("401", "Authorization")]
