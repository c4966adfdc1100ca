"""One conversation with the shop's GraphQL: a query goes out, items come back, as many at once as the shop can bear."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from worker.domain.model import Json
from worker.errors import ShopAnswerError, ShopRefusedError
from worker.shop.admin_session import AdminSession
from worker.shop.answer import document
from worker.shop.document import DocumentError, encode, parse
from worker.shop.graphql_answer import Outcome, items_of, outcome
from worker.shop.graphql_filters import Filter, beyond, every, one_of
from worker.shop.graphql_paging import Keyset
from worker.shop.graphql_queries import Search
from worker.shop.http import Answer
from worker.shop.keyset import asked_in_time
from worker.shop.page_size import PageSize
from worker.shop.record import Record, obj

RIGHTS = (
    "the login's account must be in a group that may read customers, products, prices and stock: admin, editor or super"
)


class SearchFailedError(ShopAnswerError):
    """The shop stumbled inside of a search that the login may ask for."""


@dataclass(frozen=True, slots=True)
class Found:
    """Items of one search, and how many there are in all where the query asks for that."""

    items: list[Record]
    total: Json


class GraphqlApi:
    """Asks over one session. Every failure is a ShopError in our own words: the shop's errors can hold anything."""

    def __init__(self, session: AdminSession) -> None:
        self._session = session

    def ask(self, query: str, variables: Mapping[str, Json], *, patient: bool = True) -> Outcome:
        """What came of a query with one or several searches, of which each may have failed by itself."""
        body = encode({"query": query, "variables": dict(variables)})
        answer = self._session.read(self._session.base, "POST", body, patient=patient)
        return outcome(_document(answer), answer.where)

    def pages(
        self, search: Search, size: PageSize, after: str | None, *conditions: Filter | None
    ) -> Iterator[tuple[list[Record], str]]:
        """All items that meet the conditions by ascending id, and the cursor after each page; only an empty one is the last.

        (A page that is merely short may be the shop's own limit.)
        """
        keyset = Keyset(after)
        while True:
            start = None if keyset.after is None else beyond(f"{search.kind}.id", keyset.after)
            found = asked_in_time(size, partial(self._found, search, every(*conditions, start)), _number_of)
            if not found.items:
                return
            yield found.items, keyset.moved(found.items, search.name)

    def by_id(self, search: Search, size: PageSize, ids: Iterable[str]) -> Iterator[tuple[list[str], list[Record]]]:
        """Some of the ids, each once, and the items found for them; until all were asked for.

        Raises ShopAnswerError where the shop holds items back: they would seem to be gone.
        """
        rest = list(dict.fromkeys(ids))
        while rest:
            asked, found = asked_in_time(size, partial(self._listed, search, rest), lambda got: _number_of(got[1]))
            if isinstance(found.total, int) and found.total > len(found.items):
                raise ShopAnswerError(
                    f"the shop gives {len(found.items)} of {found.total} items, though {len(asked)} were asked for; "
                    "set the source's page_size to what it gives"
                )
            yield asked, found.items
            del rest[: len(asked)]

    def _listed(self, search: Search, ids: Sequence[str], limit: int, patient: bool) -> tuple[list[str], Found]:
        asked = list(ids[:limit])
        return asked, self._found(search, every(one_of(f"{search.kind}.id", asked)), limit, patient)

    def _found(self, search: Search, condition: str, limit: int, patient: bool) -> Found:
        answered = self.ask(search.text, {"filter": condition, "limit": limit}, patient=patient)
        if search.name in answered.failed:
            raise self._failure(search.name)
        result = answered.data.get(search.name)
        return Found(items_of(result, search.name), obj(result).get("total"))

    def _failure(self, name: str) -> SearchFailedError | ShopRefusedError:
        """Why a search failed. The shop says the same for everything; counting takes the same rights and little else."""
        if self.ask(f"{{ {name}(limit: 0) {{ total }} }}", {}).failed:
            return ShopRefusedError(
                f"the shop's GraphQL refuses {name}: {RIGHTS}; if it is, the shop's own log says why"
            )
        return SearchFailedError(f"the shop's GraphQL failed in the middle of {name}; the shop's own log says why")


def _number_of(found: Found) -> int:
    return len(found.items)


def _document(answer: Answer) -> Record:
    """The shop calls its JSON text/html, as login and maintenance pages are."""
    is_html = answer.body.lstrip()[:1] == b"<"
    if is_html or not 200 <= answer.status < 300:
        return document(answer)
    try:
        return parse(answer.body)
    except DocumentError as error:
        raise ShopAnswerError(f"{answer.where}: {error}") from None
