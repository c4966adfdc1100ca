"""Addresses: one origin only, parameters nested as the shop wants them."""

from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.errors import ShopAnswerError
from worker.shop.urls import batches, follow, origin, path_of, with_parameters

BASE = "http://shop.test/jsonapi"


@pytest.mark.parametrize(
    ("link", "url"),
    [
        ("http://shop.test/jsonapi/customer?id=1", "http://shop.test/jsonapi/customer?id=1"),
        ({"href": "/jsonapi/customer", "allow": ["GET"]}, "http://shop.test/jsonapi/customer"),
        ("HTTP://SHOP.TEST:80/x", "http://shop.test/x"),
        ("?page=2", "http://shop.test/jsonapi?page=2"),
        ("/x?y=1#top", "http://shop.test/x?y=1"),
    ],
)
def test_a_link_within_the_origin_is_followed(link: object, url: str) -> None:
    assert follow(link, BASE) == url


@pytest.mark.parametrize(
    "link",
    [
        "http://evil.test/jsonapi",
        "https://shop.test/jsonapi",
        "http://shop.test:8080/jsonapi",
        "//evil.test/jsonapi",
        "http://shop.test@evil.test/",
        "http://anna:secret@shop.test/",
        "http://shop.test\\@evil.test/",
        "http://shop.test.evil.test/",
        "ftp://shop.test/",
        "javascript:alert(1)",
        "http://shop.test:99999/",
        "http://[::1",
        "http://shop.test/a\nb",
        "",
        None,
        5,
        ["http://shop.test/"],
        {"href": None},
    ],
)
def test_any_other_link_is_an_error(link: object) -> None:
    with pytest.raises(ShopAnswerError):
        follow(link, BASE)


def test_the_error_names_both_origins_but_no_query() -> None:
    with pytest.raises(ShopAnswerError, match=r"https://evil\.test:8443 instead of http://shop\.test\)") as caught:
        follow("https://evil.test:8443/x?_token=s3cret", BASE + "?_token=s3cret")
    assert "s3cret" not in str(caught.value)


def test_parameters_replace_those_of_the_same_name_and_keep_the_others_byte_for_byte() -> None:
    url = "http://shop.test/j?id=1&include=product%2Cprice&x=%zz&flag"
    assert with_parameters(url, [("include", "service"), ("page[limit]", "5")]) == (
        "http://shop.test/j?id=1&x=%zz&flag&include=service&page%5Blimit%5D=5"
    )


def test_parameters_are_nested_in_the_prefix() -> None:
    url = with_parameters(
        "http://shop.test/j?ai%5Binclude%5D=price&include=kept",
        [("include", "product"), ("filter[==][id][]", "1")],
        "ai",
    )
    assert parse_qsl(urlsplit(url).query) == [
        ("include", "kept"),
        ("ai[include]", "product"),
        ("ai[filter][==][id][]", "1"),
    ]


def test_a_url_without_parameters_stays_as_it_is() -> None:
    assert with_parameters("http://shop.test/j", []) == "http://shop.test/j"


@given(
    st.lists(
        st.tuples(st.text(min_size=1, max_size=8), st.text(max_size=8)), max_size=5, unique_by=lambda pair: pair[0]
    )
)
def test_parameters_are_read_back_as_given(parameters: list[tuple[str, str]]) -> None:
    url = with_parameters("http://shop.test/j", parameters)
    query = urlsplit(url).query
    assert parse_qsl(query, keep_blank_values=True, errors="surrogatepass") == parameters


@given(
    st.lists(st.text(min_size=1, max_size=60), max_size=40),
    st.integers(1, 10),
    st.integers(50, 500),
    st.none() | st.just("ai"),
)
def test_batches_keep_all_ids_in_order_within_both_limits(
    ids: list[str], size: int, length: int, prefix: str | None
) -> None:
    found = list(batches(ids, "filter[==][product.id][]", prefix, size, length))
    assert [item for batch in found for item in batch] == ids
    for batch in found:
        assert 1 <= len(batch) <= size
        query = with_parameters("", [("filter[==][product.id][]", item) for item in batch], prefix)
        assert len(query) <= length + 1 or len(batch) == 1


def test_a_message_shows_the_path_only() -> None:
    assert path_of("http://shop.test/jsonapi/customer?_token=s3cret#x") == "/jsonapi/customer"
    assert path_of("http://shop.test") == "/"
    assert path_of("http://shop.test/%0Aäx") == "/\\n\\xe4x"


def test_the_default_port_is_no_other_origin() -> None:
    assert origin("https://shop.test") == origin("https://shop.test:443/x") == ("https", "shop.test", 443)
