"""Environment variables: `WATCHPOST_SECTION__KEY`, and `..._FILE` for a secret in a file (Docker, Kubernetes)."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic_settings import EnvSettingsSource

from worker.configuration import shape
from worker.configuration.shape import KeyPath
from worker.settings import Settings

PREFIX = "WATCHPOST_"
CONFIG_VARIABLE = "WATCHPOST_CONFIG"
"""Names the settings file where no `--config` is given."""
_NO_OPTIONS = (CONFIG_VARIABLE, "WATCHPOST_FAILPOINT")  # the other one is read by tests' failpoints
_DELIMITER = "__"
_FILE = "_file"


@dataclass(frozen=True, slots=True)
class Variables:
    """What the environment says."""

    table: dict[str, Any]
    names: dict[KeyPath, str]
    """Which variable set the value at a path."""
    problems: list[str]
    unread: frozenset[KeyPath]
    """Secrets whose file could not be read."""


def read(environ: Mapping[str, str]) -> Variables:
    """Every `WATCHPOST_` variable, converted to the option's type where that is possible; the others are problems."""
    found: dict[KeyPath, str] = {}
    names: dict[KeyPath, str] = {}
    problems: list[str] = []
    unread: set[KeyPath] = set()
    for name in sorted(environ):
        if not name.upper().startswith(PREFIX) or name in _NO_OPTIONS:
            continue
        path = tuple(name[len(PREFIX) :].lower().split(_DELIMITER))
        secret = _secret_in_file(path)
        target = path if secret is None else secret
        try:
            if name != name.upper():
                raise _VariableError(f"must be written in capitals: {name.upper()}")
            if secret is None and not isinstance(shape.at(path), shape.Option):
                raise _VariableError(_remedy(path))
            if target in names:
                raise _VariableError(f"sets the same as {names[target]}; keep one of them")
            names[target] = name
            found[target] = environ[name] if secret is None else _content(environ[name])
        except _VariableError as error:
            problems.append(f"{name}: {error}")
            if secret is not None:
                unread.add(secret)
    return Variables(_table(found), names, problems, frozenset(unread))


class _VariableError(Exception):
    """A variable that can't be used; the text says why, without its value."""


def variable(path: KeyPath) -> str:
    """The environment variable that sets the option at `path`."""
    return PREFIX + _DELIMITER.join(path).upper()


def _secret_in_file(path: KeyPath) -> KeyPath | None:
    """`smtp__password_file` names the file of `smtp__password`; None for every other variable."""
    if not path[-1].endswith(_FILE):
        return None
    named = (*path[:-1], path[-1].removesuffix(_FILE))
    return named if shape.at(named) == shape.Option(secret=True) else None


def _content(file: str) -> str:
    try:
        content = Path(file).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise _VariableError(f"names a file that can't be read ({error.strerror})") from None
    except ValueError:  # no file name at all, or not text; its message would quote the secret
        raise _VariableError("must name a text file (UTF-8)") from None
    if not content:
        raise _VariableError("names an empty file")
    return content


def _remedy(path: KeyPath) -> str:
    if shape.at(path) is not None:
        return f"names a section; set its options one by one ({variable((*path, 'key'))})"
    meant = shape.suggestion(path)
    return "unknown variable; unset it" if meant is None else f"unknown variable; did you mean {variable(meant)}?"


def _table(found: dict[KeyPath, str]) -> dict[str, Any]:
    source = EnvSettingsSource(Settings)
    source.env_vars = {variable(path).lower(): value for path, value in found.items()}
    return source()
