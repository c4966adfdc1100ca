"""What the doctor finds in the database: each trouble is named with a remedy, and only those that need somebody are problems."""

import re
from collections.abc import Callable
from datetime import timedelta

import pytest

from tests.support.factories import make_config
from tests.support.stages import Play, make_settings, watching
from worker.dispatch import route
from worker.doctor import inside
from worker.doctor.finding import Finding, Level
from worker.errors import ShopUnreachableError
from worker.store import tables
from worker.store.runs import record_run
from worker.store.session import Store


def _found(play: Play, tolerated: int = 0) -> list[Finding]:
    with play.store.read() as session:
        return [
            *inside.sources(session, play.settings, play.now),
            *inside.stages(session, play.settings, play.now),
            *inside.way(session, play.settings),
            *inside.mails(session, play.settings, play.now, tolerated),
            *inside.relations(session, play.settings),
        ]


def _problems(play: Play, tolerated: int = 0) -> list[str]:
    """Each problem's check and text; every one has a remedy."""
    found = [finding for finding in _found(play, tolerated) if finding.level is Level.PROBLEM]
    assert all(finding.remedy for finding in found)
    return [f"{finding.check}: {finding.text}" for finding in found]


def _notes(play: Play, tolerated: int = 0) -> list[str]:
    return [f"{found.check}: {found.text}" for found in _found(play, tolerated) if found.level is Level.NOTE]


def _working(store: Store) -> Play:
    """One mail was sent; every stage has just run."""
    play = watching(store)
    play.shop.product("42", EUR="99.00")
    play.told()
    play.compose()
    _mail(play, state="sent", settled_at=play.now)
    _dispatched(play)
    return play


def _dispatched(play: Play) -> None:
    with record_run(play.store, "dispatch", "", play.now):
        pass


def _mail(play: Play, **values: object) -> None:
    with play.store.begin() as session:
        mail = session.get_one(tables.Mail, 1)
        for name, value in values.items():
            setattr(mail, name, value)


def _switch(play: Play, name: str, reason: str) -> None:
    with play.store.begin() as session:
        session.add(tables.Switch(name=name, changed_at=play.now, reason=reason))


def _run(play: Play, **values: object) -> None:
    with play.store.begin() as session:
        session.add(tables.Run(stage="compose", started_at=play.now, seconds=1.0, **values))


def test_where_all_is_well_every_check_says_so(store: Store) -> None:
    play = _working(store)
    assert {finding.level for finding in _found(play)} == {Level.GOOD}
    assert {finding.check for finding in _found(play)} == {
        "shop main",
        "stages",
        "way to the relay",
        "mails",
        "relations",
    }


@pytest.mark.parametrize(
    ("trouble", "said"),
    [
        (lambda play: _mail(play, state="held", ambiguous_attempts=2), "mails: 1 held"),
        (lambda play: _mail(play, state="held"), "mails: 1 held"),
        (lambda play: _mail(play, state="failed"), "mails: 1 failed since yesterday"),
        (lambda play: _mail(play, ambiguous_attempts=1), "mails: 1 ambiguous since yesterday"),
        (lambda play: _mail(play, state="pending", settled_at=None, ambiguous_attempts=1), "mails: 1 ambiguous"),
        (lambda play: _switch(play, route.PAUSED, "moving house"), "way to the relay: paused since .*: moving house"),
        (
            lambda play: _switch(play, route.ROUTE, "configuration:auth_535"),
            r"closed since .*check smtp.username .*\(configuration:auth_535\)",
        ),
        (
            lambda play: _run(play, error="TemplateError: no"),
            "stage compose: its run of .* complained: TemplateError: no",
        ),
        (
            lambda play: _run(play, counts={"errors": ["one", "two"]}),
            r"stage compose: its run of .* complained: one \(and 1 more\)",
        ),
    ],
)
def test_what_needs_an_operator_is_a_problem(store: Store, trouble: Callable[[Play], None], said: str) -> None:
    play = _working(store)
    trouble(play)
    (problem,) = _problems(play)
    assert re.search(said, problem)


@pytest.mark.parametrize("state", ["failed", "sent"])
def test_what_ended_badly_long_ago_is_no_problem_any_more(store: Store, state: str) -> None:
    play = _working(store)
    _mail(play, state=state, ambiguous_attempts=1, settled_at=play.now - timedelta(days=1))
    assert _problems(play) == []


def test_a_held_mail_stays_a_problem(sqlite_store: Store) -> None:
    play = _working(sqlite_store)
    _mail(play, state="held", settled_at=play.now - timedelta(days=100))
    assert _problems(play) == ["mails: 1 held: they may have arrived, or an operator held them"]


def test_an_expired_mail_is_worth_a_note(sqlite_store: Store) -> None:
    play = _working(sqlite_store)
    _mail(play, state="expired")
    assert _problems(play) == []
    assert _notes(play) == ["mails: 1 expired since yesterday: they could not be sent in time"]


def test_some_failed_mails_can_be_tolerated(sqlite_store: Store) -> None:
    play = _working(sqlite_store)
    _mail(play, state="failed")
    assert _problems(play, tolerated=1) == []
    assert len(_notes(play, tolerated=1)) == 1


def test_a_shop_that_was_not_read_for_too_long_is_a_problem(store: Store) -> None:
    play = _working(store)
    play.later(minutes=121)
    play.scan()
    play.compose()
    _dispatched(play)
    assert any("shop main: no good sync since" in problem for problem in _problems(play))


def test_a_shop_that_was_never_read_is_a_problem(sqlite_store: Store) -> None:
    play = Play(sqlite_store)
    assert "shop main: no good sync ever: nothing of it is sent" in _problems(play)


def test_an_installation_without_a_shop_is_a_problem(sqlite_store: Store) -> None:
    settings = make_settings().model_copy(update={"sources": {}})
    with sqlite_store.read() as session:
        (found,) = inside.sources(session, settings, Play(sqlite_store).now)
    assert (found.level, found.text) == (Level.PROBLEM, "no shop is connected")


def test_a_stage_that_did_not_run_for_much_longer_than_its_turn_is_a_problem(store: Store) -> None:
    play = _working(store)
    assert _problems(play.later(minutes=4)) == [
        "stage scan main: has not run since 2026-03-01 10:10:00 UTC",
        "stage compose: has not run since 2026-03-01 10:10:00 UTC",
        "stage dispatch: has not run since 2026-03-01 10:10:00 UTC",
    ]


def test_a_sync_that_fails_is_told_with_its_error(sqlite_store: Store) -> None:
    play = _working(sqlite_store)
    play.shop.broken["7"] = ShopUnreachableError("no answer within 30 seconds")
    with pytest.raises(Exception, match="no customer could be read"):
        play.sync()
    (problem,) = _problems(play)
    assert "stage sync main" in problem
    assert "no answer within 30 seconds" in problem


def _without_its_shop(play: Play) -> None:
    play.settings = play.settings.model_copy(update={"sources": {"other": play.settings.sources["main"]}})


def test_what_a_shop_complained_about_is_no_problem_once_it_is_out_of_the_settings(store: Store) -> None:
    play = _working(store)
    with pytest.raises(LookupError), record_run(store, "sync", "main", play.now):
        raise LookupError("is no shop")
    assert any("is no shop" in problem for problem in _problems(play))
    _without_its_shop(play)
    assert not any("is no shop" in problem for problem in _problems(play))
    assert "main" not in {run["source"] for run in play.status()["runs"]}


def test_mails_of_a_shop_that_is_out_of_the_settings_are_a_problem(store: Store) -> None:
    play = _working(store)
    _mail(play, state="pending", settled_at=None)
    assert play.status()["mails_of_unknown_sources"] == {}
    _without_its_shop(play)
    assert "mails: 1 of the shop main, which is not in the settings: they are never sent" in _problems(play)
    assert play.status()["mails_of_unknown_sources"] == {"main": 1}


def test_quarantined_relations_are_noted_by_reason_with_an_example(store: Store) -> None:
    play = _working(store)
    for number in ("2", "3"):
        play.shop.watch(number, ctime=play.now, config=make_config(pricevalue="20,00"))
    play.told()
    play.compose()
    _dispatched(play)
    assert _problems(play) == []
    (note,) = (finding for finding in _found(play) if finding.level is Level.NOTE)
    assert note.text == "2 quarantined as bad_pricevalue: pricevalue must be a plain decimal such as 100.00."
    assert note.remedy == "watchpost explain main:2"


def test_a_relation_that_we_failed_at_is_a_problem(sqlite_store: Store) -> None:
    play = _working(sqlite_store)
    with sqlite_store.begin() as session:
        session.get_one(tables.Relation, play.relation().id).rejected = "internal_error"
    (problem,) = _problems(play)
    assert "quarantined as internal_error" in problem


def test_a_clock_that_goes_wrong_is_noted(sqlite_store: Store) -> None:
    play = _working(sqlite_store)
    for seconds, told in ((59.0, []), (-60.0, ["shop main: its clock is 60 s behind ours"])):
        with sqlite_store.begin() as session:
            session.get_one(tables.SourceState, "main").clock_gap_seconds = seconds
        assert _notes(play) == told
