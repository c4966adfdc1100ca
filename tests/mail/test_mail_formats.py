"""Money and dates as each language writes them."""

from datetime import UTC, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from babel import Locale

from worker.mail.formats import Formats, locale_of


def formats(language: str, zone: str = "UTC") -> Formats:
    return Formats(Locale.parse(language), ZoneInfo(zone))


@pytest.mark.parametrize(
    ("language", "amount", "currency", "written"),
    [
        ("en", "17.99", "EUR", "€17.99"),
        ("en", "1234.5", "USD", "$1,234.50"),
        ("de", "1234.5", "EUR", "1.234,50\u00a0€"),
        ("de_AT", "17.99", "EUR", "€\u00a017,99"),
        ("en", "1500", "JPY", "¥1,500"),
        ("de", "1500", "JPY", "1.500\u00a0¥"),
        ("en", "1.5", "KWD", "KWD\u00a01.500"),
        ("de", "1.5", "KWD", "1,500\u00a0KWD"),
        ("en", "17.9", "ZZZ", "ZZZ\u00a017.90"),
        ("de", "17.9", "ZZZ", "17,90\u00a0ZZZ"),
        ("en", "0.0049", "EUR", "€0.0049"),
        ("en", "1500.5", "JPY", "¥1,500.5"),
        ("en", "999999999999.9999", "EUR", "€999,999,999,999.9999"),
    ],
)
def test_money_follows_language_and_currency_and_is_never_rounded(
    language: str, amount: str, currency: str, written: str
) -> None:
    assert formats(language).money(Decimal(amount), currency) == written


def test_shares_are_whole_percents() -> None:
    assert formats("en").percent(Decimal("0.24")) == "24%"
    assert formats("de").percent(Decimal("0.24")) == "24\u00a0%"


@pytest.mark.parametrize(
    ("language", "zone", "until", "written"),
    [
        ("en", "UTC", datetime(2026, 12, 31, 12, tzinfo=UTC), "December 31, 2026"),
        ("de", "UTC", datetime(2026, 3, 1, 12, tzinfo=UTC), "1. März 2026"),
        ("en", "Asia/Tokyo", datetime(2026, 12, 31, 16, tzinfo=UTC), "January 1, 2027"),
        ("en", "UTC", datetime(2027, 1, 1, tzinfo=UTC), "December 31, 2026"),
        ("en", "Europe/Berlin", datetime(2026, 12, 31, 23, tzinfo=UTC), "December 31, 2026"),
        ("en", "Asia/Tokyo", datetime(9999, 12, 31, 23, tzinfo=UTC), "December 31, 9999"),
    ],
)
def test_the_last_day_is_the_one_before_the_end_in_the_shops_zone(
    language: str, zone: str, until: datetime, written: str
) -> None:
    assert formats(language, zone).last_day(until) == written


@pytest.mark.parametrize(
    ("code", "locale"),
    [
        ("de", "de"),
        ("DE", "de"),
        ("de-at", "de_AT"),
        ("de_AT", "de_AT"),
        ("de_QQ", "de"),
        ("zh_Hant", "zh_Hant"),
        ("xx", None),
        ("", None),
        (None, None),
        ("../../etc", None),
        ("d\x00e", None),
    ],
)
def test_language_codes_of_any_shape_are_understood_or_refused(code: str | None, locale: str | None) -> None:
    found = locale_of(code)
    assert (found and str(found)) == locale
