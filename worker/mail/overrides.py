"""Finds files in an operator's template folder that nothing uses: most often a misspelt name, which would change no mail."""

from collections.abc import Collection
from difflib import get_close_matches
from pathlib import Path

from worker.errors import TemplateError

_SUFFIXES = {".html", ".txt", ".css", ".toml"}
"""Others, such as a README or an editor's backup, are nobody's business."""


def check_overrides(folder: Path, used: Collection[str]) -> None:
    """`used` are the templates any mail needs; catalogs of sentences are checked elsewhere. Raises TemplateError."""
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_dir():
            if name in used:
                raise TemplateError(f"mail.template_dir: {path} is a folder, but has to be the file {name}")
        elif path.suffix in _SUFFIXES and not _is_hidden(name) and name not in used and not _is_catalog(name):
            meant = get_close_matches(name, sorted(used), 2)
            remedy = (
                f"did you mean {' or '.join(meant)}?"
                if meant
                else "rename it as in the shipped templates, or remove it"
            )
            raise TemplateError(f"mail.template_dir: no mail uses {path}; {remedy}")


def _is_hidden(name: str) -> bool:
    return any(part.startswith(".") for part in name.split("/"))


def _is_catalog(name: str) -> bool:
    return name.startswith("i18n/") and name.endswith(".toml")
