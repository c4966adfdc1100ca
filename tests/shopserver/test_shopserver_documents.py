"""Bodies that are no JSON:API document, too large, or sent as something else."""

import json

import httpx2
import pytest

from tests.shopserver.front import RELATIONS, attributes, change, document, listed, one, problems

JSON = {"Content-Type": "application/json"}
MALFORMED = {
    "empty": b"",
    "cut off": b'{"data": [',
    "a list": b"[]",
    "a text": b'"data"',
    "null": b"null",
    "without data": b'{"meta": {}}',
    "NaN": b'{"data": NaN}',
    "a key twice": b'{"data": {}, "data": {}}',
    "an endless number": b'{"data": ' + b"1" * 5000 + b"}",
    "an endless exponent": b'{"data": 1e' + b"9" * 400 + b"}",
    "not UTF-8": b'{"data": "\xff"}',
    "UTF-16": '{"data": {}}'.encode("utf-16"),
    "a byte order mark": b'\xef\xbb\xbf{"data": {}}',
    "nested deeply": b'{"data": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "a trailing comma": b'{"data": {},}',
    "two documents": b'{"data": {}}{"data": {}}',
}
SHAPES = [
    ({"data": None}, "/data"),
    ({"data": "x"}, "/data"),
    ({"data": []}, "/data"),
    ({"data": [[]]}, "/data/0"),
    ({"data": [{"attributes": attributes()}, 1]}, "/data/1"),
    ({"data": {}}, "/data"),
    ({"data": {"attributes": None}}, "/data"),
    ({"data": {"attributes": []}}, "/data/attributes"),
    ({"data": {"attributes": attributes(), "relationships": {}}}, "/data"),
    ({"data": {"attributes": attributes(), "id": 1}}, "/data/id"),
]


@pytest.mark.parametrize("content", MALFORMED.values(), ids=MALFORMED)
def test_a_body_that_cannot_be_read_is_malformed(cem: httpx2.Client, content: bytes) -> None:
    answer = cem.post(RELATIONS, content=content, headers=JSON)
    assert problems(answer) == [("400", "")]


@pytest.mark.parametrize("method", ["POST", "PATCH", "DELETE"])
def test_a_malformed_body_changes_nothing_by_any_method(anna: httpx2.Client, method: str) -> None:
    address = RELATIONS + ("&relatedid=1" if method == "PATCH" else "")
    answer = anna.request(method, address, content=b'{"data": [', headers=JSON)
    assert problems(answer) == [("400", "")]
    assert len(listed(anna)) == 5


@pytest.mark.parametrize(("body", "place"), SHAPES, ids=lambda value: str(value)[:40])
def test_a_document_of_another_shape_is_malformed(cem: httpx2.Client, body: object, place: str) -> None:
    assert problems(cem.post(RELATIONS, json=body)) == [("400", place)]


def test_a_new_relation_has_no_id_yet(cem: httpx2.Client) -> None:
    answer = cem.post(RELATIONS, json={"data": {"id": "77", "attributes": attributes()}})
    assert problems(answer) == [("403", "/data/id")]
    assert problems(cem.post(one("1"), json=document(attributes()))) == [("400", "relatedid")]


@pytest.mark.parametrize("method", ["POST", "PATCH", "DELETE"])
def test_a_relation_of_another_type_is_a_conflict(anna: httpx2.Client, method: str) -> None:
    item = {"type": "product", "id": "1", "attributes": {}}
    address = RELATIONS + ("&relatedid=1" if method == "PATCH" else "")
    assert problems(anna.request(method, address, json={"data": item})) == [("409", "/data/type")]


def test_a_patch_names_one_relation(anna: httpx2.Client) -> None:
    assert problems(anna.patch(one("1"), json={"data": [{"attributes": {}}]})) == [("400", "/data")]
    assert problems(anna.patch(RELATIONS, json=change(status=0))) == [("404", "relatedid")]
    assert problems(anna.patch(one("1"), json={"data": {"id": "2", "attributes": {}}})) == [("409", "/data/id")]


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ({"data": [{}]}, "/data/0"),
        ({"data": {"type": "customer.lists"}}, "/data"),
        ({"data": [{"id": 1}]}, "/data/0/id"),
    ],
)
def test_a_delete_names_its_relations(anna: httpx2.Client, body: object, place: str) -> None:
    assert problems(anna.request("DELETE", RELATIONS, json=body)) == [("400", place)]


def test_a_delete_names_its_relations_in_one_way(anna: httpx2.Client) -> None:
    answer = anna.request("DELETE", one("1"), json={"data": [{"id": "2"}]})
    assert problems(answer) == [("400", "relatedid")]
    assert len(listed(anna)) == 5


def test_a_hundred_relations_are_added_at_once_but_not_more(cem: httpx2.Client) -> None:
    items = [attributes(refid=str(number)) for number in range(101)]
    assert problems(cem.post(RELATIONS, json=document(*items))) == [("413", "/data")]
    assert cem.post(RELATIONS, json=document(*items[:100])).status_code == 201
    answer = cem.request("DELETE", RELATIONS, json={"data": [{"id": str(number)} for number in range(101)]})
    assert problems(answer) == [("413", "/data")]


@pytest.mark.parametrize("size", [1024 * 1024 + 1, 5 * 1024 * 1024])
@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_that_is_too_large_is_refused(cem: httpx2.Client, size: int, chunked: bool) -> None:
    content = b" " * size
    answer = cem.post(RELATIONS, content=iter([content[:1000], content[1000:]]) if chunked else content, headers=JSON)
    assert problems(answer) == [("413", "")]


def test_a_body_of_the_largest_size_is_read(cem: httpx2.Client) -> None:
    content = json.dumps(document(attributes())).encode().ljust(1024 * 1024)
    assert cem.post(RELATIONS, content=content, headers=JSON).status_code == 201


@pytest.mark.parametrize(
    "kind",
    [
        "application/json",
        "Application/JSON; charset=UTF-8",
        'application/vnd.api+json; charset="utf-8"',
        "text/plain;charset=UTF-8",
        "application/x-www-form-urlencoded; charset=UTF-8",
    ],
)
def test_json_may_be_called_what_the_examples_of_the_seed_call_it(cem: httpx2.Client, kind: str) -> None:
    content = json.dumps(document(attributes()))
    assert cem.post(RELATIONS, content=content, headers={"Content-Type": kind}).status_code == 201


@pytest.mark.parametrize(
    "kind",
    ["text/xml", "multipart/form-data; boundary=x", "application/json; charset=latin1", "json", "/", "text/plain2"],
)
def test_anything_else_is_an_unsupported_type(cem: httpx2.Client, kind: str) -> None:
    content = json.dumps(document(attributes()))
    answer = cem.post(RELATIONS, content=content, headers={"Content-Type": kind})
    assert problems(answer) == [("415", "Content-Type")]
    assert listed(cem) == {}
