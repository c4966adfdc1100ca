"""What a mail says, and how it is frozen in the ledger."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.letters import make_digest, make_item, make_price, make_restocked
from worker.mail.facts import Digest, Item, PriceFact, from_json, to_json

amounts = st.decimals("0.0001", "999999999999.9999", places=4)
prices = st.builds(
    PriceFact,
    currency=st.sampled_from(["EUR", "JPY", "ZZZ"]),
    now=amounts,
    before=st.none() | amounts,
    limit=st.none() | amounts,
    limit_is_own=st.booleans(),
)
items = st.builds(
    Item,
    relation_id=st.text(max_size=5),
    product_id=st.text(max_size=5),
    product_name=st.text(st.characters(codec=None, exclude_categories=()), max_size=40),
    link=st.none() | st.text(max_size=20).map("https://shop.test/".__add__),
    picture=st.none() | st.text(max_size=20),
    price=prices,
    stock=st.booleans(),
    in_stock=st.none() | st.booleans(),
    costs=st.none() | prices,
    language=st.none() | st.text(max_size=5),
    until=st.datetimes(datetime(2000, 1, 2), datetime(9999, 12, 30), timezones=st.timezones()),  # noqa: DTZ001 - Hypothesis adds the zone
)


@given(items)
def test_facts_survive_the_ledger_unchanged(item: Item) -> None:
    assert from_json(json.loads(json.dumps(to_json(item), ensure_ascii=True))) == item


def test_amounts_and_times_are_frozen_as_exact_text() -> None:
    item = make_item(
        price=make_price("1E+2", "119.9900"), until=datetime(2026, 1, 1, 1, tzinfo=timezone(timedelta(hours=1)))
    )
    frozen = to_json(item)
    assert frozen["price"] == {
        "currency": "EUR",
        "now": "100",
        "before": "119.9900",
        "limit": "100.00",
        "limit_is_own": True,
    }
    assert frozen["until"] == "2026-01-01T00:00:00+00:00"


def test_facts_of_stock_alone_have_no_price() -> None:
    item = make_restocked()
    assert to_json(item)["price"] is None
    assert from_json(to_json(item)) == item


def test_the_same_amount_with_more_zeros_is_the_same_fact() -> None:
    assert make_item(price=make_price("90")) == make_item(price=make_price("90.0000"))


@pytest.mark.parametrize(
    "change",
    [
        {"product_name": "Other"},
        {"link": None},
        {"picture": None},
        {"price": make_price("89.99")},
        {"price": make_price(limit="99")},
        {"in_stock": False},
        {"stock": True},
        {"costs": make_price("89.99")},
        {"language": "de"},
        {"until": datetime(2027, 1, 1, tzinfo=UTC)},
    ],
)
def test_any_difference_makes_another_fact(change: dict[str, Any]) -> None:
    assert replace(make_item(), **change) != make_item()


def test_names_and_links_are_made_harmless_on_the_way_in() -> None:
    item = make_item(
        product_name="La\x00mp\r\n" + "x" * 1_000_000, link="javascript:alert(1)", picture="data:image/png,x"
    )
    assert item.product_name.startswith("La mp x")
    assert len(item.product_name) <= 160
    assert (item.link, item.picture) == (None, None)


def test_a_product_without_a_name_is_called_by_its_id() -> None:
    assert make_item(product_name="\u200b ").product_name == "#42"


def test_an_item_that_tells_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="price, of stock or of both"):
        make_item(price=None, stock=False)


def test_an_end_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="naive"):
        make_item(until=datetime(2026, 1, 1))  # noqa: DTZ001 - that is the point


@pytest.mark.parametrize(
    ("now", "before", "drop"),
    [("90", "120", "0.25"), ("89.99", "119", "0.24"), ("99.90", "100", None), ("100", "90", None), ("90", None, None)],
)
def test_the_drop_is_rounded_down_and_left_out_when_tiny(now: str, before: str | None, drop: str | None) -> None:
    assert make_price(now, before).drop == (None if drop is None else Decimal(drop))


@pytest.mark.parametrize(
    ("digest", "topic"),
    [
        (make_digest(), "price"),
        (make_digest(make_item(price=make_price(before=None))), "limit"),
        (make_digest(make_item(price=make_price(before=None, limit_is_own=False))), "price"),
        (make_digest(make_item(price=make_price(before=None, limit=None))), "price"),
        (make_digest(make_restocked()), "stock"),
        (make_digest(make_item(stock=True)), "both"),
        (make_digest(make_item(), make_item()), "prices"),
        (make_digest(make_restocked(), make_restocked()), "stocks"),
        (make_digest(make_item(), make_restocked()), "several"),
        (make_digest(make_item(stock=True), make_item(stock=True)), "several"),
        (make_digest(make_item(), more=1), "several"),
    ],
)
def test_a_letter_knows_what_it_is_about(digest: Digest, topic: str) -> None:
    assert digest.topic == topic


@pytest.mark.parametrize(
    ("salutation", "firstname", "lastname", "greeting"),
    [
        ("mr", "Bob", "Lee", "mr"),
        ("mrs", "", "Lee", "ms"),
        ("miss", "Ann", "Lee", "ms"),
        ("ms", "Ann", "", "name"),
        ("company", "Ann", "Lee", "full"),
        ("company", "Ann", "", "name"),
        ("", "", "Lee", "nobody"),
        ("mr", "Bob", "http://evil.test", "name"),
        ("", "win.money at evil.test", "", "nobody"),
    ],
)
def test_people_are_addressed_by_what_is_known(salutation: str, firstname: str, lastname: str, greeting: str) -> None:
    assert make_digest(salutation=salutation, firstname=firstname, lastname=lastname).greeting == greeting
