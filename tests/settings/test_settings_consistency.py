"""Values that can't work, alone or together, are refused with their key and the remedy."""

from pathlib import Path

import pytest

from tests.support.settings import load_text, refusals

ADDRESSES = ["mail.from_address", "mail.reply_to", "mail.redirect_all_to", "mail.unsubscribe_mailto"]
SHOP = '[sources.shop]\nurl = "https://shop.test"\ncurrency = "EUR"\n'


def test_a_lease_must_outlive_both_time_outs() -> None:
    (problem,) = refusals("[smtp]\ntimeout_seconds = 300\ndata_timeout_seconds = 600")
    assert problem.startswith("smtp.lease_seconds: must be longer than timeout_seconds + data_timeout_seconds (900), ")


def test_a_lease_just_longer_than_both_time_outs_will_do() -> None:
    assert load_text("[smtp]\ntimeout_seconds = 300\ndata_timeout_seconds = 599.5").settings.smtp.lease_seconds == 900


def test_a_task_may_live_twice_as_long_as_a_mail_may_take() -> None:
    (problem,) = refusals("[broker]\ntask_time_limit_seconds = 1439")
    assert problem.startswith(
        "smtp: timeout_seconds + data_timeout_seconds (720) must be at most half of broker.task_time_limit"
    )
    assert load_text("[broker]\ntask_time_limit_seconds = 1440").settings.broker.task_time_limit_seconds == 1440


def test_a_shop_is_read_more_often_than_its_data_grows_stale() -> None:
    (problem,) = refusals(f"[schedule]\nsync_seconds = 60\n{SHOP}max_staleness_minutes = 1")
    assert problem.startswith("sources: shop.max_staleness_minutes (1) must be longer than schedule.sync_seconds (60)")
    assert load_text(f"[schedule]\nsync_seconds = 60\n{SHOP}max_staleness_minutes = 1.1").settings.sources


def test_a_password_is_never_sent_in_clear_text() -> None:
    (problem,) = refusals('[smtp]\nhost = "relay.test"\ntls = "none"\nusername = "u"\npassword = "p"')
    assert problem.startswith('smtp.tls: "none" would send the password in clear text; use "starttls" or "tls"')


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.9.9.9", "::1"])
def test_a_password_may_stay_on_this_machine(host: str) -> None:
    smtp = load_text(f'[smtp]\nhost = "{host}"\ntls = "none"\nusername = "u"\npassword = "p"').settings.smtp
    assert smtp.tls == "none"


def test_a_relay_without_login_may_go_without_tls() -> None:
    assert load_text('[smtp]\nhost = "relay.test"\ntls = "none"').settings.smtp.username == ""


@pytest.mark.parametrize("toml", ["username = 'u'", "password = 'p'"])
def test_username_and_password_go_together(toml: str) -> None:
    (problem,) = refusals(f"[smtp]\n{toml}")
    assert problem.startswith("smtp.password: username and password go together")


@pytest.mark.parametrize("host", ["", "smtp://relay.test", "relay.test:25", "relay test", "u@relay.test", "[::1]"])
def test_a_relay_is_a_host_name_or_an_ip_address(host: str) -> None:
    (problem,) = refusals(f'[smtp]\nhost = "{host}"')
    assert problem.startswith("smtp.host: must be a host name or an IP address")


@pytest.mark.parametrize("key", ADDRESSES)
@pytest.mark.parametrize(
    "value",
    [
        "anna",
        "Anna <anna@shop.test>",
        "a@shop.test, b@shop.test",
        "a@shop.test\\r\\nBcc: b@shop.test",
        "mailto:a@shop.test",
        "ü@shop.test",
        f"{'a' * 400}@shop.test",
    ],
)
def test_our_own_addresses_are_one_plain_address_each(key: str, value: str) -> None:
    (problem,) = refusals(f'{key} = "{value}"')
    assert problem.startswith(f"{key}: must be one plain address such as alerts@example.com")


@pytest.mark.parametrize("key", ADDRESSES)
def test_an_address_may_be_empty(key: str) -> None:
    assert load_text(f'{key} = ""').origins[key].startswith("file ")


def test_an_international_domain_is_kept_in_ascii() -> None:
    assert load_text("mail.from_address = 'a@Bücher.example.com'").settings.mail.from_address == (
        "a@xn--bcher-kva.example.com"
    )


@pytest.mark.parametrize("text", ["a\\r\\nBcc: x", "a\\u0000", "a\\u2028b", "\\u202Ea", "=?UTF-8?Q?=0A?="])
def test_a_sender_name_can_not_break_out_of_its_header(text: str) -> None:
    (problem,) = refusals(f'mail.from_name = "{text}"')
    assert problem.startswith("mail.from_name: must ")


@pytest.mark.parametrize("text", ["<watch.shop.test>", "watch", "watch.shop.test\\r\\nBcc: x", "a b.test"])
def test_a_list_id_is_a_dotted_name(text: str) -> None:
    (problem,) = refusals(f'mail.list_id = "{text}"')
    assert problem.startswith("mail.list_id: must be empty or like watch.shop.example.com")


@pytest.mark.parametrize("key", ["mail.default_language", "sources.shop.language"])
@pytest.mark.parametrize("value", ["EN", "en-US", "english", "en\\n"])
def test_a_language_has_two_or_three_letters(key: str, value: str) -> None:
    toml = f'default_language = "{value}"' if key.startswith("mail") else f'{SHOP}language = "{value}"'
    (problem,) = refusals(f"[mail]\n{toml}" if key.startswith("mail") else toml)
    assert problem.startswith(f"{key}: must be a language such as en, de or de_AT")


@pytest.mark.parametrize("value", ["eur", "EURO", "", "€"])
def test_a_currency_is_three_capital_letters(value: str) -> None:
    (problem,) = refusals(SHOP.replace("EUR", value))
    assert problem.startswith("sources.shop.currency: must be three capital letters such as EUR")


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("", "must begin with http:// or https:// and name a host"),
        ("shop.test/jsonapi", "must begin with http:// or https:// and name a host"),
        ("ftp://shop.test", "must begin with http:// or https:// and name a host"),
        ("https:///jsonapi", "must begin with http:// or https:// and name a host"),
        ("https://shop.test:port/", "is not a web address"),
        ("https://[::1/", "is not a web address"),
        ("https://shop.test/ jsonapi", "must not contain spaces or control characters"),
        ("https://shop.test/\\n", "must not contain spaces or control characters"),
        ("https://anna:s3cret@shop.test/", "must not contain a user name or password"),
        ("https://@shop.test/", "must not contain a user name or password"),
        ("https://shop.test/#top", "must not contain a # part"),
    ],
)
def test_a_shop_needs_a_web_address(url: str, complaint: str) -> None:
    (problem,) = refusals(SHOP.replace("https://shop.test", url))
    assert problem.startswith(f"sources.shop.url: {complaint}")


@pytest.mark.parametrize(
    ("pattern", "complaint"),
    [
        ("https://shop.test/{sku}", "may only use the placeholders {code}, {id}, {language}, {slug}"),
        ("https://shop.test/{slug.__class__}", "may only use the placeholders"),
        ("https://shop.test/{slug!r}", "may only use the placeholders"),
        ("https://shop.test/{slug:>10}", "may only use the placeholders"),
        ("https://shop.test/{}", "may only use the placeholders"),
        ("https://shop.test/{slug", "has a brace without its partner"),
        ("https://{slug}/", "must not have a placeholder in the host"),
        ("javascript:alert(1)", "must begin with http:// or https://"),
    ],
)
def test_a_product_link_only_uses_its_placeholders(pattern: str, complaint: str) -> None:
    (problem,) = refusals(f'{SHOP}product_url = "{pattern}"')
    assert problem.startswith(f"sources.shop.product_url: {complaint}")


def test_a_product_link_may_use_all_placeholders() -> None:
    pattern = "https://shop.test/{language}/{slug}~{id}?code={code}"
    assert load_text(f'{SHOP}product_url = "{pattern}"').settings.sources["shop"].product_url == pattern


@pytest.mark.parametrize("key", ["media_url", "account_url"])
def test_links_of_a_shop_are_web_addresses(key: str) -> None:
    (problem,) = refusals(f'{SHOP}{key} = "javascript:alert(1)"')
    assert problem.startswith(f"sources.shop.{key}: must begin with http:// or https://")


@pytest.mark.parametrize("login", ["", "token = 't'\ncookie = 'c=1'", "token = ''\ncookie = ''"])
def test_a_customer_has_exactly_one_login(login: str) -> None:
    (problem,) = refusals(f"{SHOP}[sources.shop.customers.anna]\n{login}")
    assert problem.startswith("sources.shop.customers.anna: needs exactly one of token and cookie")


def test_an_empty_login_counts_as_none() -> None:
    toml = f"{SHOP}[sources.shop.customers.anna]\ntoken = ''\ncookie = 'c=1'"
    assert load_text(toml).settings.sources["shop"].customers["anna"].token is None


@pytest.mark.parametrize("value", ["a\\r\\nX-Admin: 1", "ü", "\\u0000"])
def test_a_login_can_not_break_out_of_its_header(value: str) -> None:
    problems = refusals(f'{SHOP}[sources.shop.customers.anna]\ntoken = "{value}"')
    assert problems[0].startswith("sources.shop.customers.anna.token: must be one line of printable ASCII")


def test_the_customer_products_are_read_as_must_be_one_of_the_customers() -> None:
    anna = "[sources.shop.customers.anna]\ntoken = 't-0123456789abcdef'"
    (problem,) = refusals(f"{SHOP}catalogue_customer = 'ann'\n{anna}")
    assert problem.startswith(
        "sources.shop: catalogue_customer must be empty or the name of one of the customers (anna)"
    )
    assert load_text(f"{SHOP}catalogue_customer = 'anna'\n{anna}").settings.sources["shop"].catalogue_customer == "anna"


@pytest.mark.parametrize("zone", ["Europe/Berln", "Mars/Base", "../UTC", "/etc/localtime", "", "Europe", "A" * 300])
def test_an_unknown_time_zone_is_refused(zone: str) -> None:
    (problem,) = refusals(f'{SHOP}timezone = "{zone}"')
    assert problem.startswith("sources.shop.timezone: is not a known time zone; ")


def test_a_mistyped_time_zone_gets_a_suggestion() -> None:
    (problem,) = refusals(f'{SHOP}timezone = "Europe/Berln"')
    assert "did you mean Europe/Berlin?" in problem


def test_a_template_folder_must_exist(tmp_path: Path) -> None:
    (problem,) = refusals(f"mail.template_dir = '{tmp_path / 'missing'}'")
    assert problem.startswith(f"mail.template_dir: {tmp_path / 'missing'} is not a readable folder; create it")


def test_a_template_folder_that_exists_is_taken(tmp_path: Path) -> None:
    assert load_text(f"mail.template_dir = '{tmp_path}'").settings.mail.template_dir == str(tmp_path)


def test_a_certificate_file_must_be_readable(tmp_path: Path) -> None:
    (problem,) = refusals(f"smtp.ca_file = '{tmp_path / 'missing.pem'}'")
    assert problem.startswith("smtp.ca_file: ")
    assert "can't be read (No such file or directory); name a readable file" in problem


def test_a_certificate_file_must_hold_certificates(tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    file.write_text("not a certificate")
    (problem,) = refusals(f"smtp.ca_file = '{file}'")
    assert problem.startswith(f"smtp.ca_file: {file} holds no certificate")


def test_postgresql_needs_a_hash_key() -> None:
    (problem,) = refusals('database.url = "postgresql://db.test/watchpost"')
    assert problem.startswith("hash_key: is empty, but with PostgreSQL several machines must hash addresses alike")


def test_postgresql_with_a_hash_key_is_taken() -> None:
    settings = load_text(f'hash_key = "{"k" * 32}"\ndatabase.url = "postgresql://db.test/watchpost"').settings
    assert settings.hash_key.get_secret_value() == "k" * 32


def test_a_short_hash_key_is_refused() -> None:
    (problem,) = refusals('hash_key = "short"')
    assert problem.startswith("hash_key: is too short; use at least 32 random characters")


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("nonsense", "is not a database URL"),
        ("postgresql://db.test:port/watchpost", "is not a database URL"),
        ("mysql://db.test/watchpost", "must begin with postgresql:// or sqlite:///"),
        ("postgresql+psycopg2://db.test/watchpost", "must begin with postgresql:// or sqlite:///"),
        ("postgres://db.test/watchpost", "must begin with postgresql:// or sqlite:///"),
        ("postgresql://db.test", "must name a database"),
        ("sqlite://", "must name a file"),
        ("sqlite:///:memory:", "must name a file"),
        ("sqlite:///file:x?mode=memory&uri=true", "must name a file"),
    ],
)
def test_only_databases_we_know_are_taken(url: str, complaint: str) -> None:
    problems = refusals(f'hash_key = "{"k" * 32}"\ndatabase.url = "{url}"')
    assert problems[0].startswith(f"database.url: {complaint}")


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("amqp://host", "must begin with redis:// or rediss://"),
        ("memory://", "must begin with redis:// or rediss://"),
        ("redis://host:port/0", "is not a Redis URL"),
    ],
)
def test_only_brokers_we_know_are_taken(url: str, complaint: str) -> None:
    (problem,) = refusals(f'broker.url = "{url}"')
    assert problem.startswith(f"broker.url: {complaint}")


ADMIN = f'{SHOP}interface = "jsonadm"\n[sources.shop.admin]\n'


@pytest.mark.parametrize(
    "login",
    [
        "token = 't'",
        "cookie = 'c=1'",
        "username = 'anna'\npassword = 'p'",
        "token = 't'\nusername = ''\npassword = ''\ncookie = ''",
        "username = 'anna'\npassword = 'p'\nlogin_url = 'https://shop.test:443/enter'",
    ],
)
def test_an_admin_logs_in_one_way(login: str) -> None:
    assert load_text(ADMIN + login).settings.sources["shop"].admin is not None


@pytest.mark.parametrize(
    ("login", "complaint"),
    [
        ("", "admin: needs exactly one of token, cookie, and username with password"),
        ("token = 't'\ncookie = 'c=1'", "admin: needs exactly one of token, cookie, and username with password"),
        ("token = 't'\nusername = 'a'\npassword = 'p'", "admin: needs exactly one of token, cookie, and username"),
        ("username = 'anna'", "admin: username and password go together"),
        ("password = 'p'", "admin: username and password go together"),
        ("token = 't'\nlogin_url = 'https://shop.test/enter'", "admin: login_url goes with username and password"),
        ("token = 'a\u00fc'", "admin.token: must be one line of printable ASCII"),
    ],
)
def test_an_admin_does_not_log_in_any_other_way(login: str, complaint: str) -> None:
    (problem,) = refusals(ADMIN + login)
    assert problem.startswith(f"sources.shop.{complaint}")


@pytest.mark.parametrize(
    "url",
    ["https://evil.test/login", "http://shop.test/login", "https://shop.test:8443/login", "https://sub.shop.test/"],
)
def test_the_password_is_typed_in_on_the_shops_own_host_only(url: str) -> None:
    (problem,) = refusals(f"{ADMIN}username = 'anna'\npassword = 'p'\nlogin_url = '{url}'")
    assert problem.startswith("sources.shop: admin.login_url must be on the host of url")


@pytest.mark.parametrize(
    ("toml", "complaint"),
    [
        (f"{SHOP}[sources.shop.admin]\ntoken = 't'", "admin is for interface = "),
        (f'{SHOP}interface = "jsonadm"', 'interface = "jsonadm" needs a login in the table admin'),
        (f'{SHOP}interface = "graphql"', 'interface = "graphql" needs a login in the table admin'),
        (f"{ADMIN}token = 't'\n[sources.shop.customers.anna]\ntoken = 't'", "customers is for interface = "),
    ],
)
def test_an_interface_goes_with_its_own_kind_of_login(toml: str, complaint: str) -> None:
    (problem,) = refusals(toml)
    assert problem.startswith(f"sources.shop: {complaint}")


def test_relations_are_removed_only_where_that_is_possible() -> None:
    toml = f'{SHOP}interface = "graphql"\nwrite_back = true\n[sources.shop.admin]\ntoken = "t"'
    (problem,) = refusals(toml)
    assert problem.startswith("sources.shop: write_back: ")
    assert load_text(toml.replace("graphql", "jsonadm")).settings.sources["shop"].write_back
