"""What a shop says is unchanged is not read again, and nothing is missed by that: the tables are as if all had been read."""

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import delete

from tests.support.databases import SqliteTemplate, opened
from tests.support.factories import make_config
from tests.support.stages import KEY, Play, make_settings
from tests.support.tagging_shop import TaggingShop
from worker.domain.model import Price
from worker.store import tables
from worker.store.session import Store
from worker.sync import sync


class TaggedPlay(Play):
    shop: TaggingShop

    def later(self, **by: float) -> "TaggedPlay":
        super().later(**by)
        self.shop.sent.clear()
        self.shop.unchanged.clear()
        return self

    def prices(self, currency: str = "EUR") -> list[tuple[int, Any]]:
        """Series and value of every observation of the prices in one currency."""
        readings = {row.id for row in self.rows(tables.Reading) if (row.kind, row.currency) == ("price", currency)}
        return [(row.series, row.price) for row in self.rows(tables.Observation) if row.reading_id in readings]


def tagged(store: Store, **settings: Any) -> TaggedPlay:
    """Ann (en) and Bob (de) watch product 42, Ann 43 too; all was read."""
    play = TaggedPlay(store, shop=TaggingShop(), settings=make_settings(**settings))
    shop = play.shop
    shop.customer("7")
    shop.customer("8", language="de")
    shop.product("42", EUR="120.00", CHF="130.00", stock="0")
    shop.product("43", EUR="50.00", stock="3")
    shop.watch("1", refid="42")
    shop.watch("2", refid="43")
    shop.watch("3", refid="42", customer_id="8")
    assert play.fires() == 0
    return play


BOTH = [("42",), ("42", "43")]


def test_what_is_unchanged_is_not_written_but_for_when_it_was_read(store: Store) -> None:
    play = tagged(store)
    before = play.everything()
    counts = play.later(minutes=5).sync()
    assert (play.shop.sent, play.shop.unchanged) == ([], BOTH)
    assert (counts.products, counts.unchanged_products, counts.missing, counts.changes) == (0, 3, 0, 0)
    assert {row.read_at for row in play.rows(tables.Product)} == {play.now}
    after = play.everything()
    for name in ("reading", "observation", "product_text", "product_view", "validator"):
        assert after[name] == before[name]
    columns = [column.name for column in tables.Product.__table__.columns]
    was, now = ([dict(zip(columns, row, strict=True)) for row in dump["product"]] for dump in (before, after))
    assert now == [row | {"read_at": play.now} for row in was]


def test_unchanged_products_are_counted_by_progress_and_kept_with_the_run(sqlite_store: Store) -> None:
    play = tagged(sqlite_store).later(minutes=5)
    told: list[tuple[object, ...]] = []
    sync(play.store, play.shop, "main", play.settings, KEY, now=play.now, progress=lambda *what: told.append(what))
    assert told[-1] == ("products", 2, 2)
    run = [row for row in play.rows(tables.Run) if row.stage == "sync"][-1]
    assert run.counts is not None
    assert run.counts["unchanged_products"] == 3


def test_a_change_is_read_in_the_views_it_shows_in(store: Store) -> None:
    play = tagged(store).later(minutes=5)
    play.shop.product("43", EUR="49.00")
    assert play.sync().changes == 1
    assert (play.shop.sent, play.shop.unchanged) == ([("42", "43")], [("42",)])
    play.later(minutes=5).shop.product("42", EUR="99.00")
    assert play.fires() == 2
    play.later(minutes=5).shop.product("42", stock="1")
    assert play.fires() == 2
    assert play.later(minutes=5).sync().unchanged_products == 3


def test_what_goes_back_to_a_state_that_was_named_before_is_seen(store: Store) -> None:
    play = tagged(store)
    for price in ("99.00", "120.00", "99.00", "120.00"):
        play.later(minutes=5).shop.product("42", EUR=price)
        assert play.sync().changes == 1
    assert [int(price) for _, price in play.prices() if price != 50] == [120, 99, 120, 99, 120]


def test_a_state_that_only_one_view_saw_does_not_stay_behind(store: Store) -> None:
    """The price falls for a moment while the second view is read; then that view is not needed any more."""
    play = tagged(store)

    def dip(what: str) -> None:
        play.shop.product("42", EUR="119.00" if "en" in what else "120.00")

    play.later(minutes=5).shop.while_reading = dip
    assert play.sync().changes == 1
    play.shop.while_reading = lambda _: None
    play.later(minutes=5).shop.product("42", EUR="120.00")
    play.shop.delete("1")
    play.sync()
    assert ("42",) in play.shop.sent
    assert [price for _, price in play.prices() if price != 50] == [Decimal(120), Decimal(119), Decimal(120)]


def test_a_product_that_is_hidden_and_shown_again_is_read(store: Store) -> None:
    play = tagged(store)
    play.later(minutes=5).shop.hidden.add("42")
    assert play.sync().missing == 2
    play.later(minutes=5).shop.hidden.clear()
    counts = play.sync()
    assert (counts.products, counts.unchanged_products) == (1, 2)  # read in one view, it is as it was in the other
    assert all(row.enabled for row in play.rows(tables.Product))
    assert play.later(minutes=5).sync().unchanged_products == 3


def test_an_answer_with_a_missing_product_is_read_each_time(sqlite_store: Store) -> None:
    play = tagged(sqlite_store)
    play.shop.hidden.add("43")
    for _ in range(2):
        counts = play.later(minutes=5).sync()
        assert (counts.products, counts.missing, counts.unchanged_products) == (1, 1, 1)


def test_after_a_gap_the_same_answer_begins_a_new_series(store: Store) -> None:
    play = tagged(store)
    gone = [play.shop.delete(key) for key in ("1", "3")]
    play.later(minutes=5).sync()
    for relation in gone:
        play.shop.watch(relation.id, refid="42", customer_id=relation.customer_id)
    assert play.later(minutes=5).sync().changes == 2
    assert [found for found in play.prices() if found[1] == 120] == [(1, Decimal(120)), (2, Decimal(120))]
    assert play.later(minutes=5).sync().unchanged_products == 3


def test_a_gap_within_a_sync_that_broke_off_is_one_all_the_same(store: Store) -> None:
    play = tagged(store)
    gone = [play.shop.delete(key) for key in ("1", "3")]

    def break_off(what: str) -> None:
        if "products" in what:
            raise InterruptedError

    play.shop.while_reading = break_off
    with pytest.raises(InterruptedError):
        play.later(minutes=5).sync()
    play.shop.while_reading = lambda _: None
    for relation in gone:
        play.shop.watch(relation.id, refid="42", customer_id=relation.customer_id)
    play.later(minutes=5).sync()
    assert [found for found in play.prices() if found[1] == 120] == [(1, Decimal(120)), (2, Decimal(120))]


def test_a_watch_in_another_currency_is_read_and_the_rest_is_not(store: Store) -> None:
    play = tagged(store).later(minutes=5)
    play.shop.watch("4", refid="42", config=make_config(currency="CHF"))
    assert play.sync().changes == 1
    assert (play.shop.sent, play.shop.unchanged) == ([("42",)], BOTH)
    assert play.prices("CHF") == [(1, Decimal(130))]


def test_a_customer_who_changes_the_language_gets_the_text(store: Store) -> None:
    play = tagged(store).later(minutes=5)
    play.shop.customer("8", language="fr")
    play.sync()
    names = {row.name for row in play.rows(tables.ProductText)}
    assert "Product 42 (fr)" in names


def test_a_new_watch_of_the_same_product_needs_no_answer_in_full(store: Store) -> None:
    """It was read in the sync that brought the watch: the shop said that nothing changed."""
    play = tagged(store).later(minutes=5)
    play.shop.product("42", EUR="99.00")
    play.told()
    play.later(minutes=5).shop.watch("5", refid="42", ctime=play.now)
    assert play.told() == ["5 price"]
    assert play.shop.sent == []


def test_a_price_that_begins_by_its_date_counts_from_then_on(store: Store) -> None:
    """The shop lists it before, so that its answer does not change."""
    play = tagged(store).later(minutes=5)
    coming = Price(value=Decimal(99), currency="EUR", datestart=play.now + timedelta(minutes=13))
    play.shop.detail("42", prices=(Price(value=Decimal(120), currency="EUR"), coming))
    assert [play.told() for _ in range(5)] == [[], [], ["1 price", "3 price"], [], []]
    assert play.shop.sent == []


def test_dates_in_several_views_are_each_kept(sqlite_store: Store) -> None:
    play = tagged(sqlite_store)
    play.shop.watch("4", refid="42", config=make_config(currency="CHF", pricevalue="100.00"))
    play.later(minutes=5).sync()

    def coming(currency: str, *minutes: int) -> tuple[Price, ...]:
        begins = [play.now + timedelta(minutes=count) for count in minutes]
        return tuple(
            Price(value=Decimal(90 - place), currency=currency, datestart=begin) for place, begin in enumerate(begins)
        )

    play.shop.detail("42", prices=coming("EUR", 12, 42) + coming("CHF", 27))
    fired = {}
    for count in range(1, 9):
        if told := play.told():
            fired[count * 5] = told
    assert fired == {15: ["1 price", "3 price"], 30: ["4 price"]}


def test_a_product_knows_when_its_prices_change_next_in_a_view_that_was_unchanged(sqlite_store: Store) -> None:
    play = tagged(sqlite_store)
    begins = play.now + timedelta(days=2)
    coming = Price(value=Decimal(99), currency="EUR", datestart=begins)
    play.shop.watch("4", refid="42", config=make_config(currency="CHF"))
    play.shop.detail("42", prices=(Price(value=Decimal(130), currency="CHF"), coming))
    play.later(minutes=5).sync()
    play.shop.detail("42", prices=(Price(value=Decimal(110), currency="CHF"), coming))
    assert play.later(minutes=5).sync().unchanged_products == 3
    assert [row.next_change_at for row in play.rows(tables.Product)] == [begins, None]


def test_a_clock_that_was_ahead_when_an_answer_was_kept_harms_nothing(sqlite_store: Store) -> None:
    play = tagged(sqlite_store)
    began = play.now
    offer = Price(value=Decimal(110), currency="EUR", datestart=began + timedelta(days=1))
    play.shop.detail("42", prices=(Price(value=Decimal(120), currency="EUR"), offer))
    play.later(days=2).sync()
    play.now = began
    play.later(minutes=5).sync()
    assert [price for _, price in play.prices() if price != 50][-1] == 120


def test_stock_types_that_count_otherwise_are_judged_anew(store: Store) -> None:
    play = tagged(store)
    play.settings = make_settings(source='stock_types = ["web"]')
    assert play.later(minutes=5).sync().products == 3
    assert play.later(minutes=5).sync().unchanged_products == 3


@pytest.mark.parametrize("setting", ['timezone = "Europe/Berlin"', 'media_url = "https://cdn.test"'])
def test_settings_that_answers_are_read_with_are_part_of_the_question(sqlite_store: Store, setting: str) -> None:
    play = tagged(sqlite_store)
    play.settings = make_settings(source=setting)
    assert play.later(minutes=5).sync().products == 3


def test_a_full_sync_reads_everything_again(sqlite_store: Store) -> None:
    play = tagged(sqlite_store).later(minutes=5)
    counts = sync(play.store, play.shop, "main", play.settings, KEY, now=play.now, full=True)
    assert (counts.products, counts.unchanged_products) == (3, 0)


def test_a_sync_that_breaks_off_remembers_what_it_stored(store: Store) -> None:
    play = tagged(store).later(minutes=5)
    play.shop.product("42", EUR="99.00")

    def break_off(what: str) -> None:
        if "en" in what:
            raise InterruptedError

    play.shop.while_reading = break_off
    with pytest.raises(InterruptedError):
        play.sync()
    play.shop.while_reading = lambda _: None
    assert play.told() == ["1 price", "3 price"]
    assert (play.shop.sent, play.shop.unchanged) == ([("42", "43")], [("42",)])


def test_what_is_not_asked_for_any_more_is_not_remembered(sqlite_store: Store) -> None:
    play = tagged(sqlite_store)
    assert len(play.rows(tables.Validator)) == 2
    play.shop.delete("3")
    play.later(minutes=5).sync()
    assert len(play.rows(tables.Validator)) == 1
    play.shop.delete("1")
    play.shop.delete("2")
    play.later(minutes=5).sync()
    assert play.rows(tables.Validator) == []


def test_a_product_that_is_watched_no_more_changes_only_the_questions_near_it(
    sqlite_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.sync.products._BATCH", 3)
    play = tagged(sqlite_store)
    for number in range(50, 60):
        play.shop.product(f"{number}", EUR="10.00")
        play.shop.watch(f"{number}", refid=f"{number}", config=make_config(pricevalue="5.00"))
    play.sync()
    play.later(minutes=5).shop.delete("52")
    play.sync()
    assert play.shop.sent == [("51", "53")]


def test_a_text_that_was_lost_is_read_again(sqlite_store: Store) -> None:
    play = tagged(sqlite_store)
    with play.store.begin() as session:
        session.execute(delete(tables.ProductText).where(tables.ProductText.language == "de"))
    play.later(minutes=5).sync()
    assert (play.shop.sent, play.shop.unchanged) == ([("42",)], [("42", "43")])


@dataclass(frozen=True, slots=True)
class Step:
    """Something happens in the shop, and some minutes later it is read."""

    what: str
    product: str
    value: Any
    minutes: int


PRODUCTS = ("42", "43")
_VALUES: dict[str, tuple[Any, ...]] = {
    "EUR": ("120.00", "99.00", None),
    "CHF": ("130.00", "90.00"),
    "stock": ("0", "1", None),
    "name": ("Lamp", "Mug"),
    "hidden": (True, False),
    "coming": (7, 60),
    "watch in EUR": (True, False),
    "watch in CHF": (True, False),
    "language": ("en", "de"),
    "nothing": (None,),
}
steps = st.sampled_from(sorted(_VALUES)).flatmap(
    lambda what: st.builds(
        Step,
        what=st.just(what),
        product=st.sampled_from(PRODUCTS),
        value=st.sampled_from(_VALUES[what]),
        minutes=st.sampled_from((5, 10)),
    )
)


def take(play: Play, step: Step) -> None:
    """Let it happen."""
    shop, product, value = play.shop, step.product, step.value
    match step.what:
        case "EUR" | "CHF":
            shop.details.pop(product, None)
            shop.product(product, **{step.what: value})
        case "stock":
            shop.product(product, stock=value)
        case "name":
            shop.names[product] = value
        case "hidden":
            (shop.hidden.add if value else shop.hidden.discard)(product)
        case "coming":
            begins = play.now + timedelta(minutes=value)
            prices = (
                Price(value=Decimal(100), currency="EUR"),
                Price(value=Decimal(80), currency="EUR", datestart=begins),
            )
            shop.detail(product, prices=prices)
        case "language":
            shop.customer("8", language=value)
        case "watch in EUR" | "watch in CHF":
            key = f"{product} {step.what}"
            if value:
                shop.watch(key, refid=product, customer_id="8", config=make_config(currency=step.what[-3:]))
            else:
                shop.listed.pop(key, None)


def mirrored(play: Play) -> dict[str, list[dict[str, Any]]]:
    """The tables that products are read into, but for when that was."""
    kept = {}
    for table in (tables.Product, tables.ProductText, tables.Reading, tables.Observation):
        columns = [
            column.name for column in table.__table__.columns if column.name not in {"read_at", "next_change_at"}
        ]
        kept[table.__tablename__] = [{name: getattr(row, name) for name in columns} for row in play.rows(table)]
    return kept


@given(happened=st.lists(steps, min_size=6, max_size=14))
@settings(max_examples=12)
def test_a_shop_that_is_asked_for_changes_leads_to_the_same_tables_as_one_that_is_read(
    sqlite_template: SqliteTemplate, happened: list[Step]
) -> None:
    with TemporaryDirectory() as folder:
        (one := Path(folder) / "one").mkdir()
        (other := Path(folder) / "other").mkdir()
        with (
            opened(sqlite_template.copy_to(one)) as asked_store,
            opened(sqlite_template.copy_to(other)) as read_store,
        ):
            asked, read = tagged(asked_store), tagged(read_store)
            read.shop.tags = False
            for step in happened:
                for play in (asked, read):
                    take(play, step)
                    play.later(minutes=step.minutes).sync()
                assert mirrored(asked) == mirrored(read)
