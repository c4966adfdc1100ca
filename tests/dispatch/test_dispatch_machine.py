"""Whatever dispatchers, relay, clocks and operators do, in whatever order: no mail is lost, none goes once too often."""

from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from tests.dispatch.conftest import let_the_disk_lag
from tests.dispatch.outbox_watch import ClockedStore
from tests.dispatch.traffic import Traffic
from tests.support.databases import PostgresPool, SqliteTemplate


def _drive(url: str, *, resend: bool, examples: int) -> None:
    store = ClockedStore(url)
    let_the_disk_lag(store)
    try:
        run_state_machine_as_test(
            lambda: Traffic(store, resend=resend), settings=settings(max_examples=examples, stateful_step_count=25)
        )
    finally:
        store.dispose()


@pytest.mark.parametrize(
    ("resend", "examples"),
    [(True, 30), (False, 8), pytest.param(True, 600, marks=pytest.mark.long)],
    ids=["resend", "hold", "long"],
)
def test_mails_on_sqlite(sqlite_template: SqliteTemplate, tmp_path: Path, resend: bool, examples: int) -> None:
    _drive(sqlite_template.copy_to(tmp_path), resend=resend, examples=examples)


def test_mails_on_postgresql(postgres_pool: PostgresPool) -> None:
    _drive(postgres_pool.emptied(), resend=True, examples=8)
