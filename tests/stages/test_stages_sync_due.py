"""What an incremental sync remembers of products to know which it has to read, and forgets when it is over."""

from datetime import timedelta
from decimal import Decimal

from tests.stages.test_stages_sync_incremental import AdminPlay, shop_of
from tests.support.stages import START
from worker.domain.model import Price
from worker.store import tables
from worker.store.session import Store


def _owners(play: AdminPlay) -> dict[str, str]:
    """Products by the ids of their prices."""
    names = {row.id: row.shop_id for row in play.rows(tables.Product)}
    return {row.price_id: names[row.product_id] for row in play.rows(tables.ProductPrice)}


def _sells(play: AdminPlay, product: str, *price_ids: str) -> None:
    prices = tuple(Price(id=price_id, value=Decimal(120), currency="EUR") for price_id in price_ids)
    play.shop.detail(product, prices=prices)
    play.shop.product(product, EUR="120.00")


def test_a_product_that_is_gone_is_not_asked_for_each_time_because_a_price_of_it_was_to_end(store: Store) -> None:
    play = shop_of(store, 2)
    ends = Price(value=Decimal(120), currency="EUR", dateend=START + timedelta(hours=1))
    play.shop.detail("42", prices=(ends,))
    play.shop.product("42", stock="1")
    play.later(minutes=5).sync()
    play.shop.hidden.add("42")
    assert play.later(hours=4).sync().missing == 1
    assert [play.later(minutes=5).sync().missing for _ in range(2)] == [0, 0]


def test_prices_that_a_product_does_not_have_any_more_are_forgotten(store: Store) -> None:
    """An import that makes all prices anew each night would leave one a night."""
    play = shop_of(store, 1)
    for night in range(3):
        _sells(play.later(hours=24), "42", f"net {night}", f"gross {night}")
        play.sync()
    assert _owners(play) == {"net 2": "42", "gross 2": "42"}


def test_a_price_that_went_to_another_product_is_that_ones(store: Store) -> None:
    play = shop_of(store, 1)
    _sells(play, "43", "b")
    play.shop.watch("2", customer_id="1", refid="43")
    _sells(play.later(hours=1), "42", "a", "other")
    play.sync()
    play.later(hours=3).sync()
    play.shop.detail("42", prices=())  # which nothing tells of
    _sells(play.later(hours=3), "43", "a")
    assert play.sync().products == 1
    assert _owners(play) == {"a": "43", "other": "42"}
