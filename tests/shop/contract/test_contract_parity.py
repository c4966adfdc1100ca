"""The same shop's state, read through each interface, leads to the same domain objects."""

import itertools
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.shop.contract.conftest import OpenWorld
from tests.shop.contract.interfaces import INTERFACES, Interface
from tests.shop.contract.world import active, pages_of, people_of, read, relations_of, shared
from worker.domain.model import ProductReading

SHOWN = ("11", "12", "13", "14", "15")
PAIRS = list(itertools.combinations(INTERFACES, 2))
EACH_PAIR = pytest.mark.parametrize(
    "pair", PAIRS, ids=["-".join(interface.name for interface in pair) for pair in PAIRS]
)
EACH_ZONE = pytest.mark.parametrize("timezone", ["UTC", "Europe/Berlin", "America/New_York"])

Told = dict[str, Any]


def told(open_world: OpenWorld, interface: Interface, timezone: str, *, exact_stock: bool) -> Told:
    """Everything a source tells about active relations, their customers and the products on sale."""
    with open_world(interface, timezone) as world:
        source = world.connect()
        pages = pages_of(source)
        now = world.clock.now
        people = {key: person for key, person in people_of(source, pages).items() if person.enabled}
        relations = {
            key: relation
            for key, relation in active(relations_of(pages), now).items()
            if relation.customer_id in people
        }
        return {
            "relations": relations,
            "customers": {key: people[key] for key in {relation.customer_id for relation in relations.values()}},
            "products": {
                (reading.id, reading.view): shared(reading, now, exact_stock=exact_stock)
                for reading in read(source, *SHOWN)
                if isinstance(reading, ProductReading)
            },
        }


@EACH_PAIR
@EACH_ZONE
def test_two_interfaces_tell_the_same(open_world: OpenWorld, pair: tuple[Interface, Interface], timezone: str) -> None:
    exact = all(interface.abilities.fractional_stock for interface in pair)
    one, other = (told(open_world, interface, timezone, exact_stock=exact) for interface in pair)
    assert one["relations"] == other["relations"]
    assert one["customers"] == other["customers"]
    assert one["products"] == other["products"]


def test_what_they_tell_is_what_is_in_the_shop(open_world: OpenWorld) -> None:
    found = told(open_world, INTERFACES[0], "Europe/Berlin", exact_stock=False)
    assert sorted(found["relations"], key=int) == ["1", "2", "3", "4", "6", "10"]
    assert sorted(found["customers"]) == ["1", "2", "3"]
    assert len(found["products"]) == 2 * len(SHOWN)
    assert found["relations"]["10"].dateend == datetime(2031, 10, 26, 1, 30, tzinfo=UTC)  # the later of two 02:30
