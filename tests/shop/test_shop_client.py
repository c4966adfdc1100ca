"""The client against a careless shop in memory: what it believes, what it repeats and what it never does twice."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import httpx2
import pytest
from pydantic import SecretStr

from tests.support.careless_shop import CarelessShop, reply
from worker.errors import (
    FieldError,
    RelationLostError,
    ShopAnswerError,
    ShopLoginError,
    ShopRefusedError,
    ShopUnreachableError,
)
from worker.settings import Account, Shop
from worker.shop.client import CustomerClient
from worker.shop.fields import NewRelation
from worker.shop.http import READ_ATTEMPTS

WATCH = NewRelation(domain="product", type="watch", refid="5", config={"timeframe": "7", "price": "1"})


def client(shop: CarelessShop, **settings: Any) -> CustomerClient:
    source = Shop(url="http://shop.test/jsonapi", currency="EUR", **settings)
    return CustomerClient.connect(source, Account(token=SecretStr("t")), transport=shop)


def on(method: str, answer: Callable[[], httpx2.Response | None], times: int = 1) -> Callable[[httpx2.Request], Any]:
    """A fault that answers the first requests of a method."""
    left = [times]

    def fault(request: httpx2.Request) -> httpx2.Response | None:
        if request.method != method or not left[0]:
            return None
        left[0] -= 1
        return answer()

    return fault


def breaks(error: type[httpx2.HTTPError] = httpx2.ReadError) -> Callable[[], httpx2.Response]:
    def answer() -> httpx2.Response:
        raise error("s3cret")

    return answer


def test_a_product_is_watched_as_in_the_seed() -> None:
    shop = CarelessShop()
    relation = client(shop).watch(
        "42", timeframe=7, stock=True, price=True, currency="EUR", pricevalue=Decimal("100.00")
    )
    assert (relation.domain, relation.type, relation.refid) == ("product", "watch", "42")
    assert relation.config == {"timeframe": "7", "stock": "1", "price": "1", "currency": "EUR", "pricevalue": "100.00"}
    assert shop.field("1", "config") == relation.config


def test_several_relations_are_added_in_one_request_and_returned_in_order() -> None:
    shop = CarelessShop()
    shop.holds(refid="1")
    added = client(shop).add(
        NewRelation(domain="service", refid="9", config={"token": "..."}, dateend="2031-01-01 00:00:00"),
        WATCH,
    )
    assert [(relation.domain, relation.refid) for relation in added] == [("service", "9"), ("product", "5")]
    assert added[0].dateend == datetime(2031, 1, 1, tzinfo=UTC)
    assert shop.writes() == ["POST"]
    assert shop.requests[-1].url.params["include"] == "service,product"


def test_times_are_read_back_in_the_zone_of_the_shop() -> None:
    shop = CarelessShop()
    new = NewRelation(domain="product", refid="9", dateend="2031-01-01 00:00:00")
    (relation,) = client(shop, timezone="Europe/Berlin").add(new)
    assert relation.dateend == datetime(2030, 12, 31, 23, tzinfo=UTC)


def test_the_wrong_one_of_several_is_named_and_nothing_is_sent() -> None:
    shop = CarelessShop()
    with pytest.raises(FieldError, match=r"^relation 2 of 2: customer\.lists\.refid: "):
        client(shop).add(WATCH, NewRelation(domain="product", refid=""))
    with pytest.raises(FieldError, match=r"^relation 2 of 2: customer\.lists\.refid: .*product/watch/5 is given twice"):
        client(shop).add(WATCH, WATCH)
    assert shop.requests == []


def test_doing_nothing_is_refused() -> None:
    shop = CarelessShop()
    with pytest.raises(FieldError, match="nothing to add"):
        client(shop).add()
    with pytest.raises(FieldError, match="nothing to change"):
        client(shop).modify("1", {})
    with pytest.raises(FieldError, match="nothing to delete"):
        client(shop).delete()
    assert shop.requests == []


@pytest.mark.parametrize(
    ("stored", "why"),
    [
        ({"config": []}, r"customer\.lists\.config reads back differently"),
        ({"config": {"timeframe": "7"}}, r"customer\.lists\.config reads back differently"),
        ({"dateend": "2020-01-01 00:00:00"}, r"customer\.lists\.dateend reads back as '2020-01-01 00:00:00'"),
        ({"position": 9}, r"customer\.lists\.position reads back as '9' instead of '0'"),
        ({"refid": "55"}, "not there when read back"),
        ({"status": 0}, "not there when read back"),
    ],
)
def test_a_value_that_is_cut_or_lost_is_an_error(stored: dict[str, Any], why: str) -> None:
    shop = CarelessShop()
    shop.stores = lambda attributes: attributes.update(
        {f"customer.lists.{name}": value for name, value in stored.items()}
    )
    with pytest.raises(ShopRefusedError, match=rf"accepted the change of the relation product/watch/5, but: .*{why}"):
        client(shop).add(WATCH)
    assert shop.writes() == ["POST"]


def test_an_inactive_relation_can_not_be_confirmed() -> None:
    shop = CarelessShop()
    with pytest.raises(ShopRefusedError, match="inactive relations are not shown"):
        client(shop).add(NewRelation(domain="product", refid="5", status=0))


def test_a_lost_answer_to_a_write_that_took_effect_is_a_success() -> None:
    shop = CarelessShop()
    shop.faults.append(on("POST", lambda: (shop.holds(refid="5", config=dict(WATCH.config)), breaks()())[1]))
    assert client(shop).add(WATCH)[0].refid == "5"
    assert shop.writes() == ["POST"]


def test_a_lost_answer_to_a_write_that_did_not_take_effect_is_its_error() -> None:
    shop = CarelessShop()
    shop.faults.append(on("POST", breaks()))
    with pytest.raises(
        ShopUnreachableError, match=r"POST http://shop\.test/jsonapi/customer: .*\(ReadError\).*; it is not known"
    ) as caught:
        client(shop).add(WATCH)
    assert shop.writes() == ["POST"]
    assert "s3cret" not in str(caught.value)


def test_a_refused_connection_means_that_nothing_was_sent() -> None:
    shop = CarelessShop()
    shop.faults.append(on("POST", breaks(httpx2.ConnectError)))
    with pytest.raises(ShopUnreachableError, match="nothing was sent"):
        client(shop).add(WATCH)


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_no_answer_makes_a_write_be_repeated(status: int) -> None:
    shop = CarelessShop()
    relation = shop.holds()
    for method in ("POST", "PATCH", "DELETE"):
        shop.faults.append(on(method, lambda: httpx2.Response(status, headers={"retry-after": "0"})))
    with pytest.raises(ShopUnreachableError, match=f"POST .*{status}"):
        client(shop).add(WATCH)
    with pytest.raises(ShopUnreachableError, match=f"PATCH .*{status}"):
        client(shop).modify(relation, {"position": 2})
    with pytest.raises(ShopUnreachableError, match=f"DELETE .*{status}"):
        client(shop).delete(relation)
    assert shop.writes() == ["POST", "PATCH", "DELETE"]


def test_a_redirected_write_is_not_followed() -> None:
    shop = CarelessShop()
    shop.faults.append(on("POST", lambda: httpx2.Response(302, headers={"location": "http://shop.test/login"})))
    with pytest.raises(ShopAnswerError, match="a write never follows"):
        client(shop).add(WATCH)
    assert shop.writes() == ["POST"]


def test_a_write_that_can_not_be_read_back_is_not_confirmed() -> None:
    shop = CarelessShop()

    def fails_after_the_write(request: httpx2.Request) -> httpx2.Response | None:
        return httpx2.Response(500) if shop.writes() and request.method == "GET" else None

    shop.faults.append(fails_after_the_write)
    with pytest.raises(ShopUnreachableError, match="accepted the change; reading it back failed"):
        client(shop).add(WATCH)


def test_a_refusal_of_our_server_names_the_field() -> None:
    shop = CarelessShop()
    pointers = ["/data/0/attributes/customer.lists.refid", "<script>alert(1)</script>", 5]
    errors = [{"status": "409", "title": "s3cret", "source": {"pointer": pointer}} for pointer in pointers]
    shop.faults.append(on("POST", lambda: reply(409, {"errors": errors})))
    with pytest.raises(ShopRefusedError) as caught:
        client(shop).add(WATCH)
    assert str(caught.value) == (
        "POST http://shop.test/jsonapi/customer: 409; the shop refuses this (/data/0/attributes/customer.lists.refid)"
    )


def test_a_token_that_changes_with_each_answer_is_always_the_newest() -> None:
    shop = CarelessShop()
    shop.csrf = "0"

    def rotates(request: httpx2.Request) -> None:
        if request.method == "GET":
            shop.csrf = str(int(shop.csrf or "0") + 1)

    shop.faults.append(rotates)
    connected = client(shop)
    relation = connected.add(WATCH)[0]
    connected.modify(relation.id, {"position": 1})
    connected.delete(relation.id)
    assert shop.writes() == ["POST", "PATCH", "DELETE"]


def test_a_session_that_ended_is_never_written_with() -> None:
    shop = CarelessShop()
    shop.csrf = "old"

    def expires(request: httpx2.Request) -> None:
        if request.method == "POST":
            shop.csrf, shop.customer_id = "new", None

    shop.faults.append(expires)
    with pytest.raises(ShopLoginError, match="who we are"):
        client(shop).add(WATCH)
    assert shop.writes() == ["POST"]
    assert shop.relations == {}


def test_a_session_of_somebody_else_is_never_written_with() -> None:
    shop = CarelessShop()
    connected = client(shop)
    connected.customer()
    shop.customer_id = "2"
    with pytest.raises(ShopLoginError, match="another customer"):
        connected.add(WATCH)
    assert shop.writes() == []


def test_only_changed_fields_are_sent() -> None:
    shop = CarelessShop()
    relation = shop.holds(position=3)
    client(shop).modify(relation, {"dateend": "2031-01-01 00:00:00"})
    sent = json.loads(next(request for request in shop.requests if request.method == "PATCH").content)
    assert sent == {"data": {"attributes": {"customer.lists.dateend": "2031-01-01 00:00:00"}}}
    assert shop.field(relation, "position") == 3


def test_a_merged_config_keeps_the_numbers_of_the_shop() -> None:
    shop = CarelessShop()
    relation = shop.holds(config={"timeframe": 30, "pricevalue": 19.5})
    changed = client(shop).modify(relation, {"config": {"stock": "1"}})
    assert changed.config == {"timeframe": 30, "pricevalue": Decimal("19.5"), "stock": "1"}


@pytest.mark.parametrize("config", [[], None])
def test_an_empty_config_takes_the_new_keys(config: object) -> None:
    shop = CarelessShop()
    relation = shop.holds(config=config)
    assert client(shop).modify(relation, {"config": {"stock": "1"}}).config == {"stock": "1"}


def test_a_config_that_is_no_object_can_only_be_replaced() -> None:
    shop = CarelessShop()
    relation = shop.holds(config=["a", "b"])
    with pytest.raises(FieldError, match="replace it"):
        client(shop).modify(relation, {"config": {"stock": "1"}})
    assert client(shop).modify(relation, {"config": {"stock": "1"}}, replace_config=True).config == {"stock": "1"}


def test_a_merged_config_is_checked_against_the_limit() -> None:
    shop = CarelessShop()
    relation = shop.holds(config={"a": "x" * 40_000})
    with pytest.raises(FieldError, match=r"customer\.lists\.config: .* at most 65536"):
        client(shop).modify(relation, {"config": {"b": "x" * 40_000}})
    assert shop.writes() == []


def test_a_relation_that_vanishes_without_reason_is_an_error() -> None:
    shop = CarelessShop()
    relation = shop.holds()
    shop.stores = lambda attributes: attributes.update({"customer.lists.status": 0})
    with pytest.raises(ShopRefusedError, match=f"relation {relation}, but: it is not shown any more"):
        client(shop).modify(relation, {"position": 1})


def test_a_relation_that_ended_by_its_new_date_is_returned_as_the_shop_answered() -> None:
    shop = CarelessShop()
    relation = shop.holds()
    shop.stores = lambda attributes: attributes.update({"customer.lists.status": 0})  # hidden, as if the date were over
    changed = client(shop).modify(relation, {"dateend": "2020-01-01 00:00:00"})
    assert changed.dateend == datetime(2020, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("wrong", [{"id": "99"}, {"attributes": {"customer.lists.status": 1}}, {"attributes": []}])
def test_an_answer_that_does_not_show_the_disabled_relation_is_an_error(wrong: dict[str, Any]) -> None:
    shop = CarelessShop()
    relation = shop.holds()

    def answers_wrongly() -> httpx2.Response:
        hidden = {**shop.relations.pop(relation), "customer.lists.status": 0}
        return reply(200, {"data": shop.record(relation, hidden) | wrong})

    shop.faults.append(on("PATCH", answers_wrongly))
    with pytest.raises(ShopRefusedError, match=f"accepted the change of relation {relation}, but: "):
        client(shop).modify(relation, {"status": 0})


def test_a_disabled_relation_of_which_the_answer_is_lost_is_not_confirmed() -> None:
    shop = CarelessShop()
    relation = shop.holds()

    def carries_it_out() -> httpx2.Response:
        shop.relations.clear()
        return breaks()()

    shop.faults.append(on("PATCH", carries_it_out))
    with pytest.raises(ShopUnreachableError, match="it is not known"):
        client(shop).modify(relation, {"status": 0})


def test_renewing_removes_and_adds_the_same_relation() -> None:
    shop = CarelessShop()
    relation = shop.holds(
        refid="9", type="watch", config={"price": "1"}, position=4, dateend="2031-01-01 00:00:00", datestart=None
    )
    before = dict(shop.relations[relation])
    renewed = client(shop).renew(relation)
    assert renewed.id != relation
    assert shop.writes() == ["DELETE", "POST"]
    assert shop.relations == {renewed.id: before}


@pytest.mark.parametrize(
    "fields",
    [
        {"refid": ""},
        {"position": "abc"},
        {"config": ["a"]},
        {"dateend": "2031-01-01"},
        {"dateend": "soon"},
        {"type": "t" * 65},
    ],
)
def test_what_could_not_be_added_again_is_not_removed(fields: dict[str, Any]) -> None:
    shop = CarelessShop()
    relation = shop.holds(**fields)
    with pytest.raises(FieldError):
        client(shop).renew(relation)
    assert shop.writes() == []


def test_if_adding_fails_after_the_removal_it_is_tried_once_more() -> None:
    shop = CarelessShop()
    relation = shop.holds(refid="9")
    shop.faults.append(on("POST", lambda: httpx2.Response(503)))
    assert client(shop).renew(relation).refid == "9"
    assert shop.writes() == ["DELETE", "POST", "POST"]


def test_if_adding_fails_for_good_the_error_carries_what_was_removed() -> None:
    shop = CarelessShop()
    relation = shop.holds(refid="9", config={"price": "1"})
    before = dict(shop.relations[relation])
    shop.faults.append(on("POST", lambda: httpx2.Response(503), times=9))
    with pytest.raises(RelationLostError, match="product/watch/9 was removed, but adding it again failed") as caught:
        client(shop).renew(relation)
    assert caught.value.attributes == before | {"customer.lists.config": {"price": "1"}}
    assert shop.writes() == ["DELETE", "POST", "POST"]


def test_a_removal_of_which_nothing_is_known_carries_the_relation_too() -> None:
    shop = CarelessShop()
    relation = shop.holds(refid="9")

    def gone_after_the_delete(request: httpx2.Request) -> httpx2.Response | None:
        return httpx2.Response(500) if "DELETE" in shop.writes() else None

    shop.faults.append(gone_after_the_delete)
    with pytest.raises(RelationLostError, match="product/watch/9 may have been removed") as caught:
        client(shop).renew(relation)
    assert caught.value.attributes["customer.lists.refid"] == "9"


def test_a_removal_that_did_not_happen_ends_the_renewal() -> None:
    shop = CarelessShop()
    relation = shop.holds(refid="9")
    shop.faults.append(on("DELETE", lambda: reply(200, {"meta": {"total": 0}})))
    with pytest.raises(ShopRefusedError, match="it is still there"):
        client(shop).renew(relation)
    assert shop.writes() == ["DELETE"]


def test_an_added_relation_whose_answer_and_reading_back_were_lost_is_not_added_twice() -> None:
    shop = CarelessShop()
    relation = shop.holds(refid="9")
    failing = [READ_ATTEMPTS]

    def lost(request: httpx2.Request) -> httpx2.Response | None:
        if "POST" in shop.writes() and request.method == "GET" and failing[0]:
            failing[0] -= 1
            return httpx2.Response(503)
        return None

    shop.faults.append(lost)
    assert client(shop).renew(relation).refid == "9"
    assert shop.writes() == ["DELETE", "POST"]


def test_a_renewed_relation_that_reads_back_differently_is_an_error() -> None:
    shop = CarelessShop()
    relation = shop.holds(refid="9", config={"price": "1"})
    shop.stores = lambda attributes: attributes.update({"customer.lists.config": []})
    with pytest.raises(ShopRefusedError, match="config reads back differently"):
        client(shop).renew(relation)
    assert shop.writes() == ["DELETE", "POST"]


def test_a_lost_answer_to_a_delete_that_took_effect_is_a_success() -> None:
    shop = CarelessShop()
    relation = shop.holds()

    def carries_it_out() -> httpx2.Response:
        shop.relations.clear()
        return breaks()()

    shop.faults.append(on("DELETE", carries_it_out))
    client(shop).delete(relation)
    assert shop.writes() == ["DELETE"]


def test_relations_of_other_domains_are_reached_through_their_domain() -> None:
    shop = CarelessShop()
    relation = shop.holds(domain="service", type="default", refid="1234")
    connected = client(shop)
    with pytest.raises(ShopRefusedError, match="of domain product"):
        connected.get(relation)
    assert connected.get(relation, domain="service").refid == "1234"
    assert connected.modify(relation, {"position": 2}, domain="service").position == 2
    renewed = connected.renew(relation, domain="service")
    connected.delete(renewed.id, domain="service")
    assert shop.relations == {}


def test_a_client_closes_its_connections() -> None:
    with client(CarelessShop()) as connected:
        connected.customer()
    with pytest.raises(RuntimeError, match="closed"):
        connected.customer()
