"""Sync takes any text: whatever a shop or its customers write is stored, found again and harms nothing else."""

import random
import string

from tests.support.factories import make_config, make_relation
from tests.support.stages import Play, imported, text_of, watching
from worker.store import tables
from worker.store.session import Store

_LONG = "".join(random.Random(1).choices(string.ascii_letters, k=1_000_000))  # noqa: S311 - no secret
"""A megabyte that no database can compress into an index."""
_TEXTS = ("a\0b", "c\ud800d", "e\ud83d\ude00f", _LONG)
"""NUL, a lone surrogate, two that make a pair; PostgreSQL and UTF-8 refuse the former two."""


def _settles(play: Play) -> None:
    """A second sync of the same answer changes nothing, and the healthy watch still fires."""
    counts = play.later(minutes=5).sync()
    assert (counts.new, counts.changed, counts.retired, counts.rejected) == (0, 0, 0, 0)
    assert counts.seen == counts.unchanged > 0
    play.shop.product("42", EUR="99.00")
    assert "1 price" in play.told()


def test_any_text_in_any_field_of_a_relation_is_mirrored_once(store: Store) -> None:
    play = watching(store)
    for number, text in enumerate(_TEXTS):
        for field in ("id", "domain", "type", "refid"):
            shop_id = f"{field} {number}"
            play.shop.listed[shop_id] = make_relation(**{"id": shop_id, field: text})
        play.shop.watch(f"config {number}", config=make_config() | {text: [text, {text: text}]})
    assert play.later(minutes=5).sync().new == 5 * len(_TEXTS)
    _settles(play)


def test_any_text_in_any_field_of_a_customer_is_mirrored_once(store: Store) -> None:
    play = watching(store)
    for number, text in enumerate(_TEXTS):
        play.shop.customer(f"id {number}", id=text)
        play.shop.watch(f"watch {number}", customer_id=text)
        play.shop.customer(f"other {number}", email=text, language=text, salutation=text, firstname=text, lastname=text)
        play.shop.watch(f"other watch {number}", customer_id=f"other {number}")
    assert play.later(minutes=5).sync().new == 2 * len(_TEXTS)
    _settles(play)
    assert len(play.rows(tables.Customer)) == 1 + 2 * len(_TEXTS)


def test_any_text_in_any_field_of_a_product_is_mirrored_and_can_be_told(store: Store) -> None:
    play = watching(store)
    for number, text in enumerate(_TEXTS):
        play.shop.product(f"{number}", EUR="99.00")
        play.shop.detail(f"{number}", name=text, label=text, code=text, slug=text, picture=text)
        play.shop.watch(f"of {number}", refid=f"{number}", ctime=play.now)
    play.sync()
    _settles(play)
    assert play.compose().notifications == 1 + len(_TEXTS)
    assert play.recheck() is None


def test_long_names_are_cut(sqlite_store: Store) -> None:
    play = watching(sqlite_store)
    play.shop.detail("42", name=_LONG, label=_LONG, code=_LONG, slug=_LONG, picture="https://shop.test/" + _LONG)
    play.shop.product("42", EUR="99.00")
    play.told()
    product, text = play.row(tables.Product), play.row(tables.ProductText)
    assert [len(value) for value in (product.label, product.code, text.name, text.slug)] == [500] * 4
    assert text.picture is None
    play.compose()
    assert len(play.row(tables.Mail).message) < 100_000


def test_a_relation_to_a_product_of_any_id_waits(sqlite_store: Store) -> None:
    play = imported(sqlite_store)
    play.shop.watch("1", refid="no such product \0")
    assert play.waits() == ("product_unavailable", "product_unavailable")


def test_names_reach_the_mail_without_what_no_mail_can_hold(sqlite_store: Store) -> None:
    play = watching(sqlite_store)
    play.shop.detail("42", name="Lamp\0\ud800 {{7*7}} <script>")
    play.shop.product("42", EUR="99.00")
    play.told()
    play.compose()
    assert "Lamp" in text_of(play.row(tables.Mail))
    assert "{{7*7}} <script>" in text_of(play.row(tables.Mail))
