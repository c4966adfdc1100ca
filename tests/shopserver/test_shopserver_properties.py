"""Whatever is sent, the shop answers and never breaks; what it accepts is read back identical."""

import json
import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.shopserver.front import Front, attributes
from worker.domain.model import Json
from worker.shop.document import encode, parse

METHODS = st.sampled_from(["GET", "OPTIONS", "HEAD", "POST", "PATCH", "DELETE", "PUT", "TRACE", "x"])
TOKENS = st.text(st.characters(codec="latin-1", exclude_categories=["Cc"]), max_size=20).map(str.strip)
PARAMS = st.sampled_from(
    ["id", "related", "relatedid", "include", "filter", "page", "sort", "locale", "currency", "_token", "ai", "fields"]
)
WORDS = st.sampled_from(
    ["relationships", "product", "customer", "1", "2", "99", "-1", "", "price,stock,text,media", "EUR", "de", "9" * 25]
) | st.text(max_size=8)
KEYS = st.sampled_from(
    ["[]", "[0]", "[==]", "[product.id]", "[s_prodid]", "[limit]", "[offset]", "[related]", "[", "]"]
)
NAMES = st.builds(lambda name, keys: name + "".join(keys), PARAMS, st.lists(KEYS, max_size=3))
QUERIES = st.lists(st.tuples(NAMES, WORDS), max_size=5)
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.decimals(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]))
    | st.sampled_from(["relationships", "2030-01-01 00:00:00", "product", "1"])
)
VALUES: st.SearchStrategy[Json] = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
FIELDS = st.sampled_from([*attributes(), "customer.lists.id", "customer.lists.ctime", "customer.firstname", "x"])
ITEMS = st.fixed_dictionaries(
    {}, optional={"id": VALUES, "type": VALUES, "attributes": st.dictionaries(FIELDS, VALUES, max_size=6) | VALUES}
)
DOCUMENTS = st.fixed_dictionaries({"data": ITEMS | st.lists(ITEMS, max_size=3)}) | VALUES
BODIES = DOCUMENTS.map(lambda value: encode(value).encode()) | st.binary(max_size=40)
ANNA = {"customers": [{"id": "1", "code": "anna@example.com", "tokens": ["token-of-customer-1"]}]}
JSON = {"Content-Type": "application/json"}
PATHS = st.sampled_from(
    ["", "/customer", "/customer", "/customer", "/product", "/stock", "/nope", "/../login", "//", "/customer/1"]
)


@pytest.fixture(scope="module")
def shop(make_front: Callable[[], AbstractContextManager[Front]]) -> Iterator[Front]:
    """One shop for all examples of a property."""
    with make_front() as front:
        yield front


@pytest.fixture(scope="module")
def client(shop: Front) -> httpx2.Client:
    return shop.client("1")


@settings(max_examples=60)
@given(
    method=METHODS,
    path=PATHS,
    query=QUERIES,
    body=BODIES,
    mode=st.sampled_from(["", "csrf", "prefix"]),
    known=st.booleans(),
)
def test_no_request_breaks_the_shop(
    shop: Front,
    client: httpx2.Client,
    method: str,
    path: str,
    query: list[tuple[str, str]],
    body: bytes,
    mode: str,
    known: bool,
) -> None:
    shop.open(csrf=mode == "csrf", prefix="ai" if mode == "prefix" else None)
    headers = JSON if known else {**JSON, "Authorization": ""}
    answer = client.request(method, f"/jsonapi{path}", params=query, content=body, headers=headers)
    assert answer.status_code < 500, answer.text
    if method != "HEAD":
        assert_explained(answer)
    if known and method == "DELETE" and answer.status_code == 200:
        shop.store.load(ANNA)  # it may have been the whole account


@settings(max_examples=40)
@given(
    headers=st.dictionaries(
        st.sampled_from(["Authorization", "Cookie", "Content-Type", "Host", "Origin", "Accept", "Expect", "Upgrade"]),
        TOKENS,
    ),
    path=st.sampled_from(["/jsonapi/customer", "/login", "/media/product/mug.png"]),
    method=st.sampled_from(["GET", "POST"]),
)
def test_no_header_breaks_the_shop(
    shop: Front, client: httpx2.Client, headers: dict[str, str], path: str, method: str
) -> None:
    shop.open(csrf=True)
    encoded = {name: value.encode("latin-1") for name, value in headers.items()}
    answer = client.request(method, path, headers=encoded, content=b"token=x" if method == "POST" else None)
    assert answer.status_code < 500, answer.text


@settings(max_examples=40)
@given(
    st.binary(max_size=60)
    | st.builds(
        lambda line, rest: b"%s HTTP/1.1\r\n%s\r\n\r\n" % (line, rest),
        st.sampled_from(
            [
                b"GET /jsonapi",
                b"POST /jsonapi/customer",
                b"OPTIONS *",
                b"GET http://x/jsonapi",
                b"CONNECT x:1",
                b"GET /%",
            ]
        ),
        st.sampled_from(
            [b"Host: x", b"", b"Host: [", b"Host: x\r\nContent-Length: 9", b"Host: x\r\nTransfer-Encoding: chunked"]
        )
        | st.binary(max_size=30),
    )
)
def test_no_bytes_break_the_shop(shop: Front, sent: bytes) -> None:
    parts = urlsplit(shop.url)
    with socket.create_connection((parts.hostname, parts.port), timeout=30) as connection:
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    assert not answer.startswith(b"HTTP/1.1 5")
    assert shop.client("1").get("/jsonapi/customer").status_code == 200


@settings(max_examples=50)
@given(
    fields=st.fixed_dictionaries(
        {
            "domain": st.sampled_from(["product", "service"]) | st.text(min_size=1, max_size=33),
            "refid": st.text(min_size=1, max_size=37),
            "config": st.dictionaries(st.text(max_size=8), VALUES, max_size=4),
        },
        optional={
            "type": st.text(min_size=1, max_size=20),
            "datestart": st.none() | st.datetimes().map(str),
            "dateend": st.none() | st.datetimes().map(lambda moment: f"{moment:%Y-%m-%d %H:%M:%S}"),
            "position": st.integers(-(2**32), 2**32),
            "status": st.integers(-3, 2),
        },
    )
)
def test_what_is_accepted_is_read_back_identical(shop: Front, client: httpx2.Client, fields: dict[str, Json]) -> None:
    shop.open()
    sent = {f"customer.lists.{name}": value for name, value in fields.items()}
    try:
        content = encode({"data": {"attributes": sent}}).encode()
    except ValueError:
        return
    related = {"related": "relationships"}
    answer = client.post("/jsonapi/customer", params=related, content=content, headers=JSON)
    if answer.status_code != 201:
        assert answer.status_code in {400, 403, 409}, answer.text
        return
    number = answer.json()["data"][0]["id"]
    found = client.get("/jsonapi/customer", params={**related, "include": str(fields["domain"])}).content
    assert client.delete("/jsonapi/customer", params={**related, "relatedid": number}).status_code == 200
    listed: Any = parse(found)["data"]
    (read,) = (item["attributes"] for item in listed if item["id"] == number)
    assert digits({name: read[name] for name in sent}) == digits(
        {**sent, "customer.lists.config": fields["config"] or []}
    )


def digits(value: Json) -> object:
    """A value that compares its numbers digit by digit, and true and 1 as different."""
    if isinstance(value, dict):
        return {key: digits(item) for key, item in value.items()}
    if isinstance(value, list):
        return [digits(item) for item in value]
    return (str(value), isinstance(value, Decimal)) if isinstance(value, int | Decimal) else value


def assert_explained(answer: httpx2.Response) -> None:
    """A refusal is a JSON:API error document."""
    if answer.status_code >= 400:
        for error in json.loads(answer.content)["errors"]:
            assert error["detail"]
            assert error["source"]
