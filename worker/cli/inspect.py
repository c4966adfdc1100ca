"""Commands that tell operators what is going on and why."""

import sys
from pathlib import Path
from typing import Any

import click
from rich.markup import escape

from worker.cli import explaining
from worker.cli.common import Context, as_json_option, explained, out, pass_context, plain, print_json
from worker.compose import digest_of, draft_message, recipient_of
from worker.dispatch import route
from worker.dispatch.remedies import remedy
from worker.doctor import Level, examine
from worker.domain.reasons import Outcome
from worker.explain import explain as explain_relation
from worker.explain import items
from worker.installation import Installation
from worker.outbox_view import WHAT_TO_DO
from worker.settings import Settings
from worker.status import rejections
from worker.status import status as whole_status
from worker.tasks import utc_now

_LEVEL = {Level.GOOD: "[green]ok     [/]", Level.NOTE: "[yellow]note   [/]", Level.PROBLEM: "[red]PROBLEM[/]"}
_ERRORS_SHOWN = 5
_NOTABLE_GAP = 60
"""Seconds between the shop's clock and ours that are worth a line."""


def _relation_id(_context: click.Context, _parameter: click.Parameter, value: str) -> tuple[str, str]:
    source, colon, shop_id = value.partition(":")
    if not (source and colon and shop_id):
        raise click.BadParameter("give SOURCE:ID, such as main:1234 (the id is customer.lists.id in the shop)")
    return source, shop_id


_relation = click.argument("relation", metavar="SOURCE:ID", callback=_relation_id)


@click.command()
@click.option("--rejected", is_flag=True, help="Only list every rejected relation, with the reason.")
@as_json_option
@pass_context
@explained
def status(context: Context, rejected: bool, as_json: bool) -> None:
    """How fresh each shop is, what is watched and rejected, which mails wait or are stuck, and the last runs."""
    parts = context.installation
    if rejected:
        _list_rejections(parts, as_json)
        return
    with parts.store.read() as session:
        told = whole_status(session, parts.settings, utc_now())
    if as_json:
        print_json(told)
        return
    _print_way(told["switches"], parts.settings)
    for stage in told["late"]:
        since = f"has not run since {stage['since']:%Y-%m-%d %H:%M:%S} UTC" if stage["since"] else "has never run"
        out.print(f"[red]LATE[/] {stage['stage']} {stage['source']}".rstrip() + f" {since}: do beat and worker run?")
    if not told["sources"]:
        out.print("No shop is connected: add a table [sources.NAME] to the settings.", markup=False)
    for name, source in told["sources"].items():
        _print_source(name, source)
    mails = {key: value for key, value in told["mails"].items() if key != "oldest_open" and value}
    out.print(f"[b]mails[/] {_line(mails)}" + _oldest(told["mails"]["oldest_open"]))
    for name, what_to_do in WHAT_TO_DO.items():
        if told["mails"].get(name):
            out.print(f"  [red]{name}[/]: {what_to_do}")
    for name, count in told["mails_of_unknown_sources"].items():
        out.print(
            f"  [red]{count} of {escape(name)}[/], which is not in the settings: never sent; see: watchpost doctor"
        )
    out.print(f"[b]notifications[/] {_line(told['notifications'])}")
    for run in told["runs"]:
        took = f"{run['seconds']:.1f} s" if run["seconds"] is not None else "has not ended"
        name = f"{run['stage']} {run['source']}".strip()
        result = f"[red]{escape(run['error'])}[/]" if run["error"] else _line(_flat(run["counts"]))
        out.print(f"[b]{name}[/] last ran {run['started']:%Y-%m-%d %H:%M:%S} UTC ({took}): {result}")
        if problems := (run["counts"] or {}).get("problems"):
            out.print(f"  [red]![/] values that could not be read: {escape(_line(problems))}")
        errors = (run["counts"] or {}).get("errors") or ()
        for error in errors[:_ERRORS_SHOWN]:
            out.print(f"  [red]![/] {escape(plain(error))}")
        if len(errors) > _ERRORS_SHOWN:
            out.print(f"  and {len(errors) - _ERRORS_SHOWN} more: watchpost status --json")


def _print_way(switches: dict[str, Any], settings: Settings) -> None:
    if paused := switches.get(route.PAUSED):
        reason = escape(plain(paused["reason"] or "no reason given"))
        out.print(f"[red]PAUSED[/] since {plain(paused['since'])}: {reason}; mails leave again after: watchpost resume")
    if closed := switches.get(route.ROUTE):
        why = f"{remedy(closed['reason'], settings.smtp)} ({closed['reason']})"
        out.print(f"[red]NO MAIL CAN LEAVE[/] since {plain(closed['since'])}: {escape(plain(why))}")
        tried = switches.get(route.PROBE, closed)["since"]
        out.print(
            f"  last tried {plain(tried)}, again every few minutes; once mended, the next dispatch after: watchpost resume"
        )


def _print_source(name: str, source: dict[str, Any]) -> None:
    last = source["last_good_sync"]
    fresh = f"last good sync {last:%Y-%m-%d %H:%M:%S} UTC" if last else "never synced"
    out.print(f"[b]{name}[/] {fresh}" + (" [red](stale: nothing is sent)[/]" if source["stale"] else ""))
    if source["resting_until"]:
        out.print(
            f"  [red]no answer {source['failures']} times in a row[/]; left alone until "
            f"{source['resting_until']:%Y-%m-%d %H:%M:%S} UTC (to try at once: watchpost sync {name})"
        )
    if abs(source["clock_gap_seconds"] or 0) >= _NOTABLE_GAP:
        way = "ahead of" if source["clock_gap_seconds"] > 0 else "behind"
        out.print(f"  [red]clock[/] {abs(source['clock_gap_seconds']):,.0f} s {way} ours")
    out.print(f"  customers {_line(source['customers'])}")
    out.print(f"  relations {_line(source['relations'])}")
    if source["rejected"]:
        examples = [escape(f"{name}:{shop_id}") for shop_id in source["rejected_relations"][:5]]
        out.print(f"  [red]rejected[/] {_line(source['rejected'])} ({', '.join(examples)})")
        out.print(f"    why: watchpost explain {examples[0]}; all of them: watchpost status --rejected")


def _list_rejections(parts: Installation, as_json: bool) -> None:
    with parts.store.read() as session:
        found = rejections(session, parts.settings)
    if as_json:
        print_json(found)
        return
    for row in found:
        click.echo(plain(f"{row['relation']} {row['reason']}" + (f": {row['why']}" if row["why"] else "")))
    if not found:
        click.echo("No relation is rejected.")


def _flat(counts: dict[str, Any] | None) -> dict[str, Any]:
    return {key: value for key, value in (counts or {}).items() if isinstance(value, int | float) and value}


def _line(counts: dict[str, Any]) -> str:
    return ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in counts.items()) or "none"


def _oldest(moment: Any) -> str:
    return f"; oldest open one from {moment:%Y-%m-%d %H:%M:%S} UTC" if moment else ""


@click.command()
@click.option("--relay", is_flag=True, help="Also knock at the mail relay: connect, encrypt, log in; no mail is sent.")
@click.option(
    "--tolerate-failed",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help="So many mails a day may fail without being a problem.",
)
@as_json_option
@pass_context
@explained
def doctor(context: Context, relay: bool, tolerate_failed: int, as_json: bool) -> None:
    """Check every part of the installation; exit code 1 when something needs an operator."""
    found = examine(context.installation, utc_now(), relay=relay, tolerated=tolerate_failed)
    healthy = all(finding.level is not Level.PROBLEM for finding in found)
    if as_json:
        print_json({"healthy": healthy, "findings": found})
    else:
        for finding in found:
            out.print(f"{_LEVEL[finding.level]} [b]{escape(finding.check)}[/] {escape(plain(finding.text))}")
            if finding.remedy:
                out.print(f"          {escape(finding.remedy)}")
        out.print("Healthy." if healthy else "[red]Something needs you.[/]")
    sys.exit(0 if healthy else 1)


@click.command()
@_relation
@as_json_option
@pass_context
@explained
def explain(context: Context, relation: tuple[str, str], as_json: bool) -> None:
    """Every rule with its inputs for one relation: why it fires, waits or is rejected, and what was sent."""
    parts = context.installation
    source, shop_id = relation
    parts.source_names(source)
    with parts.store.read() as session:
        told = explain_relation(session, source, shop_id, parts.settings, parts.key, utc_now())
    if as_json:
        print_json(told)
        return
    explaining.show(told)


@click.command()
@_relation
@click.option(
    "--out",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("preview"),
    show_default=True,
    help="Where the files go.",
)
@as_json_option
@pass_context
@explained
def preview(context: Context, relation: tuple[str, str], folder: Path, as_json: bool) -> None:
    """Write the mail about one relation as files (subject.txt, body.txt, body.html, message.eml); nothing is sent.

    It shows how the mail would look, due or not; whether the watch fires now is said beside it.
    """
    parts = context.installation
    source, shop_id = relation
    parts.source_names(source)
    with parts.store.read() as session:
        now = utc_now()
        customer, told = items(session, source, shop_id, parts.settings, parts.key)
        decisions = [
            {name: decision[name] for name in ("kind", "outcome", "reason", "sentence")}
            for decision in explain_relation(session, source, shop_id, parts.settings, parts.key, now)["decisions"]
            if decision["outcome"] != Outcome.IDLE
        ]
        rendered = parts.renderer.render("watch", digest_of(customer, told, parts.settings))
        _, message = draft_message(rendered, recipient_of(customer, parts.settings), parts.settings, now)
    folder.mkdir(parents=True, exist_ok=True)
    files = {
        "subject.txt": rendered.subject.encode() + b"\n",
        "body.txt": rendered.text.encode(),
        "body.html": rendered.html.encode(),
        "message.eml": message,
    }
    for name, content in files.items():
        (folder / name).write_bytes(content)
    if as_json:
        print_json(
            {"subject": rendered.subject, "files": [str(folder / name) for name in files], "decisions": decisions}
        )
        return
    click.echo(f"{rendered.subject}\n{folder.resolve()}: {', '.join(files)}")
    for decision in decisions:
        fires = decision["outcome"] == Outcome.FIRE
        why = "" if fires else f", whatever the mail says: {decision['sentence']} ({decision['reason']})"
        click.echo(f"{decision['kind']}: {'fires now' if fires else 'does not fire now'}{why}")
