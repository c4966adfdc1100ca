"""Compares what was sent with what reads back: a shop may cut, ignore or lose a value and still answer 200."""

from collections.abc import Mapping
from decimal import Decimal

from worker.domain.model import Json
from worker.shop.parse_relation import PREFIX
from worker.shop.record import Record, shown, text, whole_number


def differences(sent: Record, found: Record) -> list[str]:
    """For each sent field that reads back differently a sentence; values of `config` stay out of it (may be secrets)."""
    return [
        _sentence(name, value, found.get(name))
        for name, value in sent.items()
        if not same(value, _as_sent(name, found.get(name)))
    ]


def same(sent: Json, found: Json) -> bool:
    """Equal as JSON goes: an empty object comes back as `[]` (PHP), 1.50 is 1.5."""
    if sent in ({}, []) and found in ({}, []):
        return True
    if isinstance(sent, dict):
        return isinstance(found, dict) and sent.keys() == found.keys() and all(same(sent[k], found[k]) for k in sent)
    if isinstance(sent, list):
        return isinstance(found, list) and len(sent) == len(found) and all(map(same, sent, found))
    if isinstance(sent, bool) or isinstance(found, bool):
        return sent is found
    if isinstance(sent, int | Decimal) and isinstance(found, int | Decimal):
        return sent == found
    return type(sent) is type(found) and sent == found


def key_of(attributes: Mapping[str, Json]) -> tuple[str, str, str]:
    """What a shop holds once for each customer: domain, type and refid."""
    domain, kind, refid = (text(attributes.get(PREFIX + name)) for name in ("domain", "type", "refid"))
    return domain, kind or "default", refid


def named(attributes: Mapping[str, Json]) -> str:
    """A relation by what makes it unique, for messages."""
    return "the relation {}/{}/{}".format(*(ascii(part)[1:-1] for part in key_of(attributes)))


def _as_sent(name: str, found: Json) -> Json:
    """The found value in the type we send: shops give ids and numbers as text or as number."""
    if name == PREFIX + "refid":
        return text(found)
    if name in {PREFIX + "status", PREFIX + "position"}:
        try:
            return whole_number(found)
        except ValueError:
            return found
    return found


def _sentence(name: str, sent: Json, found: Json) -> str:
    if name == PREFIX + "config":
        return f"{name} reads back differently"
    return f"{name} reads back as {shown(found)} instead of {shown(sent)}"
