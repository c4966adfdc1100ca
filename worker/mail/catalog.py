"""The sentences of the mails: a TOML file for each language, which operators can extend or override sentence by sentence."""

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from babel import Locale

from worker.errors import TemplateError
from worker.mail.formats import locale_of

REFERENCE = "en"
"""The language whose keys and placeholders every other one must have."""

_PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")
_STRAY_BRACE = re.compile(r"[{}]")
_PLURALS = frozenset({"zero", "one", "two", "few", "many", "other"})

Sentence = str | dict[str, str]
"""A sentence, or its plural forms by CLDR category."""


@dataclass(frozen=True, slots=True)
class Catalog:
    """All sentences in one language."""

    locale: Locale
    sentences: Mapping[str, Sentence]

    @property
    def language_tag(self) -> str:
        """The language as HTML and Content-Language write it (BCP 47)."""
        return str(self.locale).replace("_", "-")

    def pattern(self, key: str, count: int | None = None) -> str:
        """The sentence `key` with its {placeholders}, in the plural form for `count`. Raises LookupError for an unknown key."""
        sentence = self.sentences.get(key)
        if sentence is None:
            raise LookupError(f"no sentence {key!r} in i18n/{self.locale}.toml")
        if isinstance(sentence, str):
            return sentence
        if count is None:
            raise LookupError(f"the sentence {key!r} has plural forms and needs count=")
        return sentence.get(self.locale.plural_form(count), sentence["other"])


class Catalogs:
    """Every language there is."""

    def __init__(self, folders: Sequence[Path], default_language: str) -> None:
        """Read `i18n/*.toml` of these folders, the shipped one first; later ones override. Raises TemplateError naming the key."""
        texts: dict[str, dict[str, Sentence]] = {}
        for folder in folders:
            for path in sorted((folder / "i18n").glob("*.toml")):
                texts.setdefault(path.stem, {}).update(_read(path))
        self._catalogs = {name: Catalog(_locale(name), sentences) for name, sentences in texts.items()}
        reference = dict(_read(folders[0] / "i18n" / f"{REFERENCE}.toml"))
        for name, sentences in texts.items():
            _compare(name, sentences, reference)
        default = self._find(default_language)
        if default is None:
            raise TemplateError(
                f"mail.default_language is {default_language}, but there is no i18n/{default_language}.toml: "
                f"add it to mail.template_dir or choose one of {', '.join(self.languages)}"
            )
        self._default = default

    @property
    def languages(self) -> list[str]:
        """The names of all catalogs."""
        return sorted(self._catalogs)

    def choose(self, language: str | None) -> Catalog:
        """The catalog for a customer: the exact language, else without its region, else the default one.

        Its locale keeps the customer's region (`de_AT` writes its money in the Austrian way with the sentences of `de`).
        """
        return self._find(language) or self._default

    def _find(self, language: str | None) -> Catalog | None:
        locale = locale_of(language)
        if locale is None:
            return None
        found = self._catalogs.get(str(locale)) or self._catalogs.get(locale.language)
        return found and Catalog(locale, found.sentences)


def _locale(name: str) -> Locale:
    locale = locale_of(name)
    if locale is None or str(locale) != name:
        raise TemplateError(f"i18n/{name}.toml is not named after a language (like de.toml or pt_BR.toml)")
    return locale


def _read(path: Path) -> dict[str, Sentence]:
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise TemplateError(f"{path} can't be read: {error}") from error
    return dict(_flatten(document, "", path))


def _flatten(table: Mapping[str, Any], prefix: str, path: Path) -> list[tuple[str, Sentence]]:
    found: list[tuple[str, Sentence]] = []
    for name, value in table.items():
        key = prefix + name
        if isinstance(value, dict) and "other" not in value:
            found += _flatten(value, f"{key}.", path)
            continue
        forms = value if isinstance(value, dict) else {"other": value}
        if not set(forms) <= _PLURALS or not all(isinstance(form, str) for form in forms.values()):
            raise TemplateError(
                f"{path}: {key} must be a text, or a table of plural forms (one, few, many, other) of texts"
            )
        found.append((key, value))
    return found


def _compare(name: str, sentences: Mapping[str, Sentence], reference: Mapping[str, Sentence]) -> None:
    for key in reference:
        if key not in sentences:
            raise TemplateError(f"i18n/{name}.toml: the sentence {key} is missing")
    for key, sentence in sentences.items():
        known = _placeholders(reference.get(key, sentence))
        for form in _forms(sentence):
            if _STRAY_BRACE.search(_PLACEHOLDER.sub("", form)):
                raise TemplateError(f"i18n/{name}.toml: {key} has a brace that belongs to no placeholder")
            if unknown := set(_PLACEHOLDER.findall(form)) - known:
                raise TemplateError(f"i18n/{name}.toml: {key} uses {{{min(unknown)}}}; it may use {sorted(known)}")


def _forms(sentence: Sentence) -> list[str]:
    return [sentence] if isinstance(sentence, str) else list(sentence.values())


def _placeholders(sentence: Sentence) -> set[str]:
    return {name for form in _forms(sentence) for name in _PLACEHOLDER.findall(form)}
