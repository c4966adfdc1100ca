"""What every command shares: settings, output as text or JSON, progress bars, errors that become exit codes."""

import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, is_dataclass
from datetime import datetime
from decimal import Decimal
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import click
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as RichProgress
from rich.text import Text
from sqlalchemy.exc import DBAPIError

from worker import log
from worker.cli import trouble
from worker.configuration import Loaded, load
from worker.errors import WatchpostError
from worker.installation import Installation
from worker.progress import Progress, silent
from worker.store.session import Store

P = ParamSpec("P")
R = TypeVar("R")

as_json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts.")
queue_option = click.option("--queue", is_flag=True, help="Let a Celery worker do it; prints the task id.")
out = Console(highlight=False, soft_wrap=True)


class Context:
    """What a command is given: the settings file and, when it asks for them, the settings and the running parts."""

    def __init__(self, config: Path | None) -> None:
        self.config = config
        self._installation: Installation | None = None

    def load(self) -> Loaded:
        """Read the settings. Raises SettingsError."""
        loaded = load(self.config, os.environ)
        log.setup(loaded.settings)
        return loaded

    @property
    def installation(self) -> Installation:
        """The running parts; closed when the command ends."""
        if self._installation is None:
            self._installation = Installation(self.load().settings)
        return self._installation

    @property
    def store(self) -> Store | None:
        """The database, if it was opened."""
        return None if self._installation is None else vars(self._installation).get("store")

    def close(self) -> None:
        """Give back connections."""
        if self._installation is not None:
            self._installation.close()


pass_context = click.make_pass_decorator(Context)


def explained(command: Callable[P, R]) -> Callable[P, R]:
    """Errors that an operator can mend end a command with their sentence and exit code, without a traceback."""

    @wraps(command)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        _refuse_broken_text(kwargs)
        try:
            return command(*args, **kwargs)
        except WatchpostError as problem:
            told = problem
        except (DBAPIError, OSError) as problem:
            context = args[0] if args else None
            found = trouble.explain(problem, context.store if isinstance(context, Context) else None)
            if found is None:
                raise
            told = found
        click.echo(f"Error: {told}", err=True)
        sys.exit(told.exit_code)

    return wrapper


def _refuse_broken_text(arguments: Mapping[str, object]) -> None:
    """Bytes that are no UTF-8 come as surrogates, which no database, shop or terminal takes."""
    for name, value in arguments.items():
        texts = value if isinstance(value, tuple) else (value,)
        if any(isinstance(text, str) and not _is_utf8(text) for text in texts):
            raise click.BadParameter("is not UTF-8 text", param_hint=name.replace("_", "-"))


def _is_utf8(text: str) -> bool:
    return not any("\ud800" <= sign <= "\udfff" for sign in text)


def print_json(value: object) -> None:
    """One JSON document on standard output."""
    click.echo(json.dumps(value, default=_plain, indent=2, ensure_ascii=False))


def print_counts(title: str, counts: dict[str, Any]) -> None:
    """Counts as one line, zeros left out; errors below, one line each."""
    errors = counts.get("errors") or ()
    shown = [_count(key.replace("_", " "), value) for key, value in counts.items() if value and key != "errors"]
    click.echo(f"{title}: {', '.join(shown) or 'nothing to do'}")
    for error in errors:
        click.echo(f"  ! {error}", err=True)


def plain(value: object) -> str:
    """A value from a shop, the rules or the database as people read it, without anything that moves the cursor."""
    match value:
        case bool():
            return "yes" if value else "no"
        case datetime():
            return f"{value:%Y-%m-%d %H:%M:%S} UTC"
        case Decimal() if value == round(value, 2):
            return f"{value:.2f}"
        case _:
            return "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in str(value))


def _count(name: str, value: object) -> str:
    return name if value is True else f"{name} {_brief(value)}"


def _brief(value: object) -> str:
    if isinstance(value, dict):
        return "(" + ", ".join(f"{key} {item}" for key, item in value.items()) + ")"
    return str(value)


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Decimal):
        return str(value)
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, (set, frozenset, tuple)):
        return list(value)
    return str(value)


class _Rate(ProgressColumn):
    """How many a second."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text("" if not speed else f"{speed:,.0f}/s")


@contextmanager
def progress_bar(show: bool) -> Iterator[Progress]:
    """A bar with counts, rate and the time left on a terminal; silence elsewhere, and where JSON is asked for."""
    if not show or not sys.stderr.isatty():
        yield silent
        return
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        _Rate(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with RichProgress(*columns, console=Console(stderr=True), transient=True) as bar:
        tasks: dict[str, Any] = {}

        def tell(what: str, done: int, total: int | None = None) -> None:
            if what not in tasks:
                tasks[what] = bar.add_task(what, total=total)
            bar.update(tasks[what], completed=done, total=total)

        yield tell
