"""`watchpost sync --check`, and what sync and status tell of a shop that is not well."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.cli.conftest import Run
from worker.shopserver.store import ShopStore


def test_a_check_tells_what_the_interface_can_tell_and_reads_nothing(run: Run, ask: Callable[..., Any]) -> None:
    run("init")
    told = ask("sync", "--check")["main"]
    assert told["interface"] == "jsonapi"
    assert told["login"] == "1 of 1 configured customers"
    assert told["would_read"] == {"relations": "2"}
    assert told["can"] == {
        "ctime": False,
        "mtime": False,
        "inactive": False,
        "fractional_stock": False,
        "removes": True,
    }
    assert abs(told["clock_gap_seconds"]) < 60
    assert ask("status")["sources"]["main"]["relations"] == {}


def test_a_check_is_readable(run: Run) -> None:
    run("init")
    said = run("sync", "main", "--check").stdout
    assert "logged in as 1 of 1 configured customers" in said
    assert "a watch counts from the moment it is first seen" in said
    assert "a sync would read: relations 2" in said


def test_a_check_of_a_shop_that_does_not_let_us_in_fails_and_says_why(
    run: Run, config_text: Callable[[str, str], None]
) -> None:
    run("init")
    config_text("/jsonapi", "/nothing-here")
    assert "404" in run("sync", "--check", code=1).stdout


def test_a_check_changes_nothing_and_goes_with_no_other_option(run: Run) -> None:
    assert "--check" in run("sync", "--check", "--full", code=2).output


def test_products_that_the_shop_says_are_unchanged_are_counted_and_shown(imported: Run) -> None:
    assert "unchanged products 1" in imported("sync").stdout
    assert "unchanged products 1" in imported("status").stdout


def test_a_full_sync_reads_everything_again(imported: Run, ask: Callable[..., Any]) -> None:
    assert ask("sync", "--full")["main"]["unchanged"] == 2


def test_expired_watches_are_removed_in_the_shop_where_the_settings_say_so(
    imported: Run, ask: Callable[..., Any], shop: ShopStore, config: Path, config_text: Callable[[str, str], None]
) -> None:
    shop.load({"relations": [_watch("1", "2020-01-01T00:00:00Z")]})
    assert ask("sync")["main"]["removed"] == 0
    config_text('product_url = "', 'write_back = true\nproduct_url = "')
    assert ask("sync")["main"]["removed"] == 1
    left = ask("relations", "list", "main:anna")
    assert [relation["refid"] for relation in left["relations"]] == ["2"]
    assert ask("sync")["main"]["removed"] == 0


def _watch(refid: str, ctime: str) -> dict[str, Any]:
    config = {"timeframe": "7", "price": "1", "stock": "0", "currency": "EUR", "pricevalue": "100.00"}
    return {
        "customer": "1",
        "domain": "product",
        "type": "watch",
        "refid": refid,
        "config": config,
        "ctime": ctime,
    }
