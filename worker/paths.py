"""Where the top-level folders `templates/` and `config/` are: beside the package in a checkout, inside it in a wheel."""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def _folder(name: str) -> Path:
    shipped = _PACKAGE / f"_{name}"
    return shipped if shipped.is_dir() else _PACKAGE.parent / name


def templates_dir() -> Path:
    """The folder with the mail templates that ship with Watchpost."""
    return _folder("templates")


def default_config() -> Path:
    """The file `config/default.toml`, which holds every option with its default."""
    return _folder("config") / "default.toml"
