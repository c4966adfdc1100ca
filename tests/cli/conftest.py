"""Commands against a real shop and a real SMTP server, in this process."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from tests.support.smtp import SmtpSink
from worker.cli import main
from worker.shopserver.app import create_app
from worker.shopserver.serving import serve
from worker.shopserver.store import ShopStore
from worker.store.session import Store

TOKEN = "token-of-anna-0123456789"

Run = Callable[..., Result]


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[ShopStore]:
    """A lamp for 120 EUR; Anna watches it with a limit of 100, and has a watch that makes no sense."""
    store = ShopStore(f"sqlite:///{tmp_path / 'shop.db'}")
    config = {"timeframe": "7", "price": "1", "stock": "0", "currency": "EUR", "pricevalue": "100.00"}
    watch = {"customer": "1", "domain": "product", "type": "watch", "refid": "1", "config": config}
    store.load(
        {
            "products": [
                {
                    "id": "1",
                    "code": "lamp",
                    "label": "Lamp",
                    "prices": [{"currency": "EUR", "value": "120.00"}],
                    "stock": [{"level": 3}],
                },
                {
                    "id": "2",
                    "code": "mug",
                    "label": "Mug",
                    "prices": [{"currency": "EUR", "value": "9.00"}],
                    "stock": [{"level": 0}],
                },
            ],
            "customers": [
                {"id": "1", "code": "anna", "email": "anna@example.com", "language": "en", "tokens": [TOKEN]}
            ],
            "relations": [watch, {**watch, "refid": "2", "config": {**config, "pricevalue": "20,00"}}],
        }
    )
    yield store
    store.dispose()


@pytest.fixture
def config(tmp_path: Path, shop: ShopStore, smtp_sink: SmtpSink, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Settings of an installation whose database is not created yet; the working directory is its folder."""
    monkeypatch.delenv("WATCHPOST_CONFIG", raising=False)
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "watchpost.toml"
    with serve(create_app(shop)) as url:
        file.write_text(
            f"""
[mail]
from_address = "watch@shop.example"
[smtp]
host = "127.0.0.1"
port = {smtp_sink.port}
tls = "none"
[sources.main]
url = "{url}/jsonapi"
currency = "EUR"
product_url = "https://shop.example/{{slug}}"
[sources.main.customers.anna]
token = "{TOKEN}"
""",
            encoding="utf-8",
        )
        yield file


@pytest.fixture
def run(config: Path) -> Run:
    """Run a command with the settings file and expect its exit code."""

    def call(*arguments: str, code: int = 0) -> Result:
        result = CliRunner().invoke(main, ["--config", str(config), *arguments])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == code, result.output
        return result

    return call


@pytest.fixture
def ask(run: Run) -> Callable[..., Any]:
    """Run a command with --json and return what it prints."""

    def call(*arguments: str, code: int = 0) -> Any:
        return json.loads(run(*arguments, "--json", code=code).stdout)

    return call


@pytest.fixture
def imported(run: Run) -> Run:
    """An installation that has seen the shop once."""
    for command in ("init", "sync", "scan"):
        run(command)
    return run


@pytest.fixture
def config_text(config: Path) -> Callable[[str, str], None]:
    """Replace a piece of the settings file."""

    def replace(old: str, new: str) -> None:
        text = config.read_text(encoding="utf-8")
        assert old in text
        config.write_text(text.replace(old, new), encoding="utf-8")

    return replace


@pytest.fixture
def store_of(config: Path) -> Iterator[Callable[[], Store]]:
    """The installation's database, as another process would open it."""
    opened: list[Store] = []

    def call() -> Store:
        opened.append(Store(f"sqlite:///{config.parent / 'watchpost-data' / 'watchpost.sqlite3'}"))
        return opened[-1]

    yield call
    for store in opened:
        store.dispose()
