"""A whole sync through the shop's GraphQL: first everything, then what changed, then what is gone."""

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import delete, select, update

from tests.support.graphql_shop.front import GraphqlFront
from tests.support.settings import load_text
from tests.support.stages import KEY
from worker.settings import Settings
from worker.shop.graphql_queries import PRODUCTS
from worker.shopserver import tables as shop_tables
from worker.store import tables
from worker.store.session import Store
from worker.sync import SyncCounts, sync


class Mirror:
    """A store that mirrors the shop whenever the test says so, by the shop's clock."""

    def __init__(self, front: GraphqlFront, store: Store) -> None:
        self._front = front
        self._store = store
        self._settings: Settings = load_text(
            f"""
            [mail]
            from_address = "watch@shop.example"
            [sources.main]
            url = "{front.url}"
            interface = "graphql"
            currency = "EUR"
            reconcile_hours = 24
            product_refresh_hours = 48
            [sources.main.admin]
            token = "admin-token-0123456789"
            """
        ).settings

    def sync(self) -> SyncCounts:
        return sync(self._store, self._front.source(), "main", self._settings, KEY, now=self._front.clock.now)

    def relations(self) -> dict[str, bool]:
        """Whether each relation, by the shop's id, is still there."""
        with self._store.read() as session:
            return {row.shop_id: row.retired_at is None for row in session.scalars(select(tables.Relation))}

    def products_asked_for(self) -> Sequence[str]:
        """The filters of the requests for products so far."""
        return [body["variables"]["filter"] for body in self._front.shop.asked if body["query"] == PRODUCTS.text]


@pytest.fixture
def mirror(front: GraphqlFront, sqlite_store: Store) -> Mirror:
    """Before the first sync nothing had changed for a year but customer 4 and her relation 9: what is new is told by that."""
    with front.store.begin() as session:
        for table in (
            shop_tables.Customer,
            shop_tables.Relation,
            shop_tables.Product,
            shop_tables.Price,
            shop_tables.Stock,
        ):
            session.execute(update(table).values(mtime=front.clock() - timedelta(days=365)))
        session.execute(update(shop_tables.Price).values(list_mtime=front.clock() - timedelta(days=365)))
        session.get_one(shop_tables.Customer, "4").mtime = front.clock()
        session.get_one(shop_tables.Relation, 9).mtime = front.clock()
    return Mirror(front, sqlite_store)


def test_the_first_sync_brings_everything(mirror: Mirror) -> None:
    counts = mirror.sync()
    assert (counts.accounts, counts.new, counts.rejected, counts.unread) == (3, 9, 0, 0)
    assert mirror.relations() == dict.fromkeys("123456789", True)
    assert (counts.products, counts.missing) == (5, 0)


def test_a_second_sync_finds_nothing_new(front: GraphqlFront, mirror: Mirror) -> None:
    mirror.sync()
    front.clock.turn(hours=3)
    counts = mirror.sync()
    assert (counts.seen, counts.new + counts.changed, counts.products, counts.customers_changed) == (1, 0, 0, 0)


def test_only_what_changed_is_read_again(front: GraphqlFront, mirror: Mirror) -> None:
    mirror.sync()
    front.clock.turn(hours=3)
    front.store.set_price("2", "EUR", Decimal("8.88"))
    front.store.set_stock("4", 3)
    front.store.set_price("12", "EUR", Decimal("1.00"))  # watched by nobody
    config = {"timeframe": 7, "price": 1, "currency": "EUR"}
    front.store.load(
        {"relations": [{"customer": "3", "domain": "product", "type": "watch", "refid": "16", "config": config}]}
    )
    front.clock.turn(minutes=5)
    before = len(mirror.products_asked_for())
    counts = mirror.sync()
    assert (counts.accounts, counts.seen, counts.new) == (2, 2, 1)
    assert sorted(mirror.products_asked_for()[before:]) == ['{"==":{"product.id":["2","4","16"]}}']


def test_a_changed_address_comes_without_its_relations(front: GraphqlFront, mirror: Mirror) -> None:
    mirror.sync()
    front.clock.turn(hours=3)
    with front.store.begin() as session:
        session.get_one(shop_tables.Customer, "2").email = "bob@new.example"
    counts = mirror.sync()
    assert (counts.seen, counts.customers_changed) == (1, 1)


def test_a_deleted_relation_is_found_when_all_are_compared(front: GraphqlFront, mirror: Mirror) -> None:
    mirror.sync()
    with front.store.begin() as session:
        session.execute(delete(shop_tables.Relation).where(shop_tables.Relation.id == 9))  # the customer's only one
    front.clock.turn(hours=3)
    assert mirror.sync().retired == 0
    front.clock.turn(hours=22)
    assert mirror.sync().retired == 1
    assert mirror.relations() == {**dict.fromkeys("12345678", True), "9": False}


def test_of_a_customer_who_is_read_anyway_deletions_are_seen_at_once(front: GraphqlFront, mirror: Mirror) -> None:
    mirror.sync()
    front.clock.turn(hours=3)
    with front.store.begin() as session:
        session.execute(delete(shop_tables.Relation).where(shop_tables.Relation.id == 2))
        session.get_one(shop_tables.Relation, 1).position = 7
    assert mirror.sync().retired == 1
    assert mirror.relations()["2"] is False


def test_a_relation_with_a_broken_config_is_rejected_and_the_others_go_on(front: GraphqlFront, mirror: Mirror) -> None:
    with front.store.begin() as session:
        session.get_one(shop_tables.Relation, 2).config = '{"price":1'
    counts = mirror.sync()
    assert (counts.new, counts.rejected, counts.quarantined) == (9, 1, 1)
