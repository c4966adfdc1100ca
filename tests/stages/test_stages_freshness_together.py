"""The last look at several mails at once finds what it finds at each alone."""

import shutil
from pathlib import Path

import pytest

from tests.support.databases import opened
from tests.support.stages import KEY, Play, imported, make_settings
from worker import freshness
from worker.store import tables
from worker.store.session import Store


def _seven_mails(store: Store) -> Play:
    """Customers 1 to 4 were told of products 41 to 44; 1 also that 41 is back in stock, and twice that it got still cheaper."""
    play = imported(store, make_settings(rules="cooldown_hours = 0")).later(minutes=5)
    for number in "1234":
        play.shop.customer(number)
        play.shop.product(f"4{number}", EUR="120.00", stock="0")
        play.shop.watch(number, customer_id=number, refid=f"4{number}", ctime=play.now)
    play.fires()
    for number in "1234":
        play.shop.product(f"4{number}", EUR="99.00")
    play.told()
    assert play.compose().mails == 4
    for change in ({"stock": "7"}, {"EUR": "90.00"}, {"EUR": "80.00"}):
        play.shop.product("41", **change)
        assert len(play.told()) == 1
        assert play.compose().mails == 1
    return play


def _look(play: Play, *groups: list[int]) -> list[str | None]:
    found: list[str | None] = []
    for group in groups:
        with play.store.begin() as session:
            mails = [session.get_one(tables.Mail, mail_id) for mail_id in group]
            found += freshness.recheck(session, mails, play.now, play.settings, KEY)
    return found


@pytest.mark.parametrize("in_doubt", [False, True])
@pytest.mark.parametrize("price", ["130.00", "96.00", "86.00", "80.00"])
def test_together_as_alone(sqlite_store: Store, tmp_path: Path, price: str, in_doubt: bool) -> None:
    play = _seven_mails(sqlite_store)
    play.shop.product("41", EUR=price, stock="0")
    play.shop.product("42", EUR="98.00")
    play.shop.customer("3", email="other@mail.test")
    play.later(minutes=5).sync()
    with play.store.begin() as session:
        for mail in play.mails():
            session.get_one(tables.Mail, mail.id).ambiguous_attempts = int(in_doubt)
    play.store.dispose()
    assert play.store.engine.url.database is not None
    twin = shutil.copy(play.store.engine.url.database, tmp_path / "twin.db")
    together = _look(play, [1, 2, 3, 4, 5, 6, 7])
    with opened(f"sqlite:///{twin}") as other:
        apart = Play(other, settings=play.settings, now=play.now)
        assert together == _look(apart, *([mail.id] for mail in play.mails()))
        assert play.everything() == apart.everything()
    assert {None, "facts_changed", "out_of_stock"} <= set(together)


def test_of_mails_about_one_relation_all_are_taken_back(store: Store) -> None:
    play = _seven_mails(store)
    play.shop.product("41", EUR="130.00", stock="0")
    play.later(minutes=5).sync()
    assert _look(play, [1, 5, 6, 7]) == ["not_below_limit", "out_of_stock", "not_below_limit", "not_below_limit"]
    assert {row.state for row in play.notifications()[4:]} == {"cancelled"}
