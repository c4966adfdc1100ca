"""`watchpost customer`: what is stored about one customer, and how to erase it."""

import click

from worker.cli.common import Context, as_json_option, explained, pass_context, print_json
from worker.customer_erase import erase as erase_customer
from worker.customer_export import export as export_customer
from worker.tasks import utc_now


def _customer_id(_context: click.Context, _parameter: click.Parameter, value: str) -> tuple[str, str]:
    source, colon, shop_id = value.partition(":")
    if not (source and colon and shop_id):
        raise click.BadParameter("give SOURCE:CUSTOMER_ID, such as main:1234 (the id is the shop's)")
    return source, shop_id


_customer = click.argument("customer", metavar="SOURCE:CUSTOMER_ID", callback=_customer_id)


@click.group()
def customer() -> None:
    """What is stored about one customer, for requests under privacy laws. The id is the shop's, not a name in the settings."""


@customer.command()
@_customer
@click.option("--json", is_flag=True, expose_value=False, help="Accepted as everywhere; it is JSON in any case.")
@pass_context
@explained
def export(context: Context, customer: tuple[str, str]) -> None:
    """Print everything that is stored about one customer: relations and their versions, watches, notifications, mails."""
    parts = context.installation
    with parts.store.read() as session:
        told = export_customer(session, *customer, parts.key)
    print_json(told)


@customer.command()
@_customer
@click.option("--yes", is_flag=True, help="Don't ask.")
@as_json_option
@pass_context
@explained
def erase(context: Context, customer: tuple[str, str], yes: bool, as_json: bool) -> None:
    """Erase one customer for good: name, address, what was watched, the texts of all mails. Nothing more is sent.

    The shop may go on listing the customer: a keyed tombstone keeps syncs from bringing anything back. What was counted
    (notifications, mails by state) stays, without telling of whom.
    """
    name = ":".join(customer)
    if not yes:
        click.confirm(f"Customer {name} will be erased; this can't be undone. Go on?", abort=True, err=True)
    parts = context.installation
    done = erase_customer(parts.store, *customer, parts.key, utc_now())
    if as_json:
        print_json(done)
    elif done.already:
        click.echo(f"{name} was erased before; nothing is stored.")
    else:
        click.echo(
            f"{name} is erased: {done.relations} relations, {done.mails} mails ({done.cancelled} of them were not sent yet)."
        )
