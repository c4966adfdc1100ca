"""Tidying a product that many watch costs its watchers once, not once an observation: it holds the database meanwhile."""

from datetime import timedelta
from decimal import Decimal

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from tests.support.stages import Play, imported
from worker.store import retention, tables
from worker.store.session import Store

MANY = 200


def _fill(session: Session, play: Play) -> None:
    """Many others watch the same product, whose price changed often, long ago."""
    first = session.scalars(select(tables.Relation)).one()
    columns = {column.name: getattr(first, column.name) for column in tables.Relation.__table__.columns}
    del columns["id"]
    session.execute(insert(tables.Relation), [{**columns, "shop_id": f"another {number}"} for number in range(MANY)])
    reading = session.scalars(select(tables.Reading).where(tables.Reading.kind == "price")).one()
    old = {"reading_id": reading.id, "series": reading.series, "seen_at": play.now - timedelta(days=900)}
    session.execute(insert(tables.Observation), [{**old, "price": Decimal(100 + number)} for number in range(MANY)])


def test_watchers_are_looked_at_once_a_page(sqlite_store: Store) -> None:
    play = imported(sqlite_store).later(minutes=5)
    play.shop.watch("1", ctime=play.now)
    play.fires()
    with sqlite_store.begin() as session:
        _fill(session, play)
    steps = 0

    def count() -> None:
        nonlocal steps
        steps += 1

    with sqlite_store.begin() as session:
        driver = session.connection().connection.driver_connection
        assert driver is not None
        driver.set_progress_handler(count, 1)
        _, gone = retention.forget_observations(session, 0, play.now - timedelta(days=400), play.now, 1000)
        driver.set_progress_handler(None, 0)
    assert gone == MANY - 1
    assert steps < MANY * MANY
