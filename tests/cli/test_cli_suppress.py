"""`watchpost suppress`: addresses go in, only their hashes come out."""

from collections.abc import Callable
from typing import Any

from tests.cli.conftest import Run
from tests.support.smtp import SmtpSink
from worker.shopserver.store import ShopStore


def test_a_suppressed_customer_gets_no_mail_until_the_address_is_removed(
    imported: Run, ask: Callable[..., Any], shop: ShopStore, smtp_sink: SmtpSink
) -> None:
    (found,) = ask("suppress", "add", "Anna@EXAMPLE.com")["hashes"]
    shop.set_price("lamp", "EUR", "95.00")
    imported("run")
    assert smtp_sink.received() == ()
    told = ask("suppress", "list")
    assert (told["total"], [row["hash"] for row in told["suppressed"]]) == (1, [found])
    assert ask("suppress", "remove", "anna@example.com") == {"removed": 1, "hashes": [found]}
    imported("run")
    assert len(smtp_sink.received()) == 1


def test_nothing_shows_an_address(run: Run) -> None:
    run("init")
    shown = [
        run("suppress", "add", "anna@example.com", "bob@example.com", "--reason", "asked by phone"),
        run("suppress", "add", "anna@example.com"),
        run("suppress", "list"),
        run("suppress", "remove", "anna@example.com"),
        run("suppress", "remove", "anna@example.com", code=1),
    ]
    assert not [result for result in shown if "@" in result.output]
    assert "was suppressed already" in shown[1].stdout
    assert "asked by phone" in shown[2].stdout
    assert "2 of 2 suppressed addresses" in shown[2].stdout
    assert "was not suppressed" in shown[4].stderr


def test_an_address_is_removed_by_its_hash(run: Run, ask: Callable[..., Any]) -> None:
    run("init")
    (found,) = ask("suppress", "add", "anna@example.com")["hashes"]
    assert "is no longer suppressed" in run("suppress", "remove", found).stdout
    assert ask("suppress", "list") == {"total": 0, "suppressed": []}


def test_of_a_long_list_the_newest_are_shown(run: Run, ask: Callable[..., Any]) -> None:
    run("init")
    hashes = [ask("suppress", "add", f"person{number}@example.com")["hashes"][0] for number in range(3)]
    told = ask("suppress", "list", "--limit", "2")
    assert (told["total"], [row["hash"] for row in told["suppressed"]]) == (3, [hashes[2], hashes[1]])


def test_what_is_no_address_and_a_reason_that_is_too_long_are_refused(run: Run) -> None:
    run("init")
    assert "not exactly one valid address" in run("suppress", "add", "anna", code=2).stderr
    assert "ADDRESS" in run("suppress", "remove", "0123", code=2).stderr
    for reason in ("", "x" * 65, "two\nlines"):
        assert "--reason" in run("suppress", "add", "anna@example.com", "--reason", reason, code=2).stderr
