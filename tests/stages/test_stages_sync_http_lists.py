"""Rows 19 and 20 of the fault matrix: lists that are suddenly empty, go in a circle or lead elsewhere; over HTTP, whole syncs."""

from typing import Any

import pytest

from tests.shop.contract.interfaces import INTERFACES
from tests.support.ill_case import GRAPHQL, JSONADM, JSONAPI, Case, through
from tests.support.ill_shop import LOGIN_PAGE, Asked, Shop, Told, always, json_told, of_nobody
from worker.store import tables


def _links(document: dict[str, Any], following: str) -> dict[str, Any]:
    return (document.get("links") or {}) | {"next": following}


class Repeating:
    """An admin interface that gives the first page again and again."""

    def __init__(self) -> None:
        self._first: Told | None = None

    async def __call__(self, asked: Asked, shop: Shop) -> Told:
        if asked.method == "OPTIONS":
            return await shop()
        self._first = self._first or await shop()
        return self._first


@through(JSONADM, GRAPHQL)
def test_a_page_that_comes_again_is_an_error(case: Case) -> None:
    case.shop.falls_ill(Repeating(), "relations")
    case.fails("in a circle")
    case.recovers()


async def leads_to_itself(asked: Asked, shop: Shop) -> Told:
    """Each page says that it comes next."""
    return (await shop()).with_json(lambda document: document | {"links": _links(document, asked.url)})


async def leads_elsewhere(_: Asked, shop: Shop) -> Told:
    """Each page says that the next one is on another origin."""
    elsewhere = "http://evil.test/jsonapi?page=2"
    return (await shop()).with_json(lambda document: document | {"links": _links(document, elsewhere)})


NEXT = {
    "to itself": (leads_to_itself, "the pages go in a circle or never end"),
    "elsewhere": (leads_elsewhere, r"points to another origin \(http://evil\.test instead of"),
}


@through(JSONAPI)
@pytest.mark.parametrize("leads", NEXT)
def test_a_next_page_that_leads_nowhere_is_not_followed(case: Case, leads: str) -> None:
    """Row 20. What one customer's pages do is told of that customer, a catalogue that can't be read ends the sync."""
    fault, says = NEXT[leads]
    case.shop.falls_ill(fault, "relations")
    case.reads_no_customer(says)
    case.shop.falls_ill(fault, "products")
    case.play.later(minutes=5)
    case.known = case.state()
    case.fails(says, where="products")
    case.recovers()


@through(JSONADM, GRAPHQL)
def test_through_the_admin_interfaces_no_next_page_is_believed(case: Case) -> None:
    for fault, _ in NEXT.values():
        case.shop.falls_ill(fault)
        case.finds_everything()
        case.play.later(hours=25)


@through(JSONADM, GRAPHQL)
def test_an_empty_list_is_believed_only_from_a_shop_that_knows_us(case: Case) -> None:
    """Row 19. A host that has forgotten the login says so by a page, whatever it was asked for."""
    case.shop.falls_ill(always(LOGIN_PAGE), "relations")
    case.fails("a login page, although we have just logged in")
    case.recovers()


@through(JSONAPI)
def test_an_empty_list_counts_only_when_the_shop_still_knows_the_customer(case: Case) -> None:
    """Row 19. The login ends between the question who we are and the one for what we have: a stranger has nothing."""
    known: set[str] = set()

    async def logs_out(asked: Asked, shop: Shop) -> Told:
        if "related=" in asked.query:
            return json_told(b'{"meta": {"total": 0}, "data": []}')
        who = asked.headers.get("authorization", "")
        first_time = who not in known
        known.add(who)
        return await shop() if first_time else (await shop()).with_json(of_nobody)

    case.shop.falls_ill(logs_out, "relations")
    case.reads_no_customer("the shop does not know who we are; check the customer's token or cookie")
    case.recovers()


async def lists_nothing(asked: Asked, shop: Shop) -> Told:
    """It knows who we are, and says that there is nothing."""
    told = await shop()
    if asked.method == "OPTIONS" or told.status != 200:
        return told
    if asked.path.endswith("/graphql"):
        return told.with_json(_without_items)
    if "related=" in asked.query or "/jsonadm/" in asked.path:
        return told.with_json(lambda document: document | {"meta": {"total": 0}, "data": [], "links": {}})
    return told


def _without_items(document: dict[str, Any]) -> dict[str, Any]:
    return {"data": {name: {"items": [], "total": 0} for name in document["data"]}}


@through(*INTERFACES)
def test_an_empty_list_for_somebody_the_shop_knows_is_believed_up_to_a_point(case: Case) -> None:
    """Row 19: more than max(20, max_shrink_percent) of the relations at once are too many, unless an operator says so."""
    watch = {"customer": "2", "domain": "product", "type": "watch"}
    many = [watch | {"refid": f"{number}", "config": {"timeframe": "30"}} for number in range(100, 130)]
    case.play.world.store.load({"relations": many})
    case.finds_everything()
    there = {row.shop_id for row in case.play.rows(tables.Relation) if row.retired_at is None}
    assert len(there) > 30
    case.play.later(hours=25)
    case.shop.falls_ill(lists_nothing, "relations")
    counts = case.play.sync()
    assert counts.kept_back >= 30
    assert counts.retired == 0
    assert "watchpost sync --accept-shrink" in counts.errors[0]
    case.play.later(hours=25)
    assert case.play.sync(accept_shrink=True).retired == counts.kept_back
    case.shop.recovers()
    case.play.later(minutes=5)
    assert case.play.sync(full=True).errors == ()
    assert {row.shop_id for row in case.play.rows(tables.Relation) if row.retired_at is None} == there
