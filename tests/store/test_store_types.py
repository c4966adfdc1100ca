"""What goes into the store comes out of it, exactly, on SQLite and on PostgreSQL."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal, localcontext
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Column, Connection, MetaData, Table, select
from sqlalchemy.exc import StatementError

from worker.store.session import Store
from worker.store.types import CleanText, Money, UtcDateTime

PROBE = Table(
    "probe",
    MetaData(),
    Column("moment", UtcDateTime),
    Column("amount", Money),
    Column("words", CleanText),
    prefixes=["TEMPORARY"],
)
LARGEST = Decimal("922337203685477.5807")
SMALLEST = Decimal("-922337203685477.5808")
UNIT = Decimal("0.0001")
ZONES = st.sampled_from(["UTC", "Europe/Berlin", "America/St_Johns", "Asia/Kathmandu", "Pacific/Apia"]).map(ZoneInfo)


class Probe:
    """A table with one column of each of our types."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        PROBE.create(connection)

    def round_trip(self, **column: Any) -> Any:
        """Write one value and read it back."""
        self._connection.execute(PROBE.delete())
        self._connection.execute(PROBE.insert().values(**column))
        (name,) = column
        return self._connection.execute(select(PROBE.c[name])).scalar_one()

    def finds(self, condition: Any) -> bool:
        """Whether the row that was written last fulfils the condition."""
        return self._connection.execute(select(PROBE).where(condition)).first() is not None


@pytest.fixture
def probe(store: Store) -> Iterator[Probe]:
    with store.engine.connect() as connection:
        yield Probe(connection)


def test_a_naive_time_is_refused(probe: Probe) -> None:
    with pytest.raises(StatementError, match="naive"):
        probe.round_trip(moment=datetime(2026, 1, 1))  # noqa: DTZ001 - the mistake under test


def test_any_aware_time_comes_back_as_the_same_moment_in_utc(probe: Probe) -> None:
    @given(st.datetimes(datetime(1000, 1, 2), datetime(9999, 12, 30), timezones=ZONES))  # noqa: DTZ001 - Hypothesis takes naive bounds
    def check(moment: datetime) -> None:
        stored = probe.round_trip(moment=moment)
        assert (stored, stored.tzinfo) == (moment.astimezone(UTC), UTC)

    check()


def test_the_last_moment_of_the_calendar_can_be_stored(probe: Probe) -> None:
    last = datetime.max.replace(tzinfo=UTC)
    assert probe.round_trip(moment=last) == last


def test_times_of_different_zones_are_compared_as_moments(probe: Probe) -> None:
    probe.round_trip(moment=datetime(2026, 1, 1, 12, tzinfo=UTC))
    tokyo = timezone(timedelta(hours=9))
    assert probe.finds(PROBE.c.moment == datetime(2026, 1, 1, 21, tzinfo=tokyo))
    assert probe.finds(PROBE.c.moment < datetime(2026, 1, 1, 22, tzinfo=tokyo))
    assert not probe.finds(PROBE.c.moment < datetime(2026, 1, 1, 20, tzinfo=tokyo))


def test_every_amount_of_ten_thousandths_comes_back_exactly(probe: Probe) -> None:
    @given(st.decimals(SMALLEST, LARGEST, places=4))
    def check(amount: Decimal) -> None:
        stored = probe.round_trip(amount=amount)
        assert isinstance(stored, Decimal)
        assert stored == amount

    check()


@pytest.mark.parametrize("amount", [LARGEST, SMALLEST, Decimal("-0"), Decimal("1.00000000"), Decimal("1E+3")])
def test_the_ends_of_the_range_and_odd_spellings_are_stored(probe: Probe, amount: Decimal) -> None:
    assert probe.round_trip(amount=amount) == amount


@pytest.mark.parametrize("amount", [LARGEST + UNIT, SMALLEST - UNIT, Decimal("1e400"), Decimal("1e999999")])
def test_an_amount_too_large_is_refused(probe: Probe, amount: Decimal) -> None:
    with pytest.raises(StatementError, match="too large"):
        probe.round_trip(amount=amount)


@pytest.mark.parametrize("amount", ["0.00001", "1.00005", "19.000000000000000000000000000000000001", "1e-999999"])
def test_more_than_four_decimals_are_refused(probe: Probe, amount: str) -> None:
    with pytest.raises(StatementError, match="more than four decimals"):
        probe.round_trip(amount=Decimal(amount))


@pytest.mark.parametrize("amount", ["NaN", "sNaN", "Infinity", "-Infinity"])
def test_what_is_no_number_is_refused(probe: Probe, amount: str) -> None:
    with pytest.raises(StatementError, match="not an amount"):
        probe.round_trip(amount=Decimal(amount))


def test_the_precision_of_the_caller_changes_no_amount(probe: Probe) -> None:
    with localcontext(prec=3):
        assert probe.round_trip(amount=LARGEST) == LARGEST


def test_amounts_are_compared_as_numbers(probe: Probe) -> None:
    probe.round_trip(amount=Decimal("9.99"))
    assert probe.finds(PROBE.c.amount < Decimal("10"))
    assert not probe.finds(PROBE.c.amount < Decimal("9.99"))


@pytest.mark.parametrize("column", ["moment", "amount", "words"])
def test_nothing_stays_nothing(probe: Probe, column: str) -> None:
    assert probe.round_trip(**{column: None}) is None


def test_text_that_a_database_can_hold_comes_back_unchanged(probe: Probe) -> None:
    @given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")))
    def check(words: str) -> None:
        assert probe.round_trip(words=words) == words

    check()


def test_text_of_any_code_points_is_stored_once_cleaned_and_found_again(probe: Probe) -> None:
    @given(st.text(st.characters(codec=None, exclude_categories=[]) | st.sampled_from("\0\ud83d\ude00\ufeff")))
    def check(words: str) -> None:
        stored = probe.round_trip(words=words)
        assert probe.finds(PROBE.c.words == words)
        assert probe.round_trip(words=stored) == stored

    check()


@pytest.mark.parametrize(
    ("words", "stored"),
    [("a\0b", "a\ufffdb"), ("\ud800", "\ufffd"), ("a\udc00b", "a\ufffdb"), ("\ud83d\ude00", "\U0001f600")],
)
def test_nul_and_lone_surrogates_become_replacement_characters(probe: Probe, words: str, stored: str) -> None:
    assert probe.round_trip(words=words) == stored
