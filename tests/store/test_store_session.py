"""Transactions: who waits for whom, what is kept, and what a failure leaves behind."""

import stat
import traceback
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from tests.support.children import Child, hear_all
from tests.support.databases import opened
from worker.store import tables
from worker.store.session import Store

ADDRESS = "ann@mail.test"
NOW = datetime(2026, 1, 1, tzinfo=UTC)
COUNT_UP = """
import sys
from worker.store import tables
from worker.store.session import Store
store = Store(sys.argv[1])
print("ready", flush=True)
input()
for _ in range(40):
    with store.begin() as session:
        session.get_one(tables.Run, 1).stage += "x"
store.dispose()
"""


def add_run(session: Session, stage: str = "sync") -> None:
    session.add(tables.Run(stage=stage, started_at=NOW))
    session.flush()


def runs(session: Session) -> int:
    return session.scalars(select(func.count()).select_from(tables.Run)).one()


def test_what_was_written_is_there_for_the_next_transaction(store: Store) -> None:
    with store.begin() as session:
        add_run(session)
    with store.read() as session:
        assert runs(session) == 1


def test_an_error_rolls_everything_back(store: Store) -> None:
    with pytest.raises(ZeroDivisionError), store.begin() as session:
        add_run(session)
        _ = 1 / 0
    with store.read() as session:
        assert runs(session) == 0


def test_nothing_is_kept_of_a_reading_transaction(store: Store) -> None:
    with store.read() as session:
        add_run(session)
    with store.read() as session:
        assert runs(session) == 0


def test_a_reader_neither_waits_for_a_writer_nor_sees_half_its_work(store: Store) -> None:
    with store.begin() as writer:
        add_run(writer)
        with store.read() as reader:
            assert runs(reader) == 0
    with store.read() as reader:
        assert runs(reader) == 1


def test_a_writer_does_not_wait_for_readers(store: Store) -> None:
    with store.read() as reader:
        assert runs(reader) == 0
        with store.begin() as writer:
            add_run(writer)


def test_objects_can_be_read_after_their_transaction_ended(store: Store) -> None:
    with store.begin() as session:
        add_run(session, "scan")
    with store.read() as session:
        run = session.scalars(select(tables.Run)).one()
    assert run.stage == "scan"


def test_writers_in_several_processes_wait_for_each_other_on_sqlite(sqlite_store: Store) -> None:
    with sqlite_store.begin() as session:
        add_run(session, "")
    url = sqlite_store.engine.url.render_as_string()
    with Child(COUNT_UP, url) as one, Child(COUNT_UP, url) as other:
        assert hear_all([one, other]) == ["ready", "ready"]
        one.tell()
        other.tell()
        assert (one.end(), other.end()) == (0, 0)
    with sqlite_store.read() as session:
        assert session.get_one(tables.Run, 1).stage == "x" * 80


def test_writers_in_several_threads_wait_for_each_other_on_sqlite(sqlite_store: Store) -> None:
    with sqlite_store.begin() as session:
        add_run(session, "")

    def count_up(_number: int) -> None:
        with sqlite_store.begin() as session:
            session.get_one(tables.Run, 1).stage += "x"

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(count_up, range(40)))
    with sqlite_store.read() as session:
        assert session.get_one(tables.Run, 1).stage == "x" * 40


def test_a_row_that_points_nowhere_is_refused(store: Store) -> None:
    with pytest.raises(IntegrityError), store.begin() as session:
        session.add(tables.ProductText(product_id=1, language="en", name="", slug=""))


def test_errors_show_no_rows_and_no_values(store: Store) -> None:
    with pytest.raises(IntegrityError) as caught, store.begin() as session:
        session.add(tables.Mail(sender=ADDRESS, recipient=ADDRESS))
    told = "".join(traceback.format_exception(caught.value))
    assert "NOT NULL" in told or "not-null" in told
    assert ADDRESS not in told


@pytest.mark.parametrize(("pragma", "value"), [("journal_mode", "wal"), ("synchronous", 2), ("foreign_keys", 1)])
def test_sqlite_keeps_what_it_confirmed_and_checks_links(sqlite_store: Store, pragma: str, value: object) -> None:
    with sqlite_store.read() as session:
        assert session.execute(text(f"PRAGMA {pragma}")).scalar_one() == value


def test_the_lease_clock_is_aware_utc(store: Store) -> None:
    with store.read() as session:
        assert store.lease_now(session).utcoffset() == timedelta(0)


def test_the_lease_clock_goes_on_within_a_transaction(postgres_store: Store) -> None:
    with postgres_store.read() as session:
        assert postgres_store.lease_now(session) < postgres_store.lease_now(session)


def test_the_time_zone_of_the_server_does_not_matter(postgres_url: str) -> None:
    with opened(postgres_url) as admin, admin.begin() as session:
        session.execute(text(f"ALTER DATABASE {admin.engine.url.database} SET timezone = 'Asia/Tokyo'"))
    with opened(postgres_url) as store, store.read() as session:
        assert session.execute(text("SHOW timezone")).scalar_one().lower() == "utc"


def test_a_new_sqlite_file_and_those_beside_it_are_for_this_user_alone(tmp_path: Path) -> None:
    with opened(f"sqlite:///{tmp_path / 'w.db'}") as store, store.begin() as session:
        session.execute(text("CREATE TABLE seen (id INTEGER)"))
        modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()}
    assert modes == {"w.db": 0o600, "w.db-wal": 0o600, "w.db-shm": 0o600}


def test_a_sqlite_file_that_exists_keeps_its_mode(tmp_path: Path) -> None:
    file = tmp_path / "w.db"
    file.touch(mode=0o640)
    with opened(f"sqlite:///{file}") as store, store.begin() as session:
        session.execute(text("CREATE TABLE seen (id INTEGER)"))
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
