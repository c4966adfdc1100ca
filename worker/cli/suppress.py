"""`watchpost suppress`: addresses that get no mail. Only their keyed hashes are stored and shown."""

import re
import sys

import click

from worker.cli.common import Context, as_json_option, explained, pass_context, print_json
from worker.cli.line import Line
from worker.log import address_hash
from worker.mail.address import parse_address
from worker.store import suppression
from worker.tasks import utc_now

_HASH = re.compile("[0-9a-f]{64}")
_REASON_LIMIT = 64  # as long as its column


@click.group()
def suppress() -> None:
    """Addresses that get no mail: those a relay said don't exist (5.1.1), and those you add.

    Only a keyed hash of each address is stored; nobody can read the addresses out of the list.
    """


@suppress.command("list")
@click.option(
    "--limit", type=click.IntRange(1, 1_000_000), default=50, show_default=True, help="So many, the newest first."
)
@as_json_option
@pass_context
@explained
def list_(context: Context, limit: int, as_json: bool) -> None:
    """List the hashes of suppressed addresses with reason and date, the newest first."""
    with context.installation.store.read() as session:
        rows, total = suppression.newest(session, limit), suppression.count(session)
    if as_json:
        found = [{"hash": row.address_hash, "reason": row.reason, "since": row.created_at} for row in rows]
        print_json({"total": total, "suppressed": found})
        return
    for row in rows:
        click.echo(f"{row.address_hash}  {row.created_at:%Y-%m-%d %H:%M:%S} UTC  {row.reason}")
    click.echo(f"{len(rows)} of {total} suppressed addresses")


@suppress.command()
@click.argument("addresses", metavar="ADDRESS...", nargs=-1, required=True)
@click.option(
    "--reason",
    type=Line(_REASON_LIMIT),
    default="operator",
    show_default=True,
    help=f"Shown by list; at most {_REASON_LIMIT} characters.",
)
@as_json_option
@pass_context
@explained
def add(context: Context, addresses: tuple[str, ...], reason: str, as_json: bool) -> None:
    """Send nothing to these addresses any more; their customers' watches wait."""
    hashes = [_hash(context, address) for address in addresses]
    with context.installation.store.begin() as session:
        done = [suppression.suppress(session, found, reason=reason, now=utc_now()) for found in hashes]
    if as_json:
        print_json({"added": sum(done), "hashes": hashes})
        return
    for found, new in zip(hashes, done, strict=True):
        click.echo(f"{found} {'is suppressed' if new else 'was suppressed already'}")


@suppress.command()
@click.argument("addresses", metavar="ADDRESS|HASH...", nargs=-1, required=True)
@as_json_option
@pass_context
@explained
def remove(context: Context, addresses: tuple[str, ...], as_json: bool) -> None:
    """Let mails go to these addresses again, named by themselves or by their hashes. What still holds is told then."""
    hashes = [found if _HASH.fullmatch(found) else _hash(context, found) for found in addresses]
    with context.installation.store.begin() as session:
        done = [suppression.lift(session, found) for found in hashes]
    if as_json:
        print_json({"removed": sum(done), "hashes": hashes})
    else:
        for found, gone in zip(hashes, done, strict=True):
            click.echo(f"{found} is no longer suppressed" if gone else f"{found} was not suppressed", err=not gone)
    sys.exit(0 if all(done) else 1)


def _hash(context: Context, address: str) -> str:
    try:
        return address_hash(context.installation.key, parse_address(address).email)
    except ValueError as problem:
        raise click.BadParameter(str(problem), param_hint="ADDRESS") from None
