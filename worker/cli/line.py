"""The kind of option that takes one line which one operator writes and another one reads."""

from typing import Any

import click


class Line(click.ParamType[str]):
    """At most so many characters, none of which breaks the line or moves the cursor."""

    name = "text"

    def __init__(self, most: int, *, empty: bool = False) -> None:
        self._most = most
        self._least = 0 if empty else 1

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        text = str(value)
        if not (text.isprintable() and self._least <= len(text) <= self._most):
            self.fail(f"give one line of at most {self._most} characters", param, ctx)
        return text
