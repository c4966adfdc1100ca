"""`watchpost outbox`: operators look at single mails and decide what becomes of them."""

import re
import sys
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import click
from sqlalchemy.orm import Session

from worker import outbox_change, outbox_view
from worker.cli.common import Context, as_json_option, explained, pass_context, plain, print_json, progress_bar
from worker.errors import MailStateError, NotFoundError
from worker.outbox_view import Filter
from worker.tasks import utc_now

Change = Callable[[Session, int], None]

_STATES = (
    "pending",
    "leased",
    "submitting",
    "sent",
    "failed",
    "expired",
    "cancelled",
    "superseded",
    "suppressed",
    "held",
)
_ID = click.IntRange(1, 2**63 - 1)
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


class _Age(click.ParamType[timedelta]):
    name = "age"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        found = re.fullmatch(r"([0-9]{1,6})([smhd])", str(value))
        if found is None:
            self.fail(f"{value!r} is no age such as 30m, 12h or 7d", param, ctx)
        return timedelta(**{_UNITS[found[2]]: int(found[1])})


_source = click.option("--source", metavar="NAME", help="Only mails of this shop.")
_reason = click.option("--reason", metavar="CODE", help="Only mails with this reason code, such as rcpt_550_5.1.1.")
_older = click.option("--older", type=_Age(), help="Only mails created at least so long ago (30m, 12h, 7d).")
_newer = click.option("--newer", type=_Age(), help="Only mails created less long ago.")
_ambiguous = click.option(
    "--ambiguous", is_flag=True, help="Only mails of which nobody knows whether the relay has them."
)


@click.group()
def outbox() -> None:
    """Look at single mails and decide what becomes of them.

    No command here can make a mail go out twice, but `release`, which is counted. A mail that is being sent can't be
    changed before its dispatcher is done.
    """


@outbox.command("list")
@click.option(
    "--state", "states", multiple=True, type=click.Choice(_STATES), help="Only mails in this state; may be repeated."
)
@_source
@_reason
@_ambiguous
@_older
@_newer
@click.option(
    "--limit", type=click.IntRange(1, 1_000_000), default=50, show_default=True, help="So many, the newest first."
)
@as_json_option
@pass_context
@explained
def list_(context: Context, /, limit: int, as_json: bool, **parts: Any) -> None:
    """List mails, the newest first, with their addresses."""
    with context.installation.store.read() as session:
        _check_source(context, session, parts["source"])
        told = outbox_view.listing(session, Filter(**parts), utc_now(), limit)
    if as_json:
        print_json(told)
        return
    _print_table(told["mails"])
    click.echo(f"{len(told['mails'])} of {told['total']} mails")


@outbox.command()
@click.argument("mail_id", metavar="ID", type=_ID)
@click.option("--message", is_flag=True, help="Print the message as it is sent, byte for byte, and nothing else.")
@as_json_option
@pass_context
@explained
def show(context: Context, mail_id: int, message: bool, as_json: bool) -> None:
    """Show one mail: its state, attempts and headers, and what it tells of."""
    with context.installation.store.read() as session:
        told = outbox_view.show(session, mail_id)
        content = outbox_view.find(session, mail_id).message
    if as_json:
        print_json({**told, "message": content.decode("utf-8", "replace")} if message else told)
    elif message:
        click.echo(content, nl=False)
    else:
        _print_mail(told)


def _on_mails(states: Sequence[str]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """The arguments of a command that changes mails: ids, or all that fit."""

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        for option in reversed(
            (
                click.argument("mail_ids", metavar="[ID]...", nargs=-1, type=_ID),
                click.option("--all", "everything", is_flag=True, help="All mails that fit the options below."),
                click.option(
                    "--state",
                    "states",
                    multiple=True,
                    type=click.Choice(states),
                    help="With --all: those in this state.",
                ),
                _source,
                _reason,
                _ambiguous,
                _older,
                _newer,
                click.option("--yes", is_flag=True, help="With --all: don't ask."),
                as_json_option,
                pass_context,
                explained,
            )
        ):
            command = option(command)
        return command

    return decorate


@outbox.command()
@_on_mails(outbox_change.RETRIED_FROM)
def retry(context: Context, **options: Any) -> None:
    """Make unsent mails due at once: pending ones, and those that failed, expired or were suppressed.

    Only mails that are provably unsent; one that may have arrived needs `release`. What a mail tells must still be
    true when it leaves, as ever.
    """
    now = utc_now()
    _change(
        context,
        "retried",
        lambda session, mail_id: outbox_change.retry(session, mail_id, key=context.installation.key, now=now),
        **options,
    )


@outbox.command()
@_on_mails(outbox_change.HELD_FROM)
def hold(context: Context, **options: Any) -> None:
    """Keep pending mails from leaving until you release or cancel them."""
    now = utc_now()
    _change(context, "held", lambda session, mail_id: outbox_change.hold(session, mail_id, now=now), **options)


@outbox.command()
@_on_mails(outbox_change.RELEASED_FROM)
def release(context: Context, **options: Any) -> None:
    """Let held mails go, with identical bytes and Message-ID; one that may have arrived can arrive twice.

    Each release is counted. A mail of which something is no longer true is held again.
    """
    now = utc_now()
    _change(context, "released", lambda session, mail_id: outbox_change.release(session, mail_id, now=now), **options)


@outbox.command()
@_on_mails(outbox_change.CANCELLED_FROM)
def cancel(context: Context, **options: Any) -> None:
    """End pending or held mails.

    What a mail would have told is told by another one if it still holds; of a mail that may have arrived it counts as told.
    """
    now = utc_now()
    _change(context, "cancelled", lambda session, mail_id: outbox_change.cancel(session, mail_id, now=now), **options)


def _check_source(context: Context, session: Session, name: str | None) -> None:
    """Raises NotFoundError for a shop nobody knows. One that was taken out of the settings may have left mails behind."""
    if name is not None and not outbox_view.has_mails_of(session, name):
        context.installation.source_names(name)


def _change(
    context: Context,
    done: str,
    change: Change,
    *,
    mail_ids: tuple[int, ...],
    everything: bool,
    yes: bool,
    as_json: bool,
    **parts: Any,
) -> None:
    ids: Sequence[int] = sorted(set(mail_ids))
    if everything == bool(ids) or everything != bool(parts["states"]):
        raise click.UsageError("Give the ids of mails, or --all with a --state.")
    store = context.installation.store
    if everything:
        with store.read() as session:
            _check_source(context, session, parts["source"])
            ids = outbox_view.ids(session, Filter(**parts), utc_now())
        question = f"{len(ids)} {' and '.join(parts['states'])} mails will be {done}. Go on?"
        if ids and not yes:
            click.confirm(question, abort=True, err=True)
    changed, refused = [], {}
    with progress_bar(not as_json) as progress:
        for mail_id in ids:
            try:
                with store.begin() as session:
                    change(session, mail_id)
            except (MailStateError, NotFoundError) as problem:
                refused[mail_id] = str(problem)
            else:
                changed.append(mail_id)
            progress("mails", len(changed) + len(refused), len(ids))
    _report(done, changed, refused, as_json)
    sys.exit(1 if refused else 0)


def _report(done: str, changed: Sequence[int], refused: dict[int, str], as_json: bool) -> None:
    if as_json:
        print_json({done: changed, "refused": refused})
        return
    named = f": {', '.join(map(str, changed))}" if 0 < len(changed) <= 20 else ""
    click.echo(f"{len(changed)} {'mail' if len(changed) == 1 else 'mails'} {done}{named}")
    for why in refused.values():
        click.echo(f"  ! {why}", err=True)


def _print_table(mails: Sequence[dict[str, Any]]) -> None:
    """Columns as wide as they need to be, a line for each mail, so that grep finds all of it."""
    rows = [tuple(_TITLES), *(tuple(plain(cell(mail)) for cell in _TITLES.values()) for mail in mails)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_TITLES))]
    for row in rows if mails else ():
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _print_mail(told: dict[str, Any]) -> None:
    for key, value in told.items():
        if key not in {"headers", "notifications"} and value is not None:
            click.echo(f"{key.replace('_', ' '):<19} {plain(value)}")
    click.echo("tells of" if told["notifications"] else "tells of nothing any more")
    for row in told["notifications"]:
        product = f"{row['product_id']} {row['product']}" if row["product_id"] else "(erased)"
        click.echo(
            f"  {plain(row['relation'])} {row['kind']} episode {row['episode']}, fired {plain(row['fired'])}: "
            f"product {plain(product)}"
        )
    click.echo("headers")
    for name, value in told["headers"]:
        click.echo(f"  {name}: {plain(value)}")


_TITLES: dict[str, Callable[[dict[str, Any]], object]] = {
    "id": lambda mail: mail["id"],
    "state": lambda mail: mail["state"],
    "reason": lambda mail: mail["reason"] or "-",
    "customer": lambda mail: f"{mail['source']}:{mail['customer']}",
    "recipient": lambda mail: mail["recipient"],
    "tries": lambda mail: mail["attempts"],
    "doubts": lambda mail: mail["ambiguous_attempts"],
    "releases": lambda mail: mail["releases"],
    "created": lambda mail: mail["created"],
    "next or ended": lambda mail: mail["next_attempt"] or mail["settled"] or "-",
}
