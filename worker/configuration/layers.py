"""Tables laid over each other, later ones on top; remembers where each value came from and which keys nobody knows."""

from collections.abc import Callable
from typing import Any

from worker.configuration import shape
from worker.configuration.shape import KeyPath


class Layers:
    """The merged table, its origins by dotted key, and the problems met on the way."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self.origins: dict[str, str] = {}
        self.problems: list[str] = []

    def add(self, table: dict[str, Any], origin: Callable[[KeyPath], str]) -> None:
        """Lay `table` on top; `origin` says where the value at a path stands."""
        self._merge(self.values, table, (), origin)

    def _merge(
        self, target: dict[str, Any], table: dict[str, Any], above: KeyPath, origin: Callable[[KeyPath], str]
    ) -> None:
        for key, value in table.items():
            path = (*above, key)
            node, name = shape.at(path), shape.dotted(path)
            if node is None:
                self.problems.append(f"{name}: unknown key; {_remedy(path)} ({origin(path)})")
            elif isinstance(node, shape.Option):
                target[key] = value
                self.origins[name] = origin(path)
            elif isinstance(value, dict):
                self._merge(target.setdefault(key, {}), value, path, origin)
            else:
                self.problems.append(f"{name}: is a section; write [{name}] ({origin(path)})")


def _remedy(path: KeyPath) -> str:
    meant = shape.suggestion(path)
    return "remove it" if meant is None else f"did you mean {shape.dotted(meant)}?"
