"""`watchpost customer`: what is stored about one is printed, and erased after a question."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from tests.cli.conftest import Run
from tests.support.smtp import SmtpSink
from worker.cli import main
from worker.shopserver.store import ShopStore


def test_a_customer_is_exported_and_erased(
    imported: Run, ask: Callable[..., Any], shop: ShopStore, smtp_sink: SmtpSink
) -> None:
    shop.set_price("lamp", "EUR", "95.00")
    imported("run")
    told = ask("customer", "export", "main:1")
    assert told["customer"]["email"] == "anna@example.com"
    assert "95.00" in told["mails"][0]["text"]
    assert len(told["relations"]) == 2
    done = ask("customer", "erase", "main:1", "--yes")
    assert done == {"already": False, "relations": 2, "mails": 1, "cancelled": 0}
    assert "was erased at" in imported("customer", "export", "main:1", code=1).stderr
    assert "was erased before" in imported("customer", "erase", "main:1", "--yes").stdout
    shown = imported("outbox", "show", "1").stdout
    assert "product (erased)" in shown
    assert "anna" not in shown
    shop.set_price("lamp", "EUR", "50.00")
    assert ask("run")["sync"]["main"]["erased"] == 1
    assert len(smtp_sink.received()) == 1


def test_nobody_is_erased_by_saying_no(imported: Run, config: Path, ask: Callable[..., Any]) -> None:
    asked = CliRunner().invoke(main, ["--config", str(config), "customer", "erase", "main:1"], input="n\n")
    assert asked.exit_code == 1
    assert "Customer main:1 will be erased; this can't be undone." in asked.stderr
    assert ask("customer", "export", "main:1")["customer"]["firstname"] == ""


def test_an_unknown_customer_and_a_malformed_name_are_told_apart(imported: Run) -> None:
    assert (
        "no customer main:anna is stored; the id is the shop's"
        in imported("customer", "erase", "main:anna", "--yes", code=1).stderr
    )
    assert "SOURCE:CUSTOMER_ID" in imported("customer", "export", "anna", code=2).stderr
