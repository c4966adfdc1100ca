"""What is older than the settings say is forgotten, but nothing that a decision can still depend on."""

from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from random import Random

import pytest
from sqlalchemy import delete, select

from tests.support.databases import SqliteTemplate, opened
from tests.support.factories import make_config
from tests.support.stages import KEY, Play, imported, watching
from worker import tidy as stage
from worker.domain.model import Kind
from worker.errors import AlreadyRunningError
from worker.lens import make_lens
from worker.settings import Retention
from worker.store import cases, tables
from worker.store.lease import single_flight
from worker.store.session import Store
from worker.tidy import rehearse, tidy

KEPT = Retention(observation_days=30, mail_days=7, run_days=7)


def _tidy(play: Play) -> tuple[int, int]:
    counts = tidy(play.store, KEPT, now=play.now)
    return counts.observations, counts.runs


def _prices(play: Play) -> list[Decimal]:
    return [row.price for row in play.rows(tables.Observation) if row.price is not None]


def _told_each_day(play: Play, *prices: str) -> None:
    for price in prices:
        play.later(days=1).shop.product("42", EUR=price)
        play.fires()


def test_what_an_active_watch_needs_is_kept_however_old_it_is(store: Store) -> None:
    """The price at its creation and every later one; older ones served an earlier watch."""
    play = watching(store, timeframe=3650)
    _told_each_day(play, "130", "140")
    play.shop.watch("2", ctime=play.now, config=make_config(timeframe=3650))
    _told_each_day(play, "150", "160")
    play.shop.delete("1")
    play.later(days=100).fires()
    assert _tidy(play)[0] == 2
    assert _prices(play) == [140, 150, 160]


def test_a_base_price_that_comes_to_be_asked_for_years_later_is_still_known(sqlite_store: Store) -> None:
    play = watching(sqlite_store, timeframe=3650)
    _told_each_day(play, "130", "140")
    play.later(days=500).fires()
    _tidy(play)
    play.shop.patch("1", timeframe=3650, pricevalue=None)
    play.told()
    assert play.watch().base_limit == 120
    play.shop.product("42", EUR="119.99")
    assert play.told() == ["1 price"]


def test_without_an_active_watch_only_the_newest_is_kept(store: Store) -> None:
    play = watching(store)
    _told_each_day(play, "130", "140")
    play.later(days=60).fires()  # the watch of 30 days is over
    assert _tidy(play)[0] == 2
    assert _prices(play) == [140]
    assert [row.in_stock for row in play.rows(tables.Observation) if row.price is None] == [False]


def test_of_an_earlier_stretch_of_observing_nothing_is_needed(sqlite_store: Store) -> None:
    play = watching(sqlite_store)
    play.later(days=60).fires()
    play.shop.watch("2", ctime=play.now, config=make_config())
    play.shop.product("42", EUR="110")
    play.told()
    assert _tidy(play)[0] == 2  # the price and the stock of the first stretch
    assert _prices(play) == [110]


def test_what_is_younger_than_the_setting_stays(sqlite_store: Store) -> None:
    play = watching(sqlite_store)
    _told_each_day(play, "130", "140")
    play.shop.delete("1")
    play.later(days=27).fires()
    assert _tidy(play)[0] == 0
    play.later(days=2).fires()
    assert _tidy(play)[0] == 1


def test_every_page_is_looked_at(sqlite_store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stage, "_PAGE", 2)
    play = watching(sqlite_store)
    _told_each_day(play, "130", "140", "150", "160", "170")
    play.later(days=60).fires()
    assert _tidy(play)[0] == 5


def _lived_through(store: Store, *, tidying: bool) -> list[tuple[str, int, object]]:
    """A season of prices and stock; what was told, in order."""
    play = watching(store, timeframe=365)
    for day, price in enumerate(["99", "120", "98", "93", "120", None, "97", "97", "110", "92"] * 3):
        play.later(days=4).shop.product("42", EUR=price, stock=str(day % 3))
        if day == 15:
            play.shop.patch("1", timeframe=365, pricevalue=None)
        play.fires()
        if tidying:
            _tidy(play)
    return [(row.kind, row.episode, row.facts["price"]) for row in play.notifications()]


def test_forgetting_changes_no_decision(sqlite_store: Store, sqlite_template: SqliteTemplate, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    with opened(sqlite_template.copy_to(tmp_path / "other")) as other:
        told = _lived_through(sqlite_store, tidying=False)
        assert _lived_through(other, tidying=True) == told
    assert {kind for kind, _, _ in told} == {"price", "stock"}
    assert len(told) > 10


def test_old_runs_are_forgotten_but_the_last_of_each_stage(store: Store) -> None:
    play = imported(store)
    play.compose()
    play.later(days=3).fires()
    play.later(days=5).sync()
    assert _tidy(play) == (0, 2)
    days = [(row.stage, (play.now - row.started_at).days) for row in play.rows(tables.Run)]
    assert days == [("compose", 8), ("sync", 5), ("scan", 5), ("sync", 0), ("tidy", 0)]


def test_one_tidies_at_a_time(sqlite_store: Store) -> None:
    play = imported(sqlite_store)
    with single_flight(sqlite_store, "tidy", timedelta(minutes=1)), pytest.raises(AlreadyRunningError):
        _tidy(play)


def test_the_price_a_mail_names_as_the_one_before_is_kept_for_watches_that_are_younger(store: Store) -> None:
    play = watching(store, timeframe=3650)
    _told_each_day(play, "150", "130", "110")
    play.later(days=60).fires()
    play.shop.watch("2", ctime=play.now, config=make_config(pricevalue="120"))
    play.shop.delete("1")
    assert play.told() == ["2 price"]
    play.compose()
    assert _tidy(play.later(days=1))[0] == 2
    assert _prices(play) == [130, 110]
    play.sync()
    assert play.recheck() is None


def _settle(play: Play, **values: object) -> None:
    with play.store.begin() as session:
        mail = session.get_one(tables.Mail, play.mails()[-1].id)
        for name, value in values.items():
            setattr(mail, name, value)


def test_the_text_of_a_mail_is_forgotten_some_days_after_its_end(store: Store) -> None:
    play = watching(store)
    play.shop.product("42", EUR="99.00")
    play.told()
    play.compose()
    _settle(play, state="sent", settled_at=play.now, reason="body_250")
    before = play.row(tables.Mail)
    assert tidy(store, KEPT, now=play.later(days=7).now).texts == 0
    assert tidy(store, KEPT, now=play.later(minutes=1).now).texts == 1
    assert tidy(store, KEPT, now=play.later(days=1).now).texts == 0
    after = play.row(tables.Mail)
    assert (before.message != b"", after.message) == (True, b"")
    assert (after.state, after.reason, after.settled_at, after.recipient) == (
        "sent",
        "body_250",
        before.settled_at,
        before.recipient,
    )


@pytest.mark.parametrize(
    ("state", "forgotten"),
    [(state, True) for state in ("failed", "expired", "cancelled", "superseded", "suppressed")]
    + [(state, False) for state in ("pending", "leased", "submitting", "held")],
)
def test_the_text_of_a_mail_that_can_still_be_sent_is_kept(sqlite_store: Store, state: str, forgotten: bool) -> None:
    play = watching(sqlite_store)
    play.shop.product("42", EUR="99.00")
    play.told()
    play.compose()
    _settle(play, state=state, settled_at=play.now)
    assert tidy(sqlite_store, KEPT, now=play.later(days=100).now).texts == forgotten


def test_a_rehearsal_counts_the_same_and_deletes_nothing(store: Store) -> None:
    play = watching(store)
    _told_each_day(play, "130", "99")
    play.compose()
    _settle(play, state="expired", settled_at=play.now)
    _told_each_day(play, "140")
    play.later(days=60).fires()
    before = {name: rows for name, rows in play.everything().items() if name != "lease"}
    counts = rehearse(store, KEPT, now=play.now)
    assert {name: rows for name, rows in play.everything().items() if name != "lease"} == before
    assert tidy(store, KEPT, now=play.now) == counts
    assert min(counts.observations, counts.texts, counts.runs) > 0


def _replayed(play: Play) -> dict[tuple[int, str], object]:
    """What a replay of everything stored decides for each active watch, and what a mail would call the price before."""
    relation = tables.Relation
    active = select(relation.id).where(
        relation.retired_at.is_(None), relation.ends_at > play.now, relation.watch_currency.is_not(None)
    )
    found: dict[tuple[int, str], object] = {}
    with play.store.begin() as session:
        session.execute(delete(tables.Watch))
        lens = make_lens(session, play.settings, KEY)
        for case in cases.load(session, session.scalars(active).all(), lens):
            before = [cases.previous_price(session, reading) for reading in case.readings.values() if reading.observing]
            for kind in Kind:
                state = cases.fold(case, kind, lens)
                found[case.relation.id, kind] = state, cases.situation(case, kind, state, lens).price, before
        session.rollback()
    return found


def _live(play: Play, rng: Random) -> None:
    """Some weeks in which prices and stock change, and watches come, change and go."""
    play.shop.watch("first", ctime=play.now, config=make_config(timeframe=9))
    for number in range(1, 13):
        play.later(hours=rng.choice([24, 48]))
        price = rng.choice(["90", "95", "110", "120", "130", None])
        play.shop.product("42", EUR=price, CHF=price, stock=rng.choice(["0", "1"]))
        config = {"timeframe": rng.choice([9, 3650, 3650]), "pricevalue": rng.choice(["100", None])}
        if rng.random() < 0.5:
            play.shop.watch(
                str(number), ctime=play.now - timedelta(hours=rng.choice([0, 0, 30])), config=make_config(**config)
            )
        listed = sorted(play.shop.listed)
        if listed and rng.random() < 0.3:
            play.shop.patch(rng.choice(listed), **config, currency=rng.choice(["EUR", "CHF"]))
        if listed and rng.random() < 0.2:
            play.shop.delete(rng.choice(listed))
        play.fires()


def test_forgetting_changes_no_replay_of_an_active_watch(sqlite_template: SqliteTemplate, tmp_path: Path) -> None:
    forgotten = watches = 0
    for seed in range(4):
        (tmp_path / str(seed)).mkdir()
        with opened(sqlite_template.copy_to(tmp_path / str(seed))) as store:
            play = imported(store)
            _live(play, Random(seed))  # noqa: S311 - plays a shop, protects nothing
            before = _replayed(play)
            counts = tidy(store, Retention.model_construct(observation_days=0, mail_days=0, run_days=0), now=play.now)
            assert _replayed(play) == before
            forgotten, watches = forgotten + counts.observations, watches + len(before)
    assert forgotten > 5
    assert watches > 10
