"""Dispatchers in processes of their own, which tests kill and freeze."""

from datetime import datetime

from sqlalchemy import update

from tests.dispatch.dispatching import Dispatching, make_settings
from tests.support.forked import Forked
from worker.store import tables
from worker.store.session import Store


class DispatcherProcess(Forked):
    """Runs the stage once over the store at `url`; `failpoint` such as "dispatch.claimed=kill" is set for it alone."""

    def __init__(self, url: str, port: int, now: datetime, failpoint: str = "", extra: str = "") -> None:
        super().__init__(_dispatch, url, port, now, extra, failpoint=failpoint)


def let_leases_run_out(store: Store) -> None:
    """What waiting would do."""
    with store.begin() as session:
        session.execute(
            update(tables.Mail).where(tables.Mail.lease_token.is_not(None)).values(lease_until=tables.Mail.created_at)
        )


def _dispatch(url: str, port: int, now: datetime, extra: str) -> dict[str, object]:
    settings = make_settings(port, "connections = 1\n" + extra)
    return dict(Dispatching(Store(url), settings, now=now).dispatch())
