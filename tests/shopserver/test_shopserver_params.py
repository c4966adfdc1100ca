"""Query strings with brackets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.shopserver.params import MAX_LEVELS, MAX_PARAMS, Params, build, parse
from worker.shopserver.problems import Refused

NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="[]"), min_size=1, max_size=6)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)


def trees(levels: int) -> st.SearchStrategy[Params]:
    leaf = TEXTS if levels == 1 else TEXTS | trees(levels - 1)
    return st.dictionaries(NAMES, leaf, min_size=1, max_size=3)


@given(trees(MAX_LEVELS))
def test_what_is_built_is_parsed_again(params: Params) -> None:
    assert parse(build(params).encode()) == params


@given(st.binary(max_size=200))
def test_any_query_is_parsed_or_refused(query: bytes) -> None:
    try:
        params = parse(query)
    except Refused as refused:
        assert refused.status == 400
    else:
        assert parse(build(params).encode()) == params


@pytest.mark.parametrize(
    ("query", "params"),
    [
        (b"", {}),
        (b"&&", {}),
        (b"a=1&a=2", {"a": "2"}),
        (b"a", {"a": ""}),
        (b"a=b=c", {"a": "b=c"}),
        (b"a+b=c%2Bd+e", {"a b": "c+d e"}),
        (b"a[]=1&a[]=2&a[7]=3", {"a": {"0": "1", "1": "2", "7": "3"}}),
        (b"filter%5B%3D%3D%5D%5Bproduct.id%5D%5B%5D=1", {"filter": {"==": {"product.id": {"0": "1"}}}}),
        (b"ai[related]=relationships&_token=x", {"ai": {"related": "relationships"}, "_token": "x"}),
    ],
)
def test_brackets_are_understood_as_in_the_seed(query: bytes, params: Params) -> None:
    assert parse(query) == params


@pytest.mark.parametrize(
    "query",
    [
        b"=1",
        b"[]=1",
        b"a[=1",
        b"a]=1",
        b"a[b]c=1",
        b"a[[b]]=1",
        b"a=1&a[b]=2",
        b"a[b]=2&a=1",
        b"a=%ff",
        b"%ff=a",
        b"a=\xfc",
        b"a=%ed%a0%80",
        b"a" + b"[b]" * MAX_LEVELS + b"=1",
        b"&".join([b"a[]=1"] * (MAX_PARAMS + 1)),
    ],
    ids=lambda query: str(query[:20]),
)
def test_odd_queries_are_refused(query: bytes) -> None:
    with pytest.raises(Refused) as refused:
        parse(query)
    assert refused.value.status == 400
