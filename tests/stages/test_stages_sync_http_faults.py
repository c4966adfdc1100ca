"""Row 18 of the fault matrix: whole syncs of a shop that is not well, over HTTP, through each interface.

Whatever goes wrong: no watermark moves, nothing is retired, no product seems to be gone, the operator is told why, and the
next sync of a shop that is well again finds everything.
"""

import pytest
import stamina
from sqlalchemy import update

from tests.shop.contract.interfaces import INTERFACES
from tests.support.ill_case import GRAPHQL, JSONADM, JSONAPI, STEPS, Case, through
from tests.support.ill_shop import (
    LOGIN_PAGE,
    Asked,
    Fault,
    Shop,
    Told,
    always,
    cut,
    html,
    in_a_circle,
    json_told,
    of_nobody,
    once,
    silence,
)
from worker.errors import ShopRestingError
from worker.shopserver import tables as shop_tables
from worker.store import tables

FAULTS: dict[str, tuple[Fault, str]] = {
    "500": (always(html(500, "s3cret trace")), r"500; the shop broke down over this, its own log says why"),
    "404 of a proxy": (always(html(404, "s3cret")), r"404; the shop refuses this"),
    "truncated JSON": (cut, r"not JSON"),
    "empty": (always(json_told(b"")), r"not JSON"),
    "login page": (always(LOGIN_PAGE), r"a login page"),
    "maintenance page": (always(html(200, "s3cret")), r"an HTML page instead of data"),
    "redirects in a circle": (in_a_circle, r"redirects in a circle or too often"),
    "redirect elsewhere": (
        always(Told(302, headers=(("Location", "http://evil.test/"),))),
        r"points to another origin",
    ),
    "401": (always(html(401, "s3cret")), r"401"),
    "419": (always(html(419, "s3cret")), r"419"),
}


@through(*INTERFACES)
@pytest.mark.parametrize("fault", FAULTS)
def test_a_shop_that_is_not_well_changes_nothing(case: Case, fault: str) -> None:
    what, says = FAULTS[fault]
    for step in STEPS:
        case.shop.falls_ill(what, step)
        case.fails(says, where=step)
        case.recovers()  # at once: a sync in between would hide that nobody was read
        case.known = case.state()


@through(*INTERFACES)
def test_a_shop_that_is_down_altogether_is_not_read(case: Case) -> None:
    case.shop.falls_ill(always(html(503, "s3cret")))
    case.fails("503")
    assert case.play.row(tables.SourceState).failures == 1
    case.recovers()
    assert case.play.row(tables.SourceState).failures == 0


@through(*INTERFACES)
def test_a_shop_that_does_not_answer_in_time_is_told_with_the_setting(case: Case) -> None:
    case.play.configure(timeout_seconds=1.5)  # what is answered must come in time on a busy machine, too
    with stamina.set_testing(True, attempts=1):
        for step in STEPS:
            case.shop.falls_ill(silence, step)
            case.fails(r"no complete answer within 1\.5 s, the source's timeout_seconds", where=step)
    case.play.configure(timeout_seconds=30)
    case.recovers()


@through(*INTERFACES)
@pytest.mark.parametrize("step", STEPS)
def test_a_shop_that_is_busy_for_a_moment_is_asked_again(case: Case, step: str) -> None:
    case.shop.falls_ill(once(html(429, "s3cret", **{"Retry-After": "0"})), step)
    case.finds_everything()
    assert case.shop.struck > 1


@through(*INTERFACES)
def test_a_shop_that_asks_for_a_long_pause_gets_it(case: Case) -> None:
    for step in STEPS:
        case.shop.falls_ill(always(html(429, "s3cret", **{"Retry-After": "3600"})), step)
        case.fails("429, and the shop asks for a pause of 3600 s", where=step)
        asked = len(case.shop.asked)
        case.play.later(minutes=59)
        with pytest.raises(ShopRestingError):
            case.play.sync(scheduled=True)
        assert len(case.shop.asked) == asked
        case.play.later(minutes=1)
    case.recovers()


@through(JSONADM, GRAPHQL)
@pytest.mark.parametrize("feed", ["prices", "stock"])
def test_what_changed_is_asked_for_again_from_where_it_broke_off(case: Case, feed: str) -> None:
    case.shop.falls_ill(always(html(500, "s3cret trace")), feed)
    case.fails("500", where="products")
    assert case.state()["watermarks"][feed] == case.known["watermarks"][feed]
    case.recovers()


@through(JSONADM, GRAPHQL)
@pytest.mark.parametrize("step", STEPS)
def test_a_session_that_is_over_in_the_middle_is_begun_again_once(case: Case, step: str) -> None:
    assert case.host is not None
    host, over = case.host, [True]
    logins = host.logins

    async def ends_the_session(_: Asked, shop: Shop) -> Told:
        if over:
            over.pop()
            host.expire()
        return await shop()

    case.shop.falls_ill(ends_the_session, step)
    case.finds_everything()
    assert host.logins == logins + 2


@through(JSONADM, GRAPHQL)
@pytest.mark.parametrize("step", STEPS)
def test_a_csrf_token_that_is_refused_once_is_renewed(case: Case, step: str) -> None:
    assert case.host is not None
    logins = case.host.logins
    case.shop.falls_ill(once(html(419, "s3cret")), step)
    case.finds_everything()
    assert case.host.logins == logins + 2


@through(JSONAPI)
def test_a_customer_whose_session_is_over_is_told_and_the_others_go_on(case: Case) -> None:
    """The shop shows a stranger an empty list; it takes nothing from the customer."""
    token = _token_of_ben(case)
    (before,) = [row for row in case.play.rows(tables.Customer) if row.account == "ben"]

    async def a_stranger(asked: Asked, shop: Shop) -> Told:
        if asked.headers.get("authorization") != token:
            return await shop()
        if "related=" in asked.query:
            return json_told(b'{"meta": {"total": 0}, "data": []}')
        return (await shop()).with_json(of_nobody)

    case.shop.falls_ill(a_stranger, "relations")
    counts = case.play.sync()
    assert counts.unread == 1
    assert counts.errors == ("ben: the shop does not know who we are; check the customer's token or cookie",)
    assert case.state()["retired"] == case.known["retired"]
    (ben,) = [row for row in case.play.rows(tables.Customer) if row.account == "ben"]
    assert (ben.unread_since, ben.seen_at) == (case.play.now, before.seen_at)
    case.recovers()


@through(JSONAPI, JSONADM)
@pytest.mark.parametrize(
    "told", [html(419, "s3cret"), html(500, "s3cret"), LOGIN_PAGE], ids=["419", "500", "login page"]
)
def test_a_removal_that_the_shop_refuses_is_told_and_tried_again(case: Case, told: Told) -> None:
    case.finds_everything()
    _expire(case, "2")
    case.shop.falls_ill(always(told), "removal")
    counts = case.play.later(minutes=5).sync()
    assert counts.removed == 0
    (refusal,) = counts.errors
    assert "expired watches could not be removed in the shop: " in refusal
    assert "s3cret" not in refusal
    case.shop.recovers()
    assert case.play.later(minutes=5).sync().removed == 2


def _token_of_ben(case: Case) -> str:
    return f"Bearer {case.play.settings.sources['main'].customers['ben'].token.get_secret_value()}"  # type: ignore[union-attr]


def _expire(case: Case, *customers: str) -> None:
    """Each of these customers has a watch that is over (2, who is ben, has another), and the settings say to remove it."""
    config = {"timeframe": "7", "price": "1", "currency": "EUR"}
    ended = {"domain": "product", "type": "watch", "refid": "12", "config": config, "ctime": "2026-11-01T00:00:00Z"}
    case.play.world.store.load({"relations": [ended | {"customer": customer} for customer in customers]})
    case.play.configure(write_back=True)


def _to_ben(case: Case, told: Told) -> Fault:
    """The same answer to everything that customer ben asks."""
    token = _token_of_ben(case)

    async def fault(asked: Asked, shop: Shop) -> Told:
        return told if asked.headers.get("authorization") == token else await shop()

    return fault


@through(JSONAPI)
def test_a_customer_whose_watches_cannot_be_removed_is_no_obstacle_for_the_others(case: Case) -> None:
    case.finds_everything()
    _expire(case, "1", "2", "3")
    case.shop.falls_ill(_to_ben(case, html(419, "s3cret")), "removal")
    counts = case.play.later(minutes=5).sync()
    assert counts.removed == 2
    (refusal,) = counts.errors
    assert refusal.startswith("ben: expired watches could not be removed in the shop: ")
    case.shop.recovers()
    assert case.play.later(minutes=5).sync().removed == 2


@through(JSONAPI)
def test_a_customer_the_shop_does_not_know_any_more_is_not_asked_to_remove_anything(case: Case) -> None:
    case.finds_everything()
    _expire(case, "2", "3")
    case.play.configure(write_back=False)
    case.play.sync()
    case.play.configure(write_back=True)
    case.shop.falls_ill(_to_ben(case, html(401, "s3cret")))
    counts = case.play.later(minutes=5).sync()
    assert (counts.unread, counts.removed) == (1, 1)
    assert len(counts.errors) == 1


@through(JSONAPI, JSONADM)
def test_of_a_customer_who_is_switched_off_watches_are_removed_where_no_login_of_his_is_needed(case: Case) -> None:
    case.finds_everything()
    _expire(case, "2", "3")
    case.play.configure(write_back=False)
    case.play.sync()
    with case.play.world.store.begin() as session:
        session.execute(update(shop_tables.Customer).where(shop_tables.Customer.id == 2).values(status=0))
    case.play.configure(write_back=True)
    counts = case.play.later(minutes=5).sync()
    assert counts.removed == (1 if case.host is None else 3)
    assert counts.errors == ()
