"""The heartbeat: which stages should have run by now."""

from datetime import datetime, timedelta

import pytest

from tests.support.stages import START, make_settings
from worker.heartbeat import Late, late
from worker.store import tables
from worker.store.session import Store

STAGES = [("sync", "main"), ("scan", "main"), ("compose", ""), ("dispatch", "")]


def _late(store: Store, now: datetime) -> list[str]:
    with store.read() as session:
        return [each.stage for each in late(session, make_settings(), now)]


@pytest.fixture
def running(store: Store) -> Store:
    """Every stage ran just now, for a second."""
    with store.begin() as session:
        for stage, source in STAGES:
            session.add(tables.Run(stage=stage, source=source, started_at=START, seconds=1.0))
    return store


def test_what_never_ran_is_late(store: Store) -> None:
    with store.read() as session:
        assert late(session, make_settings(), START) == [Late(stage, source, None) for stage, source in STAGES]


def test_a_stage_is_late_when_it_missed_three_of_its_turns(running: Store) -> None:
    assert _late(running, START + timedelta(seconds=90)) == []
    assert _late(running, START + timedelta(seconds=92)) == ["compose", "dispatch"]
    assert _late(running, START + timedelta(seconds=182)) == ["scan", "compose", "dispatch"]
    assert _late(running, START + timedelta(minutes=16)) == ["sync", "scan", "compose", "dispatch"]


def test_the_last_sign_of_life_is_told(running: Store) -> None:
    with running.read() as session:
        found = late(session, make_settings(), START + timedelta(hours=1))
    assert found[-1] == Late("dispatch", "", START + timedelta(seconds=1))


def test_a_run_that_failed_is_a_sign_of_life_as_well(running: Store) -> None:
    later = START + timedelta(minutes=10)
    with running.begin() as session:
        session.add(tables.Run(stage="dispatch", started_at=later, seconds=0.1, error="broken"))
    assert "dispatch" not in _late(running, later)


def test_a_long_run_is_no_reason_for_alarm_until_it_must_have_been_killed(running: Store) -> None:
    with running.begin() as session:
        session.add(tables.Run(stage="sync", source="main", started_at=START + timedelta(seconds=2)))
    assert "sync" not in _late(running, START + timedelta(minutes=59))
    assert "sync" in _late(running, START + timedelta(minutes=61))


def test_the_sync_of_a_shop_that_is_left_alone_is_not_late(running: Store) -> None:
    with running.begin() as session:
        session.add(tables.SourceState(source="main", failures=5, resting_until=START + timedelta(hours=1)))
    assert "sync" not in _late(running, START + timedelta(minutes=70))
    assert "sync" in _late(running, START + timedelta(minutes=76))


def test_the_other_source_is_judged_by_itself(running: Store) -> None:
    settings = make_settings(source='[sources.other]\nurl = "https://other.test"\ncurrency = "EUR"')
    with running.read() as session:
        assert late(session, settings, START) == [Late("sync", "other", None), Late("scan", "other", None)]
