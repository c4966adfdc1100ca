"""`watchpost relations`: every operation of the seed document on one customer's relations, straight in the shop."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

import click

from worker.cli import listing
from worker.cli.common import Context, as_json_option, explained, pass_context, print_json
from worker.domain.model import Json, Relation
from worker.errors import FieldError, NotFoundError
from worker.shop import document
from worker.shop.client import CustomerClient
from worker.shop.fields import Changes, NewRelation
from worker.store import config_text


def _customer_name(_context: click.Context, _parameter: click.Parameter, value: str) -> tuple[str, str]:
    source, colon, account = value.partition(":")
    if not (source and colon and account):
        raise click.BadParameter("give SOURCE:CUSTOMER as in the settings, such as main:anna")
    return source, account


_customer = click.argument("customer", metavar="SOURCE:CUSTOMER", callback=_customer_name)
_ids = click.argument("relation_ids", metavar="ID...", nargs=-1, required=True)
_domain = click.option("--domain", default="product", show_default=True, help="Domain of the relation.")


@click.group()
def relations() -> None:
    """Read and change one customer's relations in the shop.

    SOURCE:CUSTOMER names a shop and one of its customers in the settings. Changes are checked before they are sent and
    read back afterwards; dates are in the shop's time zone. The mirror follows with the next sync.
    """


@relations.command("list")
@_customer
@click.option("--domain", "domains", multiple=True, help="Domains to list; may be repeated.  [default: product]")
@as_json_option
@pass_context
@explained
def list_(context: Context, customer: tuple[str, str], domains: tuple[str, ...], as_json: bool) -> None:
    """List a customer's relations, with the items they point to."""
    with _client(context, customer) as client:
        fetched = client.fetch(*(domains or ("product",)))
    if as_json:
        items = [{"type": item.type, "id": item.id, "attributes": item.attributes} for item in fetched.items]
        print_json({"relations": [_as_json(relation) for relation in fetched.relations], "items": items})
        return
    listing.show(fetched.relations, client.zone, fetched.items)
    if fetched.unreadable:
        click.echo(f"{fetched.unreadable} records have no usable id and are not shown", err=True)


@relations.command()
@_customer
@click.argument("relation_id", metavar="ID")
@_domain
@as_json_option
@pass_context
@explained
def show(context: Context, customer: tuple[str, str], relation_id: str, domain: str, as_json: bool) -> None:
    """Show one relation with all its fields."""
    with _client(context, customer) as client:
        _print_one(client, client.get(relation_id, domain=domain), as_json)


@relations.command()
@_customer
@click.option("--domain", required=True, help="What it points to: product, service, catalog, ...")
@click.option(
    "--refid", "refids", required=True, multiple=True, help="Id of the item; repeat it to add several at once."
)
@click.option("--type", "list_type", default="default", show_default=True, help="Type of the relation.")
@click.option("--datestart", help='Start, "YYYY-MM-DD HH:mm:ss".')
@click.option("--dateend", help='End, "YYYY-MM-DD HH:mm:ss".')
@click.option("--config", "config", metavar="JSON", default="{}", show_default=True, help="Object of key/value pairs.")
@click.option("--position", type=int, default=0, show_default=True, help="Position in the list.")
@click.option("--status", type=int, default=1, show_default=True, help="1 enabled, 0 disabled, -1 review, -2 archived.")
@as_json_option
@pass_context
@explained
def add(
    context: Context,
    customer: tuple[str, str],
    *,
    domain: str,
    refids: tuple[str, ...],
    list_type: str,
    datestart: str | None,
    dateend: str | None,
    config: str,
    position: int,
    status: int,
    as_json: bool,
) -> None:
    """Add relations of any domain and type, all or none."""
    pairs = _config(config)
    new = [
        NewRelation(
            domain=domain,
            type=list_type,
            refid=refid,
            datestart=datestart,
            dateend=dateend,
            config=pairs,
            position=position,
            status=status,
        )
        for refid in refids
    ]
    with _client(context, customer) as client:
        _print_several(client, client.add(*new), as_json)


@relations.command()
@_customer
@click.argument("product")
@as_json_option
@pass_context
@explained
def favorite(context: Context, customer: tuple[str, str], product: str, as_json: bool) -> None:
    """Make PRODUCT (its id) a favorite."""
    with _client(context, customer) as client:
        _print_one(client, client.favorite(product), as_json)


@relations.command()
@_customer
@click.argument("product")
@click.option("--timeframe", type=int, required=True, help="Days to watch, 1 to 3650.")
@click.option("--stock", is_flag=True, help="Tell when it is back in stock.")
@click.option("--price", is_flag=True, help="Tell when the price falls below --pricevalue.")
@click.option("--currency", required=True, help="Three-letter ISO code of the limit.")
@click.option("--pricevalue", help="The limit, such as 100.00; without it any decrease counts.")
@as_json_option
@pass_context
@explained
def watch(
    context: Context,
    customer: tuple[str, str],
    product: str,
    *,
    timeframe: int,
    stock: bool,
    price: bool,
    currency: str,
    pricevalue: str | None,
    as_json: bool,
) -> None:
    """Watch PRODUCT (its id)."""
    with _client(context, customer) as client:
        added = client.watch(
            product, timeframe=timeframe, stock=stock, price=price, currency=currency, pricevalue=pricevalue
        )
        _print_one(client, added, as_json)


@relations.command()
@_customer
@click.argument("relation_id", metavar="ID")
@_domain
@click.option("--set", "pairs", metavar="KEY=VALUE", multiple=True, help="Change one key of config; may be repeated.")
@click.option("--config", "config", metavar="JSON", help="Replace config as a whole.")
@click.option("--datestart", help='Start, "YYYY-MM-DD HH:mm:ss", or "null".')
@click.option("--dateend", help='End, "YYYY-MM-DD HH:mm:ss", or "null".')
@click.option("--position", type=int, help="Position in the list.")
@click.option("--status", type=int, help="1 enabled, 0 disabled, -1 review, -2 archived.")
@as_json_option
@pass_context
@explained
def modify(
    context: Context,
    customer: tuple[str, str],
    relation_id: str,
    *,
    domain: str,
    pairs: tuple[str, ...],
    config: str | None,
    datestart: str | None,
    dateend: str | None,
    position: int | None,
    status: int | None,
    as_json: bool,
) -> None:
    """Change the given fields of one relation; its ctime stays (see renew)."""
    if pairs and config is not None:
        raise click.UsageError("--set changes single keys and --config replaces them all: give one of them.")
    changes = Changes()
    if config is not None:
        changes["config"] = _config(config)
    elif pairs:
        changes["config"] = dict(map(_pair, pairs))
    if datestart is not None:
        changes["datestart"] = _date(datestart)
    if dateend is not None:
        changes["dateend"] = _date(dateend)
    if position is not None:
        changes["position"] = position
    if status is not None:
        changes["status"] = status
    with _client(context, customer) as client:
        _print_one(
            client, client.modify(relation_id, changes, domain=domain, replace_config=config is not None), as_json
        )


@relations.command()
@_customer
@click.argument("relation_id", metavar="ID")
@_domain
@as_json_option
@pass_context
@explained
def renew(context: Context, customer: tuple[str, str], relation_id: str, domain: str, as_json: bool) -> None:
    """Remove one relation and add it again, so that its timeframe starts anew."""
    with _client(context, customer) as client:
        _print_one(client, client.renew(relation_id, domain=domain), as_json)


@relations.command()
@_customer
@_ids
@_domain
@as_json_option
@pass_context
@explained
def remove(
    context: Context, customer: tuple[str, str], relation_ids: tuple[str, ...], domain: str, as_json: bool
) -> None:
    """Delete one or several relations."""
    with _client(context, customer) as client:
        client.delete(*relation_ids, domain=domain)
    if as_json:
        print_json({"removed": list(relation_ids)})
    else:
        click.echo(f"Removed {', '.join(relation_ids)}.")


@contextmanager
def _client(context: Context, customer: tuple[str, str]) -> Iterator[CustomerClient]:
    source, account = customer
    settings = context.load().settings
    if source not in settings.sources:
        known = ", ".join(sorted(settings.sources)) or "none"
        raise NotFoundError(f"there is no source {source!r} in the settings (known: {known})")
    shop = settings.sources[source]
    if account not in shop.customers:
        known = ", ".join(sorted(shop.customers)) or "none"
        raise NotFoundError(f"there is no customer {account!r} in [sources.{source}.customers] (known: {known})")
    with CustomerClient.connect(shop, shop.customers[account], setting=f"sources.{source}.url") as client:
        yield client


def _config(text: str) -> dict[str, Json]:
    try:
        return document.parse(text.encode())
    except document.DocumentError as problem:
        raise FieldError(f"customer.lists.config: {problem}") from None


def _pair(text: str) -> tuple[str, Json]:
    key, equals, value = text.partition("=")
    if not (key and equals):
        raise click.BadParameter(f"{text!r} is not KEY=VALUE", param_hint="--set")
    return key, value


def _date(text: str) -> str | None:
    return None if text == "null" else text


def _as_json(relation: Relation) -> dict[str, Any]:
    return {**asdict(relation), "config": json.loads(config_text.dump(relation.config))}


def _print_several(client: CustomerClient, found: Sequence[Relation], as_json: bool) -> None:
    if as_json:
        print_json([_as_json(relation) for relation in found])
    else:
        listing.show(found, client.zone)


def _print_one(client: CustomerClient, relation: Relation, as_json: bool) -> None:
    if as_json:
        print_json(_as_json(relation))
    else:
        listing.show([relation], client.zone)
