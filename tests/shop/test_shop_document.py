"""Documents: strict reading within limits, exact writing."""

import json
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from worker.shop.document import MAX_BYTES, MAX_DEPTH, MAX_DIGITS, DocumentError, encode, parse, parse_value


def test_numbers_with_a_point_become_decimals_digit_for_digit() -> None:
    assert parse(b'{"price": 19.99, "big": 1e999999, "int": 7}') == {
        "price": Decimal("19.99"),
        "big": Decimal("1e999999"),
        "int": 7,
    }
    assert str(parse(b'{"price": 19.990}')["price"]) == "19.990"


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b'{"a": 1, "b": 2, "a": 3}', "the key 'a' twice"),
        (b'{"data": {"\\u00e4": 1, "\xc3\xa4": 2}}', r"the key '\\xe4' twice"),
        (b'{"a" : 1, "a": 2}', "the key 'a' twice"),
        (b'{"a": "x\\": ", "b"\n:2, "a" :"y"}', "the key 'a' twice"),
        (b'{"a": [{"b": 1, "b" \t: 2}]}', "the key 'b' twice"),
        (b'\xef\xbb\xbf{"a": 1}', "byte order mark"),
        (b'{"a": "\xff"}', "no valid UTF-8 at byte 7"),
        (b'{"a": NaN}', "NaN"),
        (b'{"a": Infinity}', "Infinity"),
        (b'{"a": -Infinity}', "-Infinity"),
        (b'{"data": [{"id": "1"', "not JSON"),
        (b'{"data": "cut', "not JSON"),
        (b'{"data": "cut\\', "not JSON"),
        (b"", "not JSON"),
        (b"<html></html>", "not JSON"),
        (b"[1]", "not an object"),
        (b"null", "not an object"),
        (b'{"a": ' + b"9" * 5000 + b"}", "a number of 5000 characters"),
        (b'{"a": 0.' + b"9" * 5000 + b"}", "a number of 5002 characters"),
        (b'{"a": 1e99999999999999999999}', "exponent out of bounds"),
        (b"[" * 1000 + b"]" * 1000, "nested"),
        (b'{"a": ' * 1000 + b"1" + b"}" * 1000, "nested"),
        (b'{"a": ' * 100_000, "nested"),
        (b" " * (MAX_BYTES + 1), "bytes"),
    ],
    ids=lambda value: value[:24] if isinstance(value, bytes) else None,
)
def test_a_bad_document_is_refused_with_a_reason(body: bytes, why: str) -> None:
    with pytest.raises(DocumentError, match=why):
        parse(body)


def test_the_reason_quotes_nothing_of_the_document() -> None:
    with pytest.raises(DocumentError) as caught:
        parse(b'{"token": "s3cret", ')
    assert "s3cret" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_the_deepest_allowed_nesting_is_read() -> None:
    assert parse(b'{"a":' * MAX_DEPTH + b"1" + b"}" * MAX_DEPTH)


def test_brackets_inside_of_strings_are_no_nesting() -> None:
    text = '["{' * 1000 + '\\"'
    assert parse(json.dumps({"a": text, text: 1}).encode()) == {"a": text, text: 1}


def test_quotes_and_colons_inside_of_strings_are_no_keys() -> None:
    text = '"a": 1, "a" : 2'
    assert parse(json.dumps({"a": text, text: [text]}).encode()) == {"a": text, text: [text]}


def test_long_numbers_are_read_up_to_the_limit() -> None:
    assert parse(b'{"a": ' + b"9" * MAX_DIGITS + b"}") == {"a": int("9" * MAX_DIGITS)}
    with pytest.raises(DocumentError, match="a number of 1001 characters"):
        parse(b'{"a": ' + b"9" * (MAX_DIGITS + 1) + b"}")


written = st.recursive(
    st.sampled_from(["1", '"a"', '"\\": "', "[]"]),
    lambda inner: st.lists(
        st.tuples(st.sampled_from(['"a"', '"b"', '"c"']), st.sampled_from(["", " ", "\n\t"]), inner)
    ).map(lambda members: "{" + ", ".join(f"{key}{gap}:{value}" for key, gap, value in members) + "}"),
    max_leaves=8,
)


@given(written)
def test_a_key_that_occurs_twice_is_found_wherever_and_however_it_is_written(value: str) -> None:
    def check(pairs: list[tuple[str, object]]) -> None:
        assert len({key for key, _ in pairs}) == len(pairs)

    text = f'{{"top": {value}}}'
    try:
        json.loads(text, object_pairs_hook=check)
    except AssertionError:
        with pytest.raises(DocumentError, match="twice"):
            parse(text.encode())
    else:
        assert parse(text.encode()) == json.loads(text)


def test_many_escaped_quotes_in_a_cut_string_are_refused_in_linear_time() -> None:
    with pytest.raises(DocumentError, match="not JSON"):
        parse(b'{"a": "' + b'\\"' * 1_000_000)


@pytest.mark.parametrize(
    ("text", "value"),
    [("[]", []), ('"a"', "a"), ("null", None), ("1.50", Decimal("1.50")), (' {"a":[1]} ', {"a": [1]})],
)
def test_json_inside_of_a_string_may_be_any_value(text: str, value: object) -> None:
    assert parse_value(text) == value


@pytest.mark.parametrize("text", ["", "no json", "NaN", '{"a":1,"a":2}', "[" * 100 + "]" * 100, "9" * 5000, "\ufeff1"])
def test_json_inside_of_a_string_is_read_as_strictly(text: str) -> None:
    with pytest.raises(DocumentError):
        parse_value(text)


@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_but_a_document_error(body: bytes) -> None:
    try:
        parse(body)
    except DocumentError:
        return


def test_decimals_are_written_digit_for_digit() -> None:
    written = encode({"a": [Decimal("19.990"), Decimal("1E+5"), 1, True, None, "ä€"]})
    assert written == '{"a":[19.990,1E+5,1,true,null,"\\u00e4\\u20ac"]}'


@pytest.mark.parametrize(
    "value",
    [1.5, Decimal("NaN"), Decimal("Infinity"), {1: 2}, {"a": {None: 1}}, object(), 10**5000, [b"bytes"]],
    ids=["float", "NaN", "Infinity", "int key", "null key", "object", "huge int", "bytes"],
)
def test_what_json_can_not_hold_exactly_is_not_written(value: object) -> None:
    with pytest.raises(ValueError, match=r"."):
        encode(value)  # type: ignore[arg-type]


def test_what_would_be_too_deep_to_read_is_not_written() -> None:
    nested: object = 1
    for _ in range(MAX_DEPTH + 1):
        nested = [nested]
    with pytest.raises(ValueError, match="nested"):
        encode(nested)  # type: ignore[arg-type]


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.decimals(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@settings(max_examples=50)
@given(st.dictionaries(st.text(), values, max_size=4))
def test_what_is_written_reads_back_the_same(value: dict[str, object]) -> None:
    assert parse(encode(value).encode()) == value  # type: ignore[arg-type]
