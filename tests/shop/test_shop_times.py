"""Times: naive in the shop's zone, aware UTC here."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.domain.model import Json
from worker.shop.times import latest, parse_time

BERLIN = ZoneInfo("Europe/Berlin")
NEW_YORK = ZoneInfo("America/New_York")
UTC_ZONE = ZoneInfo("UTC")


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc,arg-type]


@pytest.mark.parametrize(
    ("value", "moment"),
    [
        ("2026-01-31 10:11:12", utc(2026, 1, 31, 9, 11, 12)),
        ("2026-07-31 10:11:12", utc(2026, 7, 31, 8, 11, 12)),
        ("2026-01-31", utc(2026, 1, 30, 23)),
        ("2026-01-31T10:11:12", utc(2026, 1, 31, 9, 11, 12)),
        ("2026-01-31 10:11:12.5", utc(2026, 1, 31, 9, 11, 12, 500_000)),
        ("2026-01-31T10:11:12Z", utc(2026, 1, 31, 10, 11, 12)),
        ("2026-01-31T10:11:12+05:30", utc(2026, 1, 31, 4, 41, 12)),
        ("2026-01-31 10:11:12-0500", utc(2026, 1, 31, 15, 11, 12)),
    ],
)
def test_a_time_of_the_shop_becomes_utc(value: str, moment: datetime) -> None:
    assert parse_time(value, BERLIN) == moment
    assert parse_time(value, BERLIN).tzinfo is UTC  # type: ignore[union-attr]


def test_null_is_no_time() -> None:
    assert parse_time(None, BERLIN) is None


def test_a_time_that_does_not_exist_moves_forward_by_the_gap() -> None:
    assert parse_time("2026-03-29 02:30:00", BERLIN) == utc(2026, 3, 29, 1, 30)  # 03:30 on the new clock
    assert parse_time("2026-03-29 02:30:00", BERLIN, later=True) == utc(2026, 3, 29, 1, 30)


def test_of_a_time_that_occurs_twice_the_earlier_is_a_start_and_the_later_an_end() -> None:
    assert parse_time("2026-10-25 02:30:00", BERLIN) == utc(2026, 10, 25, 0, 30)
    assert parse_time("2026-10-25 02:30:00", BERLIN, later=True) == utc(2026, 10, 25, 1, 30)


def test_an_end_outside_of_clock_changes_is_like_a_start() -> None:
    assert parse_time("2026-07-01 00:00:00", BERLIN, later=True) == parse_time("2026-07-01 00:00:00", BERLIN)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "tomorrow",
        "2024-02-30",
        "2024-02-30 00:00:00",
        "2024-13-01",
        "2024-W01",
        "2024-01-01 24:00:00",
        "2024-01-01 00:00",
        "0000-00-00 00:00:00",
        "2024-01-01Z",
        "2024-01-01 00:00:00+24:00",
        " 2024-01-01",
        "2024-01-01\n",
        "٢٠٢٤-01-01",
        20240101,
        True,
        ["2024-01-01"],
        {},
    ],
)
def test_anything_else_is_refused_with_a_reason(value: object) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_time(value, BERLIN)  # type: ignore[arg-type]


def test_the_end_of_the_calendar_is_read_where_utc_still_has_it() -> None:
    assert parse_time("9999-12-31 23:59:59", UTC_ZONE) == utc(9999, 12, 31, 23, 59, 59)


@pytest.mark.parametrize(
    ("value", "zone"),
    [
        ("9999-12-31 23:59:59", NEW_YORK),
        ("0001-01-01 00:00:00", BERLIN),
        ("0001-01-01T00:00:00+01:00", UTC_ZONE),
        ("9999-12-31T23:59:59-01:00", UTC_ZONE),
    ],
)
def test_a_time_outside_the_calendar_of_utc_is_refused(value: str, zone: ZoneInfo) -> None:
    with pytest.raises(ValueError, match="calendar"):
        parse_time(value, zone)


naive_times = st.datetimes(
    min_value=utc(1971, 1, 1).replace(tzinfo=None), max_value=utc(2100, 1, 1).replace(tzinfo=None)
)


@given(
    naive_times,
    st.sampled_from([BERLIN, NEW_YORK, UTC_ZONE, ZoneInfo("Australia/Lord_Howe"), ZoneInfo("Pacific/Apia")]),
)
def test_starts_never_come_after_ends_of_the_same_name_and_gaps_only_move_forward(
    naive: datetime, zone: ZoneInfo
) -> None:
    value = naive.replace(microsecond=0).isoformat(sep=" ")
    start, end = parse_time(value, zone), parse_time(value, zone, later=True)
    assert start is not None
    assert end is not None
    assert start <= end
    assert start.astimezone(zone).replace(tzinfo=None) >= naive.replace(microsecond=0)


@given(st.text(alphabet="0123456789-: T.Z+", max_size=30))
def test_no_text_raises_anything_but_value_error(text: str) -> None:
    try:
        parse_time(text, BERLIN)
    except ValueError:
        return


@given(
    st.datetimes().map(lambda moment: moment.replace(microsecond=0)),
    st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca"]),
    st.booleans(),
)
def test_the_usual_spelling_is_read_like_every_other(moment: datetime, zone: str, later: bool) -> None:
    def read(separator: str) -> datetime | str | None:
        try:
            return parse_time(moment.isoformat(separator), ZoneInfo(zone), later=later)
        except ValueError as error:
            return str(error)

    assert read(" ") == read("T")


@pytest.mark.parametrize(
    "value",
    [
        "2026-01-31 24:00:00",
        "2026-W05-1 00:00:00",
        "2026-01-31_10:11:12",
        "2026-01-31 10:11+02",
        "\u0662026-01-31 10:11:12",
    ],
)
def test_nothing_else_of_that_length_is_read(value: str) -> None:
    with pytest.raises(ValueError, match=r"not a time|hour must be"):
        parse_time(value, BERLIN)


def test_the_latest_of_the_shops_times_is_told_as_the_shop_wrote_it() -> None:
    told: list[Json] = [
        "2026-01-31 10:11:12",
        "2026-02-01 00:00:00",
        None,
        "2026-01-01 00:00:00",
        False,
        "zzz",
        "2027",
        2028,
    ]
    assert latest(told) == "2026-02-01 00:00:00"
    assert latest(["zzz", None]) is None
    assert latest([]) is None
