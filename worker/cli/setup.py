"""Commands that set an installation up and switch it: init, config, pause, resume, mail-test."""

import sys
from dataclasses import replace

import click
from rich.markup import escape

from worker.cli.common import Context, as_json_option, explained, out, pass_context, print_json
from worker.cli.line import Line
from worker.configuration import database_url, describe, require_sender
from worker.dispatch import route
from worker.dispatch.probe import send_one
from worker.dispatch.route import PAUSED
from worker.mail.address import parse_address
from worker.mail.message import build, letterhead, make_message_id
from worker.mail.samples import samples
from worker.store import schema, tables
from worker.store.session import Store
from worker.tasks import utc_now

_REASON_LIMIT = 200


@click.command()
@as_json_option
@pass_context
@explained
def init(context: Context, as_json: bool) -> None:
    """Create the database tables, or upgrade them to this version. Safe to repeat."""
    settings = context.load().settings
    store = Store(database_url(settings))
    try:
        version = schema.upgrade(store)
        place = store.engine.url.render_as_string(hide_password=True)
    finally:
        store.dispose()
    if as_json:
        print_json({"database": place, "schema": version})
    else:
        click.echo(f"{place} is ready (schema {version}).")


@click.command()
@as_json_option
@pass_context
@explained
def config(context: Context, as_json: bool) -> None:
    """Print the settings in force and where each comes from; secrets are masked."""
    rows = describe(context.load())
    if as_json:
        print_json({row.key: {"value": row.value, "from": row.origin} for row in rows})
        return
    width = max(len(row.key) for row in rows)
    for row in rows:
        out.print(f"{row.key:<{width}} = {row.value or '(empty)'}", markup=False, end="")
        out.print(f"  [dim]({escape(row.origin)})[/]")


@click.command()
@click.option(
    "--reason",
    type=Line(_REASON_LIMIT, empty=True),
    default="",
    help=f"Shown by status; at most {_REASON_LIMIT} characters.",
)
@as_json_option
@pass_context
@explained
def pause(context: Context, reason: str, as_json: bool) -> None:
    """Stop all mails from leaving; syncs, scans and composing go on."""
    with context.installation.store.begin() as session:
        session.merge(tables.Switch(name=PAUSED, changed_at=utc_now(), reason=reason))
    if as_json:
        print_json({"paused": True})
    else:
        click.echo("Paused: no mail leaves until: watchpost resume")


@click.command()
@as_json_option
@pass_context
@explained
def resume(context: Context, as_json: bool) -> None:
    """Let mails leave again after a pause; where the way to the relay is closed, let the next dispatch try it."""
    with context.installation.store.begin() as session:
        row = session.get(tables.Switch, PAUSED)
        if row is not None:
            session.delete(row)
        closed = route.try_soon(session, utc_now())
    if as_json:
        print_json({"paused": False, "relay_closed": closed})
        return
    click.echo("Resumed." if row is not None else "It was not paused.")
    if closed:
        click.echo(
            "The way to the relay is closed; the next dispatch tries it with one mail (at once: watchpost dispatch)"
        )


@click.command("mail-test")
@click.argument("address")
@as_json_option
@pass_context
@explained
def mail_test(context: Context, address: str, as_json: bool) -> None:
    """Send one test mail to ADDRESS over the relay in the settings and say how far it got. Ignores `redirect_all_to`."""
    parts = context.installation
    require_sender(parts.settings)
    try:
        recipient = parse_address(address)
    except ValueError as problem:
        raise click.BadParameter(str(problem), param_hint="ADDRESS") from None
    sender = parts.settings.mail.model_copy(update={"redirect_all_to": ""})
    paper = letterhead(sender)
    now = utc_now()
    letter = replace(samples(sender.default_language)[0], salutation="", firstname="", lastname="")
    rendered = parts.renderer.render("test", letter)
    message = build(
        rendered,
        sender=sender,
        recipient=recipient,
        message_id=make_message_id(f"test {now.isoformat()}", paper.address.domain),
        date=now,
    )
    report = send_one(parts.settings, paper.address.email, recipient.email, message)
    if as_json:
        print_json(report)
    else:
        for step in report.steps:
            click.echo(step)
        click.echo("The relay accepted the mail." if report.accepted else "The mail was not accepted.")
    sys.exit(0 if report.accepted else 1)
