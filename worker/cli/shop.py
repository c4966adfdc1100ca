"""`watchpost shop`: a small shop that serves the customer API, and the commands that fill it and change prices and stock."""

import errno
import socket
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import click
from sqlalchemy.exc import DBAPIError

from worker.cli.common import as_json_option, explained, print_json
from worker.errors import DatabaseError, NotFoundError, WatchpostError
from worker.shop.document import DocumentError as UnreadableError
from worker.shop.document import parse
from worker.shopserver.document import DocumentError
from worker.shopserver.overview import overview
from worker.shopserver.sample import load_sample
from worker.shopserver.store import ShopStore
from worker.store.session import reason

_DEFAULT_FOLDER = Path("watchpost-data/shop")
_EXTRA = {"starlette", "uvicorn", "anyio"}

_data_option = click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False),
    help=f"Folder with the shop's database.  [default: {_DEFAULT_FOLDER}]",
)
_pass_folder = click.make_pass_decorator(Path)


@click.group(invoke_without_command=True)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on. There is no TLS.")
@click.option("--port", type=click.IntRange(0, 65_535), default=8800, show_default=True, help="0 is any free port.")
@_data_option
@click.option("--prefix", help='Name that parameters are nested in (meta.prefix), such as "ai".')
@click.option("--csrf", is_flag=True, help="Ask for the CSRF token of meta.csrf in writes by cookie.")
@click.option("--currency", default="EUR", show_default=True, help="Currency of prices where a request names none.")
@click.option("--language", default="en", show_default=True, help="Language of texts where a request names none.")
@click.option("--timezone", default="UTC", show_default=True, help="Zone of the naive dates in the API.")
@click.option("--empty", is_flag=True, help="Begin without the sample products and customers.")
@as_json_option
@click.pass_context
@explained
def shop(
    context: click.Context,
    *,
    host: str,
    port: int,
    data: Path | None,
    prefix: str | None,
    csrf: bool,
    currency: str,
    language: str,
    timezone: str,
    empty: bool,
    as_json: bool,
) -> None:
    """Serve a small shop with the customer API, or change its data with one of the commands.

    A new shop begins with a few sample products and two customers, whose tokens are printed once. The commands may be
    used while the shop runs.
    """
    context.obj = data or _DEFAULT_FOLDER
    if context.invoked_subcommand is not None:
        return
    with _needing_the_extra():
        from worker.shopserver.app import create_app  # noqa: PLC0415 - an optional extra
        from worker.shopserver.serving import run, url_of  # noqa: PLC0415
    with _opened(context.obj, create=True) as store:
        app = create_app(
            store, prefix=prefix, csrf=csrf, currency=currency.upper(), language=language, timezone=timezone
        )
        with closing(_listener(host, port)) as listener:  # before there are tokens, which are shown only once
            tokens = load_sample(store) if not empty and store.is_empty() else {}
            url = url_of(listener)
            if as_json:
                print_json({"url": f"{url}/jsonapi", "data": str(context.obj), "tokens": tokens})
            else:
                _announce(url, context.obj, tokens, csrf)
            sys.stdout.flush()
            try:
                run(app, listener)
            except KeyboardInterrupt:
                click.echo("The shop is closed.", err=True)


def _listener(host: str, port: int) -> socket.socket:
    from worker.shopserver.serving import listen  # noqa: PLC0415 - an optional extra

    try:
        return listen(host, port)
    except OSError as error:
        option = "--port" if error.errno in {errno.EADDRINUSE, errno.EACCES} else "--host"
        raise WatchpostError(
            f"Can't listen on {host} port {port}: {error.strerror}. Choose another {option}."
        ) from error


@shop.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@_data_option
@as_json_option
@_pass_folder
@explained
def load(folder: Path, file: Path, data: Path | None, as_json: bool) -> None:
    """Add or replace products, prices, stock, customers and relations from a JSON FILE: all of it or nothing.

    The FILE has the shape of worker/shopserver/sample.json.
    """
    try:
        content = parse(file.read_bytes())
    except UnreadableError as error:
        raise DocumentError(f"{file}: {error}") from error
    with _opened(data or folder, create=True) as store:
        counts = store.load(content)
    if as_json:
        print_json(counts)
    else:
        click.echo("Loaded " + ", ".join(f"{count} {name}" for name, count in counts.items()) + ".")


@shop.command("set-price")
@click.argument("product")
@click.argument("currency")
@click.argument("value")
@_data_option
@as_json_option
@_pass_folder
@explained
def set_price(folder: Path, product: str, currency: str, value: str, data: Path | None, as_json: bool) -> None:
    """Set what one piece of PRODUCT (id or code) costs, as in `set-price mug EUR 9.90`."""
    with _opened(data or folder) as store:
        store.set_price(product, currency, value)
    if as_json:
        print_json({"product": product, "currency": currency.upper(), "value": value})
    else:
        click.echo(f"{product} costs {value} {currency.upper()} now.")


@shop.command("set-stock")
@click.argument("product")
@click.argument("level")
@click.option("--type", "kind", default="default", show_default=True, help="Stock type, such as a warehouse.")
@_data_option
@as_json_option
@_pass_folder
@explained
def set_stock(folder: Path, product: str, level: str, kind: str, data: Path | None, as_json: bool) -> None:
    """Set the stock LEVEL of PRODUCT (id or code): a whole number, or `unlimited`."""
    if level != "unlimited" and not (level.isascii() and level.removeprefix("-").isdigit() and len(level) <= 11):
        raise click.BadParameter("a whole number, or unlimited", param_hint="LEVEL")
    pieces = None if level == "unlimited" else int(level)
    with _opened(data or folder) as store:
        store.set_stock(product, pieces, type=kind)
    if as_json:
        print_json({"product": product, "type": kind, "level": pieces})
    else:
        click.echo(f"The stock of {product} ({kind}) is {level} now.")


@shop.command()
@click.argument("customer")
@_data_option
@as_json_option
@_pass_folder
@explained
def token(folder: Path, customer: str, data: Path | None, as_json: bool) -> None:
    """Make another bearer token for CUSTOMER (id or code); it is shown only now."""
    with _opened(data or folder) as store:
        secret = store.add_token(customer)
    if as_json:
        print_json({"customer": customer, "token": secret})
    else:
        click.echo(secret)


@shop.command()
@_data_option
@as_json_option
@_pass_folder
@explained
def show(folder: Path, data: Path | None, as_json: bool) -> None:
    """Print the products with prices and stock, and the customers."""
    with _opened(data or folder) as store:
        found = overview(store)
    if as_json:
        print_json(found)
        return
    for product in found["products"]:
        prices = ", ".join(f"{value or 'on request'} {code}" for code, value in product["prices"].items())
        levels = [f"{kind} {'unlimited' if level is None else level}" for kind, level in product["stock"].items()]
        hidden = "" if product["enabled"] else " (disabled)"
        click.echo(
            f"product {product['id']} {product['code']}{hidden}: {prices or 'no price'}; stock {', '.join(levels) or '-'}"
        )
    for customer in found["customers"]:
        hidden = "" if customer["enabled"] else " (disabled)"
        click.echo(f"customer {customer['id']} {customer['code']}{hidden}: {customer['relations']} relations")


@contextmanager
def _opened(folder: Path, *, create: bool = False) -> Iterator[ShopStore]:
    database = folder / "shop.db"
    try:
        with _database(folder, database, create=create) as store:
            yield store
    except DBAPIError as problem:
        remedy = "is there room on the disk, may this user write there, is it a shop's file? Another place: --data"
        raise DatabaseError(f"The shop's data in {database} can't be used: {reason(problem)}; {remedy}") from problem


@contextmanager
def _database(folder: Path, database: Path, *, create: bool) -> Iterator[ShopStore]:
    if create:
        if not folder.parent.exists():
            folder.parent.mkdir(mode=0o700, parents=True)  # by default the folder of all data
        folder.mkdir(mode=0o700, exist_ok=True)
    elif not database.exists():
        raise NotFoundError(
            f"There is no shop in {folder}. Start one with `watchpost shop`, or name its folder with --data."
        )
    store = ShopStore(f"sqlite:///{database}")
    try:
        yield store
    finally:
        store.dispose()


@contextmanager
def _needing_the_extra() -> Iterator[None]:
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in _EXTRA:
            raise
        raise WatchpostError(
            "The shop needs Starlette and uvicorn: pip install '.[demo]' in a checkout of Watchpost."
        ) from error


def _announce(url: str, folder: Path, tokens: dict[str, str], csrf: bool) -> None:
    secret = next(iter(tokens.values()), "TOKEN")
    relations = f"'{url}/jsonapi/customer?related=relationships&include=product'"
    lines = [f"The shop is open at {url}/jsonapi (data in {folder}). Close it with Ctrl-C.", ""]
    if tokens:
        lines += ["It begins with sample products and these customers. Their tokens are shown only now:"]
        lines += [*(f"  {code}  {token}" for code, token in tokens.items()), ""]
    lines += [
        "Look at a customer's relations, with the token or with a cookie:",
        f"  curl -H 'Authorization: Bearer {secret}' {relations}",
        f"  curl -c cookies.txt -d 'token={secret}' {url}/login",
        f"  curl -b cookies.txt -c cookies.txt {relations}",
    ]
    if csrf:
        lines += ["With the cookie, append &_token= and the value of meta.csrf to POST, PATCH and DELETE."]
    lines += [
        "Change a price or the stock while it runs, make another token:",
        f"  watchpost shop set-price mug EUR 9.90 --data {folder}",
        f"  watchpost shop set-stock hoodie 5 --data {folder}",
        f"  watchpost shop token CUSTOMER --data {folder}",
    ]
    click.echo("\n".join(lines))
