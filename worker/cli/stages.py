"""Commands that run a stage by hand: the same functions the scheduled tasks call."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import click
from kombu.exceptions import OperationalError

from worker.app import make_app
from worker.cli import checking
from worker.cli.common import (
    Context,
    as_json_option,
    explained,
    pass_context,
    print_counts,
    print_json,
    progress_bar,
    queue_option,
)
from worker.configuration import broker_folder, prove_room
from worker.dispatch.remedies import remedy
from worker.dispatch.route import PAUSED
from worker.errors import AlreadyRunningError, SchemaError, WatchpostError
from worker.scan_counts import Hit
from worker.tasks import utc_now

_NOTHING_TO_SEE = "--dry-run and --queue don't go together: a worker prints nothing."

_source = click.argument("source", required=False)


@click.command()
@_source
@click.option("--accept-shrink", is_flag=True, help="Believe the shop when far fewer relations are listed than before.")
@click.option("--full", is_flag=True, help="Read everything again, whatever is known, and compare all relations.")
@click.option("--check", is_flag=True, help="Only log in and tell what the interface can tell and what would be read.")
@queue_option
@as_json_option
@pass_context
@explained
def sync(
    context: Context,
    source: str | None,
    accept_shrink: bool,
    full: bool,
    check: bool,
    queue: bool,
    as_json: bool,
) -> None:
    """Mirror the shops (or one SOURCE): customers, relations, products, prices and stock."""
    names = context.installation.source_names(source)
    if check:
        if accept_shrink or full or queue:
            raise click.UsageError("--check reads nothing and changes nothing: it goes with none of the other options.")
        sys.exit(checking.check(context.installation, names, as_json))
    if queue:
        how = {"by_hand": True, "accept_shrink": accept_shrink, "full": full}
        _enqueue(context, as_json, *(("sync", {"source": name, **how}) for name in names))
        return
    with progress_bar(not as_json) as progress:
        results = _each(
            names,
            lambda name: context.installation.sync(
                name, now=utc_now(), accept_shrink=accept_shrink, full=full, progress=progress
            ).as_json(),
        )
    _finish("sync", results, as_json)


@click.command()
@_source
@click.option("--dry-run", is_flag=True, help="Only print what would fire; nothing is written.")
@click.option(
    "--at",
    "moment",
    metavar="ISO-TIME",
    help="With --dry-run: decide as if it were this time (UTC unless it says otherwise).",
)
@queue_option
@as_json_option
@pass_context
@explained
def scan(context: Context, source: str | None, dry_run: bool, moment: str | None, queue: bool, as_json: bool) -> None:
    """Decide which watches fire (of all shops or one SOURCE) and write each decision once into the ledger."""
    if moment and not dry_run:
        raise click.UsageError("--at goes with --dry-run: the ledger is only written for the present.")
    if dry_run and queue:
        raise click.UsageError(_NOTHING_TO_SEE)
    names = context.installation.source_names(source)
    if queue:
        _enqueue(context, as_json, *(("scan", {"source": name}) for name in names))
        return
    now = _moment(moment)
    with progress_bar(not as_json) as progress:
        hits: list[Hit] = []

        def one(name: str) -> dict[str, Any]:
            if not dry_run:
                return context.installation.scan(name, now=now, progress=progress).as_json()
            rehearsal = context.installation.rehearse(name, now=now, progress=progress)
            hits.extend(rehearsal.hits)
            return (
                {**rehearsal.as_json(), "would_fire": [asdict(hit) for hit in rehearsal.hits]}
                if as_json
                else (rehearsal.as_json())
            )

        results = _each(names, one)
    if not as_json:
        for hit in hits:
            click.echo(
                f"would fire: {hit.source}:{hit.relation_id} {hit.kind} episode {hit.episode} "
                f"(customer {hit.customer_id}, product {hit.product_id}): {hit.reason}"
            )
    _finish("scan (dry run)" if dry_run else "scan", results, as_json)


@click.command()
@queue_option
@as_json_option
@pass_context
@explained
def compose(context: Context, queue: bool, as_json: bool) -> None:
    """Compose one mail a customer from what fired."""
    if queue:
        _enqueue(context, as_json, ("compose", {}))
        return
    with progress_bar(not as_json) as progress:
        results = {"": asdict(context.installation.compose(now=utc_now(), progress=progress))}
    _finish("compose", results, as_json)


@click.command()
@queue_option
@as_json_option
@pass_context
@explained
def dispatch(context: Context, queue: bool, as_json: bool) -> None:
    """Send the mails that are due over SMTP."""
    if queue:
        _enqueue(context, as_json, ("dispatch", {}))
        return
    with progress_bar(not as_json) as progress:
        results = {"": dict(context.installation.dispatch(clock=utc_now, progress=progress))}
    _finish("dispatch", results, as_json, _way(context, results))


@click.command()
@click.option("--dry-run", is_flag=True, help="Only count what would be forgotten.")
@queue_option
@as_json_option
@pass_context
@explained
def tidy(context: Context, dry_run: bool, queue: bool, as_json: bool) -> None:
    """Forget old observations, texts of mails and runs, as [retention] in the settings says; never what a watch still needs."""
    if dry_run:
        if queue:
            raise click.UsageError(_NOTHING_TO_SEE)
        rehearsed = _each([""], lambda _: asdict(context.installation.rehearse_tidy(now=utc_now())))
        _finish("tidy (dry run)", rehearsed, as_json)
    if queue:
        _enqueue(context, as_json, ("tidy", {}))
        return
    with progress_bar(not as_json) as progress:
        results = _each([""], lambda _: asdict(context.installation.tidy(now=utc_now(), progress=progress)))
    _finish("tidy", results, as_json)


@click.command()
@queue_option
@as_json_option
@pass_context
@explained
def run(context: Context, queue: bool, as_json: bool) -> None:
    """All four stages, one after the other: sync, scan, compose (without waiting for a digest), dispatch."""
    if queue:
        _enqueue(context, as_json, ("run", {}))
        return
    parts = context.installation
    names = parts.source_names()
    with progress_bar(not as_json) as progress:
        stages: dict[str, dict[str, Any]] = {
            "sync": _each(names, lambda name: parts.sync(name, now=utc_now(), progress=progress).as_json()),
            "scan": _each(names, lambda name: parts.scan(name, now=utc_now(), progress=progress).as_json()),
            "compose": _each([""], lambda _: asdict(parts.compose(now=utc_now(), at_once=True, progress=progress))),
            "dispatch": _each([""], lambda _: dict(parts.dispatch(clock=utc_now, progress=progress))),
        }
    if as_json:
        print_json({stage: results.get("", results) for stage, results in stages.items()})
    else:
        for stage, results in stages.items():
            _print(stage, results)
        for hint in _way(context, stages["dispatch"]):
            click.echo(hint, err=True)
    sys.exit(max(_exit_code(results) for results in stages.values()))


def _each(names: list[str], work: Callable[[str], dict[str, Any]]) -> dict[str, Any]:
    """Run the work for each name; one shop's failure does not keep the others waiting."""
    results: dict[str, Any] = {}
    for name in names:
        try:
            results[name] = work(name)
        except WatchpostError as problem:
            if problem.exit_code == 2 or isinstance(problem, SchemaError):  # these, and templates, concern them all
                raise
            busy = isinstance(problem, AlreadyRunningError)
            results[name] = {"already_running": busy, "failed": not busy, "errors": [str(problem)]}
    return results


def _finish(title: str, results: dict[str, Any], as_json: bool, hints: Sequence[str] = ()) -> None:
    if as_json:
        print_json(results.get("", results))
    else:
        _print(title, results)
        for hint in hints:
            click.echo(hint, err=True)
    sys.exit(_exit_code(results))


def _print(title: str, results: dict[str, Any]) -> None:
    if not results:
        click.echo(f"{title}: there is no source in the settings; add [sources.NAME]", err=True)
    for name, counts in results.items():
        print_counts(f"{title} {name}".strip(), {key: value for key, value in counts.items() if key != "paused"})


def _way(context: Context, results: dict[str, Any]) -> list[str]:
    """Why no mail may leave, and until when."""
    paused = results[""].get("paused")
    if paused == PAUSED:
        return ["  ! an operator paused the mails; they leave again after: watchpost resume"]
    if not paused:
        return []
    why = remedy(paused, context.installation.settings.smtp)
    again = (
        "  ! it is tried again every few minutes, and once that is mended by the next dispatch after: watchpost resume"
    )
    return [f"  ! no mail can leave: {why} ({paused})", again]


def _exit_code(results: dict[str, Any]) -> int:
    if any(
        counts.get("failed") or _stuck(counts) or (counts.get("errors") and not counts.get("already_running"))
        for counts in results.values()
    ):
        return 1
    return 3 if any(counts.get("already_running") for counts in results.values()) else 0


def _stuck(counts: dict[str, Any]) -> bool:
    """Mails wait because of the relay, not because an operator wants them to."""
    return bool(counts.get("waiting")) and counts.get("paused") not in (None, PAUSED)


def _enqueue(context: Context, as_json: bool, *calls: tuple[str, dict[str, Any]]) -> None:
    settings = context.installation.settings
    if not settings.broker.url.get_secret_value():
        prove_room(broker_folder(settings))  # Celery would try again and end in an error that tells nothing
    app = make_app(settings)
    try:
        with app.connection_for_write() as broker:
            broker.ensure_connection(max_retries=1, interval_start=0)  # somebody waits for the answer
            tasks = [app.send_task(f"worker.tasks.{name}", kwargs=how, connection=broker) for name, how in calls]
    except OperationalError as problem:
        raise WatchpostError(f"broker.url: the broker can't be reached ({problem}); is it running?") from problem
    if as_json:
        print_json({"task_ids": [task.id for task in tasks]})
    else:
        for task in tasks:
            click.echo(task.id)


def _moment(text: str | None) -> datetime:
    if text is None:
        return utc_now()
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise click.BadParameter(
            f"{text!r} is no ISO 8601 time such as 2026-11-23T12:00:00+00:00", param_hint="--at"
        ) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
