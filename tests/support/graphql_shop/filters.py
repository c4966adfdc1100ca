"""The shop's filters -> SQL, with its own meaning: functions join the lists, whose fields can be filtered only beside them."""

import json
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, Integer, String, and_, cast, func, literal, not_, or_
from sqlalchemy.orm import InstrumentedAttribute

from worker.shopserver.tables import Customer, Price, Product, Relation, Stock

_CALL = re.compile(r"([a-z:]+)\((.*)\)", re.DOTALL)
_LEADING_NUMBER = re.compile(r"-?[0-9]+", re.ASCII)


class FilterError(Exception):
    """The shop would stumble over this."""


class Search:
    """What can be searched by in one resource: its own fields, has(), and beside has() the fields of its lists."""

    def __init__(
        self,
        name: str,
        table: Any,
        listed: Any = None,
        keys: dict[str, ColumnElement[str]] | None = None,
        **fields: InstrumentedAttribute[Any],
    ) -> None:
        self.name = name
        self.table = table
        self.listed = listed
        """The table joined by has()."""
        self.keys = keys or {}
        """What its list items are found by ("product|watch|1"), by domain."""
        self.fields = {f"{name}.{field}": column for field, column in fields.items()}


def _key(*parts: Any) -> ColumnElement[str]:
    first, *rest = parts
    key: ColumnElement[str] = cast(first, String)
    for part in rest:
        key = key + literal("|") + cast(part, String)
    return key


SEARCHES = {
    "customer": Search(
        "customer",
        Customer,
        Relation,
        {"": _key(Relation.domain, Relation.type, Relation.refid)},
        id=Customer.id,
        code=Customer.code,
        status=Customer.status,
        mtime=Customer.mtime,
    ),
    "product": Search(
        "product",
        Product,
        Price,
        {"price": _key(literal("price"), Price.list_type, Price.id)},
        id=Product.id,
        code=Product.code,
        label=Product.label,
        status=Product.status,
        mtime=Product.mtime,
    ),
    "price": Search("price", Price, id=Price.id, currencyid=Price.currency, mtime=Price.mtime),
    "stock": Search(
        "stock",
        Stock,
        id=Stock.id,
        productid=Stock.product_id,
        type=Stock.type,
        stocklevel=Stock.level,
        mtime=Stock.mtime,
    ),
}
_LIST_FIELDS = {"customer.lists.mtime": Relation.mtime, "product.lists.mtime": Price.list_mtime}
_NUMBERS = {"customer.id", "product.id", "price.id", "stock.id", "stock.productid"}


class Translation:
    """One filter as SQL; `joins` says whether it needs the lists. Times are compared as the shop writes them (`shop_time`)."""

    def __init__(self, search: Search, text: str) -> None:
        self._search = search
        self.joins = False
        parsed = json.loads(text)
        if not isinstance(parsed, dict):
            raise FilterError("no object")
        self.condition = self._expression(parsed) if parsed else None
        if self._uses_lists and not self.joins:
            raise FilterError("the fields of list items are known beside has() only")

    _uses_lists = False

    def _expression(self, parsed: Any) -> ColumnElement[bool]:
        operator, operand = next(iter(parsed.items()))  # the shop looks at the first, too
        if operator in {"&&", "||", "!"}:
            inner = [self._expression(part) for part in operand]
            return {"&&": and_, "||": or_, "!": lambda *parts: not_(and_(*parts))}[operator](*inner)
        name, value = next(iter(operand.items()))
        call = _CALL.fullmatch(name)
        if call is not None:
            return self._has(call[1], call[2], operator, value)
        return _compared(self.column(name), operator, self._value(name, value))

    def column(self, name: str) -> Any:
        """The column of a field, for filtering and for sorting."""
        if name in _LIST_FIELDS and name.startswith(f"{self._search.name}."):
            self._uses_lists = True
            return func.shop_time(_LIST_FIELDS[name], type_=String)
        if name not in self._search.fields:
            raise FilterError(f"no such field: {name}")
        column = self._search.fields[name]
        if name.endswith(".mtime"):
            return func.shop_time(column, type_=String)
        return cast(column, Integer) if name in _NUMBERS else column

    def _value(self, name: str, value: Any) -> Any:
        if isinstance(value, list):
            return [self._value(name, item) for item in value]
        if name in _NUMBERS and value is not None:
            return _number(str(value))
        if name == "stock.stocklevel" and value is not None:
            return Decimal(str(value))
        return value

    def _has(self, name: str, written: str, operator: str, value: Any) -> ColumnElement[bool]:
        # The real shop replaces every bracket, also those inside of strings.
        parameters = json.loads("[" + written.replace("(", "[").replace(")", "]") + "]")
        search = self._search
        key = search.keys.get("", search.keys.get(parameters[0]))
        if name != f"{search.name}:has" or key is None or value is not None or operator not in {"==", "!="}:
            raise FilterError("no such function, or it is compared with something else than null")
        self.joins = True
        domain, types, ids = [*parameters, None, None][:3]
        prefixes = [f"{domain}|{kind}|" if kind else f"{domain}|" for kind in _many(types)]
        if ids:
            found: ColumnElement[bool] = key.in_([prefix + item for prefix in prefixes for item in _many(ids)])
        else:
            found = or_(*(key.startswith(prefix, autoescape=True) for prefix in prefixes))
        listed: Any = search.listed.id
        return and_(found, listed.is_(None) if operator == "==" else listed.is_not(None))


def _many(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value or ""]


def _number(text: str) -> int:
    """As PHP reads a number: "1abc" is 1, "abc" 0; too large ones are the largest."""
    match = _LEADING_NUMBER.match(text)
    return max(-(2**63), min(2**63 - 1, int(match[0]))) if match else 0


_OPERATORS: dict[str, Callable[[Any, Any], ColumnElement[bool]]] = {
    "==": lambda column, value: column == value,
    "!=": lambda column, value: column != value,
    ">": lambda column, value: column > value,
    ">=": lambda column, value: column >= value,
    "<": lambda column, value: column < value,
    "<=": lambda column, value: column <= value,
    "=~": lambda column, value: column.startswith(value, autoescape=True),
    "~=": lambda column, value: column.contains(value, autoescape=True),
}


def _compared(column: Any, operator: str, value: Any) -> Any:
    if operator not in _OPERATORS:
        raise FilterError(f"no such operator: {operator}")
    if value is None and operator not in {"==", "!="}:
        raise FilterError("null can't be compared so")
    if not isinstance(value, list):
        return _OPERATORS[operator](column, value)
    if operator == "==":
        return column.in_(value)
    if operator == "!=":
        return column.not_in(value)
    return or_(*(_OPERATORS[operator](column, item) for item in value))
