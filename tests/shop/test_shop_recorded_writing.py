"""Writing against recorded answers of a real shop: what is sent, and each way it answers 200 without doing it."""

import copy
import json
from typing import Any

import httpx2
import pytest
from pydantic import SecretStr

from tests.support.recorded_shop import RecordedShop, recorded
from worker.domain.model import Json
from worker.errors import FieldError, ShopError, ShopLoginError, ShopRefusedError, ShopUnreachableError
from worker.settings import Account, Shop
from worker.shop.client import CustomerClient
from worker.shop.document import parse
from worker.shop.fields import NewRelation

ROOT = "001-options-root"
CUSTOMER = "008-get-customer"
RELATIONS = "017-get-rel-include-product"
NONE = "030-get-rel-empty"
CONFIG: dict[str, Json] = {"timeframe": 30, "pricevalue": "15.00", "price": 1, "stock": 1, "currency": "EUR"}
WATCH = NewRelation(domain="product", type="watch", refid="2", config=CONFIG)


def client(transport: httpx2.BaseTransport, host: str = "shop.test") -> CustomerClient:
    shop = Shop(url=f"http://{host}/jsonapi", currency="EUR")
    return CustomerClient.connect(shop, Account(token=SecretStr("anna-token")), transport=transport)


def moved(name: str, host: str = "csrf.shop.test") -> dict[str, Any]:
    """An exchange of the plain shop, as if on another host."""
    exchange = copy.deepcopy(recorded(name))
    exchange["request"]["url"] = exchange["request"]["url"].replace("//shop.test", f"//{host}")
    return exchange


def test_a_watch_is_added_and_read_back() -> None:
    shop = RecordedShop(ROOT, CUSTOMER, NONE, "031-post-rel-one-watch", "041-get-rel-after-posts")
    (relation,) = client(shop).add(WATCH)
    assert (relation.id, relation.refid, relation.config) == ("10", "2", CONFIG)
    (sent,) = shop.sent()["data"]
    assert (
        sent["attributes"].items()
        >= recorded("031-post-rel-one-watch")["request"]["body"]["data"]["attributes"].items()
    )
    assert [request.method for request in shop.requests][-2:] == ["POST", "GET"]


def test_a_favorite_with_its_empty_config_is_added() -> None:
    shop = RecordedShop(ROOT, CUSTOMER, NONE, "033-post-rel-favorite", "041-get-rel-after-posts")
    relation = client(shop).favorite("1")
    assert (relation.id, relation.type, relation.config) == ("13", "favorite", [])
    assert shop.sent()["data"][0]["attributes"]["customer.lists.config"] == {}


def test_all_types_of_config_values_survive() -> None:
    (entry,) = recorded("034-post-rel-config-types")["request"]["body"]["data"]
    config = parse(json.dumps(entry["attributes"]["customer.lists.config"]).encode())
    shop = RecordedShop(ROOT, CUSTOMER, NONE, "034-post-rel-config-types", "041-get-rel-after-posts")
    (relation,) = client(shop).add(NewRelation(domain="product", type="watch", refid="12", config=config))
    assert relation.config == {**config, "e": []}  # the shop's empty object
    assert shop.sent()["data"][0]["attributes"]["customer.lists.config"] == entry["attributes"]["customer.lists.config"]


def test_a_shop_that_fails_leaves_it_to_reading_back() -> None:
    """Duplicates, bad dates and unknown types are 500; whatever it was, the relation is not there."""
    shop = RecordedShop(ROOT, CUSTOMER, NONE, "082-post-dup-same-request")
    with pytest.raises(ShopUnreachableError, match=r"POST http://shop\.test/jsonapi/customer: 500"):
        client(shop).add(WATCH)
    assert len(shop.writes()) == 1


def test_a_shop_that_fails_after_it_carried_the_change_out_is_believed_when_read_back() -> None:
    shop = RecordedShop(ROOT, CUSTOMER, NONE, "082-post-dup-same-request", "083-get-rel-after-dup")
    failing = client(shop)
    assert failing.add(NewRelation(domain="product", type="watch", refid="2", config=CONFIG, position=1))[0].id == "10"
    assert len(shop.writes()) == 1


def test_a_relation_that_is_there_already_is_not_sent() -> None:
    shop = RecordedShop(ROOT, CUSTOMER, "083-get-rel-after-dup")
    with pytest.raises(ShopRefusedError, match="product/watch/2 is there already as relation 10"):
        client(shop).add(WATCH)
    assert shop.writes() == []


def test_the_same_product_with_another_type_is_no_duplicate() -> None:
    shop = RecordedShop(ROOT, CUSTOMER, "083-get-rel-after-dup", "085-post-dup-other-type")
    after = copy.deepcopy(recorded("085-post-dup-other-type"))
    after["request"] = recorded("083-get-rel-after-dup")["request"]
    shop.put(after)
    (relation,) = client(shop).add(NewRelation(domain="product", type="favorite", refid="2", config=CONFIG))
    assert relation.id == "16"


def test_a_domain_the_shop_does_not_allow_is_refused() -> None:
    refused = copy.deepcopy(recorded("071-post-domain-group"))
    refused["request"]["url"] = refused["request"]["url"].replace("include=product", "include=group")
    nothing = copy.deepcopy(recorded(NONE))
    nothing["request"]["url"] = nothing["request"]["url"].replace("include=product", "include=group")
    shop = RecordedShop(ROOT, CUSTOMER)
    shop.put(refused)
    shop.put(nothing)
    with pytest.raises(ShopRefusedError, match=r"POST http://shop\.test/jsonapi/customer: 403"):
        client(shop).add(NewRelation(domain="group", refid="1"))


@pytest.mark.parametrize(
    "name",
    [
        "042-post-invalid-no-refid",
        "043-post-invalid-empty-refid",
        "046-post-invalid-domain-33",
        "050-post-invalid-type-65",
        "053-post-invalid-refid-37",
        "055-post-invalid-date",
        "057-post-date-only",
        "058-post-date-iso-t",
        "059-post-date-iso-z",
        "061-post-bad-status",
        "062-post-array-refid",
        "063-post-null-refid",
        "035-post-rel-config-list",
    ],
)
def test_what_the_shop_cuts_ignores_or_fails_on_is_never_sent(name: str) -> None:
    data = recorded(name)["request"]["body"]["data"]
    entry = data[0] if isinstance(data, list) else data
    fields = {key.removeprefix("customer.lists."): value for key, value in entry["attributes"].items()}
    shop = RecordedShop(ROOT, CUSTOMER, RELATIONS)
    with pytest.raises(FieldError, match=r"^customer\.lists\.[a-z]+: "):
        client(shop).add(NewRelation(**({"refid": ""} | fields)))
    assert shop.requests == []


def test_a_stranger_never_writes() -> None:
    shop = RecordedShop(ROOT, "009-get-customer-unauthenticated", "019-get-rel-unauthenticated")
    stranger = client(shop)
    with pytest.raises(ShopLoginError):
        stranger.add(WATCH)
    with pytest.raises(ShopLoginError):
        stranger.modify("5", {"config": {}})
    with pytest.raises(ShopLoginError):
        stranger.renew("5")
    with pytest.raises(ShopLoginError):
        stranger.delete("5")
    assert shop.writes() == []


def test_a_config_is_merged_first_because_the_shop_replaces_it() -> None:
    after = copy.deepcopy(recorded(RELATIONS))
    after["response"]["body"]["data"][0]["attributes"]["customer.lists.config"]["pricevalue"] = "10.00"
    shop = RecordedShop(ROOT, CUSTOMER, RELATIONS, "086-patch-config-only")
    shop.put(after)
    relation = client(shop).modify("1", {"config": {"pricevalue": "10.00"}})
    merged = {"timeframe": 30, "pricevalue": "10.00", "price": 1, "stock": 0, "currency": "EUR"}
    assert relation.config == merged
    assert shop.sent() == {"data": {"attributes": {"customer.lists.config": merged}}}


def test_a_config_can_be_replaced() -> None:
    shop = RecordedShop(ROOT, CUSTOMER, RELATIONS, "086-patch-config-only", "091-get-rel-after-status0")
    relation = client(shop).modify("1", {"config": {"pricevalue": "10.00", "price": 1}}, replace_config=True)
    assert relation.config == {"pricevalue": "10.00", "price": 1}
    assert shop.sent() == recorded("086-patch-config-only")["request"]["body"]


def test_an_end_is_taken_away() -> None:
    shop = RecordedShop(ROOT, CUSTOMER, RELATIONS, "087-patch-dateend-null", "091-get-rel-after-status0")
    assert client(shop).modify("1", {"dateend": None}).dateend is None
    assert shop.sent() == recorded("087-patch-dateend-null")["request"]["body"]


def test_a_disabled_relation_vanishes_as_it_should() -> None:
    shop = RecordedShop(ROOT, CUSTOMER, RELATIONS, "089-patch-status", "091-get-rel-after-status0")
    assert client(shop).modify("2", {"status": 0}).status == 0
    assert shop.sent() == recorded("089-patch-status")["request"]["body"]


def test_a_disabled_relation_can_not_be_reached_again() -> None:
    shop = RecordedShop(ROOT, CUSTOMER, "091-get-rel-after-status0", "090-patch-inactive-again")
    with pytest.raises(ShopRefusedError, match=r"no relation 2 .* inactive"):
        client(shop).modify("2", {"status": 1})
    assert shop.writes() == []


def test_a_refid_the_shop_ignores_is_an_error() -> None:
    shop = RecordedShop(ROOT, CUSTOMER, RELATIONS, "093-patch-refid-only")
    with pytest.raises(
        ShopRefusedError, match=r"relation 1, but: customer\.lists\.refid reads back as '1' instead of '4'"
    ):
        client(shop).modify("1", {"refid": "4"})


def test_a_change_into_a_duplicate_fails() -> None:
    shop = RecordedShop(ROOT, CUSTOMER, RELATIONS, "094-patch-to-duplicate")
    with pytest.raises(ShopUnreachableError, match=r"PATCH http://shop\.test/jsonapi/customer: 500"):
        client(shop).modify("1", {"type": "favorite", "refid": "3"})


def test_a_relation_that_moves_to_another_domain_is_found_there() -> None:
    after = copy.deepcopy(recorded(RELATIONS))
    after["request"]["url"] += "%2Cservice"
    after["response"]["body"]["data"][3]["attributes"]["customer.lists.domain"] = "service"
    shop = RecordedShop(ROOT, CUSTOMER, RELATIONS, "095-patch-domain")
    shop.put(after)
    assert client(shop).modify("4", {"domain": "service"}).domain == "service"
    assert shop.writes()[0].url.params["include"] == "product"


def test_a_patch_without_reach_is_404() -> None:
    """The relation vanished between looking and changing."""
    refused = copy.deepcopy(recorded("097-patch-nonexistent"))
    refused["request"]["url"] = refused["request"]["url"].replace("99999", "1")
    shop = RecordedShop(ROOT, CUSTOMER, RELATIONS)
    shop.put(refused)
    with pytest.raises(ShopRefusedError, match=r"PATCH http://shop\.test/jsonapi/customer: 404"):
        client(shop).modify("1", {"position": 1})


@pytest.mark.parametrize("relation_id", ["99999", "6"])
def test_unknown_and_foreign_relations_are_not_touched(relation_id: str) -> None:
    shop = RecordedShop(ROOT, CUSTOMER, RELATIONS)
    with pytest.raises(ShopRefusedError, match="another customer's"):
        client(shop).modify(relation_id, {"position": 1})
    with pytest.raises(ShopRefusedError, match="another customer's"):
        client(shop).delete("1", relation_id)
    with pytest.raises(ShopRefusedError, match="another customer's"):
        client(shop).renew(relation_id)
    assert shop.writes() == []


def test_one_relation_is_deleted_by_its_own_link_with_include() -> None:
    shop = RecordedShop(ROOT, CUSTOMER, RELATIONS, "105-delete-one", "106-get-rel-after-delete")
    client(shop).delete("1")
    (request,) = shop.writes()
    assert dict(request.url.params) == {"id": "1", "related": "relationships", "relatedid": "1", "include": "product"}
    assert request.content == b""


def test_several_relations_are_deleted_at_once() -> None:
    shop = RecordedShop(ROOT, CUSTOMER, RELATIONS, "109-delete-several", "110-get-rel-after-delete-several")
    client(shop).delete("2", "3", "2")
    assert shop.sent() == recorded("109-delete-several")["request"]["body"]


def test_a_delete_that_answers_200_and_does_nothing_is_an_error() -> None:
    shop = RecordedShop(ROOT, CUSTOMER, RELATIONS, "105-delete-one")
    with pytest.raises(ShopRefusedError, match="relation 1, but: it is still there"):
        client(shop).delete("1")


def test_a_delete_of_several_that_leaves_one_is_an_error() -> None:
    shop = RecordedShop(ROOT, CUSTOMER, RELATIONS, "109-delete-several", "106-get-rel-after-delete")
    with pytest.raises(ShopRefusedError, match="relation 2, but: it is still there"):
        client(shop).delete("2", "3")


def prefixed_root() -> dict[str, Any]:
    root = moved(ROOT, "prefix.shop.test")
    meta = root["response"]["body"]["meta"]
    meta["prefix"] = "ai"
    meta["resources"] = {"customer": "http://prefix.shop.test/jsonapi?ai%5Bresource%5D=customer"}
    return root


def prefixed_customer(host: str = "prefix.shop.test") -> dict[str, Any]:
    customer = copy.deepcopy(recorded("205-prefix-get-customer"))
    customer["request"]["url"] = f"http://{host}/jsonapi?ai%5Bresource%5D=customer"
    text = copy.deepcopy(customer["response"]["body"]["links"])
    customer["response"]["body"]["links"] = {
        name: {**link, "href": link["href"].replace("prefix.shop.test", host)} if isinstance(link, dict) else link
        for name, link in text.items()
    }
    return customer


def test_a_delete_with_prefix() -> None:
    after = copy.deepcopy(recorded("206-prefix-get-rel"))
    del after["response"]["body"]["data"][0]
    after["response"]["body"]["meta"]["total"] = 4
    shop = RecordedShop("206-prefix-get-rel", "210-prefix-delete")
    for exchange in (prefixed_root(), prefixed_customer(), after):
        shop.put(exchange)
    client(shop, "prefix.shop.test").delete("1")
    (request,) = shop.writes()
    assert request.url.params["ai[include]"] == "product"
    assert request.url.params["ai[relatedid]"] == "1"


def test_with_prefix_and_csrf_the_token_stays_outside() -> None:
    host = "csrf-prefix.shop.test"
    posted = recorded("225-csrf-prefix-post")
    token = posted["response"]["body"]["meta"]["csrf"]["value"]
    root, customer = prefixed_root(), prefixed_customer(host)
    root["request"]["url"] = f"http://{host}/jsonapi"
    root["response"]["body"]["meta"]["resources"] = {"customer": customer["request"]["url"]}
    customer["response"]["body"]["meta"]["csrf"] = {"name": "_token", "value": token}
    before, after = (copy.deepcopy(recorded("206-prefix-get-rel")) for _ in range(2))
    for listed in (before, after):
        listed["request"]["url"] = listed["request"]["url"].replace("prefix.shop.test", host)
    before["response"]["body"].update(data=[], meta={"total": 0, "prefix": "ai"})
    after["response"]["body"].update(data=posted["response"]["body"]["data"], meta={"total": 1, "prefix": "ai"})
    shop = RecordedShop("225-csrf-prefix-post")
    for exchange in (root, customer, before, after):
        shop.put(exchange)
    assert client(shop, host).add(WATCH)[0].id == "10"
    (request,) = shop.writes()
    assert request.url.params["_token"] == token
    assert "ai[_token]" not in request.url.params


def csrf_shop(*names: str) -> RecordedShop:
    shop = RecordedShop("213-csrf-options-root", *(name for name in names if "csrf" in name))
    customer = copy.deepcopy(recorded("214-csrf-get-customer"))
    customer["request"]["url"] = "http://csrf.shop.test/jsonapi/customer"
    shop.put(customer)
    for name in names:
        if "csrf" not in name:
            shop.put(moved(name))
    return shop


def test_every_write_carries_the_token_and_the_session_cookie() -> None:
    token = recorded("216-csrf-post-ok")["response"]["body"]["meta"]["csrf"]["value"]
    shop = csrf_shop("030-get-rel-empty", "216-csrf-post-ok", "041-get-rel-after-posts")
    client(shop, "csrf.shop.test").add(WATCH)
    (request,) = shop.writes()
    assert request.url.params["_token"] == token
    assert request.headers["cookie"] == "session=3188b10415b72e203018ddc89aaea98a"
    assert all("_token" not in asked.url.params for asked in shop.requests if asked.method != "POST")


@pytest.mark.parametrize("name", ["218-csrf-post-wrong", "219-csrf-post-wrong-html"])
def test_after_419_a_new_token_is_fetched_and_the_write_sent_once_more(name: str) -> None:
    shop = csrf_shop("030-get-rel-empty", name, "216-csrf-post-ok", "041-get-rel-after-posts")
    client(shop, "csrf.shop.test").add(WATCH)
    assert [request.method for request in shop.requests][-4:] == ["POST", "GET", "POST", "GET"]


@pytest.mark.parametrize("name", ["218-csrf-post-wrong", "219-csrf-post-wrong-html"])
def test_a_second_419_is_a_login_error(name: str) -> None:
    shop = csrf_shop("030-get-rel-empty", name)
    with pytest.raises(ShopLoginError, match="419; the shop refused the CSRF token"):
        client(shop, "csrf.shop.test").add(WATCH)
    assert len(shop.writes()) == 2


def test_deletes_and_patches_carry_the_token_too() -> None:
    shop = csrf_shop("215-csrf-get-rel", "222-csrf-delete-ok", "106-get-rel-after-delete")
    client(shop, "csrf.shop.test").delete("1")
    shop = csrf_shop("215-csrf-get-rel", "221-csrf-patch-ok", "091-get-rel-after-status0")
    with pytest.raises(ShopError):  # the list read back was recorded after another change
        client(shop, "csrf.shop.test").modify("1", {"config": {"price": 1}}, replace_config=True)
    assert "_token" in shop.writes()[0].url.params
