"""Every answer is compared with the one a real shop gave to the same request, field by field: keys, types and values.

What differs must stand in DIFFERENCES with its reason, and what stands there must still differ.
"""

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from fnmatch import fnmatchcase
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import httpx2
import pytest

from tests.shopserver.front import FIXTURES, Front
from tests.support.documents import differences

RECORDINGS = [json.loads(path.read_text()) for path in sorted((FIXTURES / "recordings").glob("*.json"))]
PASSWORDS = {"1": "annas password", "3": "cems password"}


class Difference(NamedTuple):
    """In exchanges and at paths that match, for this reason."""

    exchanges: str
    paths: str
    reason: str

    def __str__(self) -> str:
        return f"{self.exchanges} {self.paths}"


DIFFERENCES = [
    # What ours tells and a real shop does not.
    Difference(
        "*",
        "body/*/customer.lists.?time",
        "ours tells when a relation was made and changed; a watch's days count from there",
    ),
    Difference("*", "body/errors/#/*", "ours says with status, title, detail and source what is wrong"),
    Difference("options-*", "*/label", "labels are for people (and taken out of the recordings)"),
    Difference(
        "options-root* csrf-options-root",
        "headers/Allow",
        "GET shows the same as OPTIONS, so that a browser can look at it",
    ),
    # What ours does not have, because the seed does not name it.
    Difference("*", "body/meta/resources/*", "ours has the resources customer, product and stock only"),
    Difference("options-* csrf-options-root", "body/meta/locale/*", "ours has no list of locales to number"),
    Difference(
        "options-customer*",
        "body/meta/attributes/*",
        "ours keeps name, language and address for mail of a customer only",
    ),
    Difference("options-product", "body/meta/*", "ours lists products by id only, without search or categories"),
    Difference("options-stock", "body/meta/filter/*", "ours filters stock by product id only"),
    Difference("*", "body/links/customer/*", "ours has no postal addresses, properties and reviews"),
    Difference("*get-customer*", "body/data/attributes/customer.address1", "ours keeps no postal address"),
    Difference("*get-customer*", "body/data/attributes/customer.postal", "ours keeps no postal address"),
    Difference("*get-customer*", "body/data/attributes/customer.city", "ours keeps no postal address"),
    Difference("*get-customer*", "body/data/attributes/customer.countryid", "ours keeps no postal address"),
    Difference("*get-customer*", "body/data/attributes/customer.telephone", "ours keeps no telephone numbers"),
    Difference("*", "*/links/basket.product", "ours has no basket"),
    Difference("*", "body/meta/content-baseurls/*", "ours has one folder of files"),
    Difference(
        "*product*", "body/included/#/attributes/media.preview*", "ours draws its pictures and names them by size"
    ),
    # Numbers and texts that only happen to differ.
    Difference("*product*", "*/attributes/product.lists.id", "an id"),
    Difference("product-*", "body/included/#/attributes/text.label", "the shop's editor had typed in labels"),
    Difference("post-invalid-domain-32", "body/data/#/*", "an id: other relations had been added before"),
    Difference(
        "patch-dateend-null patch-status", "body/data/attributes/customer.lists.config*", "it had been patched before"
    ),
    Difference("csrf-*", "body/meta/csrf/value", "another session"),
    Difference("*prefix*", "*/href", "the host's own parameters (controller, action) are not ours"),
    Difference("*prefix*", "body/links/*", "the host's own parameters (controller, action) are not ours"),
    Difference("prefix-* csrf-*", "body/meta/content-baseurl", "the recording host named itself differently"),
    # Where the real shop is careless.
    Difference("*", "headers/Cache-Control", "answers are never cached, so that a price change shows at once"),
    Difference(
        "*product* stock-products", "*/product.instock", "the flag follows the stock entries instead of growing stale"
    ),
    Difference(
        "get-customer-include-* csrf-get-customer",
        "*/links/self/href",
        "the link to a relation names customer, not product",
    ),
    Difference(
        "product-one-de-eur product-unknown-currency", "*/href", "links keep locale and currency of the request"
    ),
    Difference(
        "product-one-de-eur product-unknown-currency",
        "body/links/self",
        "links keep locale and currency of the request",
    ),
    Difference("get-customer-id-of-other", "*", "somebody else's id is 404, not silently oneself"),
    Difference(
        "get-rel-unauthenticated", "*", "nobody's relations are 401; an empty list would say that there are none"
    ),
    Difference("get-rel-one-no-include", "*", "a relation that is named needs no include"),
    Difference("get-rel-one-nonexistent get-rel-one-of-other", "*", "what is not there, or not one's own, is 404"),
    Difference("get-rel-inactive", "body/meta/total", "inactive and expired relations stay visible to their owner"),
    Difference(
        "get-rel-inactive",
        "body/data",
        "inactive and expired relations stay visible to their owner, and can be changed back",
    ),
    Difference("post-invalid-no-refid post-invalid-empty-refid", "*", "a refid is required"),
    Difference(
        "post-invalid-domain-33 post-invalid-refid-37 post-invalid-type-65", "*", "what is too long is refused, not cut"
    ),
    Difference("post-invalid-date post-date-*", "*", "dates have one format, which is read back as it was sent"),
    Difference("post-bad-status post-array-refid post-null-refid", "*", "a wrong type is refused, not converted"),
    Difference("post-no-attributes", "body/errors", "an id in a new relation is named as a problem, too"),
    Difference("post-data-empty-list", "*", "nothing was added, so it is no 201"),
    Difference("post-unauthenticated-2 patch-unauthenticated delete-unauthenticated", "*", "nobody can write: 401"),
    Difference("post-no-related", "*", "no accounts are created here: 403"),
    Difference("get-unknown-resource", "*", "404 instead of 500"),
    Difference("put-rel", "*", "405 instead of 403"),
    Difference(
        "patch-refid-only patch-domain patch-to-duplicate", "*", "a fixed field is 409, not silently ignored or a 500"
    ),
    Difference("patch-nonexistent patch-no-relatedid", "body/errors", "ours says why"),
    Difference("patch-no-include", "*", "a relation that is named needs no include"),
    Difference("delete-several-nonexistent delete-other-customer", "*", "what is not there, or not one's own, is 404"),
    Difference("product-f-prodid", "status", "an unknown filter is 400 instead of 500"),
    Difference("stock-prodcode stock-filter-level", "*", "an unknown filter is 400, not guessed"),
    Difference("csrf-*-missing csrf-post-wrong", "*", "419 as a JSON:API document instead of the framework's"),
]


Found = list[tuple[str, str, object]]


@pytest.fixture(scope="module")
def compared(make_front: Callable[[], AbstractContextManager[Front]]) -> dict[str, Found]:
    """What differs, by the name of the exchange; each was replayed against a shop of its own."""
    found = {}
    for recording in RECORDINGS:
        with make_front() as front:
            found[recording["name"]] = compare(front, recording)
    return found


@pytest.mark.parametrize("name", [recording["name"] for recording in RECORDINGS])
def test_an_answer_differs_from_the_recorded_one_only_where_there_is_a_reason(
    compared: dict[str, Found], name: str
) -> None:
    unexplained = [
        f"{place} ({kind}): {detail}"
        for place, kind, detail in compared[name]
        if not any(explains(difference, name, place) for difference in DIFFERENCES)
    ]
    assert unexplained == []


@pytest.mark.parametrize("difference", DIFFERENCES, ids=str)
def test_a_listed_difference_is_still_there(compared: dict[str, Found], difference: Difference) -> None:
    assert any(explains(difference, name, place) for name, found in compared.items() for place, _, _ in found)


def explains(difference: Difference, name: str, place: str) -> bool:
    exchange = any(fnmatchcase(name, pattern) for pattern in difference.exchanges.split())
    return exchange and (fnmatchcase(place, difference.paths) or place.startswith(f"{difference.paths}/"))


def compare(front: Front, recording: dict[str, Any]) -> Found:
    answer, recorded = replay(front, recording), recording["response"]
    named = {name: value for name, value in recorded["headers"].items() if name != "Set-Cookie"}
    theirs = {"status": recorded["status"], "headers": named, "body": recorded["body"]}
    headers = {
        name: answer.headers[name] for name in ("Allow", "Cache-Control", "Content-Type") if name in answer.headers
    }
    return list(differences(theirs, {"status": answer.status_code, "headers": headers, "body": answer.json()}))


def replay(front: Front, recording: dict[str, Any]) -> httpx2.Response:
    """Send the recorded request as the same customer to our shop under the recorded host's name."""
    request, customer = recording["request"], recording["actor"].get("customer")
    host = urlsplit(request["url"]).netloc
    csrf = "csrf" in host
    front.open(prefix="ai" if "prefix" in host else None, csrf=csrf)
    client = front.client(None if csrf else customer, host)
    url = request["url"].split(host, 1)[1]
    if csrf and customer is not None:
        form = {"code": {"1": "anna", "3": "cem"}[customer] + "@example.com", "password": PASSWORDS[customer]}
        login = client.post("/login", data=form)
        client.headers["Cookie"] = login.headers["Set-Cookie"].partition(";")[0]
        token = login.json()["meta"]["csrf"]["value"]
        url = (
            url
            if url.endswith("wrong")
            else url.partition("_token=")[0] + (f"_token={token}" if "_token=" in url else "")
        )
    body = request["body"]
    headers = {name: value for name, value in request["headers"].items() if name != "Cookie"}
    content = body if body is None or isinstance(body, str) else json.dumps(body)
    return client.request(request["method"], url, headers=headers, content=content)
