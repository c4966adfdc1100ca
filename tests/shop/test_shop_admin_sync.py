"""Whole syncs through the admin JSON API: what was begun goes on, what failed concludes nothing, only what changed is read."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from tests.shopserver.front import Front
from tests.support.admin_host import PASSWORD, USERNAME
from tests.support.jsonadm.behind import AdminFront, admin_front, settings_for
from tests.support.settings import load_text
from tests.support.stages import KEY
from worker.errors import ShopAnswerError, ShopError, ShopLoginError, ShopUnreachableError
from worker.settings import Settings
from worker.shopserver import tables as shop_tables
from worker.store import tables
from worker.store.session import Store
from worker.sync import SyncCounts, sync

ALL = [str(number) for number in range(1, 10)]


class Mirror:
    """A store that mirrors the shop whenever the test says so, by the shop's clock."""

    def __init__(self, admin: AdminFront, store: Store) -> None:
        self.admin = admin
        self.store = store
        self.options: dict[str, Any] = {}

    def sync(self, **others: Any) -> SyncCounts:
        base = load_text('[mail]\nfrom_address = "watch@shop.example"').settings
        shop = settings_for(self.admin.front.url, **self.options)
        settings: Settings = base.model_copy(update={"sources": {"main": shop}})
        source = self.admin.connect(**self.options)
        return sync(self.store, source, "main", settings, KEY, now=self.admin.front.clock.now, **others)

    def there(self) -> list[str]:
        """The relations that are not retired."""
        with self.store.read() as session:
            rows = session.scalars(select(tables.Relation).where(tables.Relation.retired_at.is_(None)))
            return sorted((row.shop_id for row in rows), key=int)

    def later(self, **by: float) -> None:
        self.admin.front.clock.turn(**by)


@pytest.fixture
def mirror(front: Front, sqlite_store: Store) -> Iterator[Mirror]:
    """Before the first sync nothing had changed in the shop for a year but relation 9: what is new is told by that."""
    long_ago = front.clock() - timedelta(days=365)
    with front.store.begin() as session:
        for table in (shop_tables.Customer, shop_tables.Relation, shop_tables.Product, shop_tables.Stock):
            session.execute(update(table).values(mtime=long_ago))
        session.execute(update(shop_tables.Price).values(mtime=long_ago, list_mtime=long_ago))
        session.get_one(shop_tables.Relation, 9).mtime = front.clock()
    with admin_front(front) as admin:
        yield Mirror(admin, sqlite_store)


def test_the_first_sync_brings_everything(mirror: Mirror) -> None:
    counts = mirror.sync()
    assert (counts.new, counts.rejected, counts.unreadable) == (9, 0, 0)
    assert mirror.there() == ALL
    with mirror.store.read() as session:
        found = {row.shop_id: row.email for row in session.scalars(select(tables.Customer))}
    assert found == {"1": "anna@example.com", "2": "bob@example.com", "4": "dora@example.com"}


def test_only_what_changed_is_read_again(mirror: Mirror) -> None:
    mirror.sync()
    mirror.later(hours=3)
    store = mirror.admin.front.store
    store.set_price("2", "EUR", "8.88")
    store.set_stock("4", 3)
    store.set_price("12", "EUR", "1.00")  # watched by nobody
    mirror.later(minutes=5)
    asked = len(mirror.admin.asked("product"))
    counts = mirror.sync()
    assert (counts.seen, counts.new + counts.changed) == (1, 0)
    (request,) = [found.query for found in mirror.admin.asked("product")[asked:] if "include" in found.query]
    assert request.count("[product.id][]=") == 2
    assert "[product.id][]=2&" in request
    assert "[product.id][]=4&" in request


def test_a_deleted_relation_is_found_when_all_ids_are_compared(mirror: Mirror) -> None:
    mirror.sync()
    with mirror.admin.front.store.begin() as session:
        session.delete(session.get_one(shop_tables.Relation, 2))
    mirror.later(hours=3)
    assert mirror.sync().retired == 0
    mirror.later(hours=22)
    assert mirror.sync().retired == 1
    assert mirror.there() == [found for found in ALL if found != "2"]


def third_page(answer: Response) -> Any:
    """A fault at the third page of relations."""

    async def fault(request: Request) -> Response | None:
        return answer if "customer.lists.id]=6" in str(request.url.query).replace("%5D", "]") else None

    return fault


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (PlainTextResponse("", 500), ShopUnreachableError),
        (PlainTextResponse("", 429, {"Retry-After": "3600"}), ShopUnreachableError),
        (PlainTextResponse('{"data": [{"id"', 200, media_type="application/vnd.api+json"), ShopAnswerError),
        (Response("<html>Back soon</html>", 200, media_type="text/html"), ShopAnswerError),
        (Response('<form><input type="password"></form>', 200, media_type="text/html"), ShopLoginError),
        (PlainTextResponse("", 419), ShopLoginError),
        (Response(None, 302, {"Location": "http://evil.test/"}), ShopAnswerError),
    ],
    ids=["500", "429", "truncated", "maintenance", "login", "419", "foreign"],
)
def test_a_sync_that_fails_concludes_nothing_and_goes_on_at_its_last_page(
    mirror: Mirror, answer: Response, error: type[ShopError]
) -> None:
    mirror.options = {"page_size": 3}
    mirror.admin.host.faults.append(third_page(answer))
    with pytest.raises(error):
        mirror.sync()
    assert mirror.there() == ALL[:6]
    mirror.admin.host.faults.clear()
    asked = len(mirror.admin.asked("customer/lists"))
    counts = mirror.sync()
    assert counts.resumed
    assert "[customer.lists.id]=6&" in mirror.admin.asked("customer/lists")[asked].query
    assert mirror.there() == ALL


def test_a_shop_that_lists_nothing_suddenly_is_not_believed(mirror: Mirror) -> None:
    mirror.admin.front.store.load(
        {"relations": [{"customer": "3", "domain": "product", "type": f"t{n}", "refid": "1"} for n in range(30)]}
    )
    mirror.sync()
    mirror.later(hours=25)
    mirror.admin.shop.twist = lambda resource, _params, _document: (
        {"meta": {"total": 0}, "data": []} if resource == "customer/lists" else None
    )
    counts = mirror.sync()
    assert (counts.retired, counts.kept_back) == (0, 39)
    mirror.admin.shop.twist = None
    mirror.later(hours=25)
    assert mirror.sync().retired == 0
    assert len(mirror.there()) == 39


def test_a_session_that_ends_again_and_again_is_no_obstacle(mirror: Mirror) -> None:
    mirror.options = {"page_size": 3, "admin": {"username": USERNAME, "password": PASSWORD}}
    mirror.admin.host.expires_after = 3
    assert mirror.sync().new == 9
    assert mirror.admin.host.logins > 2


def test_expired_watches_are_removed_in_the_shop_where_the_settings_say_so(mirror: Mirror) -> None:
    mirror.sync()
    mirror.later(minutes=5)
    assert mirror.sync().removed == 0
    mirror.options = {"write_back": True}
    mirror.later(minutes=5)
    assert mirror.sync().removed == 1
    with mirror.admin.front.store.read() as session:
        left = [str(row.id) for row in session.scalars(select(shop_tables.Relation))]
    assert sorted(left, key=int) == [found for found in ALL if found != "7"]  # it ended in 2020
    assert mirror.there() == [found for found in ALL if found != "7"]


def test_a_full_sync_learns_of_changes_whose_time_did_not_move(mirror: Mirror) -> None:
    mirror.sync()
    mirror.later(hours=3)
    with mirror.admin.front.store.begin() as session:
        row = session.get_one(shop_tables.Customer, 2)
        before, row.email = row.mtime, "new@example.com"
        session.flush()
        session.execute(update(shop_tables.Customer).values(mtime=before))
    assert mirror.sync().customers_changed == 0
    assert mirror.sync(full=True).customers_changed == 1
