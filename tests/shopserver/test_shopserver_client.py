"""Our client against our server over HTTP, in every way a shop can be set up: whole stories, not single exchanges."""

import itertools
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import httpx2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from tests.shopserver.front import Front
from worker.domain.model import Json, ProductReading, View
from worker.errors import FieldError, ShopLoginError, ShopRefusedError
from worker.settings import Account, Shop
from worker.shop.client import CustomerClient
from worker.shop.fields import Changes, NewRelation
from worker.shop.frontend import FrontendSource
from worker.shop.source import Account as ReadAccount
from worker.shop.source import Wanted

WAYS = list(itertools.product((None, "ai"), (False, True), (False, True)))
"""Prefix, CSRF, and whether the customer comes with a cookie or with a token."""
NAMES = [
    f"{prefix or 'plain'}-{'csrf' if csrf else 'open'}-{'cookie' if cookie else 'token'}"
    for prefix, csrf, cookie in WAYS
]


def _account(front: Front, customer: str, *, cookie: bool) -> Account:
    """How the settings name a customer: by token, or by the cookie of a session opened with it."""
    token = f"token-of-customer-{customer}"
    if not cookie:
        return Account(token=SecretStr(token))
    browser = front.client()
    assert browser.post("/login", data={"token": token}).status_code == 200
    return Account(cookie=SecretStr("; ".join(f"{name}={value}" for name, value in browser.cookies.items())))


def _shop(front: Front, **customers: Account) -> Shop:
    return Shop(url=f"{front.url}/jsonapi", currency="USD", customers=customers)


@pytest.fixture(params=WAYS, ids=NAMES)
def cem(request: pytest.FixtureRequest, front: Front) -> Iterator[CustomerClient]:
    """The customer 3, who has no relations, in a shop set up in one of the ways."""
    prefix, csrf, cookie = request.param
    front.open(prefix=prefix, csrf=csrf)
    account = _account(front, "3", cookie=cookie)
    with CustomerClient.connect(_shop(front, cem=account), account) as client:
        yield client


def test_a_watch_lives_from_adding_to_deleting(cem: CustomerClient) -> None:
    added = cem.watch("1", timeframe=7, stock=True, price=True, currency="eur", pricevalue="100.00")
    assert added.config == {"timeframe": "7", "stock": "1", "price": "1", "currency": "EUR", "pricevalue": "100.00"}
    changed = cem.modify(added.id, Changes(config={"timeframe": "28"}))
    assert (changed.id, changed.ctime) == (added.id, added.ctime)
    assert changed.config == {**added.config, "timeframe": "28"}
    renewed = cem.renew(added.id)
    assert renewed.id != added.id
    assert renewed.config == changed.config
    cem.delete(renewed.id)
    assert cem.fetch("product").relations == ()


def test_several_are_added_and_deleted_at_once(cem: CustomerClient) -> None:
    one, other = cem.add(
        NewRelation(domain="product", type="favorite", refid="1"),
        NewRelation(domain="service", refid="1234", config={"token": "..."}, dateend="2030-01-01 00:00:00"),
    )
    fetched = cem.fetch("product", "service")
    assert {relation.id for relation in fetched.relations} == {one.id, other.id}
    assert "1" in {item.id for item in fetched.items if item.type == "product"}
    third = cem.favorite("2")
    cem.delete(one.id, third.id)
    cem.delete(other.id, domain="service")
    assert cem.fetch("product", "service").relations == ()


def test_what_the_shop_would_refuse_changes_nothing(cem: CustomerClient) -> None:
    kept = cem.favorite("1")
    with pytest.raises(ShopRefusedError, match=kept.id):
        cem.favorite("1")
    with pytest.raises(FieldError, match="status"):
        cem.modify(kept.id, Changes(status=2))
    with pytest.raises(ShopRefusedError):
        cem.modify(kept.id, Changes(refid="2"))
    with pytest.raises(ShopRefusedError):
        cem.delete("999999")
    assert [relation.id for relation in cem.fetch("product").relations] == [kept.id]


def test_relations_of_others_are_out_of_reach(cem: CustomerClient) -> None:
    for reach in (cem.get, cem.renew, cem.delete):
        with pytest.raises(ShopRefusedError):
            reach("1")  # it belongs to customer 1


def test_nothing_is_written_for_a_login_that_the_shop_does_not_know(front: Front) -> None:
    nobody = Account(token=SecretStr("a-token-of-nobody-0123456789"))
    with CustomerClient.connect(_shop(front, nobody=nobody), nobody) as client, pytest.raises(ShopLoginError):
        client.favorite("1")


@pytest.mark.parametrize(("prefix", "csrf", "cookie"), WAYS, ids=NAMES)
def test_the_source_reads_customers_and_products(front: Front, prefix: str | None, csrf: bool, cookie: bool) -> None:
    front.open(prefix=prefix, csrf=csrf)
    shop = _shop(front, anna=_account(front, "1", cookie=cookie))
    source = FrontendSource("main", shop)
    try:
        ((anna,),) = (page.entries for page in source.relations(None, None))
        assert isinstance(anna, ReadAccount)
        assert anna.customer.email == "anna@example.com"
        ids = sorted({relation.refid for relation in anna.relations if relation.domain == "product"})
        german = View(language="de", currency="EUR")
        found = list(source.products([Wanted(product_id, (german,)) for product_id in ids]))
    finally:
        source.close()
    shirt = next(item for item in found if isinstance(item, ProductReading) and item.id == "1")
    assert shirt.name == "T-Hemd"
    assert {price.currency for price in shirt.prices} == {"EUR"}


TEXT = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), max_size=12)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)


@pytest.fixture(scope="module")
def customer(make_front: Callable[[], AbstractContextManager[Front]]) -> Iterator[CustomerClient]:
    with make_front() as front:
        account = _account(front, "3", cookie=False)
        with CustomerClient.connect(_shop(front, cem=account), account) as client:
            yield client


@settings(max_examples=15)
@given(
    kind=st.text(st.characters(codec="ascii", categories=("L", "N")), min_size=1, max_size=64),
    refid=st.text(st.characters(codec="utf-8", categories=("L", "N")), min_size=1, max_size=9),
    config=st.dictionaries(TEXT, VALUES, max_size=4),
    dateend=st.none() | st.datetimes().map(lambda moment: f"{moment:%Y-%m-%d %H:%M:%S}"),
    position=st.integers(-(2**31) + 1, 2**31 - 1),
)
def test_whatever_the_client_adds_it_reads_back_identical(
    customer: CustomerClient, kind: str, refid: str, config: dict[str, Json], dateend: str | None, position: int
) -> None:
    new = NewRelation(domain="service", type=kind, refid=refid, config=config, dateend=dateend, position=position)
    try:
        (added,) = customer.add(new)
    except (FieldError, ShopRefusedError):
        assert customer.fetch("service").relations == ()
        return
    read = customer.get(added.id, domain="service")
    customer.delete(added.id, domain="service")
    assert read == added
    assert (read.type, read.refid, read.position) == (kind, refid, position)
    assert read.config == (config or [])
    assert (read.dateend is None) == (dateend is None)


def test_the_property_tests_relations_are_accepted_at_all(customer: CustomerClient) -> None:
    (added,) = customer.add(NewRelation(domain="service", type="default", refid="1", config={"a": [1, {"b": None}]}))
    customer.delete(added.id, domain="service")
    assert isinstance(added.config, dict)


def test_a_client_that_is_closed_gave_back_its_connections(front: Front) -> None:
    account = _account(front, "3", cookie=False)
    client = CustomerClient.connect(_shop(front, cem=account), account)
    client.customer()
    client.close()
    with pytest.raises(RuntimeError):
        client.customer()
    assert httpx2.get(f"{front.url}/jsonapi").status_code < 500
