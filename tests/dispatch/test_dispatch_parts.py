"""The small parts: calls that share a transaction, turns, troubles, the pace of a destination, failpoints."""

import asyncio
from collections.abc import Collection
from datetime import timedelta

import pytest

from tests.dispatch.dispatching import START
from worker import failpoints
from worker.dispatch.feed import Feed
from worker.dispatch.health import Pace, Sick, Trouble
from worker.dispatch.replies import Phase, Verdict, of_error, of_reply
from worker.dispatch.together import Together
from worker.store.tables import Mail


def test_calls_at_the_same_time_go_together_and_get_their_own_answers() -> None:
    groups: list[list[int]] = []

    async def double(numbers: list[int]) -> list[int]:
        groups.append(numbers)
        await asyncio.sleep(0)
        return [2 * number for number in numbers]

    async def run() -> list[int]:
        together = Together(double)
        return await asyncio.gather(*(together(number) for number in range(5)))

    assert asyncio.run(run()) == [0, 2, 4, 6, 8]
    assert [number for group in groups for number in group] == [0, 1, 2, 3, 4]
    assert len(groups) < 5


def test_calls_that_come_while_one_runs_go_with_the_next() -> None:
    groups: list[list[int]] = []

    async def run() -> None:
        running, release = asyncio.Event(), asyncio.Event()

        async def wait(numbers: list[int]) -> list[int]:
            groups.append(numbers)
            running.set()
            await release.wait()
            return numbers

        together = Together(wait)
        first = asyncio.create_task(together(1))
        await running.wait()
        others = [asyncio.create_task(together(number)) for number in (2, 3)]
        await asyncio.sleep(0)
        release.set()
        await asyncio.gather(first, *others)

    asyncio.run(run())
    assert groups == [[1], [2, 3]]


def test_an_error_hits_only_the_call_it_belongs_to() -> None:
    async def invert(numbers: list[int]) -> list[float]:
        return [1 / number for number in numbers]

    async def run() -> list[float | BaseException]:
        together = Together(invert)
        return await asyncio.gather(*(together(number) for number in (1, 0, 2)), return_exceptions=True)

    first, second, third = asyncio.run(run())
    assert (first, third) == (1.0, 0.5)
    assert isinstance(second, ZeroDivisionError)


def test_a_destination_with_mails_on_their_way_lets_others_go_first() -> None:
    mails = [Mail(id=number, recipient=f"ann@{name}.test") for number, name in enumerate(["slow", "slow", "a", "b"])]

    async def run() -> list[str]:
        async def claim(_limit: int, _excluding: Collection[str]) -> list[Mail]:
            return mails

        feed = Feed(claim, page=10, share=9, limit=None, stop=lambda: False)
        slow, first = await feed.next(), await feed.next()
        assert slow is not None
        assert first is not None
        feed.done(first)
        taken = [slow, first, await feed.next(), await feed.next()]
        assert await feed.next() is None
        return [mail.recipient for mail in taken if mail is not None]

    assert asyncio.run(run()) == ["ann@slow.test", "ann@a.test", "ann@b.test", "ann@slow.test"]


def test_whose_turn_it_is_counts_less_than_who_has_fewer_mails_on_their_way() -> None:
    recipients = ["ann@slow.test", "bob@slow.test", "ann@quick.test", "bob@quick.test"]
    mails = [Mail(id=number, recipient=recipient) for number, recipient in enumerate(recipients)]

    async def run() -> list[str]:
        async def claim(_limit: int, _excluding: Collection[str]) -> list[Mail]:
            return mails

        feed = Feed(claim, page=10, share=9, limit=None, stop=lambda: False)
        taken = [await feed.next(), await feed.next()]
        feed.done(mails[2])
        taken.append(await feed.next())
        return [mail.recipient for mail in taken if mail is not None]

    assert asyncio.run(run()) == ["ann@slow.test", "ann@quick.test", "bob@quick.test"]


def test_a_destination_that_has_its_share_waits_while_others_are_fetched_from_the_outbox() -> None:
    def mails(name: str, *ids: int) -> list[Mail]:
        return [Mail(id=number, recipient=f"ann@{name}.test") for number in ids]

    outbox = [mails("slow", 1, 2, 3, 4), mails("quick", 5), mails("slow", 6)]
    asked: list[set[str]] = []

    async def run() -> list[int]:
        async def claim(_limit: int, excluding: Collection[str]) -> list[Mail]:
            asked.append(set(excluding))
            return outbox[len(asked) - 1]

        feed = Feed(claim, page=4, share=2, limit=None, stop=lambda: False)
        taken = [await feed.next() for _ in range(6)]
        assert await feed.next() is None
        return [mail.id for mail in taken if mail is not None]

    assert asyncio.run(run()) == [1, 2, 5, 3, 4, 6]
    assert asked == [set(), {"slow.test"}, set()]


_RCPT = of_error(Phase.RCPT, TimeoutError())
_MAIL = of_error(Phase.MAIL, TimeoutError())


def _notes(trouble: Trouble, *answers: tuple[str, Verdict | None]) -> list[Sick | None]:
    return [trouble.note(domain, verdict) for domain, verdict in answers if verdict is not None]


def test_a_relay_that_breaks_off_on_several_destinations_is_sick() -> None:
    assert _notes(Trouble(), ("a", _RCPT), ("b", _RCPT), ("c", _RCPT)) == [None, None, Sick.RELAY]


def test_a_relay_that_breaks_off_before_a_recipient_is_named_is_sick() -> None:
    assert _notes(Trouble(), ("a", _MAIL), ("a", _MAIL), ("a", _MAIL)) == [None, None, Sick.RELAY]


def test_an_answer_in_between_shows_that_the_relay_is_well() -> None:
    trouble = Trouble()
    assert _notes(trouble, ("a", _RCPT), ("b", _RCPT), ("c", _reply(250)), ("c", _RCPT)) == [None] * 4


def test_a_destination_on_which_the_relay_breaks_off_is_sick_whatever_others_answer() -> None:
    trouble = Trouble()
    assert _notes(trouble, ("slow", _RCPT), ("a", _reply(250)), ("slow", _RCPT), ("b", _reply(250))) == [None] * 4
    assert _notes(trouble, ("slow", _RCPT), ("slow", _RCPT)) == [Sick.DESTINATION, None]


def test_an_answer_from_a_destination_shows_that_it_is_well() -> None:
    trouble = Trouble()
    assert _notes(trouble, ("a", _RCPT), ("a", _RCPT), ("a", _reply(250)), ("a", _RCPT)) == [None] * 4


def _reply(code: int) -> Verdict:
    verdict = of_reply(Phase.BODY, code)
    assert verdict is not None
    return verdict


def test_a_destinations_pause_grows_and_a_success_ends_the_row() -> None:
    pace = Pace()
    pauses = []
    for _ in range(4):
        pace.note("busy.test", _reply(451), START)
        pauses.append(pace.pause_until("busy.test", START))
    assert pauses == [START + timedelta(seconds=seconds) for seconds in (15, 60, 300, 300)]
    pace.note("busy.test", _reply(250), START)
    pace.note("busy.test", _reply(451), START)
    assert pace.pause_until("busy.test", START) == START + timedelta(seconds=15)


def test_a_pause_ends_and_concerns_no_other_destination() -> None:
    pace = Pace()
    pace.note("busy.test", _reply(451), START)
    assert pace.pause_until("busy.test", START + timedelta(seconds=15)) is None
    assert pace.pause_until("other.test", START) is None


def test_failpoints_are_inert_unless_named(monkeypatch: pytest.MonkeyPatch) -> None:
    failpoints.hit("dispatch.claimed")
    monkeypatch.setenv(failpoints.VARIABLE, "dispatch.replied=kill,scan.page=pause")
    failpoints.hit("dispatch.claimed")


def test_a_failpoint_with_an_unknown_verb_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(failpoints.VARIABLE, "dispatch.claimed=explode")
    with pytest.raises(KeyError):
        failpoints.hit("dispatch.claimed")
