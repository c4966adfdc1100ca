"""The command `watchpost`."""

from pathlib import Path

import click

from worker import __version__
from worker.cli import customer, demo, inspect, outbox, relations, service, setup, shop, stages, suppress
from worker.cli.common import Context


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Settings file (TOML). Default: the file that WATCHPOST_CONFIG names, else built-in defaults.",
)
@click.version_option(__version__, prog_name="watchpost")
@click.pass_context
def main(context: click.Context, config: Path | None) -> None:
    """Watchpost mails shop customers once when a product they watch gets cheaper or is back in stock.

    Exit codes: 0 done, 1 failed, 2 usage or settings, 3 already running.
    """
    context.obj = Context(config)
    context.call_on_close(context.obj.close)


for command in (
    setup.init,
    setup.config,
    stages.sync,
    stages.scan,
    stages.compose,
    stages.dispatch,
    stages.run,
    stages.tidy,
    inspect.status,
    inspect.doctor,
    inspect.explain,
    inspect.preview,
    outbox.outbox,
    suppress.suppress,
    customer.customer,
    relations.relations,
    setup.pause,
    setup.resume,
    setup.mail_test,
    service.up,
    demo.demo,
    shop.shop,
):
    main.add_command(command)
