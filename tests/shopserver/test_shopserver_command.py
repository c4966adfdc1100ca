"""`watchpost shop` and its commands, on a data folder and as a real process."""

import json
import re
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from click.testing import CliRunner, Result

from tests.support.process import start, stop
from tests.support.waiting import wait_until
from worker.cli.shop import shop
from worker.shopserver.sample import SAMPLE

ROOT = Path(__file__).parents[2]
PROGRAM = [sys.executable, "-c", "from worker.cli.shop import shop; shop()"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "shop"


def command(folder: Path, *arguments: str) -> Result:
    return CliRunner().invoke(shop, ["--data", str(folder), *arguments])


def printed(result: Result) -> Any:
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


@pytest.fixture
def loaded(folder: Path) -> Path:
    assert command(folder, "load", str(SAMPLE)).exit_code == 0
    return folder


def test_a_file_is_loaded(folder: Path) -> None:
    assert command(folder, "load", str(SAMPLE)).output == "Loaded 4 products, 2 customers, 1 relations.\n"
    assert printed(command(folder, "load", str(SAMPLE), "--json")) == {"products": 4, "customers": 2, "relations": 1}


def test_a_wrong_file_is_refused_with_the_place(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "wrong.json"
    path.write_text(
        '{"products": [{"id": "1", "code": "a", "label": "A", "prices": [{"currency": "EUR", "value": "1,5"}]}]}'
    )
    result = command(folder, "load", str(path))
    assert (result.exit_code, result.stderr.partition(":")[2].split(":")[0]) == (2, " products[0].prices[0].value")


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b"\xff", b'{"products": [], "products": []}'])
def test_a_file_that_is_no_document_is_refused(folder: Path, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "wrong.json"
    path.write_bytes(content)
    result = command(folder, "load", str(path))
    assert result.exit_code == 2
    assert str(path) in result.stderr


def test_prices_and_stock_are_set_and_shown(loaded: Path) -> None:
    assert command(loaded, "set-price", "mug", "eur", "9.5").output == "mug costs 9.5 EUR now.\n"
    assert command(loaded, "set-stock", "124", "5").exit_code == 0
    assert command(loaded, "set-stock", "mug", "unlimited", "--type", "web").exit_code == 0
    products = {product["code"]: product for product in printed(command(loaded, "show", "--json"))["products"]}
    assert products["mug"]["prices"] == {"EUR": "9.50", "USD": "13.90"}
    assert products["mug"]["stock"] == {"default": 25, "web": None}
    assert products["hoodie"]["stock"] == {"default": 5}
    shown = command(loaded, "show").output.splitlines()
    assert shown[0] == "product 123 mug: 9.50 EUR, 13.90 USD; stock default 25, web unlimited"
    assert shown[-1] == "customer 2 ben@example.com: 0 relations"


def test_what_is_set_is_printed_as_json(loaded: Path) -> None:
    price = printed(command(loaded, "set-price", "mug", "eur", "9.5", "--json"))
    assert price == {"product": "mug", "currency": "EUR", "value": "9.5"}
    stock = printed(command(loaded, "set-stock", "mug", "unlimited", "--json"))
    assert stock == {"product": "mug", "type": "default", "level": None}
    assert set(printed(command(loaded, "token", "1", "--json"))) == {"customer", "token"}


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["set-price", "nope", "EUR", "1"], 1),
        (["set-price", "mug", "EURO", "1"], 2),
        (["set-price", "mug", "EUR", "1,50"], 2),
        (["set-stock", "mug", "many"], 2),
        (["set-stock", "mug", "1.5"], 2),
        (["set-stock", "mug", "99999999999"], 2),
        (["token", "nobody"], 1),
        (["load", "no-such-file.json"], 2),
        (["--timezone", "Mars/Olympus", "--port", "0"], 2),
        (["--prefix", "a[b", "--port", "0"], 2),
        (["--currency", "EUROS", "--port", "0"], 2),
        (["--language", "xx-$$", "--port", "0"], 2),
    ],
)
def test_what_cannot_be_done_is_said(loaded: Path, arguments: list[str], code: int) -> None:
    result = command(loaded, *arguments)
    assert (result.exit_code, bool(result.stderr)) == (code, True)


def test_a_folder_without_a_shop_is_no_shop(folder: Path) -> None:
    for arguments in (["show"], ["set-price", "mug", "EUR", "1"], ["set-stock", "mug", "1"], ["token", "1"]):
        result = command(folder, *arguments)
        assert (result.exit_code, "There is no shop in" in result.stderr) == (1, True)
    assert not folder.exists()


def test_the_folder_may_be_named_after_the_command(loaded: Path) -> None:
    result = CliRunner().invoke(shop, ["show", "--json", "--data", str(loaded)])
    assert len(printed(result)["products"]) == 4


@contextmanager
def opened(folder: Path, *options: str, until: str) -> Iterator[tuple["subprocess.Popen[bytes]", str]]:
    """A shop in a process of its own that is started for the first time, and what it prints (which ends with `until`)."""
    folder.mkdir()
    log = folder / "log"
    process = start([*PROGRAM, "--port", "0", "--csrf", "--data", str(folder), *options], log=log, cwd=ROOT)
    try:
        wait_until(lambda: log.read_text().rstrip().endswith(until), timeout=60)
        yield process, log.read_text()
    finally:
        stop(process)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    with opened(tmp_path_factory.mktemp("running") / "shop", "--json", until="}") as (_, output):
        yield json.loads(output)


def test_a_new_shop_opens_with_a_sample_and_tokens(running: dict[str, Any]) -> None:
    for token in running["tokens"].values():
        answer = httpx2.get(running["url"] + "/customer", headers={"Authorization": f"Bearer {token}"})
        assert answer.json()["data"]["id"] in {"1", "2"}
    assert httpx2.get(running["url"] + "/product").json()["meta"]["total"] == 4


def test_a_price_is_changed_while_the_shop_is_open(running: dict[str, Any]) -> None:
    command(Path(running["data"]), "set-price", "mug", "EUR", "1.23")
    product = httpx2.get(running["url"] + "/product?id=123&include=price").json()
    assert product["included"][0]["attributes"]["price.value"] == "1.23"


def test_a_taken_port_is_said(running: dict[str, Any]) -> None:
    port = running["url"].rpartition(":")[2].partition("/")[0]
    result = command(Path(running["data"]), "--port", port)
    assert (result.exit_code, f"port {port}" in result.stderr) == (1, True)


def test_a_shop_that_could_not_open_still_has_its_tokens_to_show(running: dict[str, Any], folder: Path) -> None:
    port = running["url"].rpartition(":")[2].partition("/")[0]
    said = command(folder, "--port", port).stderr
    assert said.endswith("Choose another --port.\n")
    assert printed(command(folder, "show", "--json")) == {"products": [], "customers": []}


def test_an_address_of_another_machine_is_no_wrong_port(folder: Path) -> None:
    result = command(folder, "--host", "203.0.113.1", "--port", "0")  # of RFC 5737, so nobody's
    assert (result.exit_code, "Choose another --host." in result.stderr) == (1, True)


def test_a_shop_makes_folders_and_database_for_this_user_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert CliRunner().invoke(shop, ["load", str(SAMPLE)]).exit_code == 0
    data = tmp_path / "watchpost-data"
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in (data, data / "shop", data / "shop" / "shop.db")}
    assert modes == {"watchpost-data": 0o700, "shop": 0o700, "shop.db": 0o600}


def test_what_a_new_shop_prints_works(folder: Path) -> None:
    with opened(folder, until=f"--data {folder}") as (_, output):
        header, address = re.findall(r"curl -H '(.*)' '(.*)'", output)[0]
        answer = httpx2.get(address, headers=[header.split(": ")])
        assert answer.json()["meta"]["total"] == 1
        token = re.findall("-d 'token=(.*)'", output)[0]
        answer = httpx2.post(re.findall(r"\S+/login", output)[0], data={"token": token})
        assert answer.json()["meta"]["csrf"]["name"] == "_token"


def test_the_shop_closes_on_ctrl_c_and_keeps_its_data(folder: Path) -> None:
    with opened(folder, "--empty", "--json", until="}") as (process, _):
        assert command(folder, "load", str(SAMPLE)).exit_code == 0
        assert stop(process, signal.SIGINT) == 0
    assert len(printed(command(folder, "show", "--json"))["customers"]) == 2


def test_without_the_extra_the_command_says_what_to_install(loaded: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "worker.shopserver.app")
    monkeypatch.setitem(sys.modules, "starlette.applications", None)
    result = command(loaded, "--port", "0")
    assert (result.exit_code, "pip install '.[demo]'" in result.stderr) == (1, True)
    assert command(loaded, "set-price", "mug", "EUR", "1").exit_code == 0
