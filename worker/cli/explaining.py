"""How `watchpost explain` reads on a terminal: the answer first, then what it rests on."""

from typing import Any

from rich.markup import escape

from worker.cli.common import out, plain

_OUTCOME = {"fire": "[green]fires[/]", "wait": "[yellow]waits[/]", "reject": "[red]rejected[/]", "idle": "[dim]idle[/]"}
_STOCK = {True: "in stock", False: "out of stock", None: "stock unknown"}


def show(told: dict[str, Any]) -> None:
    """Print what `worker.explain.explain` found out."""
    for decision in told["decisions"]:
        _show_decision(decision)
    for title in ("relation", "customer", "product"):
        if told[title]:
            _show_facts(title, told[title])
    _show_observations(told["observations"])
    _show_notifications(told["notifications"])


def _show_decision(decision: dict[str, Any]) -> None:
    kind, outcome, reason = decision["kind"], _OUTCOME[decision["outcome"]], decision["reason"]
    out.print(f"[b]{kind}[/] {outcome}: {decision['sentence']} [dim]({reason})[/]")
    for check in decision["checks"]:
        mark = "[green]ok[/]" if check["passed"] else "[red]no[/]"
        inputs = ", ".join(f"{name.replace('_', ' ')} {plain(value)}" for name, value in check["inputs"].items())
        out.print(f"  {mark}  {check['rule']:<18} {escape(inputs)}".rstrip())
    out.print()


def _show_facts(title: str, facts: dict[str, Any]) -> None:
    out.print(f"[b]{title}[/]")
    for key, value in facts.items():
        if value not in (None, ""):
            out.print(f"  {key.replace('_', ' '):<13} {escape(plain(value))}")


def _show_observations(observations: list[dict[str, Any]]) -> None:
    if observations:
        out.print("\n[b]seen[/] (newest first)")
    for seen in observations:
        what = _STOCK[seen["in_stock"]] if seen["kind"] == "stock" else _price(seen)
        out.print(f"  {plain(seen['at'])}  {what}")


def _price(seen: dict[str, Any]) -> str:
    return f"no price in {seen['currency']}" if seen["price"] is None else f"{plain(seen['price'])} {seen['currency']}"


def _show_notifications(notifications: list[dict[str, Any]]) -> None:
    if notifications:
        out.print("\n[b]told[/]")
    for row in notifications:
        mail = row["mail"]
        fate = f"mail {mail['id']} {_because(mail)}" if mail else _because(row)
        out.print(f"  {plain(row['fired'])}  {row['kind']} episode {row['episode']}: {fate}")


def _because(row: dict[str, Any]) -> str:
    return escape(f"{row['state']} ({row['reason']})" if row["reason"] else row["state"])
