"""One GraphQL request executed over the shop's state, as the shop does: every error is a 200, and says nothing."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from graphql import (
    ExecutionResult,
    FieldNode,
    GraphQLError,
    OperationDefinitionNode,
    SelectionSetNode,
    build_schema,
    execute_sync,
    parse,
    validate,
)
from graphql.language import InlineFragmentNode
from sqlalchemy import Integer, cast, func, select
from sqlalchemy.orm import Session

from tests.support.graphql_shop.filters import SEARCHES, FilterError, Translation
from tests.support.graphql_shop.items import Item, Items
from worker.shopserver.fields import DATE_FORMAT
from worker.shopserver.store import ShopStore
from worker.shopserver.tables import Relation

SCHEMA = build_schema((Path(__file__).parent / "schema.graphql").read_text(encoding="utf-8"))
MAX_DEPTH = 10
MAX_COMPLEXITY = 500
TOTAL_CAP = 10_000

_KINDS = {"searchCustomers": "customer", "searchProducts": "product", "searchPrices": "price", "searchStocks": "stock"}


class Engine:
    """The searches over one store."""

    def __init__(self, store: ShopStore, zone: ZoneInfo) -> None:
        self._store = store
        self._zone = zone
        self.cap = TOTAL_CAP
        """Where totals end."""
        self.allowed: Callable[[str], bool] = lambda _: True
        self.forbidden: set[str] = set()
        """Searches that the account has no right to."""
        self.unknown: set[str] = set()
        """Fields that this shop can't filter by."""
        self.most_items: int | None = None
        """More are never given at once, whatever the limit."""

    def answer(self, body: Any) -> dict[str, Any]:
        """The document for a request's body."""
        if not body:
            return {"errors": [{"message": "Invalid input"}]}
        request = body if isinstance(body, dict) else {}
        try:
            document = parse(str(request.get("query") or ""))
        except GraphQLError as error:
            return _document(ExecutionResult(None, [error]))
        errors = validate(SCHEMA, document)
        if not errors:
            operations = [node for node in document.definitions if isinstance(node, OperationDefinitionNode)]
            if any(_depth(node.selection_set) > MAX_DEPTH for node in operations):
                errors = [GraphQLError("too deep")]
            elif any(_fields(node.selection_set) > MAX_COMPLEXITY for node in operations):
                errors = [GraphQLError("too complex")]
        if errors:
            return _document(ExecutionResult(None, errors))
        with self._store.read() as session:
            session.connection().connection.driver_connection.create_function("shop_time", 1, self._shop_time)
            root = {name: self._search(session, name) for name in _KINDS}
            result = execute_sync(SCHEMA, document, root, None, request.get("variables"), request.get("operationName"))
        return _document(result)

    def _shop_time(self, stored: str | None) -> str | None:
        """A time of the database as the shop writes it: where clocks are set back, later can look like earlier."""
        if stored is None:
            return None
        return datetime.fromisoformat(stored).replace(tzinfo=UTC).astimezone(self._zone).strftime(DATE_FORMAT)

    def _search(self, session: Session, name: str) -> Callable[..., Item]:
        def resolve(_info: Any, **arguments: Any) -> Item:
            if name in self.forbidden or not self.allowed(name):
                raise PermissionError(name)
            return self._found(session, _KINDS[name], **arguments)

        return resolve

    def _found(
        self,
        session: Session,
        kind: str,
        filter: str | None,  # noqa: A002 - the argument's name
        include: list[str] | None,
        sort: list[str] | None,
        offset: int | None,
        limit: int | None,
    ) -> Item:
        search = SEARCHES[kind]
        size = limit or 0
        if size < 0:
            raise ValueError("a negative limit")
        if any(field in (filter or "") for field in self.unknown):
            raise FilterError("no such field")
        translation = Translation(search, filter or "null")
        query = select(search.table)
        if translation.joins:
            mine = Relation.customer_id if kind == "customer" else search.listed.product_id
            query = query.outerjoin(search.listed, mine == search.table.id).group_by(search.table.id)
        if translation.condition is not None:
            query = query.where(translation.condition)
        total = session.scalar(select(func.count()).select_from(query.limit(self.cap).subquery()))
        for key in sort or []:
            column = translation.column(key.removeprefix("-"))
            query = query.order_by(column.desc() if key.startswith("-") else column)
        rows = session.scalars(
            query.order_by(cast(search.table.id, Integer), search.table.id)
            .offset(offset or 0)
            .limit(min(size, self.most_items or size))
        ).all()
        items = Items(session, self._zone, include or [])
        make: dict[str, Callable[[Any], list[Item]]] = {
            "customer": items.customers,
            "product": items.products,
            "price": items.prices,
            "stock": items.stocks,
        }
        return {"items": make[kind](rows), "total": total}


def as_text(document: dict[str, Any]) -> bytes:
    """JSON as PHP writes it: whole floats without a point."""
    return json.dumps(_whole(document)).encode()


def _whole(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _whole(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_whole(inner) for inner in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _document(result: ExecutionResult) -> dict[str, Any]:
    document: dict[str, Any] = {}
    if result.errors:
        document["errors"] = [{**error.formatted, "message": "Internal server error"} for error in result.errors]
    if result.data is not None:
        document["data"] = result.data
    return document


def _depth(selected: SelectionSetNode | None) -> int:
    """How deep fields with fields of their own are nested."""
    fields = _children(selected)
    return max((1 + _depth(field.selection_set) for field in fields if field.selection_set), default=0)


def _fields(selected: SelectionSetNode | None) -> int:
    return sum(1 + _fields(field.selection_set) for field in _children(selected))


def _children(selected: SelectionSetNode | None) -> list[FieldNode]:
    if selected is None:
        return []
    return [
        field
        for node in selected.selections
        for field in (
            [node]
            if isinstance(node, FieldNode)
            else _children(node.selection_set)
            if isinstance(node, InlineFragmentNode)
            else []
        )
    ]
