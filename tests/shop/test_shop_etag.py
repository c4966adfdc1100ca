"""Entity tags: which are taken over, where they are sent back, and that a shop can do no harm with them."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.support.loopback_http import Asked, LoopbackHttp, Told
from worker.errors import ShopAnswerError, ShopUnreachableError
from worker.shop.answer import UnchangedError, document
from worker.shop.api import Api
from worker.shop.etag import MAX_LENGTH, usable_etag
from worker.shop.http import Session, open_http

Serve = Callable[[Callable[[Asked], Told]], Session]
TAG = '"abc"'


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Starts a shop; a session with it."""
    with ExitStack() as stack:
        http = stack.enter_context(open_http(10))

        def start(tell: Callable[[Asked], Told]) -> Session:
            return Session(http, stack.enter_context(LoopbackHttp(tell)).url, None, 10)

        yield start


@pytest.mark.parametrize("tag", ['"a"', 'W/"a"', '"!#$%&\'()*+,-./:;<=>?@[\\]^_`{|}~"', f'"{"x" * (MAX_LENGTH - 2)}"'])
def test_proper_tags_are_taken_as_they_are(tag: str) -> None:
    assert usable_etag([tag]) == tag


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [""],
        ['""'],
        ["abc"],
        ["*"],
        ["'abc'"],
        ['w/"abc"'],
        ['W/ "abc"'],
        ['"a b"'],
        ['"a"b"'],
        ['"a", "b"'],
        ['"a"', '"b"'],
        ['"a"\r\nX-Evil: 1'],
        ['"a"\n'],
        ['"a\0"'],
        ['"a\x7f"'],
        ['"\xe9"'],
        ['"\u0661"'],
        [f'"{"x" * (MAX_LENGTH - 1)}"'],
    ],
)
def test_everything_else_is_no_tag(headers: list[str]) -> None:
    assert usable_etag(headers) is None


def test_an_answer_carries_its_tag_and_is_asked_for_again_on_condition(serve: Serve) -> None:
    seen: list[Asked] = []

    def tell(asked: Asked) -> Told:
        seen.append(asked)
        return (
            Told(304, b"", {"ETag": TAG}) if asked.headers.get("if-none-match") == TAG else Told(headers={"ETag": TAG})
        )

    session = serve(tell)
    first = session.read(session.base)
    assert (first.etag, first.unchanged) == (TAG, False)
    again = session.read(session.base, etag=TAG)
    assert again.unchanged
    with pytest.raises(UnchangedError):
        document(again)
    assert [asked.headers["cache-control"] for asked in seen] == ["no-cache", "max-age=0"]


def test_a_condition_ends_at_a_redirect_and_what_it_leads_to_is_named_by_no_tag(serve: Serve) -> None:
    """A tag is unique at its own address only."""
    seen: list[tuple[str, str | None]] = []

    def tell(asked: Asked) -> Told:
        seen.append((asked.path, asked.headers.get("if-none-match")))
        return Told(302, headers={"Location": "/new"}) if asked.path == "/old" else Told(headers={"ETag": TAG})

    session = serve(tell)
    assert session.read(f"{session.base}/old", etag=TAG).etag is None
    assert seen == [("/old", TAG), ("/new", None)]


def test_a_304_without_a_condition_is_no_answer(serve: Serve) -> None:
    session = serve(lambda asked: Told(302, headers={"Location": "/new"}) if asked.path == "/old" else Told(304, b""))
    for address, etag in (("/new", None), ("/old", TAG)):
        answer = session.read(session.base + address, etag=etag)
        assert not answer.unchanged
        with pytest.raises(ShopAnswerError, match="304, which is no answer"):
            document(answer)


def test_only_the_first_of_several_pages_is_asked_for_on_condition(serve: Serve) -> None:
    seen: list[tuple[str, str | None]] = []

    def tell(asked: Asked) -> Told:
        seen.append((asked.path, asked.headers.get("if-none-match")))
        if asked.method == "OPTIONS":
            return Told(body=json.dumps({"meta": {"resources": {"product": "/product"}}}).encode())
        links = {"next": "/product?page=2"} if asked.path == "/product" else {}
        return Told(body=json.dumps({"links": links}).encode())

    session = serve(tell)
    api = Api(session)
    assert len(list(api.replies(api.resource("product"), [], etag=TAG))) == 2
    assert seen == [("/", None), ("/product", TAG), ("/product?page=2", None)]


@pytest.mark.parametrize("tag", ['"a\x01"', '"a\tb"', '"a\x7f"', '"\xe9"'])
def test_a_tag_with_signs_that_none_can_have_is_left_out(serve: Serve, tag: str) -> None:
    session = serve(lambda _: Told(headers={"ETag": tag}))
    assert session.read(session.base).etag is None


def test_a_tag_that_breaks_the_protocol_is_no_answer_and_is_not_quoted(serve: Serve) -> None:
    session = serve(lambda _: Told(headers={"ETag": '"s3cret\0"'}))
    with pytest.raises(ShopUnreachableError) as broken:
        session.read(session.base)
    assert "s3cret" not in str(broken.value)
