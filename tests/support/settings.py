"""Loading settings from a text and a few variables."""

import tempfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from worker.configuration import Loaded, load
from worker.errors import SettingsError


def load_text(toml: str = "", environ: Mapping[str, str] | None = None) -> Loaded:
    """What a settings file with this text gives under these variables."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "watchpost.toml"
        file.write_text(toml, encoding="utf-8")
        return load(file, environ or {})


def refusals(toml: str = "", environ: Mapping[str, str] | None = None) -> list[str]:
    """The lines of the error that loading this text under these variables ends with."""
    with pytest.raises(SettingsError) as refused:
        load_text(toml, environ)
    header, *problems = str(refused.value).splitlines()
    assert header == "the settings can't be used:"
    return problems
