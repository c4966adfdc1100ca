"""Removing relations as the customers who have them: what one can't remove is no obstacle for the others."""

import httpx2
import pytest

from tests.shop.test_shop_frontend import ManyCustomers, broken, customer, raises, source
from tests.support.careless_shop import reply
from worker.errors import ShopLoginError, ShopUnreachableError
from worker.shop.frontend import MAX_SILENT
from worker.shop.source import Unread


@pytest.mark.parametrize("asked", [[("anna", "1"), ("ben", "1")], [("ben", "1"), ("anna", "1")]])
def test_a_customer_whose_token_expired_is_told_of_and_the_others_watches_are_removed(
    asked: list[tuple[str, str]],
) -> None:
    shops = ManyCustomers(anna=broken(lambda _: reply(401, {"errors": []})), ben=customer("2"))
    found = list(source(shops, "anna", "ben").remove(asked))
    (refusal,) = [entry for entry in found if isinstance(entry, Unread)]
    assert (refusal.key, type(refusal.error)) == ("anna", ShopLoginError)
    assert [entry for entry in found if not isinstance(entry, Unread)] == [{"1"}]
    assert shops.shops["ben"].relations == {}


def test_a_shop_that_has_become_silent_is_left_alone_after_a_few_customers() -> None:
    silent = [f"silent{number}" for number in range(MAX_SILENT)]
    shops = ManyCustomers(
        anna=customer("1"), zoe=customer("2"), **{key: broken(lambda _: raises(httpx2.ReadTimeout)) for key in silent}
    )
    keys = ["anna", *silent, "zoe"]
    removals = source(shops, *keys).remove([(key, "1") for key in keys])
    assert next(removals) == {"1"}
    with pytest.raises(ShopUnreachableError, match=f"{MAX_SILENT} customers in a row got no answer"):
        list(removals)
    assert "1" in shops.shops["zoe"].relations
