"""Three layers: default.toml, the operator's file, the environment; each value knows where it is from."""

from pathlib import Path

import pytest

from tests.support.settings import load_text
from worker.configuration import load

SHOP = """
[sources.shop]
url = "https://shop.test/jsonapi"
currency = "EUR"
"""


def test_a_file_overrides_a_default() -> None:
    assert load_text("[smtp]\nport = 2525").settings.smtp.port == 2525


def test_a_file_leaves_the_rest_of_a_section_alone() -> None:
    assert load_text("[smtp]\nport = 2525").settings.smtp.connections == 8


def test_a_variable_overrides_the_file() -> None:
    assert load_text("[smtp]\nport = 2525", {"WATCHPOST_SMTP__PORT": "26"}).settings.smtp.port == 26


def test_each_value_tells_its_layer(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text("[smtp]\nport = 2525\nconnections = 2")
    origins = load(file, {"WATCHPOST_SMTP__PORT": "26"}).origins
    assert origins["smtp.host"] == "default"
    assert origins["smtp.connections"] == f"file {file}"
    assert origins["smtp.port"] == "environment WATCHPOST_SMTP__PORT"


def test_options_of_a_source_that_nobody_set_come_from_the_defaults() -> None:
    origins = load_text(SHOP).origins
    assert origins["sources.shop.page_size"] == "default"
    assert origins["sources.shop.url"].startswith("file ")


def test_a_variable_names_the_file_where_no_option_does(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text("[logs]\nlevel = 'debug'")
    assert load(None, {"WATCHPOST_CONFIG": str(file)}).settings.logs.level == "debug"


def test_the_option_goes_before_the_variable_that_names_the_file(tmp_path: Path) -> None:
    ours, other = tmp_path / "ours.toml", tmp_path / "other.toml"
    ours.write_text("[logs]\nlevel = 'debug'")
    other.write_text("[logs]\nlevel = 'error'")
    assert load(ours, {"WATCHPOST_CONFIG": str(other)}).settings.logs.level == "debug"


def test_an_empty_variable_names_no_file() -> None:
    assert load(None, {"WATCHPOST_CONFIG": ""}).settings.logs.level == "info"


def test_variables_alone_make_a_source_and_its_customer() -> None:
    shop = load(
        None,
        {
            "WATCHPOST_SOURCES__MY_SHOP__URL": "https://shop.test",
            "WATCHPOST_SOURCES__MY_SHOP__CURRENCY": "EUR",
            "WATCHPOST_SOURCES__MY_SHOP__STOCK_TYPES": "default, ,warehouse,",
            "WATCHPOST_SOURCES__MY_SHOP__CUSTOMERS__C-1__TOKEN": "{}",
        },
    ).settings.sources["my_shop"]
    assert shop.stock_types == ("default", "warehouse")
    token = shop.customers["c-1"].token
    assert token is not None
    assert token.get_secret_value() == "{}"


def test_a_variable_adds_to_a_source_of_the_file() -> None:
    variables = {"WATCHPOST_SOURCES__SHOP__CUSTOMERS__ANNA__TOKEN": "t"}
    shop = load_text(SHOP, variables).settings.sources["shop"]
    assert (shop.currency, list(shop.customers)) == ("EUR", ["anna"])


def test_variables_are_converted_to_the_type_of_their_option() -> None:
    settings = load(
        None,
        {
            "WATCHPOST_DATABASE__ECHO": "true",
            "WATCHPOST_RULES__COOLDOWN_HOURS": "0.5",
            "WATCHPOST_MAIL__DIGEST_MAX_ITEMS": "7",
            "WATCHPOST_MAIL__FROM_NAME": "123",
        },
    ).settings
    assert settings.database.echo is True
    assert settings.rules.cooldown_hours == 0.5
    assert settings.mail.digest_max_items == 7
    assert settings.mail.from_name == "123"


def test_variables_of_other_programs_do_not_matter() -> None:
    assert load(None, {"SMTP__PORT": "x", "WATCHPOSTER": "x", "PATH": "x"}).settings.smtp.port == 587


def test_the_variable_of_failpoints_is_no_option() -> None:
    assert "failpoint" not in load(None, {"WATCHPOST_FAILPOINT": "scan.page=kill"}).origins


def test_the_process_environment_is_read_only_through_the_argument(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHPOST_SMTP__PORT", "26")
    monkeypatch.setenv("WATCHPOST_SOURCES__SHOP__URL", "https://shop.test")
    settings = load(None, {}).settings
    assert (settings.smtp.port, settings.sources) == (587, {})


def test_an_empty_variable_is_an_empty_value() -> None:
    assert load_text("[mail]\nfrom_name = 'Shop'", {"WATCHPOST_MAIL__FROM_NAME": ""}).settings.mail.from_name == ""


def test_a_file_may_begin_with_a_byte_order_mark_and_have_windows_line_ends(tmp_path: Path) -> None:
    file = tmp_path / "windows.toml"
    file.write_bytes(b"\xef\xbb\xbf[smtp]\r\nport = 2525\r\n")
    assert load(file, {}).settings.smtp.port == 2525


@pytest.mark.parametrize(
    ("variable", "key"),
    [
        ("WATCHPOST_DATABASE__URL_FILE", "database.url"),
        ("WATCHPOST_BROKER__URL_FILE", "broker.url"),
        ("WATCHPOST_HASH_KEY_FILE", "hash_key"),
        ("WATCHPOST_SOURCES__SHOP__CUSTOMERS__ANNA__TOKEN_FILE", "sources.shop.customers.anna.token"),
        ("WATCHPOST_SOURCES__SHOP__CUSTOMERS__ANNA__COOKIE_FILE", "sources.shop.customers.anna.cookie"),
    ],
)
def test_each_secret_may_stand_in_a_file_of_its_own(variable: str, key: str, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    urls = {"database.url": "sqlite:////srv/watchpost.sqlite3", "broker.url": "redis://host"}
    secret.write_text(f"  {urls.get(key, 's' * 32)}\n")
    loaded = load_text(SHOP, {variable: str(secret)})
    value = loaded.settings.model_dump()
    for part in key.split("."):
        value = value[part]
    assert value.get_secret_value() == secret.read_text().strip()  # type: ignore[attr-defined]
    assert loaded.origins[key] == f"environment {variable}"


@pytest.mark.parametrize(
    "login",
    [{"TOKEN_FILE": "token"}, {"COOKIE_FILE": "cookie"}, {"USERNAME": "username", "PASSWORD_FILE": "password"}],
    ids=" ".join,
)
def test_an_admins_login_may_stand_in_variables_and_files(login: dict[str, str], tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("s3cret\n")
    shop = '[sources.shop]\nurl = "https://shop.test"\ncurrency = "EUR"\ninterface = "jsonadm"\n'
    named = {f"WATCHPOST_SOURCES__SHOP__ADMIN__{name}": option for name, option in login.items()}
    values = {name: str(secret) if name.endswith("_FILE") else "anna" for name in named}
    loaded = load_text(shop, values)
    admin = loaded.settings.sources["shop"].admin
    assert admin is not None
    for name, option in named.items():
        assert loaded.origins[f"sources.shop.admin.{option}"] == f"environment {name}"
    assert "s3cret" in {secret.get_secret_value() for secret in (admin.token, admin.cookie, admin.password) if secret}


def test_the_smtp_password_may_stand_in_a_file(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("s3cret\n")
    variables = {"WATCHPOST_SMTP__USERNAME": "anna", "WATCHPOST_SMTP__PASSWORD_FILE": str(secret)}
    assert load(None, variables).settings.smtp.password.get_secret_value() == "s3cret"


def test_an_option_whose_name_ends_in_file_is_no_secret_in_a_file() -> None:
    assert load(None, {"WATCHPOST_SMTP__CA_FILE": ""}).origins["smtp.ca_file"] == "environment WATCHPOST_SMTP__CA_FILE"
