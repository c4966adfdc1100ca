"""Whatever happens in a shop, in any order: no alert is lost, none is written twice, and a replay decides the same."""

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.databases import SqliteTemplate, opened
from tests.support.factories import make_config
from tests.support.stages import KEY, Play, imported
from worker import scan as stage
from worker.domain.model import Kind
from worker.domain.reasons import Outcome
from worker.domain.rules import decide
from worker.errors import ShopError, ShopUnreachableError
from worker.lens import make_lens
from worker.store import cases, tables
from worker.store.session import Store

PRODUCTS = ("42", "43")
CUSTOMERS = ("7", "8")
RELATIONS = {"1": ("7", "42"), "2": ("7", "43"), "3": ("8", "42")}
PRICES = ("120", "105", "100", "99", "95", "90", "85", None)
PATCHES = (
    {},
    {"pricevalue": "95"},
    {"pricevalue": None},
    {"price": 0},
    {"stock": 0},
    {"currency": "CHF"},
    {"timeframe": 1},
    {"pricevalue": "1,00"},
)
FATES = ("well", "disabled", "without address", "unread")

Step = tuple[str, str, object]


@dataclass(frozen=True, slots=True)
class Round:
    """What happens in the shop, how long until the next sync, and whether scan and compose run after it."""

    steps: tuple[Step, ...]
    hours: float
    scan: bool
    compose: bool


def _step(name: str, subjects: tuple[str, ...], values: tuple[object, ...]) -> st.SearchStrategy[Step]:
    return st.tuples(st.just(name), st.sampled_from(subjects), st.sampled_from(values))


steps = st.one_of(
    _step("price", PRODUCTS, PRICES),
    _step("price", PRODUCTS, PRICES),
    _step("stock", PRODUCTS, ("0", "1", None)),
    _step("hidden", PRODUCTS, (True, False)),
    _step("patch", tuple(RELATIONS), PATCHES),
    _step("status", tuple(RELATIONS), (0, 1)),
    _step("delete", tuple(RELATIONS), (None,)),
    _step("add", tuple(RELATIONS), ("now", "as before", "without ctime", "soon")),
    _step("fate", CUSTOMERS, FATES),
)
rounds = st.builds(
    Round,
    steps=st.lists(steps, max_size=3).map(tuple),
    hours=st.sampled_from((0.1, 1, 24, 25, 200)),
    scan=st.booleans(),
    compose=st.booleans(),
)
histories = st.lists(rounds, min_size=2, max_size=9)


def _take(play: Play, step: Step) -> None:
    shop = play.shop
    match step:
        case ("price", product, value):
            shop.product(product, EUR=value, CHF=value)
        case ("stock", product, level):
            shop.product(product, stock=level)
        case ("hidden", product, hidden):
            (shop.hidden.add if hidden else shop.hidden.discard)(product)
        case ("patch", relation, config) if relation in shop.listed:
            shop.patch(relation, **config)
        case ("status", relation, status) if relation in shop.listed:
            shop.watch(relation, status=status)
        case ("delete", relation, _):
            shop.listed.pop(relation, None)
        case ("add", relation, born):
            customer, product = RELATIONS[relation]
            known = play.rows(tables.Relation)
            before = next((row.ctime for row in reversed(known) if row.shop_id == relation), play.now)
            ctime = {
                "now": play.now,
                "as before": before,
                "without ctime": None,
                "soon": play.now + timedelta(hours=1),
            }[str(born)]
            shop.listed.pop(relation, None)
            shop.watch(relation, customer_id=customer, refid=product, ctime=ctime, config=make_config())
        case ("fate", customer, fate):
            shop.disabled.discard(customer)
            shop.broken.pop(customer, None)
            shop.customer(customer, email=None if fate == "without address" else "c@mail.test")
            if fate == "disabled":
                shop.disabled.add(customer)
            if fate == "unread":
                shop.broken[customer] = ShopUnreachableError("no answer within 30 seconds")


def _sync(play: Play) -> None:
    try:
        play.sync()
    except ShopError:
        assert len(play.shop.broken) == len(CUSTOMERS)


def _begin(store: Store) -> Play:
    with store.begin() as session:
        for table in reversed(tables.Base.metadata.sorted_tables):
            session.execute(table.delete())
    play = imported(store)
    play.shop.customer("8")
    play.shop.product("43", EUR="90.00", stock="1")
    play.shop.watch("3", customer_id="8", ctime=play.now)
    _sync(play)
    return play


def _firing(play: Play) -> set[int]:
    """The relations for which the rules fire, asked without the candidate query."""
    with play.store.read() as session:
        lens = make_lens(session, play.settings, KEY)
        ids = [row.id for row in play.rows(tables.Relation)]
        found = set()
        for case in cases.load(session, ids, lens):
            for kind in Kind:
                seen = cases.situation(case, kind, cases.fold(case, kind, lens), lens)
                if decide(seen, play.now, lens.policy).outcome is Outcome.FIRE:
                    found.add(case.relation.id)
    return found


def _candidates(play: Play) -> set[int]:
    with play.store.read() as session:
        return set(session.scalars(stage.candidates("main", play.now)))


def _run(store: Store, history: list[Round], *, every_scan: bool = False, twice: bool = False) -> Play:
    """Play a history; `every_scan` scans after each sync, `twice` runs each sync and each scan twice."""
    play = _begin(store)
    for part in history:
        for step in part.steps:
            _take(play, step)
        play.later(hours=part.hours)
        for _ in range(1 + twice):
            _sync(play)
        if part.scan or every_scan:
            assert _firing(play) <= _candidates(play)
            for _ in range(1 + twice):
                play.scan()
        if part.compose:
            play.compose()
    play.later(minutes=5)
    assert _firing(play) <= _candidates(play)
    play.scan()
    assert _firing(play) == set()
    return play


Told = tuple[str, int, str]


def _ledger(play: Play) -> list[tuple[Told, object]]:
    """Relation, generation and kind of every notification, with everything that was decided."""
    relations = {row.id: row for row in play.rows(tables.Relation)}
    return [
        (
            (relations[row.relation_id].shop_id, relations[row.relation_id].generation, row.kind),
            (row.episode, row.state, row.reason, row.created_at, row.facts, row.previous_at, row.previous_price),
        )
        for row in play.notifications()
    ]


def _check_ledger(play: Play) -> None:
    """One notification an episode; those that were not cancelled are a cooldown apart."""
    last: dict[tuple[int, str], tables.Notification] = {}
    episodes = set()
    for row in play.notifications():
        key = (row.relation_id, row.kind)
        assert (key, row.episode) not in episodes
        episodes.add((key, row.episode))
        if row.state != "cancelled":
            before = last.get(key)
            assert before is None or row.created_at - before.created_at >= timedelta(hours=24)
            last[key] = row
        price = row.facts["price"]
        if price is not None:
            assert Decimal(price["now"]) < Decimal(price["limit"])


def _check(template: SqliteTemplate, history: list[Round]) -> None:
    with TemporaryDirectory() as folder, opened(template.copy_to(Path(folder))) as store:
        play = _run(store, history)
        _check_ledger(play)
        ledger = _ledger(play)
        ended_with = {told for told, facts in ledger if facts[3] == play.now}  # type: ignore[index]

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(stage, "_PAGE", 1)
            assert _ledger(_run(store, history, twice=True)) == ledger

        dense = _run(store, history, every_scan=True)
        _check_ledger(dense)
        assert ended_with <= {told for told, _ in _ledger(dense)}


@given(history=histories)
@settings(max_examples=10, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
def test_no_history_loses_or_doubles_an_alert(sqlite_template: SqliteTemplate, history: list[Round]) -> None:
    _check(sqlite_template, history)


@pytest.mark.long
@given(history=histories)
@settings(max_examples=400, suppress_health_check=[HealthCheck.too_slow])
def test_no_history_of_many_loses_or_doubles_an_alert(sqlite_template: SqliteTemplate, history: list[Round]) -> None:
    _check(sqlite_template, history)
