"""What is shown of the outbox: which mails a filter finds."""

from datetime import timedelta

import pytest

from tests.dispatch.dispatching import START, Dispatching
from worker import outbox_view
from worker.outbox_view import Filter


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (Filter(), True),
        (Filter(states=("pending",)), True),
        (Filter(states=("sent", "held")), False),
        (Filter(source="main"), True),
        (Filter(source="moon"), False),
        (Filter(reason="rcpt_451"), True),
        (Filter(reason="rcpt_550"), False),
        (Filter(ambiguous=True), True),
        (Filter(older=timedelta(hours=3)), True),
        (Filter(older=timedelta(hours=3, seconds=1)), False),
        (Filter(newer=timedelta(hours=3, seconds=1)), True),
        (Filter(newer=timedelta(hours=3)), False),
        (Filter(states=("pending",), source="moon"), False),
    ],
    ids=str,
)
def test_every_part_of_a_filter_must_fit(lite: Dispatching, wanted: Filter, found: bool) -> None:
    lite.add(reason="rcpt_451", ambiguous_attempts=1, created_at=START - timedelta(hours=3))
    with lite.store.read() as session:
        assert outbox_view.listing(session, wanted, START, 10)["total"] == found
        assert list(outbox_view.ids(session, wanted, START)) == [1] * found


def test_mails_without_ambiguous_attempts_are_left_out_where_only_those_are_wanted(lite: Dispatching) -> None:
    lite.add()
    with lite.store.read() as session:
        assert outbox_view.ids(session, Filter(ambiguous=True), START) == []


def test_the_newest_of_many_are_shown_and_all_are_counted(play: Dispatching) -> None:
    play.add_many(60)
    with play.store.read() as session:
        told = outbox_view.listing(session, Filter(), START, 50)
    assert told["total"] == 60
    assert [mail["id"] for mail in told["mails"]] == list(range(60, 10, -1))
