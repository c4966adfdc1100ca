"""Names, links and header values that shops and customers control."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.mail.text import clean, header_value, isolate, one_line, person_name, shorten, web_link

anything = st.text(st.characters(codec=None, exclude_categories=()))
nasty = st.text(st.sampled_from("a =?\r\n\x00\u2028\u202e\ud800\u200d\u0301👩🏽<>{}")) | anything


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("Lamp\r\nBcc: x@y.test", "Lamp Bcc: x@y.test"),
        ("La\x00mp", "La mp"),
        ("Lamp\ud800", "Lamp"),
        ("one\u2028two\u2029three\x85four", "one two three four"),
        ("\u202eevil\u202c \u2066name\u2069", "evil name"),
        ("zero\u200bwidth\ufeff", "zerowidth"),
        ("  many \t\u00a0 blanks  ", "many blanks"),
        ("{{7*7}} <script>", "{{7*7}} <script>"),
        ("cafe\u0301", "café"),
        ("👩‍👩‍👧 lamp 🇩🇪", "👩‍👩‍👧 lamp 🇩🇪"),
        ("می‌خواهم", "می‌خواهم"),
    ],
)
def test_foreign_text_becomes_one_printable_line(raw: str, shown: str) -> None:
    assert clean(raw, 100) == shown


def test_a_name_of_a_megabyte_is_cut() -> None:
    assert clean("long name " * 100_000, 40) == "long name long name long name long name…"


@given(nasty, st.integers(1, 50))
def test_cleaned_text_is_short_encodable_and_has_no_controls(raw: str, limit: int) -> None:
    shown = clean(raw, limit)
    assert len(shown) <= limit
    shown.encode("utf-8")
    assert not {unicodedata.category(sign) for sign in shown} & {"Cc", "Cs", "Zl", "Zp"}
    assert not any(unicodedata.bidirectional(sign) in {"LRE", "RLE", "LRO", "RLO", "PDF"} for sign in shown)


@given(nasty, st.integers(1, 50))
def test_cleaning_twice_changes_nothing(raw: str, limit: int) -> None:
    assert clean(clean(raw, limit), limit) == clean(raw, limit)


def test_a_cut_is_made_between_words() -> None:
    assert shorten("Desk lamp, brass, with a very long cord", 20) == "Desk lamp, brass…"


def test_a_cut_never_takes_an_emoji_apart() -> None:
    assert shorten("abc👩🏽‍🔧 tail tail", 6) == "abc…"


def test_a_long_word_is_cut_inside() -> None:
    assert shorten("x" * 30, 10) == "x" * 9 + "…"


@given(nasty)
def test_a_header_value_is_one_line_without_encoded_words(raw: str) -> None:
    value = header_value(raw)
    assert "=?" not in value
    assert not {"\r", "\n", "\x00", "\u2028"} & set(value)


def test_a_line_of_our_own_keeps_its_isolates_and_hard_spaces() -> None:
    assert one_line("\u2068שלום\u2069 90,00\u00a0€", 50) == "\u2068שלום\u2069 90,00\u00a0€"


@pytest.mark.parametrize("name", ["Ann", "Jean-Luc O'Neill", "J. R. R.", "李", "St. John"])
def test_people_are_greeted_by_their_names(name: str) -> None:
    assert person_name(name) == name


@pytest.mark.parametrize("name", ["Win at http://evil.test", "www evil", "evil.test now", "a@evil.test", "<b>Ann</b>"])
def test_advertisements_registered_as_names_are_not_repeated(name: str) -> None:
    assert person_name(name) == ""


def test_only_right_to_left_text_is_isolated() -> None:
    assert isolate("Lamp") == "Lamp"
    assert isolate("מנורה 2") == "\u2068מנורה 2\u2069"


@pytest.mark.parametrize(
    "url",
    [
        "https://shop.test/p/lamp?a=1&b=2#top",
        "http://127.0.0.1:8800/p",
        "http://[::1]:8800/p",
        "https://müller.example/lamp",
        "https://shop.test/%7Elamp",
    ],
)
def test_web_links_stay_as_they_are(url: str) -> None:
    assert web_link(url) == url


def test_signs_that_do_not_belong_into_a_link_are_encoded() -> None:
    assert web_link('https://shop.test/größe "x"<y>') == "https://shop.test/gr%C3%B6%C3%9Fe%20%22x%22%3Cy%3E"


@pytest.mark.parametrize(
    "url",
    [
        None,
        "",
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        "java\nscript:alert(1)",
        "data:text/html,x",
        "//shop.test/p",
        "/p/lamp",
        "https:///p",
        "https://shop.test@evil.test/",
        "https://evil.test\\.shop.test/",
        "https://shop.test:port/",
        "https://shop.test/\r\nx",
        "https://shop.test/\ud800",
        "https://" + "x" * 3000,
        "https://[::1",
    ],
)
def test_everything_else_is_no_link(url: str | None) -> None:
    assert web_link(url) is None


@given(nasty)
def test_a_link_that_is_accepted_is_plain_http(raw: str) -> None:
    link = web_link("https://shop.test/" + raw)
    assert link is None or (
        link.startswith("https://shop.test/") and link.isascii() and not set(link) & set(' "<>\r\n')
    )


@given(nasty, st.integers(1, 1_000))
def test_a_link_that_is_accepted_is_accepted_again_as_it_is(raw: str, times: int) -> None:
    link = web_link("https://shop.test/" + raw * times)
    assert link is None or web_link(link) == link


@pytest.mark.parametrize(("signs", "accepted"), [(1_982, True), (1_983, False)])
def test_a_link_is_as_long_as_it_is_in_the_mail(signs: int, accepted: bool) -> None:
    plain, encoded = "https://shop.test/" + "x" * signs, "https://shop.test/" + "x" * (signs - 6) + "ü"
    assert [web_link(url) is not None for url in (plain, encoded)] == [accepted, accepted]
