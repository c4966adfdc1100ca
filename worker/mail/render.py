"""From a letter's facts to its subject, text and HTML, through templates an operator can override one by one."""

import re
from dataclasses import dataclass
from pathlib import Path

import css_inline

from worker import paths
from worker.errors import TemplateError
from worker.mail import templating
from worker.mail.catalog import Catalog, Catalogs
from worker.mail.facts import Digest
from worker.mail.overrides import check_overrides
from worker.mail.samples import samples
from worker.mail.text import one_line

MAILS = ("watch", "test")
"""The mails there are; each is a folder with subject.txt, body.txt and body.html."""

_PARTS = ("subject.txt", "body.txt", "body.html")
_SUBJECT_LIMIT = 150


@dataclass(frozen=True, slots=True)
class Rendered:
    """A mail ready to be wrapped: one-line subject, plain text, HTML with inlined styles; line ends are \\n."""

    subject: str
    text: str
    html: str
    language: str
    """The language it is written in (BCP 47, as Content-Language wants it)."""


class Renderer:
    """Renders every mail in every language. Files are read once; a changed template needs a new renderer."""

    def __init__(self, template_dir: Path | None, default_language: str) -> None:
        """`template_dir` overrides single shipped files. Raises TemplateError where it is no folder or a catalog is wrong."""
        if template_dir is not None and not template_dir.is_dir():
            raise TemplateError(f"mail.template_dir: {template_dir} is no folder; create it or leave the setting empty")
        self._overrides = template_dir
        folders = [paths.templates_dir()] + ([template_dir] if template_dir else [])
        self._catalogs = Catalogs(folders, default_language)
        self._templates = templating.environment(folders)
        self._inliner = css_inline.CSSInliner(load_remote_stylesheets=False)

    def render(self, name: str, digest: Digest) -> Rendered:
        """The mail `name` for this letter. Raises TemplateError naming file, line and variable."""
        catalog = self._catalogs.choose(digest.language)
        subject, text, html = (self._part(f"{name}/{part}", digest, catalog) for part in _PARTS)
        return Rendered(
            subject=one_line(subject, _SUBJECT_LIMIT), text=_tidy(text), html=html, language=catalog.language_tag
        )

    def check(self) -> None:
        """Try every mail in every language with letters of every kind. Raises TemplateError for the first thing that is wrong."""
        files = [f"{name}/{part}" for name in MAILS for part in _PARTS]
        for file in files:
            templating.check_names(self._templates, file)
        used = templating.used(self._templates, files)
        if self._overrides is not None and used is not None:
            check_overrides(self._overrides, used)
        for language in self._catalogs.languages:
            for sample in samples(language):
                for name in MAILS:
                    _require_content(name, self.render(name, sample))

    def _part(self, file: str, digest: Digest, catalog: Catalog) -> str:
        html = file.endswith(".html")
        try:
            content = self._templates.get_template(file).render(templating.context(digest, catalog, html=html))
            return self._inliner.inline(content) if html else content
        except templating.FAILURES as error:
            raise templating.explained(error, file) from error


def _require_content(name: str, mail: Rendered) -> None:
    for part, content in zip(_PARTS, (mail.subject, mail.text, _visible(mail.html)), strict=True):
        if not content.strip():
            raise TemplateError(f"{name}/{part} gives an empty result in the language {mail.language}")


def _visible(html: str) -> str:
    """What a reader sees; even of nothing the inliner makes a whole document."""
    return re.sub(r"<head>.*?</head>|<!--.*?-->|<[^>]*>", "", html, flags=re.DOTALL)


def _tidy(text: str) -> str:
    """No blanks at line ends, no two empty lines in a row: templates need not be laid out around that."""
    return re.sub(r"[ \t]+$", "", re.sub(r"\n{3,}", "\n\n", re.sub(r"[ \t]+\n", "\n", text))).strip("\n") + "\n"
