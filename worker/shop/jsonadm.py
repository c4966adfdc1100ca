"""The admin JSON API (Aimeos jsonadm) as one session speaks it: addresses, filters, fields, documents, removals."""

from collections.abc import Iterable, Iterator, Sequence

from worker.domain.model import Json
from worker.errors import ShopAnswerError
from worker.shop.admin_session import AdminSession
from worker.shop.answer import document
from worker.shop.document import encode
from worker.shop.keyset import Rows, asked_in_time, keyset, listed
from worker.shop.page_size import PageSize
from worker.shop.record import Record, member, obj, usable_id
from worker.shop.times import latest
from worker.shop.urls import Parameters, batches, follow, with_parameters

Condition = tuple[str, str, str]
"""Operator, attribute, value: `(">=", "stock.mtime", "2026-01-01 00:00:00")`."""

_MAX_QUERY = 6000  # common web servers refuse request lines beyond 8 KiB


class JsonAdm:
    """One session's conversation. Every failure is a ShopError; its text quotes nothing the shop wrote."""

    def __init__(self, session: AdminSession) -> None:
        self._session = session
        self._resources: dict[str, Json] = {}
        self._prefix: str | None = None

    def url(self, resource: str) -> str:
        """The address of a resource such as `customer/lists`, which the shop's list of resources may leave out."""
        if not self._resources:
            self._discover()
        link, below = self._resources.get(resource), ""
        if link is None:
            name, _, below = resource.partition("/")
            link = self._resources.get(name)
        if link is None:
            raise ShopAnswerError(f"the shop's admin JSON API offers no resource {resource!r}; check the source's url")
        address, question, query = follow(link, self._session.base).partition("?")
        return f"{address}/{below}{question}{query}" if below else address + question + query

    def get(self, resource: str, parameters: Parameters, *, patient: bool = True) -> dict[str, Json]:
        """One document."""
        url = with_parameters(self.url(resource), parameters, self._prefix)
        return document(self._session.read(url, patient=patient))

    def first(self, resource: str, conditions: Sequence[Condition]) -> dict[str, Json]:
        """A page of one record, which tells how many there are."""
        return self.get(resource, [*_filter(conditions, None), ("page[limit]", "1"), *_fields(resource, ("id",))])

    def pages(
        self,
        resource: str,
        conditions: Sequence[Condition],
        size: PageSize,
        after: str | None = None,
        *,
        fields: Sequence[str] = (),
        among: tuple[str, Sequence[str]] | None = None,
    ) -> Iterator[Rows]:
        """All records that meet the conditions, by id. `among` names an attribute and the values it may have."""
        key = attribute(resource, "id")
        self.url(resource)  # a slow discovery says nothing about the size of pages

        def ask(after: str | None, limit: int, patient: bool) -> dict[str, Json]:
            further = [*conditions, (">", key, after)] if after is not None else conditions
            shown = [("sort", key), ("page[limit]", str(limit)), *_fields(resource, fields)]
            return self.get(resource, [*_filter(further, among), *shown], patient=patient)

        return keyset(ask, size, after)

    def by_ids(
        self, resource: str, ids: Iterable[str], size: PageSize, *, fields: Sequence[str] = (), include: str = ""
    ) -> Iterator[tuple[list[str], dict[str, Json]]]:
        """The records with these ids, in batches: the ids asked for, and the document. Every id is asked for in some batch.

        Raises ShopAnswerError where the shop holds records back: they would seem to be gone.
        """
        left, key = list(ids), attribute(resource, "id")
        if left:
            self.url(resource)

        def ask(limit: int, patient: bool) -> tuple[list[str], dict[str, Json]]:
            batch = self.batch(left, key, limit)
            shown = [("page[limit]", str(len(batch))), *_fields(resource, fields)]
            included = [("include", include)] if include else []
            return batch, self.get(resource, [*_filter([], (key, batch)), *shown, *included], patient=patient)

        while left:
            batch, page = asked_in_time(size, ask, lambda found: len(listed(found[1])))
            total = member(page, "meta", "total")
            if isinstance(total, int) and total > len(listed(page)):
                raise ShopAnswerError(
                    f"the shop lists {len(listed(page))} of {total} records that were asked for by id"
                )
            yield batch, page
            del left[: len(batch)]

    def batch(self, ids: Sequence[str], key: str, most: int) -> list[str]:
        """As many of the first ids as one request can name as values of an attribute."""
        return next(iter(batches(ids, f"filter[&&][0][==][{key}][]", self._prefix, most, _MAX_QUERY)))

    def delete(self, resource: str, ids: Sequence[str]) -> None:
        """Remove records in one request; the shop says 200 to unknown ones, too."""
        named: list[Json] = [{"id": found} for found in ids]
        document(self._session.write("DELETE", self.url(resource), encode({"data": named})))

    def _discover(self) -> None:
        answer = self._session.read(self._session.base, "OPTIONS")
        page = document(answer)
        self._resources = obj(member(page, "meta", "resources"))
        prefix = member(page, "meta", "prefix")
        self._prefix = prefix if isinstance(prefix, str) and prefix else None
        if not self._resources:
            raise ShopAnswerError(
                f"{answer.where}: no meta.resources in the answer; the source's url is not an admin JSON API"
            )


def attribute(resource: str, name: str) -> str:
    """The full name of an attribute: `customer.lists.id`."""
    return f"{resource.replace('/', '.')}.{name}"


def ids_of(listed: Iterable[Record]) -> tuple[str, ...]:
    """The usable ids of records."""
    return tuple(found for record in listed if (found := usable_id(record.get("id"))) is not None)


def named(listed: Iterable[Record], name: str) -> tuple[str, ...]:
    """The usable ids in one attribute of records, each once."""
    found = (usable_id(obj(record.get("attributes")).get(name)) for record in listed)
    return tuple(dict.fromkeys(value for value in found if value is not None))


def newest(listed: Iterable[Record], name: str) -> str | None:
    """The latest time in one attribute."""
    return latest(obj(record.get("attributes")).get(name) for record in listed)


def changed_since(resource: str, since: str | None) -> list[Condition]:
    """The condition that finds what changed at or after a time."""
    return [] if since is None else [(">=", attribute(resource, "mtime"), since)]


def _filter(conditions: Sequence[Condition], among: tuple[str, Sequence[str]] | None) -> list[tuple[str, str]]:
    every = [(f"[{operator}][{name}]", value) for operator, name, value in conditions]
    several = len(every) + (among is not None) > 1
    parameters = []
    if among is not None:
        name, values = among
        within = "[&&][0]" if several else ""
        parameters += [(f"filter{within}[==][{name}][]", value) for value in values]
    first = len(parameters) > 0
    for place, (path, value) in enumerate(every, start=int(first)):
        parameters.append((f"filter[&&][{place}]{path}" if several else f"filter{path}", value))
    return parameters


def _fields(resource: str, names: Sequence[str]) -> list[tuple[str, str]]:
    """Only these attributes, by their short names. The shop wants the resource type as the key."""
    return [(f"fields[{resource}]", ",".join(attribute(resource, name) for name in names))] if names else []
