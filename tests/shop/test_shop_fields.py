"""What can be sent: each limit of the seed, checked before anything is sent, with an error that names the field."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.errors import FieldError
from worker.shop.document import parse
from worker.shop.fields import MAX_CONFIG_BYTES, NewRelation, attributes_of, changed_attributes, watch_config


def new(**fields: Any) -> NewRelation:
    return NewRelation(**({"domain": "product", "refid": "1"} | fields))


def test_all_fields_are_sent_under_their_api_names() -> None:
    assert attributes_of(new()) == {
        "customer.lists.domain": "product",
        "customer.lists.type": "default",
        "customer.lists.refid": "1",
        "customer.lists.datestart": None,
        "customer.lists.dateend": None,
        "customer.lists.config": {},
        "customer.lists.position": 0,
        "customer.lists.status": 1,
    }


@pytest.mark.parametrize(
    "fields",
    [
        {"domain": "d" * 32},
        {"domain": "ä" * 16},
        {"type": "t" * 64},
        {"refid": "r" * 36},
        {"datestart": "2024-02-29 23:59:59"},
        {"config": {"k": "v" * (MAX_CONFIG_BYTES - len('{"k":""}'))}},
        {"config": {"price": Decimal("1.50"), "list": [1, {"a": None}]}},
        {"position": -5},
        {"status": -2},
        {"status": 1},
    ],
)
def test_values_within_the_limits_are_sent_as_they_are(fields: dict[str, Any]) -> None:
    (name, value) = next(iter(fields.items()))
    assert attributes_of(new(**fields))[f"customer.lists.{name}"] == value


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"domain": "d" * 33}, "33 bytes in UTF-8, at most 32"),
        ({"domain": "ä" * 17}, "34 bytes in UTF-8, at most 32"),
        ({"domain": ""}, "required"),
        ({"domain": None}, "required"),
        ({"domain": "a,b"}, "comma"),
        ({"domain": "a\nb"}, "control"),
        ({"domain": "\ud800"}, "control"),
        ({"type": "t" * 65}, "65 bytes in UTF-8, at most 64"),
        ({"type": ""}, "required"),
        ({"refid": "r" * 37}, "37 bytes in UTF-8, at most 36"),
        ({"refid": ""}, "required"),
        ({"refid": None}, "required"),
        ({"refid": 5}, "required"),
        ({"refid": ["1"]}, "required"),
        ({"refid": " 1"}, "blanks"),
        ({"datestart": "tomorrow"}, "YYYY-MM-DD HH:mm:ss"),
        ({"dateend": "2024-01-01"}, "YYYY-MM-DD HH:mm:ss"),
        ({"dateend": "2024-01-01T00:00:00"}, "YYYY-MM-DD HH:mm:ss"),
        ({"dateend": "2024-01-01 00:00:00Z"}, "YYYY-MM-DD HH:mm:ss"),
        ({"dateend": "2024-01-01 00:00:00\n"}, "YYYY-MM-DD HH:mm:ss"),
        ({"dateend": ""}, "YYYY-MM-DD HH:mm:ss"),
        ({"dateend": "2024-02-30 00:00:00"}, "no such date"),
        ({"dateend": "2024-02-28 24:00:00"}, "no such date"),
        ({"dateend": "0000-00-00 00:00:00"}, "no such date"),
        ({"config": {"k": "v" * MAX_CONFIG_BYTES}}, "bytes as JSON, at most 65536"),
        ({"config": ["a"]}, "object"),
        ({"config": "{}"}, "object"),
        ({"config": None}, "object"),
        ({"config": {"price": 1.5}}, "float"),
        ({"config": {1: "x"}}, "keys"),
        ({"position": "1"}, "whole number"),
        ({"position": True}, "whole number"),
        ({"position": Decimal(1)}, "whole number"),
        ({"position": 2**31}, "32 bits"),
        ({"status": 2}, "enabled"),
        ({"status": -3}, "enabled"),
        ({"status": "1"}, "whole number"),
        ({"status": None}, "whole number"),
    ],
)
def test_a_value_beyond_a_limit_is_refused_and_the_field_named(fields: dict[str, Any], why: str) -> None:
    (name,) = fields
    with pytest.raises(FieldError, match=rf"^customer\.lists\.{name}: .*{why}"):
        attributes_of(new(**fields))
    with pytest.raises(FieldError, match=rf"^customer\.lists\.{name}: "):
        changed_attributes(fields)  # type: ignore[arg-type]


def test_only_the_given_fields_are_changed() -> None:
    assert changed_attributes({"position": 3, "dateend": None}) == {
        "customer.lists.position": 3,
        "customer.lists.dateend": None,
    }


def test_a_field_that_does_not_exist_is_refused() -> None:
    with pytest.raises(FieldError, match=r"customer\.lists\.ctime: no field"):
        changed_attributes({"ctime": "2020-01-01 00:00:00"})  # type: ignore[typeddict-unknown-key]


@given(st.text(max_size=80))
def test_no_text_beyond_its_bytes_is_ever_sent(text: str) -> None:
    for name, limit in (("domain", 32), ("type", 64), ("refid", 36)):
        try:
            sent = attributes_of(new(**{name: text}))[f"customer.lists.{name}"]
        except FieldError:
            continue
        assert sent == text
        assert 0 < len(text.encode()) <= limit


def test_a_watch_is_written_as_in_the_seed() -> None:
    config = watch_config(timeframe=7, stock=True, price=True, currency="eur", pricevalue=Decimal("100.00"))
    assert config == {"timeframe": "7", "stock": "1", "price": "1", "currency": "EUR", "pricevalue": "100.00"}


def test_a_watch_without_a_limit_names_none() -> None:
    config = watch_config(timeframe="030", stock=False, price=True, currency="EUR", pricevalue=None)
    assert config == {"timeframe": "30", "stock": "0", "price": "1", "currency": "EUR"}


@pytest.mark.parametrize(
    ("wish", "key"),
    [
        ({"timeframe": 0}, "timeframe"),
        ({"timeframe": 3651}, "timeframe"),
        ({"timeframe": "7 days"}, "timeframe"),
        ({"timeframe": True}, "timeframe"),
        ({"timeframe": -1}, "timeframe"),
        ({"timeframe": 10**9}, "timeframe"),
        ({"stock": False, "price": False}, "price"),
        ({"currency": "EURO"}, "currency"),
        ({"currency": ""}, "currency"),
        ({"currency": "ÉÜR"}, "currency"),
        ({"pricevalue": "20,00"}, "pricevalue"),
        ({"pricevalue": "-1"}, "pricevalue"),
        ({"pricevalue": "1e3"}, "pricevalue"),
        ({"pricevalue": ""}, "pricevalue"),
    ],
)
def test_a_wish_that_could_never_be_met_is_refused_and_the_key_named(wish: dict[str, Any], key: str) -> None:
    good: dict[str, Any] = {"timeframe": 7, "stock": True, "price": True, "currency": "EUR", "pricevalue": "1.00"}
    with pytest.raises(FieldError, match=rf"^customer\.lists\.config\.{key}: "):
        watch_config(**(good | wish))


def test_a_config_of_the_shop_can_be_sent_back_exactly() -> None:
    config = parse(b'{"f": 1.50, "e": {}, "l": [], "u": "\xc3\xa4"}')
    assert changed_attributes({"config": config}) == {"customer.lists.config": config}
