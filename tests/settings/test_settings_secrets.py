"""Secrets are shown nowhere: not by `describe`, not by repr, not by an error."""

import traceback

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from tests.support.settings import load_text
from worker.configuration import Loaded, Row, describe, load
from worker.errors import SettingsError
from worker.settings import Settings

SECRET = "hunter2-hunter2-hunter2-hunter2-hunter2"
WITH_SECRETS = f"""
hash_key = "{SECRET}"
[database]
url = "postgresql://anna:{SECRET}@db.test:5433/watchpost"
[broker]
url = "rediss://:{SECRET}@redis.test/0"
[smtp]
username = "anna"
password = "{SECRET}"
[sources.shop]
url = "https://shop.test"
currency = "EUR"
stock_types = ["default", "warehouse"]
[sources.shop.customers.anna]
token = "{SECRET}"
[sources.shop.customers.bert]
cookie = "session={SECRET}"
[sources.admin]
url = "https://shop.test"
interface = "jsonadm"
currency = "EUR"
[sources.admin.admin]
username = "anna"
password = "{SECRET}"
"""


def rows(loaded: Loaded) -> dict[str, Row]:
    return {row.key: row for row in describe(loaded)}


def test_no_description_shows_a_secret() -> None:
    assert SECRET not in str(describe(load_text(WITH_SECRETS)))


@pytest.mark.parametrize(
    ("key", "shown"),
    [
        ("hash_key", "********"),
        ("smtp.password", "********"),
        ("sources.shop.customers.anna.token", "********"),
        ("sources.shop.customers.anna.cookie", ""),
        ("sources.shop.customers.bert.cookie", "********"),
        ("sources.admin.admin.password", "********"),
        ("sources.admin.admin.username", "anna"),
        ("sources.admin.admin.token", ""),
        ("database.url", "postgresql://anna:********@db.test:5433/watchpost"),
        ("broker.url", "rediss://:********@redis.test/0"),
        ("smtp.username", "anna"),
        ("smtp.port", "587"),
        ("database.echo", "false"),
        ("rules.cooldown_hours", "24"),
        ("sources.shop.stock_types", "default, warehouse"),
    ],
)
def test_a_description_shows_what_is_in_force(key: str, shown: str) -> None:
    assert rows(load_text(WITH_SECRETS))[key].value == shown


@pytest.mark.parametrize("key", ["hash_key", "smtp.password", "database.url", "broker.url"])
def test_a_secret_that_is_not_set_is_shown_empty(key: str) -> None:
    assert rows(load_text())[key].value == ""


def test_a_description_tells_where_each_value_is_from() -> None:
    described = rows(load_text(WITH_SECRETS, {"WATCHPOST_SMTP__PORT": "26"}))
    assert described["smtp.port"].origin == "environment WATCHPOST_SMTP__PORT"
    assert described["smtp.host"].origin == "default"
    assert described["smtp.password"].origin.startswith("file ")
    assert described["sources.shop.timezone"].origin == "default"


def test_a_description_covers_every_origin_known() -> None:
    loaded = load_text(WITH_SECRETS)
    assert rows(loaded).keys() == loaded.origins.keys()


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://redis.test:6379/0", "redis://redis.test:6379/0"),
        ("redis://anna@redis.test/0", "redis://anna@redis.test/0"),
        ("redis://anna:p@ss:word@redis.test/0", "redis://anna:********@redis.test/0"),
        ("redis://redis.test/0?password=p&db=1", "redis://redis.test/0?password=********&db=1"),
    ],
)
def test_only_the_password_of_a_broker_url_is_hidden(url: str, shown: str) -> None:
    assert rows(load_text(f'broker.url = "{url}"'))["broker.url"].value == shown


@given(
    st.text(st.characters(codec="ascii", categories=["L", "N", "P", "S"]), min_size=1).map(lambda text: f"#1{text}#2")
)
def test_no_password_of_a_database_url_is_shown(password: str) -> None:
    variables = {"WATCHPOST_DATABASE__URL": f"postgresql://anna:{password}@db.test/w", "WATCHPOST_HASH_KEY": SECRET}
    try:
        shown = rows(load(None, variables))["database.url"].value
    except SettingsError as error:
        shown = str(error)
    assert "#1" not in shown
    assert "#2" not in shown


def test_a_repr_shows_no_secret() -> None:
    loaded = load_text(WITH_SECRETS)
    assert SECRET not in repr(loaded) + str(loaded) + repr(loaded.settings) + str(loaded.settings)
    assert SECRET not in loaded.settings.model_dump_json()


@pytest.mark.parametrize(
    "toml",
    [
        f'hash_key = ["{SECRET}"]',
        f'smtp = "{SECRET}"',
        f'smtp.passwrod = "{SECRET}"',
        f'smtp.password.x = "{SECRET}"',
        f'smtp.password = "{SECRET}"',
        f'smtp.port = "{SECRET}"',
        f'smtp.tls = "{SECRET}"',
        f'smtp.host = "smtp://anna:{SECRET}@relay.test"',
        f'mail.from_address = "{SECRET}"',
        f'mail.list_id = "{SECRET}"',
        f'database.url = "{SECRET}"',
        f'database.url = "mysql://anna:{SECRET}@db.test/w"',
        f'database.url = "postgresql://anna:{SECRET}@db.test/w"',
        f'database.url = "postgresql://anna@db.test:{SECRET}/w"',
        f'broker.url = "{SECRET}"',
        f'broker.url = "redis://{SECRET}:{SECRET}/0"',
        f'sources.shop = {{ url = "https://anna:{SECRET}@shop.test", currency = "EUR" }}',
        f'sources.shop = {{ url = "https://shop.test:{SECRET}", currency = "EUR" }}',
        f'sources.shop = {{ url = "https://shop.test", currency = "EUR", customers.a.token = "{SECRET}\\n" }}',
        f'sources.shop = {{ url = "https://shop.test", currency = "EUR", customers.a = "{SECRET}" }}',
        f'sources.shop = {{ url = "https://shop.test", currency = "EUR", admin.password = "{SECRET}" }}',
        f'sources.shop = {{ url = "https://shop.test", currency = "{SECRET}" }}',
        f'sources.shop = {{ url = "https://shop.test", currency = "EUR", timezone = "{SECRET}" }}',
        f'smtp.password = "{SECRET}',
        f"smtp.password = {SECRET}",
    ],
)
def test_no_error_quotes_a_value_not_even_with_its_causes(toml: str) -> None:
    with pytest.raises(SettingsError) as refused:
        load_text(toml)
    assert SECRET not in "".join(traceback.format_exception(refused.value))


def test_an_error_keeps_no_cause_that_holds_values() -> None:
    with pytest.raises(SettingsError) as refused:
        load_text(f'hash_key = ["{SECRET}"]')
    assert refused.value.__cause__ is None
    assert refused.value.__suppress_context__


def test_settings_made_by_hand_quote_no_value_either() -> None:
    with pytest.raises(ValidationError) as refused:
        Settings.model_validate({"hash_key": [SECRET]})
    assert SECRET not in str(refused.value)


@pytest.mark.parametrize("name", ["WATCHPOST_SMTP", "WATCHPOST_SMTP__PASSWROD", "WATCHPOST_SMTP__PORT", "WATCHPOST_X"])
def test_no_error_quotes_the_value_of_a_variable(name: str) -> None:
    with pytest.raises(SettingsError) as refused:
        load_text("", {name: SECRET})
    assert SECRET not in "".join(traceback.format_exception(refused.value))


def test_a_secret_written_where_its_file_belongs_is_not_quoted() -> None:
    with pytest.raises(SettingsError) as refused:
        load_text("", {"WATCHPOST_HASH_KEY_FILE": SECRET})
    assert SECRET not in "".join(traceback.format_exception(refused.value))


def test_settings_can_not_be_changed_after_loading() -> None:
    settings = load_text().settings
    with pytest.raises(ValueError, match="frozen"):
        settings.smtp.port = 25
