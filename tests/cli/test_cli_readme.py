"""The README documents every command and option, and its two command lines are what CI runs."""

from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from worker.cli import main

README = (Path(__file__).resolve().parents[2] / "README.md").read_text(encoding="utf-8")


def _commands(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    if path:
        yield path, command
    if isinstance(command, click.Group):
        for name, child in sorted(command.commands.items()):
            yield from _commands(child, (*path, name))


def _rows(path: tuple[str, ...]) -> list[str]:
    """The rows of the table that are about this very command."""
    return [line for line in README.splitlines() if line.startswith(f"| `watchpost {' '.join(path)}`")]


COMMANDS = list(_commands(main))


@pytest.mark.parametrize("path", [path for path, _ in COMMANDS], ids=" ".join)
def test_every_command_is_in_the_readme(path: tuple[str, ...]) -> None:
    assert _rows(path) or any(_rows((*path, child)) for child in getattr(dict(COMMANDS)[path], "commands", ()))


@pytest.mark.parametrize(
    ("path", "option"),
    [
        (path, option)
        for path, command in COMMANDS
        for parameter in command.params
        if isinstance(parameter, click.Option) and not parameter.hidden
        for option in parameter.opts
        if option.startswith("--")
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else value,
)
def test_every_option_is_in_the_row_of_its_command(path: tuple[str, ...], option: str) -> None:
    assert any(f"{option} " in row or f"{option}]" in row for row in _rows(path)), (
        f"{option} is missing in the row of: watchpost {' '.join(path)}"
    )


@pytest.mark.parametrize(("path", "command"), COMMANDS, ids=[" ".join(path) for path, _ in COMMANDS])
def test_every_command_explains_itself(path: tuple[str, ...], command: click.Command) -> None:
    help_text = CliRunner().invoke(main, [*path, "--help"]).output
    assert command.help
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, parameter.name
    assert "Usage: " in help_text
