"""The URLs the shop gives out: absolute, plain or with every parameter inside the prefix."""

from collections.abc import Mapping
from dataclasses import dataclass

from worker.shopserver.params import Params, build


@dataclass(frozen=True, slots=True)
class Addresses:
    """Builds links for one request, so that they name the host the client used."""

    origin: str
    """Scheme and host, as in `http://localhost:8800`."""
    base_path: str
    prefix: str | None
    view: Params
    """`locale` and `currency` of the request: a link followed later answers in the same language and currency."""

    def resource(self, name: str, params: Mapping[str, "str | Params"] | None = None) -> str:
        """The URL of a resource with parameters."""
        inner: Params = {**(params or {}), **self.view}
        if self.prefix is None:
            query = build(inner)
            return f"{self.origin}{self.base_path}/{name}" + (f"?{query}" if query else "")
        return f"{self.origin}{self.base_path}?" + build({self.prefix: {"resource": name, **inner}})

    @property
    def content(self) -> str:
        """The base of files."""
        return f"{self.origin}/"

    @property
    def media(self) -> str:
        """The base of pictures (`fs-media`)."""
        return f"{self.origin}/media"
