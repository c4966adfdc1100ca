"""config/default.toml is the complete list of options: the only source of global defaults, and right about the others."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args, get_origin

import pytest
from pydantic import BaseModel

from worker.configuration import load
from worker.paths import default_config
from worker.settings import Account, AdminLogin, Settings, Shop

TEXT = default_config().read_text(encoding="utf-8")
COMMENTED_OUT = re.compile(r"^#(?=[\[a-z])", re.MULTILINE)
EVERYTHING = COMMENTED_OUT.sub("", TEXT)
EXAMPLE, ADMIN = EVERYTHING.split("[sources.shop.admin]")


def options_of(model: type[BaseModel], section: str = "") -> Iterator[str]:
    for name, field in model.model_fields.items():
        key = f"{section}.{name}" if section else name
        annotation: Any = field.annotation
        if annotation == AdminLogin | None:
            annotation = AdminLogin
        if get_origin(annotation) is dict:
            yield from options_of(get_args(annotation)[1], f"{key}.*")
        elif isinstance(annotation, type) and issubclass(annotation, BaseModel):
            yield from options_of(annotation, key)
        else:
            yield key


def options_in_the_file() -> dict[str, str]:
    """Dotted key of every option, commented-out ones included, with the line above it."""
    found, section, before = {}, "", ""
    for line in TEXT.splitlines():
        code = COMMENTED_OUT.sub("", line)
        if table := re.fullmatch(r"\[(.+)\]", code):
            section = table[1].replace("sources.shop", "sources.*").replace("customers.anna", "customers.*") + "."
        elif option := re.match(r"([a-z_]+) = ", code):
            found[section + option[1]] = before
        before = line
    return found


def test_the_default_file_alone_loads() -> None:
    assert load(None, {}).settings.sources == {}


@pytest.mark.parametrize("key", list(options_of(Settings)))
def test_every_option_stands_in_the_file_below_a_comment(key: str) -> None:
    assert re.match(r"# \S.{10,}", options_in_the_file()[key])


def test_the_file_has_no_other_options() -> None:
    assert set(options_in_the_file()) == set(options_of(Settings))


def test_global_sections_have_no_defaults_of_their_own() -> None:
    sections = [Settings] + [
        field.annotation
        for field in Settings.model_fields.values()
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)
    ]
    assert [
        name for section in sections for name, field in section.model_fields.items() if not field.is_required()
    ] == []


def test_the_commented_out_example_is_a_complete_source_that_loads(tmp_path: Path) -> None:
    file = tmp_path / "example.toml"
    file.write_text(EXAMPLE, encoding="utf-8")
    shop = load(file, {}).settings.sources["shop"]
    assert list(shop.customers) == ["anna"]
    assert Shop.model_fields.keys() == tomllib.loads(EVERYTHING)["sources"]["shop"].keys()
    assert Account.model_fields.keys() == tomllib.loads(EXAMPLE)["sources"]["shop"]["customers"]["anna"].keys()


def test_the_example_of_an_admin_login_shows_every_option_of_it() -> None:
    assert AdminLogin.model_fields.keys() == tomllib.loads(f"[admin]{ADMIN}")["admin"].keys()


@pytest.mark.parametrize("interface", ["jsonadm", "graphql"])
def test_the_example_of_an_admin_login_loads_in_place_of_the_customers(interface: str, tmp_path: Path) -> None:
    file = tmp_path / "example.toml"
    source = EXAMPLE.partition("[sources.shop.customers.anna]")[0].replace(
        'interface = "jsonapi"', f'interface = "{interface}"'
    )
    file.write_text(f"{source}\n[sources.shop.admin]{ADMIN}", encoding="utf-8")
    shop = load(file, {}).settings.sources["shop"]
    assert (shop.interface, shop.customers) == (interface, {})
    assert shop.admin is not None
    assert shop.admin.token is not None
    assert shop.admin.password is None


@pytest.mark.parametrize(
    "name",
    [
        name
        for name, field in Shop.model_fields.items()
        if not field.is_required() and name not in {"customers", "admin"}
    ],
)
def test_the_example_shows_the_default_of_each_source_option(name: str, tmp_path: Path) -> None:
    file = tmp_path / "example.toml"
    file.write_text(EXAMPLE, encoding="utf-8")
    assert getattr(load(file, {}).settings.sources["shop"], name) == Shop.model_fields[name].default


def test_the_default_relay_settings_are_safe() -> None:
    smtp = load(None, {}).settings.smtp
    assert (smtp.tls, smtp.port) == ("starttls", 587)
    assert smtp.lease_seconds > smtp.timeout_seconds + smtp.data_timeout_seconds
