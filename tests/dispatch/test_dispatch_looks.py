"""The last look: at all mails of a batch together, soon before they go, and a broken one harms no other."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

import pytest

from tests.dispatch.dispatching import START
from worker.dispatch.looks import Looks
from worker.store.tables import Mail


class Desk:
    """Notes which mails were looked at together; mail 3 breaks the look, mail 2 may not go."""

    def __init__(self) -> None:
        self.looked: list[list[int]] = []

    async def permit(self, mails: Sequence[Mail]) -> list[str | None]:
        self.looked.append([mail.id for mail in mails])
        await asyncio.sleep(0)
        if any(mail.id == 3 for mail in mails):
            raise LookupError("this mail is broken")
        return ["cancelled" if mail.id == 2 else None for mail in mails]


def _mails(*ids: int) -> list[Mail]:
    return [Mail(id=number) for number in ids]


def test_mails_that_wait_are_looked_at_along_with_the_first() -> None:
    desk, (first, second, last) = Desk(), _mails(1, 2, 4)

    async def run() -> list[str | None]:
        found = Looks(desk.permit, lambda: [first, second, last], lambda: START)
        return await asyncio.gather(found.at(first), found.at(last), found.at(second))

    assert asyncio.run(run()) == [None, None, "cancelled"]
    assert desk.looked == [[1, 2, 4]]


def test_a_mail_on_its_way_is_not_looked_at_again_with_the_others() -> None:
    desk, (first, later) = Desk(), _mails(1, 4)
    around = [first]

    async def run() -> None:
        found = Looks(desk.permit, lambda: around, lambda: START)
        await found.at(first)
        around.append(later)
        await found.at(later)

    asyncio.run(run())
    assert desk.looked == [[1], [4]]


def test_a_mail_that_comes_back_is_looked_at_again() -> None:
    desk, (mail,) = Desk(), _mails(1)

    async def run() -> None:
        found = Looks(desk.permit, lambda: [mail], lambda: START)
        await found.at(mail)
        await found.at(mail)

    asyncio.run(run())
    assert desk.looked == [[1], [1]]


@pytest.mark.parametrize("seconds", [5, -1])
def test_an_old_look_does_not_count_nor_one_of_a_clock_that_was_set_back(seconds: int) -> None:
    desk, (first, last) = Desk(), _mails(1, 4)
    times = iter([START, START + timedelta(seconds=seconds), START])

    async def run() -> None:
        found = Looks(desk.permit, lambda: [first, last], lambda: next(times))
        await found.at(first)
        await found.at(last)

    asyncio.run(run())
    assert desk.looked == [[1, 4], [4]]


def test_what_a_look_ended_stays_ended_however_long_ago_that_was() -> None:
    desk, (first, ended) = Desk(), _mails(1, 2)
    times = iter([START, START + timedelta(hours=1)])

    async def run() -> list[str | None]:
        found = Looks(desk.permit, lambda: [first, ended], lambda: next(times))
        return [await found.at(first), await found.at(ended)]

    assert asyncio.run(run()) == [None, "cancelled"]
    assert desk.looked == [[1, 2]]


def test_a_mail_that_is_leased_again_is_looked_at_again() -> None:
    desk, (first, ended) = Desk(), _mails(1, 2)
    again = Mail(id=2, lease_token="another")
    around = [first, ended]

    async def run() -> None:
        found = Looks(desk.permit, lambda: around, lambda: START)
        await found.at(first)
        await found.at(again)

    asyncio.run(run())
    assert desk.looked == [[1, 2], [2]]


def test_a_mail_that_breaks_the_look_breaks_its_own_only() -> None:
    desk, (first, broken) = Desk(), _mails(1, 3)

    async def run() -> list[str | BaseException | None]:
        found = Looks(desk.permit, lambda: [first, broken], lambda: START)
        return await asyncio.gather(found.at(first), found.at(broken), return_exceptions=True)

    well, problem = asyncio.run(run())
    assert well is None
    assert isinstance(problem, LookupError)
