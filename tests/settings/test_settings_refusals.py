"""What can't be understood is refused: all of it at once, each by its key, with the remedy."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args, get_origin

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from tests.support.settings import load_text, refusals
from worker.configuration import load
from worker.errors import SettingsError
from worker.settings import AdminLogin, Settings

SHOP = 'sources.shop = { url = "https://shop.test", currency = "EUR", customers.anna.token = "t" }\n'
ADMIN_SHOP = SHOP.replace("customers.anna.token", 'interface = "jsonadm", admin.token')


def sections(model: type[BaseModel] = Settings, path: str = "") -> Iterator[tuple[str, type[BaseModel]]]:
    """Every section with its shape; sources and customers under one name each."""
    yield path, model
    for name, field in model.model_fields.items():
        annotation: Any = field.annotation
        if annotation == AdminLogin | None:
            annotation = AdminLogin
        if get_origin(annotation) is dict:
            chosen = {"sources": "shop", "customers": "anna"}[name]
            yield from sections(get_args(annotation)[1], f"{path}{name}.{chosen}.")
        elif isinstance(annotation, type) and issubclass(annotation, BaseModel):
            yield from sections(annotation, f"{path}{name}.")


def with_key(key: str, value: str) -> str:
    """A settings file with a shop and one more key."""
    if key.startswith("sources.shop."):
        inner = key.removeprefix("sources.shop.")
        shop = ADMIN_SHOP if inner.startswith("admin.") else SHOP
        return shop.replace(" }", f", {inner} = {value} }}")
    return SHOP + f"{key} = {value}\n"


@settings(max_examples=50)
@given(st.sampled_from(list(sections())), st.from_regex("[A-Za-z0-9_-]{1,30}", fullmatch=True))
def test_any_unknown_key_in_any_section_is_named(section: tuple[str, type[BaseModel]], key: str) -> None:
    path, model = section
    if key in model.model_fields:
        key += "_"
    (problem,) = refusals(with_key(path + key, "1"))
    assert problem.startswith(f"{path}{key}: unknown key; ")


@settings(max_examples=50)
@given(st.from_regex("[A-Z0-9]{1,12}(__?[A-Z0-9]{1,12}){0,3}", fullmatch=True))
def test_any_unknown_variable_is_named(rest: str) -> None:
    name = f"WATCHPOST_XX{rest}"
    (problem,) = refusals("", {name: "value"})
    assert problem.startswith(f"{name}: unknown variable; ")


@given(st.text(min_size=1))
def test_any_unknown_key_whatever_its_characters_takes_one_line(key: str) -> None:
    quoted = "".join(f"\\U{ord(character):08x}" for character in key if not 0xD800 <= ord(character) <= 0xDFFF)
    (problem,) = refusals(f'smtp."xx{quoted}" = 1')
    assert problem.startswith("smtp.")
    assert ": unknown key; " in problem


@pytest.mark.parametrize(
    ("toml", "meant"),
    [
        ("smtp.hsot = 'x'", "smtp.host"),
        ("smpt.host = 'x'", "smtp"),
        ("SMTP.host = 'x'", "smtp"),
        ("smtp.from_address = 'x'", "mail.from_address"),
        ("datadir = 'x'", "data_dir"),
        ("smtp_host = 'x'", "smtp.host"),
        ("source.shop.url = 'x'", "sources"),
        (with_key("sources.shop.page_sise", "1"), "sources.shop.page_size"),
        (with_key("sources.shop.customers.anna.tokn", "1"), "sources.shop.customers.anna.token"),
    ],
)
def test_an_unknown_key_gets_a_suggestion(toml: str, meant: str) -> None:
    (problem,) = refusals(toml)
    assert f"; did you mean {meant}?" in problem


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("WATCHPOST_SMTP_HOST", "WATCHPOST_SMTP__HOST"),
        ("WATCHPOST_DATABASE_URL", "WATCHPOST_DATABASE__URL"),
        ("WATCHPOST_SMPT__HOST", "WATCHPOST_SMTP__HOST"),
        ("WATCHPOST_SMTP__HSOT", "WATCHPOST_SMTP__HOST"),
        ("WATCHPOST_SOURCES__SHOP__ULR", "WATCHPOST_SOURCES__SHOP__URL"),
        ("WATCHPOST_SOURCE__SHOP__URL", "WATCHPOST_SOURCES__SHOP__URL"),
    ],
)
def test_an_unknown_variable_gets_a_suggestion(name: str, meant: str) -> None:
    assert refusals(SHOP, {name: "x"}) == [f"{name}: unknown variable; did you mean {meant}?"]


@pytest.mark.parametrize("key", ["qqqqqqqq", "frobnicate", "smtp.frobnicate"])
def test_an_unknown_key_that_resembles_nothing_is_to_be_removed(key: str) -> None:
    (problem,) = refusals(f"{key} = 1")
    assert problem.startswith(f"{key}: unknown key; remove it (file ")


def test_a_variable_in_small_letters_is_not_guessed_at() -> None:
    assert refusals("", {"watchpost_smtp__port": "25"}) == [
        "watchpost_smtp__port: must be written in capitals: WATCHPOST_SMTP__PORT"
    ]


def test_only_secrets_stand_in_files_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "host").write_text("relay.test")
    (problem,) = refusals("", {"WATCHPOST_SMTP__HOST_FILE": str(tmp_path / "host")})
    assert problem.startswith("WATCHPOST_SMTP__HOST_FILE: unknown variable; ")


def test_a_variable_can_not_hold_a_whole_section() -> None:
    (problem,) = refusals("", {"WATCHPOST_SMTP": '{"port": 25}'})
    assert problem == "WATCHPOST_SMTP: names a section; set its options one by one (WATCHPOST_SMTP__KEY)"


@pytest.mark.parametrize(
    ("key", "value", "wanted"),
    [
        ("smtp.port", '"25"', "must be a valid integer"),
        ("smtp.connections", "true", "must be a valid integer"),
        ("smtp.timeout_seconds", '"30"', "must be a valid number"),
        ("smtp.timeout_seconds", "0", "must be greater than 0"),
        ("smtp.tls", '"ssl"', "must be 'none', 'starttls' or 'tls'"),
        ("smtp.password", "12345", "must be a valid string"),
        ("database.echo", "1", "must be a valid boolean"),
        ("rules.cooldown_hours", "nan", "must be a finite number"),
        ("rules.further_drop_percent", "100", "must be less than 100"),
        ("rules.default_timeframe_days", "0", "must be greater than or equal to 1"),
        ("mail.from_name", "2024-01-01", "must be a valid string"),
        ("mail.digest_max_items", "[1]", "must be a valid integer"),
        ("data_dir", '""', "must have at least 1 character"),
        ("sources.shop.max_staleness_minutes", "inf", "must be a finite number"),
        ("sources.shop.stock_types", "7", "must be a list such as"),
        ("sources.shop.interface", '"soap"', "must be 'jsonapi', 'jsonadm' or 'graphql'"),
    ],
)
def test_a_value_of_the_wrong_type_or_range_is_refused(key: str, value: str, wanted: str) -> None:
    (problem,) = refusals(with_key(key, value))
    assert problem.startswith(f"{key}: {wanted}")


@pytest.mark.parametrize("value", ["many", "", "1.5", "0x10"])
def test_a_variable_of_the_wrong_type_is_refused_by_key_and_name(value: str) -> None:
    (problem,) = refusals("", {"WATCHPOST_SMTP__PORT": value})
    assert problem.startswith("smtp.port: must be a valid integer")
    assert problem.endswith(" (environment WATCHPOST_SMTP__PORT)")


def test_a_value_where_a_section_belongs_is_refused() -> None:
    (problem,) = refusals("smtp = 'relay'")
    assert problem.startswith("smtp: is a section; write [smtp] (file ")


def test_a_section_where_a_value_belongs_is_refused() -> None:
    (problem,) = refusals("smtp.host = {}")
    assert problem.startswith("smtp.host: must be a valid string (file ")


def test_an_empty_source_lacks_its_required_options() -> None:
    assert refusals("[sources.shop]") == [
        "sources.shop.url: is missing; set it",
        "sources.shop.currency: is missing; set it",
    ]


def test_all_problems_of_all_layers_are_told_at_once() -> None:
    problems = refusals(
        "[smtp]\nhsot = 'x'\nport = 'x'\nlease_seconds = 1\n[mail]\nfrom_address = 'x'",
        {"WATCHPOST_LOGS__LEVEL": "loud", "WATCHPOST_LOG__LEVEL": "info"},
    )
    assert [problem.split(":")[0] for problem in problems] == [
        "smtp.hsot",
        "WATCHPOST_LOG__LEVEL",
        "mail.from_address",
        "smtp.port",
        "smtp.lease_seconds",
        "logs.level",
    ]


@pytest.mark.parametrize("name", ["Shop", "my-shop", "my__shop", "_shop", "shöp", "s" * 33])
def test_a_source_needs_a_name_that_a_variable_can_hold(name: str) -> None:
    (problem,) = refusals(f'[sources."{name}"]\nurl = "https://shop.test"\ncurrency = "EUR"')
    shown = name if name.isascii() else '"sh\\u00f6p"'
    assert problem.startswith(f"sources.{shown}: must be named with lower-case letters, digits and single _")


@pytest.mark.parametrize("name", ["Anna", "an na", "a__b", "anna@shop.test"])
def test_a_customer_needs_a_name_that_a_variable_can_hold(name: str) -> None:
    (problem,) = refusals(SHOP.replace("anna", f'"{name}"'))
    assert problem.startswith("sources.shop.customers.")
    assert ": must be named with lower-case letters, digits and single _ or -" in problem
    assert "[key]" not in problem


def test_broken_toml_is_refused_with_its_line() -> None:
    with pytest.raises(SettingsError, match=r"watchpost.toml: is not valid TOML: .*\(at line 2, column"):
        load_text("[smtp]\nport 25\n")


@pytest.mark.parametrize("text", ["x = " + "[" * 100_000, f"x = {'1' * 5000}"])
def test_toml_that_breaks_the_parser_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match="is not valid TOML"):
        load_text(text)


def test_a_file_in_another_encoding_is_refused_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "latin1.toml"
    file.write_bytes(b"[mail]\nfrom_name = 'Caf\xe9'\n")
    with pytest.raises(SettingsError, match=r"latin1.toml: is not UTF-8 text \(at line 2\); save it as UTF-8"):
        load(file, {})


def test_a_missing_file_is_refused_by_its_path(tmp_path: Path) -> None:
    with pytest.raises(
        SettingsError, match=r"missing.toml: can't be read \(No such file or directory\); check --config"
    ):
        load(tmp_path / "missing.toml", {})


def test_a_folder_is_no_settings_file(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="can't be read"):
        load(None, {"WATCHPOST_CONFIG": str(tmp_path)})


def test_a_secret_file_that_can_not_be_read_is_the_only_complaint(tmp_path: Path) -> None:
    shop = SHOP.replace(', customers.anna.token = "t"', "")
    name = "WATCHPOST_SOURCES__SHOP__CUSTOMERS__ANNA__TOKEN_FILE"
    assert refusals(
        shop, {"WATCHPOST_SOURCES__SHOP__CUSTOMERS__ANNA__COOKIE": "", name: str(tmp_path / "missing")}
    ) == [f"{name}: names a file that can't be read (No such file or directory)"]


@pytest.mark.parametrize(
    ("content", "complaint"), [(b" \n", "names an empty file"), (b"\xff\xfe", "must name a text file (UTF-8)")]
)
def test_a_secret_file_without_a_text_is_refused(content: bytes, complaint: str, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(content)
    assert refusals("", {"WATCHPOST_HASH_KEY_FILE": str(secret)}) == [f"WATCHPOST_HASH_KEY_FILE: {complaint}"]


def test_a_secret_given_twice_is_refused(tmp_path: Path) -> None:
    variables = {"WATCHPOST_HASH_KEY": "k" * 32, "WATCHPOST_HASH_KEY_FILE": str(tmp_path)}
    assert refusals("", variables) == ["WATCHPOST_HASH_KEY_FILE: sets the same as WATCHPOST_HASH_KEY; keep one of them"]


def test_the_error_ends_a_command_with_the_code_for_settings() -> None:
    assert SettingsError.exit_code == 2
