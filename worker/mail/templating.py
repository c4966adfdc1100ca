"""The template engine: what templates may use, where they are found, and errors that name file, line and variable."""

import textwrap
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import jinja2
from jinja2 import meta, nodes
from markupsafe import Markup, escape

from worker.errors import TemplateError
from worker.mail import text as texts
from worker.mail.catalog import Catalog
from worker.mail.facts import Digest
from worker.mail.formats import Formats

FAILURES = (jinja2.TemplateError, LookupError, TypeError, ValueError, ArithmeticError, AttributeError)
"""What a template can raise."""

NAMES = frozenset({"digest", "lang", "dir", "t", "money", "percent", "last_day", "isolate"})
"""What a template can use besides its own names; `context` tells what they are."""

_COLUMNS = 72
_OWN_NAMES = {"self", "super", "loop", "caller", "varargs", "kwargs", "range", "dict", "cycler", "joiner", "namespace"}


def environment(folders: Sequence[Path]) -> jinja2.Environment:
    """Templates from these folders, later ones override. Filters of our own: `shorten(limit)` and `wrap`."""
    loaders = [jinja2.FileSystemLoader(folder) for folder in reversed(folders)]
    found = jinja2.Environment(
        loader=jinja2.ChoiceLoader(loaders),
        autoescape=jinja2.select_autoescape(enabled_extensions=("html",), default_for_string=False),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    found.filters["shorten"] = texts.shorten
    found.filters["wrap"] = _wrap
    return found


def context(digest: Digest, catalog: Catalog, *, html: bool) -> dict[str, Any]:
    """The names a template can use.

    `digest` the letter (facts.py), `lang` and `dir` for the html element, `t(key, count=None, **values)` a sentence of the catalog,
    `money(amount, currency)`, `percent(share)`, `last_day(until)`, `isolate(text)` for names in any script.
    """
    formats = Formats(catalog.locale, digest.timezone)

    def sentence(key: str, count: int | None = None, **values: object) -> str:
        pattern = catalog.pattern(key, count)
        if count is not None:
            values["count"] = formats.number(count)
        return escape(pattern).format(**values) if html else pattern.format(**values)

    return {
        "digest": digest,
        "lang": catalog.language_tag,
        "dir": catalog.locale.text_direction,
        "t": sentence,
        "money": formats.money,
        "percent": formats.percent,
        "last_day": formats.last_day,
        "isolate": Markup("<bdi>{}</bdi>").format if html else texts.isolate,
    }


def check_names(templates: jinja2.Environment, file: str) -> None:
    """Find misspelt variables even in branches that are seldom reached. Raises TemplateError."""
    try:
        source, filename, _ = _loader(templates).get_source(templates, file)
        tree = templates.parse(source, filename=filename)
    except FAILURES as error:
        raise explained(error, file) from error
    used = list(tree.find_all(nodes.Name))
    own = {name.name for name in used if name.ctx != "load"} | {macro.name for macro in tree.find_all(nodes.Macro)}
    for name in sorted(meta.find_undeclared_variables(tree) - own - _OWN_NAMES - NAMES):
        line = next(node.lineno for node in used if node.name == name)
        raise TemplateError(f"{file}, line {line}: {name!r} is undefined; templates know {', '.join(sorted(NAMES))}")


def used(templates: jinja2.Environment, files: Sequence[str]) -> set[str] | None:
    """These templates and all they extend, include or import; None where a name is known only when a mail is made.

    Raises TemplateError.
    """
    found: set[str] = set()
    waiting = list(files)
    while waiting:
        file = waiting.pop()
        if file in found:
            continue
        found.add(file)
        try:
            source, filename, _ = _loader(templates).get_source(templates, file)
            names = list(meta.find_referenced_templates(templates.parse(source, filename=filename)))
        except jinja2.TemplateNotFound:  # which may be meant; else rendering tells who needs it
            continue
        except FAILURES as error:
            raise explained(error, file) from error
        for name in names:
            if name is None:
                return None
            waiting.append(name)
    return found


def explained(error: Exception, file: str) -> TemplateError:
    """What went wrong in a template, for its author."""
    if isinstance(error, jinja2.TemplateNotFound):
        return TemplateError(f"the mail template {error.name} is missing (needed by {file})")
    if isinstance(error, jinja2.TemplateSyntaxError):
        return TemplateError(f"{error.name or error.filename or file}, line {error.lineno}: {error.message}")
    filename, line = _place(error.__traceback__) or (file, 0)
    return TemplateError(f"{filename}, line {line}: {type(error).__name__}: {error}")


def _place(trace: TracebackType | None) -> tuple[str, int] | None:
    """The innermost line of a template; Jinja puts template files into the traceback."""
    place = None
    while trace is not None:
        name = trace.tb_frame.f_code.co_filename
        if name.endswith((".txt", ".html", ".css")):
            place = (name, trace.tb_lineno)
        trace = trace.tb_next
    return place


def _loader(templates: jinja2.Environment) -> jinja2.BaseLoader:
    if templates.loader is None:
        raise TypeError("the environment has no loader")
    return templates.loader


def _wrap(text: str, indent: str = "") -> str:
    """Paragraph of at most 72 columns; addresses and long words stay whole."""
    return textwrap.fill(
        text, _COLUMNS, initial_indent=indent, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )
