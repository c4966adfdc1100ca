"""Customers and relations out of recorded answers, and configs that are no JSON."""

import copy
import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.graphql_shop.front import RECORDINGS
from worker.domain.model import Json, Relation
from worker.domain.reasons import Reason
from worker.domain.terms import Defaults, parse_terms
from worker.errors import ShopAnswerError
from worker.shop.graphql_answer import UNTOLD
from worker.shop.graphql_relations import id_page, parse_listed, relation_page
from worker.shop.source import Account, Unread

BERLIN = ZoneInfo("Europe/Berlin")


def recorded(name: str) -> list[dict[str, Any]]:
    """The customers of a recorded answer."""
    exchange = json.loads((RECORDINGS / "graphql" / f"{name}.json").read_text())
    items: list[dict[str, Any]] = exchange["response"]["body"]["data"]["searchCustomers"]["items"]
    return copy.deepcopy(items)


def listed(**fields: Any) -> dict[str, Any]:
    """A relation as recorded, with other fields."""
    found: dict[str, Any] = recorded("033-customers-has-any-type")[0]["lists"]["product"][0]
    return found | fields


def relation(**fields: Any) -> Relation:
    found = parse_listed(listed(**fields), "1", BERLIN)
    assert found is not None
    return found


def test_recorded_customers_come_with_all_their_relations() -> None:
    """Watches and favorites, active or not."""
    page = relation_page(recorded("033-customers-has-any-type"), "4", BERLIN)
    accounts = [entry for entry in page.entries if isinstance(entry, Account)]
    assert [(account.key, account.complete) for account in accounts] == [("1", True), ("2", True), ("4", True)]
    assert [[found.id for found in account.relations] for account in accounts] == [
        ["1", "2", "3", "4", "5"],
        ["6", "7", "8"],
        ["9"],
    ]
    assert accounts[1].relations[1] == Relation(
        id="7",
        customer_id="2",
        domain="product",
        type="watch",
        refid="1",
        config={"timeframe": 7, "stock": 1, "price": 0, "pricevalue": "", "currency": "USD"},
        dateend=datetime(2019, 12, 31, 23, tzinfo=UTC),
        ctime=datetime(2026, 11, 23, 10, 41, 27, tzinfo=UTC),
    )
    assert (accounts[1].relations[2].type, accounts[1].relations[2].status) == ("favorite", 0)
    assert accounts[1].relations[2].config == []
    assert (page.cursor, page.newest, page.unreadable) == ("4", "2026-11-23 11:41:27", 0)


def test_the_newest_time_is_that_of_a_relation_not_of_the_customer() -> None:
    page = relation_page(recorded("091-mtime-2b-has-and-lists-mtime"), "3", BERLIN)
    assert page.newest == "2026-11-23 12:39:33"


@pytest.mark.parametrize("lists", [{"product": []}, {"product": None}, {}, None, UNTOLD, []])
def test_a_customer_found_by_relations_of_whom_none_is_listed_loses_none(lists: Any) -> None:
    """That is what an answer without include looks like, too."""
    customers = recorded("033-customers-has-any-type")
    customers[0]["lists"] = lists
    page = relation_page(customers, "4", BERLIN)
    assert isinstance(page.entries[0], Unread)
    assert page.entries[0].key == "1"
    assert isinstance(page.entries[1], Account)


def test_answers_without_include_say_nothing_about_anybody() -> None:
    assert all(isinstance(e, Unread) for e in relation_page(recorded("022-customers-no-include"), "4", BERLIN).entries)


def test_records_without_id_are_counted_where_they_are() -> None:
    customers = recorded("033-customers-has-any-type")
    customers[0]["id"] = None
    customers[1]["lists"]["product"][0]["id"] = UNTOLD
    customers[1]["lists"]["product"][1] = None
    page = relation_page(customers, "4", BERLIN)
    assert page.unreadable == 1
    assert isinstance(page.entries[0], Account)
    assert page.entries[0].unreadable == 2
    assert [found.id for found in page.entries[0].relations] == ["8"]


def test_all_ids_are_listed_or_none() -> None:
    customers = recorded("033-customers-has-any-type")
    assert id_page(customers, "4").ids == tuple("123456789")
    customers[0]["lists"]["product"][2] = None
    with pytest.raises(ShopAnswerError, match="without ids"):
        id_page(customers, "4")


@pytest.mark.parametrize(
    ("written", "config"),
    [
        ("[]", []),
        ("{}", {}),
        (None, None),
        ('{"pricevalue":19.99,"price":1}', {"pricevalue": Decimal("19.99"), "price": 1}),
        ('{"pricevalue":"19.99","note":"\\u00e4\\/"}', {"pricevalue": "19.99", "note": "ä/"}),
        ('["a"]', ["a"]),
        ({"price": 1}, {"price": 1}),
    ],
)
def test_a_config_is_json_in_a_string(written: Json, config: Json) -> None:
    assert relation(config=written).config == config
    assert relation(config=written).defect is None


@pytest.mark.parametrize(
    "written",
    [
        "",
        "no json",
        '{"price":1',
        '{"price":1,"price":2}',
        '{"price":NaN}',
        "[" * 1000,
        '{"price":' + "9" * 5000 + "}",
        "\ufeff{}",
    ],
    ids=lambda text: text[:12],
)
def test_a_config_that_is_no_json_makes_its_relation_defective(written: str) -> None:
    found = relation(config=written)
    assert found.defect is not None
    assert found.defect.code == "bad_config"
    assert found.config == written
    assert found.ctime is not None


@given(st.text(max_size=60))
def test_no_config_string_is_an_error(written: str) -> None:
    found = relation(config=written)
    terms = parse_terms(found.config, Defaults(timeframe_days=90, currency="EUR"))
    assert found.defect is None or getattr(terms, "code", None) == Reason.BAD_CONFIG


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=10),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=8,
    )
)
def test_any_config_the_shop_can_hold_is_read_as_it_is(config: Json) -> None:
    assert relation(config=json.dumps(config)).config == config


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"config": UNTOLD}, None),
        ({"refid": UNTOLD}, "bad_refid"),
        ({"refid": ""}, "no_refid"),
        ({"status": UNTOLD}, "bad_status"),
        ({"dateend": UNTOLD}, "bad_date"),
        ({"ctime": "2024-02-30 00:00:00"}, "bad_date"),
        ({"type": UNTOLD}, "bad_type"),
    ],
)
def test_what_can_not_be_read_never_looks_like_a_value(fields: dict[str, Json], code: str | None) -> None:
    found = relation(**fields)
    assert (found.defect.code if found.defect else None) == code
    if code is None:  # a config that was not told is judged as any other that is no object
        assert (
            getattr(parse_terms(found.config, Defaults(timeframe_days=90, currency="EUR")), "code", None)
            == "bad_config"
        )
