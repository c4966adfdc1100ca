"""The settings in force: config/default.toml, then the operator's file, then the environment."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from worker.configuration import environment, shape
from worker.configuration.layers import Layers
from worker.configuration.options import options
from worker.configuration.shape import KeyPath
from worker.errors import SettingsError
from worker.paths import default_config
from worker.settings import Settings

DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Loaded:
    """Settings and, by dotted key, where each value is from: `default`, `file PATH` or `environment VARIABLE`."""

    settings: Settings
    origins: dict[str, str]


def load(file: Path | None, environ: Mapping[str, str]) -> Loaded:
    """Put the layers together. `file` (`--config`) goes before the file that WATCHPOST_CONFIG names.

    Raises SettingsError that lists every problem, one a line: key, what is wrong, what to do. It never shows a value.
    """
    layers = Layers()
    layers.add(_read(default_config()), lambda _path: DEFAULT)
    if file is None and environ.get(environment.CONFIG_VARIABLE):
        file = Path(environ[environment.CONFIG_VARIABLE])
    if file is not None:
        layers.add(_read(file), lambda _path: f"file {file}")
    variables = environment.read(environ)
    layers.add(variables.table, lambda path: f"environment {variables.names[path]}")
    problems = layers.problems + variables.problems
    try:
        settings = Settings.model_validate(layers.values)
    except ValidationError as error:
        # The chain ends here: pydantic's error holds the values, secrets among them.
        raise _refusal(problems + _explained(error, layers.origins, variables.unread)) from None
    if problems:
        raise _refusal(problems)
    defaults = {key: DEFAULT for key, _value in options(settings)}
    return Loaded(settings, defaults | layers.origins)


def _read(file: Path) -> dict[str, Any]:
    try:
        # Editors on Windows begin a file with a byte order mark, which TOML does not know.
        return tomllib.loads(file.read_bytes().decode("utf-8-sig"))
    except OSError as error:
        remedy = f"check --config and {environment.CONFIG_VARIABLE}"
        raise SettingsError(f"{file}: can't be read ({error.strerror}); {remedy}") from error
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise SettingsError(f"{file}: is not UTF-8 text (at line {line}); save it as UTF-8") from None
    except (ValueError, RecursionError) as error:
        raise SettingsError(f"{file}: is not valid TOML: {error}") from None


def _refusal(problems: list[str]) -> SettingsError:
    return SettingsError("\n".join(["the settings can't be used:", *problems]))


def _explained(error: ValidationError, origins: dict[str, str], unread: frozenset[KeyPath]) -> list[str]:
    """One line for each error, except those that only follow from a variable already complained about."""
    lines = []
    for detail in error.errors(include_url=False, include_input=False):
        path = tuple(str(part) for part in detail["loc"] if part != "[key]")
        if any(missing[: len(path)] == path for missing in unread):
            continue
        key = shape.dotted(path)
        origin = f" ({origins[key]})" if key in origins else ""
        lines.append(f"{key}: {_what(detail)}{origin}")
    return lines


def _what(detail: ErrorDetails) -> str:
    if detail["type"] == "missing":
        return "is missing; set it"
    if detail["type"] == "value_error":
        return str(detail["ctx"]["error"])
    return detail["msg"].replace("Input should", "must").replace("String should", "must")
