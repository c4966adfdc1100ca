"""A shop in memory with the shape and the carelessness of the recorded one; faults are switched on by the test."""

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2

BASE = "http://shop.test/jsonapi"
JSON_API = {"content-type": "application/vnd.api+json"}

Fault = Callable[[httpx2.Request], httpx2.Response | None]


def reply(status: int, body: dict[str, Any]) -> httpx2.Response:
    """An answer of the JSON:API."""
    return httpx2.Response(status, headers=JSON_API, content=json.dumps(body).encode())


class CarelessShop(httpx2.MockTransport):
    """One customer's relations, as the recorded shop: 200 for everything, hidden where inactive, refid never changed."""

    def __init__(self) -> None:
        super().__init__(self._answer)
        self.customer_id: str | None = "1"
        """Who is logged in; None for a stranger."""
        self.relations: dict[str, dict[str, Any]] = {}
        self.stores: Callable[[dict[str, Any]], None] = lambda _: None
        """May change what a write stores."""
        self.csrf: str | None = None
        self.faults: list[Fault] = []
        """Each may answer in place of the shop."""
        self.requests: list[httpx2.Request] = []
        self._next = 1

    def holds(self, **fields: Any) -> str:
        """Put a relation into the shop; its id."""
        relation_id = str(self._next)
        self._next += 1
        attributes: dict[str, Any] = {"domain": "product", "type": "watch", "refid": relation_id, "status": 1}
        attributes |= {"position": 0, "datestart": None, "dateend": None, "config": []} | fields
        self.relations[relation_id] = {f"customer.lists.{name}": value for name, value in attributes.items()}
        return relation_id

    def field(self, relation_id: str, name: str) -> Any:
        """What the shop stores."""
        return self.relations[relation_id][f"customer.lists.{name}"]

    def writes(self) -> list[str]:
        """The methods of all writes that reached the shop."""
        return [request.method for request in self.requests if request.method not in {"GET", "OPTIONS"}]

    def _answer(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        for fault in self.faults:
            if (answer := fault(request)) is not None:
                return answer
        if request.method == "OPTIONS":
            resources = {"customer": f"{BASE}/customer", "product": f"{BASE}/product"}
            return reply(200, {"meta": {**self._meta(), "resources": resources}})
        query = {name: values[-1] for name, values in parse_qs(urlsplit(str(request.url)).query).items()}
        if request.method != "GET" and self.csrf is not None and query.get("_token") != self.csrf:
            return httpx2.Response(419, headers={"content-type": "text/html"}, content=b"<html>Page Expired</html>")
        if query.get("related") != "relationships":
            return self._customer()
        body = json.loads(request.content or b"{}")
        if request.method == "POST":
            return self._add(query, body)
        if request.method == "PATCH":
            return self._change(query, body)
        return self._delete(query, body) if request.method == "DELETE" else self._list(query)

    def _meta(self) -> dict[str, Any]:
        return {"prefix": None} | ({"csrf": {"name": "_token", "value": self.csrf}} if self.csrf else {})

    def _customer(self) -> httpx2.Response:
        links = {"customer/relationships": {"href": f"{BASE}/customer?id={self.customer_id}&related=relationships"}}
        attributes = {"customer.email": "anna@example.com", "customer.languageid": "de"}
        data = {"id": self.customer_id, "type": "customer", "attributes": attributes}
        return reply(200, {"meta": self._meta(), "links": links, "data": data, "included": []})

    def _visible(self, query: dict[str, str]) -> dict[str, dict[str, Any]]:
        domains = query.get("include", "").split(",")
        return {
            relation_id: attributes
            for relation_id, attributes in self.relations.items()
            if self.customer_id
            and attributes["customer.lists.domain"] in domains
            and attributes["customer.lists.status"] == 1
        }

    def record(self, relation_id: str, attributes: dict[str, Any]) -> dict[str, Any]:
        link = f"{BASE}/customer?id={self.customer_id}&related=relationships&relatedid={relation_id}&include=product"
        links = {"self": {"href": link, "allow": ["DELETE", "GET", "PATCH"]}}
        return {"id": relation_id, "type": "customer.lists", "links": links, "attributes": attributes}

    def _list(self, query: dict[str, str], status: int = 200) -> httpx2.Response:
        data = [self.record(*item) for item in self._visible(query).items()]
        return reply(status, {"meta": {**self._meta(), "total": len(data)}, "data": data})

    def _add(self, query: dict[str, str], body: dict[str, Any]) -> httpx2.Response:
        for entry in body["data"]:
            attributes = dict(entry["attributes"])
            self.stores(attributes)
            self.holds(**{name.removeprefix("customer.lists."): value for name, value in attributes.items()})
        return self._list(query, 201)

    def _change(self, query: dict[str, str], body: dict[str, Any]) -> httpx2.Response:
        relation_id = query.get("relatedid", "")
        if relation_id not in self._visible(query):
            return reply(404, {"meta": {**self._meta(), "total": 0}})
        attributes = dict(body["data"]["attributes"])
        attributes.pop("customer.lists.refid", None)
        self.stores(attributes)
        self.relations[relation_id] |= attributes
        return reply(200, {"meta": self._meta(), "data": self.record(relation_id, self.relations[relation_id])})

    def _delete(self, query: dict[str, str], body: dict[str, Any]) -> httpx2.Response:
        asked = [entry["id"] for entry in body.get("data", [])] or [query.get("relatedid", "")]
        for relation_id in asked:
            if relation_id in self._visible(query):
                del self.relations[relation_id]
        return reply(200, {"meta": {**self._meta(), "total": 0}})
