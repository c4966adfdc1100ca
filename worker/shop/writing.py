"""Sends changes of relations: once, and only believed after reading them back.

A shop that cuts, ignores or loses something still answers 200; one that answers nothing may have carried it out. In both
cases what reads back decides.
"""

from collections.abc import Mapping, Sequence
from zoneinfo import ZoneInfo

from worker.domain.model import Json, Relation
from worker.errors import ShopAnswerError, ShopError, ShopRefusedError, ShopUnreachableError
from worker.shop.answer import CsrfRefusedError
from worker.shop.api import Api
from worker.shop.http import WriteMethod
from worker.shop.parse_relation import PREFIX, parse_relation
from worker.shop.readback import differences, key_of, named
from worker.shop.reading import CustomerReader, Identity, Row
from worker.shop.record import obj

_HIDING = {PREFIX + "datestart", PREFIX + "dateend"}


class UnconfirmedError(ShopUnreachableError):
    """A change was sent, and reading it back failed, too: nobody knows whether it took effect."""


class RelationWriter:
    """Writes over one session, for a customer the reader has just identified. Every failure is a ShopError."""

    def __init__(self, api: Api, reader: CustomerReader, zone: ZoneInfo) -> None:
        self._api = api
        self._reader = reader
        self._zone = zone

    def create(self, identity: Identity, drafts: Sequence[dict[str, Json]]) -> tuple[Relation, ...]:
        """POST all drafts in one request (all or none) and return them as they read back, in the same order."""
        domains = domains_of(drafts)
        listed: list[Json] = [{"attributes": draft} for draft in drafts]
        _, failure = self._send("POST", identity.relationships, domains, {"data": listed})
        found = {key_of(row.attributes): row for row in self._read_back(identity, domains, failure).values()}
        for draft in drafts:
            row = found.get(key_of(draft))
            lost = ["it is not there when read back (inactive relations are not shown)"]
            _check(lost if row is None else differences(draft, row.attributes), named(draft), failure)
        return tuple(found[key_of(draft)].relation for draft in drafts)

    def change(self, identity: Identity, row: Row, domain: str, attributes: dict[str, Json]) -> Relation:
        """PATCH one relation. One that is disabled or dated by this may vanish; it is returned as the shop answered."""
        body: dict[str, Json] = {"data": {"attributes": attributes}}
        page, failure = self._send("PATCH", self._api.follow(row.link), [domain], body)
        moved = attributes.get(PREFIX + "domain", domain)
        domains = [domain, moved] if isinstance(moved, str) else [domain]
        found = self._read_back(identity, domains, failure).get(row.relation.id)
        what = f"relation {row.relation.id}"
        if found is not None:
            _check(differences(attributes, found.attributes), what, failure)
            return found.relation
        answered = obj((page or {}).get("data"))
        relation = parse_relation(answered, identity.customer.id, self._zone) if _hides(attributes) else None
        if relation is None or relation.id != row.relation.id:
            raise failure or _refused(["it is not shown any more"], what)
        _check(differences(attributes, obj(answered.get("attributes"))), what, failure)
        return relation

    def remove(self, identity: Identity, rows: Sequence[Row], domain: str) -> None:
        """DELETE relations of one domain: one by its own link, several in one request."""
        if len(rows) == 1:
            _, failure = self._send("DELETE", self._api.follow(rows[0].link), [domain], None)
        else:
            listed: list[Json] = [{"id": row.relation.id} for row in rows]
            _, failure = self._send("DELETE", identity.relationships, [domain], {"data": listed})
        left = self._read_back(identity, [domain], failure)
        for row in rows:
            _check(["it is still there"] if row.relation.id in left else [], f"relation {row.relation.id}", failure)

    def _send(
        self, method: WriteMethod, url: str, domains: Sequence[str], body: dict[str, Json] | None
    ) -> tuple[dict[str, Json] | None, ShopError | None]:
        """Send once. An answer that does not tell what came of it is returned as failure."""
        include = [("include", ",".join(dict.fromkeys(domains)))]
        try:
            try:
                return self._api.write(method, url, include, body), None
            except CsrfRefusedError:  # nothing was carried out; who() brings a new token and proves who we are
                self._reader.who()
                return self._api.write(method, url, include, body), None
        except (ShopUnreachableError, ShopAnswerError) as failure:
            return None, failure

    def _read_back(self, identity: Identity, domains: Sequence[str], failure: ShopError | None) -> dict[str, Row]:
        try:
            return self._reader.listing(identity, domains).rows
        except ShopError as error:
            told = failure or "the shop accepted the change"
            raise UnconfirmedError(f"{told}; reading it back failed ({error}), so look again later") from error


def domains_of(drafts: Sequence[Mapping[str, Json]]) -> list[str]:
    """Each domain once, in order."""
    return list(dict.fromkeys(key_of(draft)[0] for draft in drafts))


def _hides(attributes: Mapping[str, Json]) -> bool:
    """The shop shows enabled relations within their dates only."""
    return attributes.get(PREFIX + "status", 1) != 1 or not _HIDING.isdisjoint(attributes)


def _check(problems: Sequence[str], what: str, failure: ShopError | None) -> None:
    if problems:
        raise failure or _refused(problems, what)


def _refused(problems: Sequence[str], what: str) -> ShopRefusedError:
    return ShopRefusedError(f"the shop accepted the change of {what}, but: {'; '.join(problems)}")
