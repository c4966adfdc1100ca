"""What is wrong with a request, as JSON:API errors (https://jsonapi.org/format/#errors): status, title, detail and source."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

_TITLES = {
    400: "Invalid request",
    401: "Not logged in",
    403: "Not allowed",
    404: "Not found",
    405: "Method not allowed",
    409: "Conflict",
    413: "Too large",
    415: "Unsupported media type",
    419: "CSRF token missing or wrong",
}

MAX_PROBLEMS = 20
"""How many of a request's problems an answer lists."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong. Exactly one of pointer (into the body), parameter (of the query) and header says where."""

    status: int
    detail: str
    pointer: str | None = None
    parameter: str | None = None
    header: str | None = None

    def as_error(self) -> dict[str, object]:
        """The JSON:API error object."""
        places = {"pointer": self.pointer, "parameter": self.parameter, "header": self.header}
        source = {name: place for name, place in places.items() if place is not None}
        return {"status": str(self.status), "title": _TITLES[self.status], "detail": self.detail, "source": source}


class Refused(Exception):  # noqa: N818 - a refusal is the client's error, not ours
    """The request is not carried out, for one or several reasons."""

    def __init__(self, problems: Sequence[Problem], headers: Mapping[str, str] | None = None) -> None:
        super().__init__("; ".join(problem.detail for problem in problems))
        self.problems = tuple(problems[:MAX_PROBLEMS])
        self.headers = dict(headers or {})

    @property
    def status(self) -> int:
        """The status all problems share; 400 where they differ, as JSON:API advises."""
        found = {problem.status for problem in self.problems}
        return found.pop() if len(found) == 1 else 400


def malformed(detail: str, *, pointer: str | None = None, parameter: str | None = None) -> Refused:
    """400: the request can't be understood."""
    return Refused([Problem(400, detail, pointer=pointer, parameter=parameter)])


def not_found(detail: str, *, pointer: str | None = None, parameter: str | None = None) -> Refused:
    """404: there is no such thing, or it is not this customer's."""
    return Refused([Problem(404, detail, pointer=pointer, parameter=parameter)])


def pointer_to(*parts: str | int) -> str:
    """A JSON pointer (RFC 6901)."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)
