"""Page sizes adapt to how quickly the shop answers."""

from worker.shop.page_size import PageSize


def test_quick_full_pages_let_it_grow_up_to_the_most() -> None:
    size = PageSize(start=100, most=200)
    size.answered(100, 0.1)
    assert size.size == 150
    size.answered(150, 0.1)
    assert size.size == 200
    size.answered(200, 0.1)
    assert size.size == 200


def test_neither_short_pages_nor_middling_times_change_it() -> None:
    size = PageSize(start=100, most=200)
    size.answered(99, 0.1)
    size.answered(100, 2.0)
    assert size.size == 100


def test_slow_pages_let_it_shrink_down_to_the_least() -> None:
    size = PageSize(start=30, most=200)
    size.answered(30, 9.0)
    assert size.size == 15
    size.answered(15, 9.0)
    assert size.size == 10


def test_a_size_that_timed_out_is_not_tried_again() -> None:
    size = PageSize(start=1000, most=2500)
    assert size.timed_out()
    assert size.size == 250
    for _ in range(10):
        size.answered(size.size, 0.1)
    assert size.size == 500


def test_the_least_is_asked_for_no_smaller() -> None:
    size = PageSize(start=20, most=2500)
    assert size.timed_out()
    assert size.size == 10
    assert not size.timed_out()


def test_a_most_below_the_least_is_kept() -> None:
    size = PageSize(start=1000, most=3)
    assert size.size == 3
    assert not size.timed_out()
