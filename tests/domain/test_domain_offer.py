"""The offer: which of a product's prices is in force, and whether the product is in stock."""

from datetime import datetime
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.rules import T0, at, money
from worker.domain.model import Price, StockEntry
from worker.domain.offer import in_stock, price_in_force


def price(
    value: str | None,
    quantity: str = "1",
    *,
    currency: str = "EUR",
    kind: str = "default",
    list_type: str = "default",
    status: int = 1,
    list_status: int = 1,
    start: datetime | None = None,
    end: datetime | None = None,
) -> Price:
    return Price(
        value=money(value),
        currency=currency,
        quantity=Decimal(quantity),
        type=kind,
        list_type=list_type,
        status=status,
        list_status=list_status,
        datestart=start,
        dateend=end,
    )


def in_force(*prices: Price, currency: str = "EUR") -> str | None:
    found = price_in_force(prices, currency, T0)
    return None if found is None else str(found)


def test_the_only_price_is_in_force_digit_for_digit() -> None:
    assert in_force(price("19.9900")) == "19.9900"


def test_a_product_without_prices_has_none() -> None:
    assert in_force() is None


@pytest.mark.parametrize(
    ("tiers", "expected"),
    [
        ([("5.00", "10")], None),
        ([("30.00", "1"), ("10.00", "10")], "30.00"),
        ([("30.00", "0.5"), ("15.00", "1")], "15.00"),
        ([("15.00", "0.5"), ("30.00", "1")], "30.00"),
        ([("30.00", "0.5"), ("10.00", "1.0001")], "30.00"),
        ([("30.00", "0.25"), ("40.00", "0.5")], "40.00"),
        ([("30.00", "0"), ("10.00", "2")], "30.00"),
        ([("30.00", "1"), ("15.00", "1.0")], "15.00"),
    ],
)
def test_the_highest_quantity_tier_up_to_one_counts(tiers: list[tuple[str, str]], expected: str | None) -> None:
    assert in_force(*(price(value, quantity) for value, quantity in tiers)) == expected


def test_of_several_prices_of_a_tier_the_lowest_counts() -> None:
    assert in_force(price("30.00"), price("15.00"), price("20.00")) == "15.00"


def test_prices_are_compared_as_numbers_not_as_texts() -> None:
    assert in_force(price("100.00"), price("20.00"), price("9.00")) == "9.00"


@pytest.mark.parametrize(
    "other",
    [
        price("1.00", kind="strike"),
        price("1.00", list_type="promotion"),
        price("1.00", status=0),
        price("1.00", status=-1),
        price("1.00", list_status=0),
        price("1.00", list_status=-2),
        price("1.00", currency="USD"),
        price("1.00", currency="eur"),
        price("1.00", end=at(-1)),
        price("1.00", end=T0),
        price("1.00", start=at(1)),
    ],
    ids=[
        "type",
        "list type",
        "off",
        "review",
        "list off",
        "list archived",
        "USD",
        "eur",
        "over",
        "just over",
        "future",
    ],
)
def test_a_price_of_another_kind_currency_status_or_time_does_not_count(other: Price) -> None:
    assert in_force(other, price("30.00")) == "30.00"
    assert in_force(other) is None


@pytest.mark.parametrize("other", [price("1.00", start=T0), price("1.00", end=at(1)), price("1.00", start=at(-1))])
def test_a_price_is_valid_from_its_start_until_before_its_end(other: Price) -> None:
    assert in_force(other, price("30.00")) == "1.00"


def test_a_disabled_price_does_not_even_decide_the_tier() -> None:
    assert in_force(price("30.00", "0.5"), price("10.00", "1", status=0)) == "30.00"


def test_a_price_on_request_is_no_price() -> None:
    assert in_force(price(None)) is None


def test_a_tier_on_request_does_not_fall_back_to_a_lower_tier() -> None:
    assert in_force(price("30.00", "0.5"), price(None, "1")) is None


def test_a_price_on_request_beside_one_with_a_value_is_passed_over() -> None:
    assert in_force(price(None), price("30.00")) == "30.00"


@pytest.mark.parametrize("value", ["0.00", "-1.00"])
def test_a_price_of_nothing_is_found_so_that_the_watch_can_wait_for_it(value: str) -> None:
    assert in_force(price(value), price("30.00")) == value


prices = st.builds(
    Price,
    value=st.none() | st.decimals(-1, 50, places=2),
    currency=st.sampled_from(["EUR", "USD"]),
    quantity=st.sampled_from([Decimal("0.5"), Decimal(1), Decimal(10)]),
    type=st.sampled_from(["default", "strike"]),
    list_type=st.sampled_from(["default", "promotion"]),
    status=st.sampled_from([1, 0]),
    list_status=st.sampled_from([1, 0]),
    datestart=st.none() | st.sampled_from([at(-1), T0, at(1)]),
    dateend=st.none() | st.sampled_from([at(-1), T0, at(1)]),
)


@settings(deadline=None, max_examples=50)
@given(st.lists(prices, max_size=6).flatmap(lambda listed: st.tuples(st.just(listed), st.permutations(listed))))
def test_the_order_of_the_prices_does_not_matter(orders: tuple[list[Price], list[Price]]) -> None:
    listed, shuffled = orders
    assert price_in_force(shuffled, "EUR", T0) == price_in_force(listed, "EUR", T0)


# stock


def entry(level: str | None, kind: str = "default") -> StockEntry:
    return StockEntry(type=kind, level=money(level))


@pytest.mark.parametrize(
    ("level", "expected"),
    [(None, True), ("5", True), ("0.5", True), ("0.0001", True), ("0", False), ("0.0", False), ("-2", False)],
)
def test_an_entry_is_in_stock_where_it_is_unlimited_or_above_zero(level: str | None, expected: bool) -> None:
    assert in_stock([entry(level)], (), None) is expected


@pytest.mark.parametrize("flag", [True, False, None])
def test_entries_count_and_not_the_flag(flag: bool | None) -> None:
    assert in_stock([entry("0")], (), flag) is False
    assert in_stock([entry("5")], (), flag) is True


@pytest.mark.parametrize("flag", [True, False, None])
def test_without_entries_the_products_own_flag_counts(flag: bool | None) -> None:
    assert in_stock([], (), flag) is flag
    assert in_stock([], ("default",), flag) is flag


@pytest.mark.parametrize(
    ("types", "expected"),
    [((), True), (("warehouse",), True), (("default", "warehouse"), True), (("default",), False), (("shop",), False)],
)
def test_any_entry_of_the_configured_types_will_do_and_without_any_all_count(
    types: tuple[str, ...], expected: bool
) -> None:
    assert in_stock([entry("0"), entry("-3", "default"), entry("7", "warehouse")], types, False) is expected


def test_a_product_with_entries_of_other_types_only_is_out_of_stock_whatever_its_flag() -> None:
    assert in_stock([entry("7", "warehouse")], ("default",), True) is False
