"""A shop that is not well: nothing is concluded from it, the error says what to do and quotes nothing of the shop."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from tests.support.admin_host import PASSWORD, USERNAME
from tests.support.graphql_shop.front import GraphqlFront
from worker.domain.model import ProductReading, View
from worker.errors import ShopAnswerError, ShopError, ShopLoginError, ShopRefusedError, ShopUnreachableError
from worker.shop.graphql import GraphqlSource
from worker.shop.http import READ_ATTEMPTS
from worker.shop.source import Account, Feed, Unread, Wanted

VIEW = View(language="de", currency="EUR")
FORM = {"username": USERNAME, "password": PASSWORD}

Reading = Callable[[GraphqlSource], object]


def _changed(source: GraphqlSource, feed: Feed) -> object:
    return list(source.changed(feed, "2026-01-01 00:00:00", None))


READINGS: dict[str, Reading] = {
    "relations": lambda source: list(source.relations(None, None)),
    "relation ids": lambda source: list(source.relation_ids(None)),
    "customers": lambda source: list(source.customers(["1"])),
    "products": lambda source: list(source.products([Wanted("1", (VIEW,))])),
    **{f"changed {feed}": partial(_changed, feed=feed) for feed in Feed},
}
EACH_READING = pytest.mark.parametrize("read", READINGS.values(), ids=READINGS)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (HTMLResponse("<html>We are back soon"), ShopAnswerError),
        (Response(b'{"data": {"searchCus', media_type="text/html"), ShopAnswerError),
        (Response(b'{"errors": [{"message": "s3cret"}]}', media_type="text/html"), ShopAnswerError),
        (Response(b"[]", media_type="application/json"), ShopAnswerError),
        (Response(b"", media_type="application/json"), ShopAnswerError),
        (Response(status_code=204), ShopAnswerError),
        (Response(b'{"message": "s3cret"}', 404, media_type="application/json"), ShopRefusedError),
        (Response(b'{"message": "s3cret"}', 405, media_type="application/json"), ShopRefusedError),
        (Response(b"s3cret", 500), ShopUnreachableError),
        (Response(b"s3cret", 503), ShopUnreachableError),
        (Response(b"s3cret", 429, {"Retry-After": "3600"}), ShopUnreachableError),
        (Response(status_code=302, headers={"Location": "http://evil.test/graphql"}), ShopAnswerError),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else f"{value.status_code} {value.body[:12]!r}",
)
def test_an_answer_that_is_none_is_an_error(front: GraphqlFront, answer: Response, error: type[ShopError]) -> None:
    async def fault(_: Request) -> Response:
        return answer

    front.host.faults.append(fault)
    with pytest.raises(error) as caught:
        list(front.source().relations(None, None))
    assert "s3cret" not in str(caught.value)


def test_a_page_of_the_host_is_not_taken_for_the_shops_answer(front: GraphqlFront) -> None:
    async def maintenance(_: Request) -> Response:
        return HTMLResponse("<html>We are back soon")

    front.host.faults.append(maintenance)
    with pytest.raises(ShopAnswerError, match="an HTML page instead of data"):
        front.source().check()


@EACH_READING
def test_a_truncated_answer_is_an_error(front: GraphqlFront, read: Reading) -> None:
    front.faults.cuts = True
    with pytest.raises(ShopAnswerError, match="not JSON"):
        read(front.source())


@EACH_READING
def test_an_account_that_may_not_read_is_told_which_group_it_needs(front: GraphqlFront, read: Reading) -> None:
    """200 with an error, as for everything else that fails inside of the shop."""
    front.host.groups = frozenset({"api"})
    with pytest.raises(ShopRefusedError, match="admin, editor or super"):
        read(front.source())


def test_an_account_that_the_host_does_not_let_in_is_told_so(front: GraphqlFront) -> None:
    front.host.groups = frozenset({"viewer"})
    with pytest.raises(ShopLoginError, match="403"):
        list(front.source().relations(None, None))


@pytest.mark.parametrize("says", ["401", "403", "redirect", "page"])
def test_a_wrong_token_is_a_login_error(front: GraphqlFront, says: Any) -> None:
    front.host.says_log_in = says
    with pytest.raises(ShopLoginError):
        list(front.source(admin={"token": "a-wrong-token-0123456789"}).relations(None, None))


@pytest.mark.parametrize(
    ("reading", "search"),
    [
        ("relations", "searchCustomers"),
        ("relation ids", "searchCustomers"),
        ("products", "searchProducts"),
        ("changed prices", "searchPrices"),
        ("changed prices", "searchProducts"),
        ("changed stock", "searchStocks"),
    ],
)
def test_a_search_that_fails_though_it_may_be_asked_is_the_shops_own_fault(
    front: GraphqlFront, reading: str, search: str
) -> None:
    front.faults.failing.add(search)
    with pytest.raises(ShopAnswerError, match=f"in the middle of {search}; the shop's own log"):
        READINGS[reading](front.source())


def test_a_check_names_what_can_not_be_read(front: GraphqlFront) -> None:
    front.shop.engine.forbidden.add("searchPrices")
    check = front.source(media_url="https://cdn.test").check()
    assert check.would_read == {"customers with relations": "3"}
    (note,) = check.notes
    assert "prices can't be read" in note


def test_a_check_without_any_right_is_refused(front: GraphqlFront) -> None:
    front.host.groups = frozenset({"api"})
    with pytest.raises(ShopRefusedError, match="every search"):
        front.source().check()


def test_pages_in_a_circle_are_an_error(front: GraphqlFront) -> None:
    front.faults.repeats = True
    pages = front.source(page_size=1).relations(None, None)
    next(pages)
    with pytest.raises(ShopAnswerError, match="in a circle"):
        next(pages)


def test_a_page_too_large_for_the_shop_is_asked_for_again_smaller(front: GraphqlFront) -> None:
    front.faults.slow_above = 300
    accounts = [entry for page in front.source(timeout_seconds=1.5).relations(None, None) for entry in page.entries]
    assert [entry.key for entry in accounts] == ["1", "2", "4"]
    assert front.shop.limits()[:2] == [1000, 250]


def test_products_are_not_lost_when_batches_shrink_and_grow(front: GraphqlFront) -> None:
    front.faults.slow_above = 15
    wanted = [Wanted(str(number), (VIEW,)) for number in range(1, 17)]
    found = list(front.source(timeout_seconds=1.5, page_size=40).products(wanted))
    assert [item.id if isinstance(item, ProductReading) else item for item in found] == [
        want.product_id for want in wanted
    ]
    assert front.shop.limits()[:2] == [40, 10]


def test_an_answer_too_large_to_take_is_asked_for_again_smaller(
    front: GraphqlFront, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = [Wanted(str(number), (VIEW,)) for number in range(1, 17)]
    whole = list(front.source().products(wanted))
    monkeypatch.setattr("worker.shop.http.MAX_BYTES", front.shop.lengths[-1] - 1)
    assert list(front.source(page_size=16).products(wanted)) == whole
    assert front.shop.limits() == [250, 16, 10, 10]


def test_a_page_the_shop_has_no_memory_for_is_asked_for_again_smaller(front: GraphqlFront) -> None:
    async def exhausted(request: Request) -> Response | None:
        return Response(status_code=500) if (await request.json())["variables"]["limit"] > 300 else None

    front.host.faults.append(exhausted)
    accounts = [entry for page in front.source().relations(None, None) for entry in page.entries]
    assert [entry.key for entry in accounts] == ["1", "2", "4"]
    assert front.shop.limits()[0] == 250


def test_a_shop_that_answers_nothing_is_unreachable(front: GraphqlFront) -> None:
    front.faults.slow_above = 0
    with pytest.raises(ShopUnreachableError):
        list(front.source(timeout_seconds=0.1, page_size=40).relations(None, None))
    assert front.shop.limits() == [40] + [10] * READ_ATTEMPTS


def test_items_held_back_are_no_missing_products(front: GraphqlFront) -> None:
    """A proxy or an extension may allow fewer items than were asked for."""
    front.shop.engine.most_items = 3
    source = front.source()
    assert len(list(source.relation_ids(None))) == 1
    with pytest.raises(ShopAnswerError, match=r"3 of 16 items.*page_size"):
        list(source.products([Wanted(str(number), (VIEW,)) for number in range(1, 17)]))
    assert (
        len(list(front.source(page_size=3).products([Wanted(str(number), (VIEW,)) for number in range(1, 17)]))) == 16
    )


def test_a_busy_shop_is_asked_again_after_the_pause_it_names(front: GraphqlFront) -> None:
    refusals = iter([Response(status_code=503, headers={"Retry-After": "0"})])

    async def busy(_: Request) -> Response | None:
        return next(refusals, None)

    front.host.faults.append(busy)
    assert len(list(front.source().relations(None, None))) == 1


def test_an_expired_session_is_opened_again_once(front: GraphqlFront) -> None:
    front.host.expires_after = 2
    source = front.source(admin=FORM, page_size=1)
    accounts = [entry for page in source.relations(None, None) for entry in page.entries]
    assert [entry.key for entry in accounts] == ["1", "2", "4"]
    assert front.host.logins == 2


def test_a_cookie_from_the_settings_gets_its_csrf_token(front: GraphqlFront) -> None:
    front.host.xsrf_cookie = False
    source = front.source(admin={"cookie": front.host.open_session()})
    assert len(list(source.relations(None, None))) == 1
    assert [asked.accepted for asked in front.host.asked] == [False, True, True]


def test_a_config_the_shop_fails_to_tell_is_no_empty_one(front: GraphqlFront) -> None:
    front.faults.untold = ["searchCustomers.items.0.lists.product.1.config"]
    (page,) = _first(front.source().relations(None, None))
    account = page.entries[0]
    assert isinstance(account, Account)
    assert [relation.config is False for relation in account.relations] == [False, True, False, False, False]


def test_a_customer_whose_lists_the_shop_fails_to_tell_loses_nothing(front: GraphqlFront) -> None:
    front.faults.untold = ["searchCustomers.items.1.lists"]
    (page,) = _first(front.source().relations(None, None))
    assert [type(entry) for entry in page.entries] == [Account, Unread, Account]


def test_stock_the_shop_fails_to_tell_is_not_unlimited(front: GraphqlFront) -> None:
    front.faults.untold = ["searchProducts.items.0.stock.0.stocklevel"]
    source = front.source()
    (reading,) = source.products([Wanted("2", (VIEW,))])
    assert isinstance(reading, ProductReading)
    assert (reading.stock, reading.instock_flag) == ((), None)
    assert source.problems == {"stock": 1}


def _first(pages: Iterator[Any]) -> list[Any]:
    return [next(pages)]
