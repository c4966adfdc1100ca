"""`watchpost relations` against our own shop over HTTP: the seed document's examples, as commands."""

from collections.abc import Callable
from typing import Any

from tests.cli.conftest import Run
from tests.support.smtp import SmtpSink
from worker.shopserver.store import ShopStore

ANNA = "main:anna"


def test_list_shows_the_relations_and_the_items_they_point_to(run: Run, ask: Callable[..., Any]) -> None:
    told = ask("relations", "list", ANNA)
    assert [relation["refid"] for relation in told["relations"]] == ["1", "2"]
    assert {item["id"] for item in told["items"]} == {"1", "2"}
    text = run("relations", "list", ANNA).stdout
    assert "until" not in text  # no relation has an end
    assert "watch" in text
    assert "Lamp" in text


def test_a_table_shows_the_whole_config_and_times_in_the_shops_zone(
    run: Run, ask: Callable[..., Any], config_text: Callable[[str, str], None]
) -> None:
    config_text('currency = "EUR"', 'currency = "EUR"\ntimezone = "Asia/Tokyo"')
    added = run("relations", "add", ANNA, "--domain", "service", "--refid", "1", "--dateend", "2030-01-01 00:00:00")
    assert "2030-01-01 00:00" in added.stdout
    lines = run("relations", "list", ANNA).stdout.splitlines()
    assert lines[2] == "    currency=EUR price=1 pricevalue=100.00 stock=0 timeframe=7"
    odd = ask("relations", "add", ANNA, "--domain", "service", "--refid", "2", "--config", '{"a": "[b] c"}')
    assert '{"a":"[b] c"}' in run("relations", "show", ANNA, odd[0]["id"], "--domain", "service").stdout


def test_a_relation_of_another_domain_is_added_and_listed_by_its_domain(run: Run, ask: Callable[..., Any]) -> None:
    added = ask(
        "relations", "add", ANNA, "--domain", "service", "--refid", "1234", "--dateend", "2030-01-01 00:00:00",
        "--config", '{"token": "..."}',
    )  # fmt: skip
    assert [(row["domain"], row["type"], row["config"]) for row in added] == [("service", "default", {"token": "..."})]
    (listed,) = ask("relations", "list", ANNA, "--domain", "service")["relations"]
    assert listed["id"] == added[0]["id"]
    assert "service" in run("relations", "show", ANNA, listed["id"], "--domain", "service").stdout


def test_several_are_added_at_once(ask: Callable[..., Any]) -> None:
    added = ask("relations", "add", ANNA, "--domain", "service", "--refid", "1", "--refid", "2")
    assert [row["refid"] for row in added] == ["1", "2"]


def test_a_product_becomes_a_favorite(ask: Callable[..., Any]) -> None:
    assert ask("relations", "favorite", ANNA, "1")["type"] == "favorite"


def test_modify_merges_single_keys_and_replaces_config_only_when_told(ask: Callable[..., Any]) -> None:
    relation_id = ask("relations", "list", ANNA)["relations"][0]["id"]
    merged = ask("relations", "modify", ANNA, relation_id, "--set", "timeframe=28")
    assert (merged["config"]["timeframe"], merged["config"]["pricevalue"]) == ("28", "100.00")
    assert ask("relations", "modify", ANNA, relation_id, "--config", '{"stock": "1"}')["config"] == {"stock": "1"}
    dated = ask("relations", "modify", ANNA, relation_id, "--dateend", "2031-01-01 00:00:00", "--position", "3")
    assert (dated["dateend"], dated["position"]) == ("2031-01-01T00:00:00+00:00", 3)
    assert ask("relations", "modify", ANNA, relation_id, "--dateend", "null")["dateend"] is None


def test_renew_gives_a_new_relation_and_remove_deletes_it(ask: Callable[..., Any], run: Run) -> None:
    relation_id = ask("relations", "list", ANNA)["relations"][0]["id"]
    renewed = ask("relations", "renew", ANNA, relation_id)["id"]
    assert renewed != relation_id
    assert ask("relations", "remove", ANNA, renewed) == {"removed": [renewed]}
    assert renewed in run("relations", "show", ANNA, renewed, code=1).stderr


def test_values_beyond_the_limits_are_refused_by_field_name(run: Run) -> None:
    assert "domain" in run("relations", "add", ANNA, "--domain", "d" * 33, "--refid", "1", code=2).stderr
    assert "refid" in run("relations", "add", ANNA, "--domain", "service", "--refid", "r" * 37, code=2).stderr
    assert "status" in run("relations", "modify", ANNA, "1", "--status", "2", code=2).stderr
    assert "config" in run("relations", "modify", ANNA, "1", "--config", "[1", code=2).stderr
    assert (
        "timeframe"
        in run("relations", "watch", ANNA, "2", "--timeframe", "0", "--price", "--currency", "EUR", code=2).stderr
    )
    assert "--set" in run("relations", "modify", ANNA, "1", "--set", "x=1", "--config", "{}", code=2).stderr
    assert "KEY=VALUE" in run("relations", "modify", ANNA, "1", "--set", "x", code=2).stderr


def test_unknown_customers_and_sources_are_named_with_the_known_ones(run: Run) -> None:
    assert "known: anna" in run("relations", "list", "main:zoe", code=1).stderr
    assert "known: main" in run("relations", "list", "moon:anna", code=1).stderr
    assert "SOURCE:CUSTOMER" in run("relations", "list", "anna", code=2).stderr


def test_a_watch_goes_round_added_synced_told_modified_renewed_and_deleted(
    imported: Run, ask: Callable[..., Any], shop: ShopStore, smtp_sink: SmtpSink
) -> None:
    def told() -> int:
        """Mails sent by a run."""
        return int(ask("run", code=0)["dispatch"]["sent"])

    for relation in ask("relations", "list", ANNA)["relations"]:
        imported("relations", "remove", ANNA, relation["id"])
    watch = ("relations", "watch", ANNA, "1", "--timeframe", "7", "--price", "--currency", "EUR", "--pricevalue")
    added = ask(*watch, "110.00")["id"]
    assert told() == 0
    shop.set_price("lamp", "EUR", "105.00")
    assert told() == 1
    assert told() == 0
    imported("relations", "modify", ANNA, added, "--set", "pricevalue=90.00")
    shop.set_price("lamp", "EUR", "100.00")
    assert told() == 0
    imported("relations", "modify", ANNA, added, "--set", "pricevalue=104.00")
    assert ask("scan", "--dry-run")["main"]["waiting"] == {}
    assert told() == 0  # the cooldown of a day after the first mail
    renewed = ask("relations", "renew", ANNA, added)["id"]
    assert told() == 1  # a new relation, whose condition holds when it arrives
    imported("relations", "remove", ANNA, renewed)
    shop.set_price("lamp", "EUR", "50.00")
    assert told() == 0
    assert len(smtp_sink.received()) == 2
