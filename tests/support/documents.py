"""Compares documents of servers: ours and the recorded ones."""

from collections.abc import Iterator


def differences(theirs: object, ours: object, place: str = "") -> Iterator[tuple[str, str, object]]:
    """Where two documents differ: (path, kind, both sides); `#` stands for any place in a list."""
    if isinstance(theirs, dict) and isinstance(ours, dict):
        for key in theirs.keys() | ours.keys():
            inside = f"{place}/{key}".lstrip("/")
            if key not in ours:
                yield inside, "missing", theirs[key]
            elif key not in theirs:
                yield inside, "extra", ours[key]
            else:
                yield from differences(theirs[key], ours[key], inside)
    elif isinstance(theirs, list) and isinstance(ours, list):
        if len(theirs) != len(ours):
            yield place, "length", (theirs, ours)
        for one, other in zip(theirs, ours, strict=False):
            yield from differences(one, other, f"{place}/#")
    elif type(theirs) is not type(ours):
        yield place, "type", (theirs, ours)
    elif theirs != ours:
        yield place, "value", (theirs, ours)
