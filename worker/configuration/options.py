"""Every option in force with its value, in the order of the settings' shape."""

from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel

from worker.configuration.shape import KeyPath, dotted
from worker.settings import Settings


def options(settings: Settings) -> Iterator[tuple[str, Any]]:
    """(dotted key, value) of every option, those of all sources and customers included."""
    return _below(settings, ())


def _below(table: BaseModel | dict[str, Any], path: KeyPath) -> Iterator[tuple[str, Any]]:
    for key, value in table.items() if isinstance(table, dict) else table:
        if isinstance(value, BaseModel | dict):
            yield from _below(value, (*path, key))
        else:
            yield dotted((*path, key)), value
