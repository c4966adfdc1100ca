"""Conditional requests over HTTP, with our own shop: what it says is unchanged is not sent, and every change is seen at once."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tests.shop.contract.conftest import OpenWorld
from tests.shop.contract.interfaces import INTERFACES
from tests.shopserver.front import Door
from tests.support.world_play import WorldPlay, played
from worker.errors import ShopAnswerError
from worker.shopserver import tables as shop_tables
from worker.shopserver.app import create_app
from worker.store import tables
from worker.store.session import Store

ZONE = "Europe/Berlin"


@dataclass(frozen=True, slots=True)
class Asked:
    """A question for products, and how it was answered."""

    query: str
    condition: str | None
    caching: str | None
    status: int


class Listening:
    """Hears what is asked for products, and may name the answers otherwise than the shop does."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.asked: list[Asked] = []
        self.tag: Callable[[str], str | None] | None = None
        """Given the shop's tag of an answer, the one to name it by; None for none."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].endswith("/product"):
            await self.app(scope, receive, send)
            return
        headers = {name.decode(): value.decode("latin-1") for name, value in scope["headers"]}
        condition = headers.get("if-none-match")
        renames = self.tag is not None
        if renames:
            scope = {**scope, "headers": [item for item in scope["headers"] if item[0] != b"if-none-match"]}

        async def noting(message: Message) -> None:
            nonlocal unchanged
            if message["type"] == "http.response.start":
                if renames:
                    tag = self._renamed(message)
                    unchanged = tag is not None and condition == tag
                status = 304 if unchanged else message["status"]
                self.asked.append(
                    Asked(scope["query_string"].decode(), condition, headers.get("cache-control"), status)
                )
            if not unchanged:
                await send(message)

        unchanged = False
        await self.app(scope, receive, noting)
        if unchanged:
            await Response(status_code=304)(scope, receive, send)

    def _renamed(self, message: Message) -> str | None:
        """The tag that stands in the message now."""
        assert self.tag is not None
        theirs = dict(message["headers"]).get(b"etag", b"").decode()
        message["headers"] = [item for item in message["headers"] if item[0] != b"etag"]
        tag = self.tag(theirs) if theirs else None
        if tag is not None:
            message["headers"].append((b"etag", tag.encode()))
        return tag

    def statuses(self) -> list[int]:
        """Of the answers since this was asked last."""
        found = [asked.status for asked in self.asked]
        self.asked.clear()
        return found


@pytest.fixture
def play(open_world: OpenWorld, sqlite_store: Store) -> Iterator[WorldPlay]:
    """Anna (de) watches 11 and 12, Ben and Cem (en) watch 11, Ben also 13 and 15, later."""
    with open_world(INTERFACES[0], ZONE) as world:
        with world.store.begin() as session:
            session.delete(session.get_one(shop_tables.Relation, 4))  # of a product that does not exist
        yield played(world, sqlite_store)


@pytest.fixture
def heard(play: WorldPlay, door: tuple[Door, str]) -> Listening:
    """What the shop is asked for products after the first sync."""
    door[0].app = listening = Listening(door[0].app)
    assert play.sync().products == 5
    assert listening.statuses() == [200, 200]
    return listening


def test_a_second_sync_is_told_that_nothing_changed(play: WorldPlay, heard: Listening) -> None:
    before = play.everything()
    counts = play.later(minutes=5).sync()
    assert [asked.status for asked in heard.asked] == [304, 304]
    assert all(asked.condition and asked.caching == "max-age=0" for asked in heard.asked)
    assert (counts.products, counts.unchanged_products, counts.changes) == (0, 5, 0)
    after = play.everything()
    untouched = {"product_text", "reading", "observation", "product_view", "validator", "relation_version"}
    assert {name: after[name] for name in untouched} == {name: before[name] for name in untouched}
    read = {row.shop_id: row.read_at for row in play.rows(tables.Product)}
    assert {read[shop_id] for shop_id in ("11", "12", "13", "15")} == {play.now}


Change = Callable[[WorldPlay], Any]


def _text(play: WorldPlay) -> None:
    with play.world.store.begin() as session:
        session.query(shop_tables.ProductText).filter_by(product_id="11", language="de", type="name").update(
            {"content": "Stehlampe"}
        )


def _watch(play: WorldPlay, customer: str, refid: str, **config: Any) -> None:
    terms = {"timeframe": "30", "price": 1, "stock": 1, **config}
    relation = {"customer": customer, "domain": "product", "type": "watch", "refid": refid, "config": terms}
    play.world.store.load({"relations": [relation]})


CHANGES: dict[str, tuple[Change, list[int]]] = {
    "price": (lambda play: play.world.store.set_price("11", "EUR", "89.00"), [200, 200]),
    "price of one": (lambda play: play.world.store.set_price("12", "EUR", "1.00"), [200, 304]),
    "price in another currency": (lambda play: play.world.store.set_price("11", "USD", "1.00"), [304, 304]),
    "stock": (lambda play: play.world.store.set_stock("12", 5), [200, 304]),
    "text": (_text, [200, 304]),
    "new watch, nothing new to read": (lambda play: _watch(play, "3", "11", currency="EUR"), [304, 304]),
    "new watch of another product": (lambda play: _watch(play, "1", "13", currency="EUR"), [200, 304]),
    "new watch in another currency": (lambda play: _watch(play, "2", "12", currency="USD"), [304, 304, 200]),
    "new language": (lambda play: play.world.change(shop_tables.Customer, "2", language="fr"), [304, 200, 200]),
    "hidden": (lambda play: play.world.store.set_product("12", enabled=False), [200, 404, 304]),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_is_sent_where_it_shows_and_the_rest_is_not(play: WorldPlay, heard: Listening, change: str) -> None:
    happen, statuses = CHANGES[change]
    happen(play.later(minutes=5))
    play.sync()
    assert heard.statuses() == statuses
    once_more = play.later(minutes=5).sync()
    assert heard.statuses() == [304 if status == 200 and change != "hidden" else status for status in statuses]
    assert once_more.changes == 0


def test_what_changed_is_stored(play: WorldPlay, heard: Listening) -> None:
    store = play.later(minutes=5).world.store
    store.set_price("11", "EUR", "89.00")
    store.set_stock("12", 5)
    _text(play)
    assert play.sync().changes == 2
    texts = {(row.product_id, row.language): row.name for row in play.rows(tables.ProductText)}
    assert "Stehlampe" in texts.values()
    newest = {(row.kind, row.currency, str(row.price), row.in_stock) for row in play.rows(tables.Reading)}
    assert {("price", "EUR", "89", None), ("stock", "", "None", True)} <= newest


def test_after_a_gap_products_are_sent_again_and_a_series_begins(play: WorldPlay, heard: Listening) -> None:
    with play.world.store.begin() as session:
        kept = session.get_one(shop_tables.Relation, 2)
        fields = {
            name: getattr(kept, name)
            for name in ("customer_id", "domain", "type", "refid", "config", "status", "position")
        }
        session.delete(kept)
    play.later(minutes=5).sync()
    with play.world.store.begin() as session:
        session.add(shop_tables.Relation(**fields))
    heard.statuses()
    assert play.later(minutes=5).sync().changes == 2
    assert heard.statuses() == [200, 304]
    assert sorted(row.series for row in play.rows(tables.Reading)) == [1] * 6 + [2] * 2


def test_a_price_that_begins_by_its_date_is_seen_when_it_begins(play: WorldPlay, heard: Listening) -> None:
    prices = [{"currency": "EUR", "value": "100.00"}, {"currency": "EUR", "value": "80.00", "datestart": None}]
    begins = play.world.clock.now.replace(hour=13, minute=0, second=0)  # 14:00 in Berlin
    prices[1]["datestart"] = "2026-11-23 14:00:00"
    play.world.store.load({"products": [{"id": "11", "code": "lamp", "label": "Lamp", "prices": prices}]})
    play.sync()
    heard.statuses()
    play.world.clock.now = begins.replace(hour=12, minute=59)
    assert play.sync().changes == 0
    assert heard.statuses() == [304, 304]
    play.world.clock.now = begins
    assert play.sync().changes == 1
    assert heard.statuses() == [200, 200]


def test_a_shop_that_names_no_answers_is_read_each_time(play: WorldPlay, door: tuple[Door, str]) -> None:
    door[0].app = heard = Listening(door[0].app)
    heard.tag = lambda _: None
    for price in ("90.00", "90.00", "91.00"):
        play.later(minutes=5).world.store.set_price("11", "EUR", price)
        counts = play.sync()
        assert (counts.products, counts.unchanged_products) == (5, 0)
    assert {(asked.condition, asked.status) for asked in heard.asked} == {(None, 200)}
    assert play.rows(tables.Validator) == []


@pytest.mark.parametrize("form", ["W/{}", '"{bare}-gzip"', 'W/"{bare}"'])
def test_tags_of_any_proper_form_will_do(play: WorldPlay, heard: Listening, form: str) -> None:
    heard.tag = lambda theirs: form.format(theirs, bare=theirs.strip('"'))
    for status in (200, 304):
        play.later(minutes=5).sync()
        assert heard.statuses() == [status, status]
    play.world.store.set_stock("12", 5)
    assert play.later(minutes=5).sync().changes == 1


@pytest.mark.parametrize(
    "tag", ["bare", '""', '"a" "b"', '"' + 300 * "x" + '"', '"a b"', "'a'", '"ü"', 'w/"a"', '"a", "b"']
)
def test_a_tag_that_is_none_is_never_sent_back(play: WorldPlay, heard: Listening, tag: str) -> None:
    heard.tag = lambda _: tag
    for _ in range(2):
        assert play.later(minutes=5).sync().products == 5
    assert tag not in {asked.condition for asked in heard.asked}


def test_a_shop_that_gives_all_answers_one_name_is_believed_until_it_is_read_in_full(
    play: WorldPlay, heard: Listening
) -> None:
    """RFC 9110 (8.8.1) has a tag change with what it names; --full is the remedy for a shop that breaks that."""
    heard.tag = lambda _: '"always"'
    play.later(minutes=5).sync()
    play.world.store.set_price("11", "EUR", "89.00")
    assert play.later(minutes=5).sync().changes == 0
    assert play.later(minutes=5).sync(full=True).changes == 1


def test_csrf_tokens_that_change_with_each_session_do_not_hide_that_nothing_changed(
    play: WorldPlay, door: tuple[Door, str]
) -> None:
    door[0].app = heard = Listening(create_app(play.world.store, timezone=ZONE, csrf=True))
    play.sync()
    play.later(minutes=5).sync()
    assert heard.statuses() == [200, 200, 304, 304]


def test_parameters_inside_a_prefix_are_asked_on_condition_too(play: WorldPlay, door: tuple[Door, str]) -> None:
    door[0].app = create_app(play.world.store, timezone=ZONE, prefix="ai")
    play.sync()
    assert play.later(minutes=5).sync().unchanged_products == 5


def test_an_answer_is_nobody_elses(play: WorldPlay, heard: Listening) -> None:
    """A catalogue may show each customer other prices, under one name of its own making."""
    heard.tag = lambda _: '"version-1"'
    play.configure(catalogue_customer="anna")
    for status in (200, 304):
        play.later(minutes=5).sync()
        assert heard.statuses() == [status, status]
    play.configure(catalogue_customer="ben")
    play.later(minutes=5).sync()
    assert heard.statuses() == [200, 200]
    customers = play.settings.sources["main"].customers
    play.configure(customers={**customers, "ben": {"token": play.world.store.add_token("ben@mail.test")}})
    play.later(minutes=5).sync()
    assert heard.statuses() == [200, 200]


def test_an_answer_in_several_pages_is_read_each_time(play: WorldPlay, heard: Listening) -> None:
    inner = heard.app

    async def one_a_page(scope: Scope, receive: Receive, send: Send) -> None:
        query = scope["query_string"].replace(b"page%5Blimit%5D=2", b"page%5Blimit%5D=1")
        await inner({**scope, "query_string": query}, receive, send)

    heard.app = one_a_page
    play.later(minutes=5).sync()
    heard.statuses()
    assert play.later(minutes=5).sync().products == 2
    assert heard.statuses() == [200, 200, 304]


def test_an_answer_that_could_not_be_read_as_a_whole_is_counted_each_time(play: WorldPlay, heard: Listening) -> None:
    inner = heard.app

    async def unreadable(scope: Scope, receive: Receive, send: Send) -> None:
        async def spoil(message: Message) -> None:
            if message["type"] == "http.response.body":
                message["body"] = message["body"].replace(b'"12.90"', b'"12,90"')
            await send(message)

        await inner(scope, receive, spoil)

    heard.app = unreadable
    play.later(minutes=5).world.store.set_stock("12", 7)
    for _ in range(3):
        assert play.later(minutes=5).sync().problems == {"price.value": 1}
    assert heard.statuses() == [200, 304] * 3


def test_a_304_that_nobody_asked_for_is_an_error(play: WorldPlay, door: tuple[Door, str]) -> None:
    inner = door[0].app

    async def confused(scope: Scope, receive: Receive, send: Send) -> None:
        await (Response(status_code=304) if scope["path"].endswith("/product") else inner)(scope, receive, send)

    door[0].app = confused
    with pytest.raises(ShopAnswerError, match=r"304, which is no answer"):
        play.sync()
