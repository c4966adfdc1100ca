"""Terms: what a watch's config asks for, and what is refused."""

from decimal import Decimal

import pytest

from tests.support.configs import DEFAULTS, WATCH, read, refused, sent, without
from worker.domain.model import Defect, Json
from worker.domain.reasons import Reason
from worker.domain.terms import MAX_TIMEFRAME_DAYS, Terms

HUGE = 10**5000


def test_a_complete_config_is_read() -> None:
    assert read(WATCH) == Terms(timeframe_days=30, currency="USD", price=True, stock=True, limit=Decimal("20.00"))


def test_keys_nobody_knows_are_ignored() -> None:
    assert read({**WATCH, "color": "red"}) == read(WATCH)


# timeframe


@pytest.mark.parametrize(
    ("value", "days"),
    [
        (1, 1),
        (7, 7),
        (3650, 3650),
        ("1", 1),
        ("30", 30),
        ("3650", 3650),
        ("007", 7),
        ("0000000000007", 7),
        ("0" * 99 + "7", 7),
    ],
    ids=repr,
)
def test_the_timeframe_is_a_whole_number_of_days_as_int_or_ascii_digits(value: Json, days: int) -> None:
    assert read({**WATCH, "timeframe": value}).timeframe_days == days


@pytest.mark.parametrize("config", [without("timeframe"), {**WATCH, "timeframe": None}], ids=["missing", "null"])
def test_without_a_timeframe_the_default_counts(config: Json) -> None:
    assert read(config).timeframe_days == DEFAULTS.timeframe_days


@pytest.mark.parametrize(
    "value",
    [
        0,
        -1,
        3651,
        10**9,
        10**40,
        sent("1e9"),
        sent("30.0"),
        sent("7.5"),
        True,
        False,
        "",
        "0",
        "000",
        "-1",
        "+7",
        "3651",
        "1000000000",
        "9" * 40,
        "7 days",
        "7.0",
        "1e1",
        "1_0",
        "0x7",
        " 7",
        "7 ",
        "7\n",
        "seven",
        "７",
        "٧",
        "²",
        [7],
        {"days": 7},
    ],
    ids=ascii,
)
def test_any_other_timeframe_rejects_the_relation(value: Json) -> None:
    assert refused({**WATCH, "timeframe": value}).code == Reason.BAD_TIMEFRAME


def test_ten_years_is_the_longest_timeframe() -> None:
    assert MAX_TIMEFRAME_DAYS == 3650


# flags

ON: list[Json] = [1, "1", True]
OFF: list[Json] = [0, "0", False, "", None]


@pytest.mark.parametrize("flag", ["price", "stock"])
@pytest.mark.parametrize("value", ON, ids=repr)
def test_a_flag_is_on(flag: str, value: Json) -> None:
    terms = read({flag: value})
    assert (terms.price, terms.stock) == (flag == "price", flag == "stock")


@pytest.mark.parametrize("flag", ["price", "stock"])
@pytest.mark.parametrize("value", OFF, ids=repr)
def test_a_flag_is_off(flag: str, value: Json) -> None:
    terms = read({**WATCH, flag: value})
    assert (terms.price, terms.stock) == (flag != "price", flag != "stock")


@pytest.mark.parametrize("flag", ["price", "stock"])
def test_a_missing_flag_is_off(flag: str) -> None:
    terms = read(without(flag))
    assert (terms.price, terms.stock) == (flag != "price", flag != "stock")


@pytest.mark.parametrize("flag", ["price", "stock"])
@pytest.mark.parametrize(
    "value",
    [
        "false",
        "true",
        "no",
        "yes",
        "on",
        "off",
        "null",
        2,
        -1,
        10**40,
        "2",
        "01",
        "00",
        " 1",
        "1 ",
        "1\n",
        "１",
        sent("1.0"),
        sent("0.0"),
        sent("0.5"),
        [],
        [1],
        {},
        {"on": 1},
    ],
    ids=ascii,
)
def test_anything_else_as_a_flag_rejects_the_relation(flag: str, value: Json) -> None:
    defect = refused({**WATCH, flag: value})
    assert defect.code == Reason.BAD_FLAG
    assert defect.detail.startswith(f"{flag}=")


# currency


@pytest.mark.parametrize(
    ("value", "code"), [("EUR", "EUR"), ("eur", "EUR"), ("Eur", "EUR"), ("zzz", "ZZZ"), ("ZZZ", "ZZZ")]
)
def test_a_currency_is_three_ascii_letters_in_upper_case_known_or_not(value: str, code: str) -> None:
    assert read({**WATCH, "currency": value}).currency == code


@pytest.mark.parametrize("config", [without("currency"), {**WATCH, "currency": None}], ids=["missing", "null"])
def test_without_a_currency_that_of_the_source_counts(config: Json) -> None:
    assert read(config).currency == DEFAULTS.currency


@pytest.mark.parametrize(
    "value",
    ["", "EU", "EURO", "E R", " EUR", "EUR ", "EUR\n", "EU1", "€UR", "ＥＵＲ", "ЕUR", "ſek", ["EUR"], {}, 978, True],
    ids=ascii,
)
def test_any_other_currency_rejects_the_relation(value: Json) -> None:
    assert refused({**WATCH, "currency": value}).code == Reason.BAD_CURRENCY


# idle


@pytest.mark.parametrize(
    "config",
    [[], {}, None, {"price": 0}, {"stock": "0", "price": False}, {"timeframe": 30, "currency": "EUR"}],
    ids=repr,
)
def test_an_empty_config_or_one_without_a_flag_is_idle(config: Json) -> None:
    assert read(config).idle


@pytest.mark.parametrize("config", [{"price": 1}, {"stock": 1}, {"price": 1, "stock": 1}], ids=repr)
def test_a_flag_makes_a_watch(config: Json) -> None:
    assert not read(config).idle


def test_an_idle_config_is_no_error_whatever_else_it_holds() -> None:
    assert read({"price": 0, "timeframe": "7 days", "currency": ["EUR"], "pricevalue": "abc"}).idle


def test_a_limit_nobody_asked_for_does_not_cost_the_stock_alert() -> None:
    terms = read({"stock": 1, "price": 0, "pricevalue": "abc"})
    assert (terms.stock, terms.limit) == (True, None)


# rejected


@pytest.mark.parametrize("config", [["a", "b"], [[]], "", "{}", "price=1", 1, 0, True, False, Decimal("1.5")], ids=repr)
def test_a_config_that_is_no_object_rejects_the_relation(config: Json) -> None:
    assert refused(config).code == Reason.BAD_CONFIG


def test_the_first_bad_value_is_named_with_its_key() -> None:
    assert refused({**WATCH, "currency": "EURO", "pricevalue": "abc"}) == Defect(Reason.BAD_CURRENCY, "currency='EURO'")


HOSTILE = "a\r\nBcc: x\0\ud800\u2028\u202e=?UTF-8?Q?=0A?={{7*7}}<script>😀" + "x" * 1_000_000


@pytest.mark.parametrize("key", ["price", "stock", "timeframe", "currency", "pricevalue"])
def test_a_bad_value_is_shown_printable_and_shortened(key: str) -> None:
    detail = refused({**WATCH, key: HOSTILE}).detail
    assert detail.isascii()
    assert detail.isprintable()
    assert len(detail) < 1000


def nested(depth: int) -> Json:
    value: Json = []
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize("value", [HUGE, -HUGE, [HUGE], nested(100_000)], ids=["int", "negative", "list", "deep"])
@pytest.mark.parametrize("key", ["price", "stock", "timeframe", "currency", "pricevalue"])
def test_a_value_too_large_to_show_is_rejected_like_any_other(key: str, value: Json) -> None:
    assert refused({**WATCH, key: value}).detail.startswith(f"{key}=")


def test_a_config_too_deep_to_show_is_rejected_like_any_other() -> None:
    assert refused(nested(100_000)).code == Reason.BAD_CONFIG
