"""Replays recorded exchanges of a real shop (tests/fixtures/recordings): what it was never asked, it does not answer."""

import json
from collections.abc import Collection
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx2

FOLDER = Path(__file__).parent.parent / "fixtures" / "recordings"

# The shop ignores the customer's id, its prefixed links carry routing, and the CSRF token is checked apart.
_IGNORED = frozenset({"ai[id]", "ai[controller]", "ai[action]", "_token"})

Key = tuple[str, str, str, tuple[tuple[str, str], ...]]


def recorded(name: str, interface: str = "jsonapi") -> dict[str, Any]:
    """One recorded exchange, by its file name without `.json`."""
    exchange: dict[str, Any] = json.loads((FOLDER / interface / f"{name}.json").read_text(encoding="utf-8"))
    return exchange


def answer_of(exchange: dict[str, Any]) -> httpx2.Response:
    """The recorded answer as it came over the wire."""
    answer = exchange["response"]
    body = json.dumps(answer["body"]) if answer["body_is_json"] else answer["body"]
    return httpx2.Response(answer["status"], headers=answer["headers"], content=body.encode())


class RecordedShop(httpx2.MockTransport):
    """Answers each request with the recording of the same method, address and parameters, in the order given.

    Of several recordings of one request each is given once, the last one ever after. `ignore` names parameters which the
    recorded request did not have. Everything that was asked is in `requests`.
    """

    def __init__(self, *names: str, ignore: Collection[str] = ()) -> None:
        super().__init__(self._answer)
        self.requests: list[httpx2.Request] = []
        self._ignore = _IGNORED | set(ignore)
        self._exchanges: dict[Key, list[dict[str, Any]]] = {}
        for name in names:
            exchange = recorded(name)
            self.put(exchange)

    def put(self, exchange: dict[str, Any]) -> None:
        """Add an exchange, such as a recorded one with a change."""
        request = exchange["request"]
        self._exchanges.setdefault(self._key(request["method"], request["url"]), []).append(exchange)

    def writes(self) -> list[httpx2.Request]:
        """The requests that could change something."""
        return [request for request in self.requests if request.method not in {"GET", "OPTIONS"}]

    def sent(self) -> Any:
        """The body of the only write."""
        (request,) = self.writes()
        return json.loads(request.content)

    def _key(self, method: str, url: str) -> Key:
        parts = urlsplit(url)
        ignored = self._ignore | ({"id"} if parts.path == "/jsonapi/customer" else set())
        query = sorted(pair for pair in parse_qsl(parts.query, keep_blank_values=True) if pair[0] not in ignored)
        return method, parts.netloc, parts.path, tuple(query)

    def _answer(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        key = self._key(request.method, str(request.url))
        assert key in self._exchanges, f"never recorded: {key}"
        exchanges = self._exchanges[key]
        return answer_of(exchanges.pop(0) if len(exchanges) > 1 else exchanges[0])
