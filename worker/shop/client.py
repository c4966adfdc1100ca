"""Reads and writes the relations of one authenticated customer (seed, "Customer relations").

Every write is checked before it is sent, sent only after the shop said who we are, never sent twice, and read back.
"""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Self
from zoneinfo import ZoneInfo

import httpx2

from worker.domain.model import Customer, Json, Relation
from worker.errors import FieldError, RelationLostError, ShopError, ShopRefusedError
from worker.settings import Account, Shop
from worker.shop.api import Api
from worker.shop.fields import Changes, NewRelation, attributes_of, changed_attributes, watch_config
from worker.shop.http import Session, open_http
from worker.shop.parse_relation import PREFIX
from worker.shop.readback import differences, key_of, named
from worker.shop.reading import CustomerReader, Fetched, Identity, Row
from worker.shop.record import obj, text
from worker.shop.writing import RelationWriter, UnconfirmedError, domains_of

_CONFIG = PREFIX + "config"


class CustomerClient:
    """One customer's relations. Failures are ShopError; a value that can't be sent is a FieldError that names the field."""

    def __init__(self, api: Api, zone: ZoneInfo, close: Callable[[], None] = lambda: None) -> None:
        self.zone = zone
        """The zone of the shop's naive times."""
        self._reader = CustomerReader(api, zone)
        self._writer = RelationWriter(api, self._reader, zone)
        self._close = close

    @classmethod
    def connect(
        cls,
        shop: Shop,
        account: Account,
        *,
        transport: httpx2.BaseTransport | None = None,
        setting: str = "the source's url",
    ) -> Self:
        """A client of its own for one customer of a shop in the settings; close it, or use it in a `with`.

        `setting` is what messages call the one that holds the shop's address.
        """
        http = open_http(shop.timeout_seconds, transport)
        session = Session(http, shop.url, account, shop.timeout_seconds, setting=setting)
        return cls(Api(session), ZoneInfo(shop.timezone), http.close)

    def close(self) -> None:
        """Give back connections."""
        self._close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def customer(self) -> Customer:
        """Who the shop says we are."""
        return self._reader.who().customer

    def fetch(self, *domains: str) -> Fetched:
        """All relations of these domains that the shop shows, and the items they point to."""
        return self._reader.fetch(*domains)

    def get(self, relation_id: str, *, domain: str = "product") -> Relation:
        """One relation. Raises ShopRefusedError where the shop does not show it."""
        return self._find(self._reader.who(), [relation_id], domain)[0].relation

    def add(self, *new: NewRelation) -> tuple[Relation, ...]:
        """Add one or several relations, all or none, and return them as they read back, in the order given.

        Refused before anything is sent: values beyond the limits, and a relation that is there already.
        """
        drafts = _drafts(new)
        identity = self._reader.who()
        known = {key_of(row.attributes): row.relation.id for row in self._rows(identity, domains_of(drafts)).values()}
        for draft in drafts:
            if key_of(draft) in known:
                raise ShopRefusedError(
                    f"{named(draft)} is there already as relation {known[key_of(draft)]}: modify or renew it"
                )
        return self._writer.create(identity, drafts)

    def favorite(self, product_id: str) -> Relation:
        """Add a product as favorite (seed, "Favorite products")."""
        return self.add(NewRelation(domain="product", type="favorite", refid=product_id))[0]

    def watch(
        self,
        product_id: str,
        *,
        timeframe: int | str,
        stock: bool,
        price: bool,
        currency: str,
        pricevalue: Decimal | int | str | None = None,
    ) -> Relation:
        """Watch a product (seed, "Watched product") for `timeframe` days; without `pricevalue` for any price decrease."""
        config = watch_config(timeframe=timeframe, stock=stock, price=price, currency=currency, pricevalue=pricevalue)
        return self.add(NewRelation(domain="product", type="watch", refid=product_id, config=config))[0]

    def modify(
        self, relation_id: str, changes: Changes, *, domain: str = "product", replace_config: bool = False
    ) -> Relation:
        """Change the given fields only (seed, "Modify relations") and return the relation as it reads back.

        The shop replaces `config` as a whole, so the given keys are merged into the present one first, unless
        `replace_config`. A relation that is disabled or dated by this vanishes from the shop's lists and can't be
        reached again here; it is then returned as the shop answered.
        """
        attributes = changed_attributes(changes)
        if not attributes:
            raise FieldError("nothing to change: name at least one field")
        identity = self._reader.who()
        row = self._find(identity, [relation_id], domain)[0]
        if _CONFIG in attributes and not replace_config:
            merged = _merged(row.attributes.get(_CONFIG), obj(attributes[_CONFIG]))
            attributes |= changed_attributes({"config": merged})
        return self._writer.change(identity, row, domain, attributes)

    def renew(self, relation_id: str, *, domain: str = "product") -> Relation:
        """Remove the relation and add it again, so that its ctime starts again (seed, "Modify relations").

        Fields that could not be added again are refused before anything is removed. If adding fails although the relation
        is gone, it is tried once more; then RelationLostError carries the fields.
        """
        identity = self._reader.who()
        row = self._find(identity, [relation_id], domain)[0]
        draft = attributes_of(_anew(row))
        try:
            self._writer.remove(identity, [row], domain)
        except UnconfirmedError as error:
            raise _lost(draft, f"may have been removed ({error})") from error
        try:
            return self._writer.create(identity, [draft])[0]
        except ShopError as error:
            return self._restored(identity, draft, error)

    def delete(self, *relation_ids: str, domain: str = "product") -> None:
        """Delete relations of one domain. Raises ShopRefusedError, with nothing deleted, where one is not shown."""
        if not relation_ids:
            raise FieldError("nothing to delete: name at least one relation")
        identity = self._reader.who()
        self._writer.remove(identity, self._find(identity, list(dict.fromkeys(relation_ids)), domain), domain)

    def _rows(self, identity: Identity, domains: Sequence[str]) -> dict[str, Row]:
        return self._reader.listing(identity, domains).rows

    def _find(self, identity: Identity, relation_ids: Sequence[str], domain: str) -> list[Row]:
        rows = self._rows(identity, [domain])
        for relation_id in relation_ids:
            if relation_id not in rows:
                raise ShopRefusedError(
                    f"the shop shows no relation {relation_id} of domain {domain} to this customer: deleted, "
                    "another customer's, or inactive (status not 1, or outside its dates), which can't be reached"
                )
        return [rows[relation_id] for relation_id in relation_ids]

    def _restored(self, identity: Identity, draft: dict[str, Json], error: ShopError) -> Relation:
        try:
            rows = self._rows(identity, domains_of([draft])).values()
            row = next((row for row in rows if key_of(row.attributes) == key_of(draft)), None)
            if row is None:
                return self._writer.create(identity, [draft])[0]
        except ShopError:
            raise _lost(
                draft, f"was removed, but adding it again failed or could not be confirmed ({error})"
            ) from error
        if differences(draft, row.attributes):
            raise error
        return row.relation


def _lost(draft: dict[str, Json], how: str) -> RelationLostError:
    return RelationLostError(f"{named(draft)} {how}; look what is there and add it again", draft)


def _drafts(new: Sequence[NewRelation]) -> list[dict[str, Json]]:
    if not new:
        raise FieldError("nothing to add: give at least one relation")
    drafts: list[dict[str, Json]] = []
    for number, relation in enumerate(new, 1):
        which = f"relation {number} of {len(new)}: " if len(new) > 1 else ""
        try:
            draft = attributes_of(relation)
        except FieldError as error:
            raise FieldError(f"{which}{error}") from None
        if key_of(draft) in map(key_of, drafts):
            raise FieldError(f"{which}{PREFIX}refid: {named(draft)} is given twice")
        drafts.append(draft)
    return drafts


def _merged(present: Json, changes: Mapping[str, Json]) -> dict[str, Json]:
    if present not in (None, [], {}) and not isinstance(present, dict):
        raise FieldError(f"{_CONFIG}: the present config is no object, so nothing can be merged into it; replace it")
    return {**obj(present), **changes}


def _anew(row: Row) -> NewRelation:
    """The same relation to be added again, times as the shop wrote them."""
    relation, fields = row.relation, row.attributes
    if relation.defect is not None:
        raise FieldError(f"relation {relation.id} can't be added again as it is: {relation.defect.detail}")
    config = fields.get(_CONFIG)
    if config not in (None, []) and not isinstance(config, dict):
        raise FieldError(f"{_CONFIG}: the config of relation {relation.id} is no object, so it can't be added again")
    return NewRelation(
        domain=relation.domain,
        type=relation.type,
        refid=relation.refid,
        config=obj(config),
        position=relation.position,
        status=relation.status,
        datestart=text(fields.get(PREFIX + "datestart")) or None,
        dateend=text(fields.get(PREFIX + "dateend")) or None,
    )
