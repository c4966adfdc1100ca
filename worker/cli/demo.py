"""`watchpost demo`."""

import signal
import sys
from pathlib import Path
from types import FrameType

import click
from rich.console import Console

from worker import processes
from worker.cli.common import explained
from worker.errors import WatchpostError

out = Console(highlight=False, soft_wrap=True)


@click.command()
@click.option(
    "--out",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("watchpost-demo"),
    show_default=True,
    help="Where the mails, index.html, settings and database go.",
)
@explained
def demo(folder: Path) -> None:
    """Play a scripted day with a small shop, a mail server and the real service, in under a minute."""
    try:
        from worker.demo.play import play  # noqa: PLC0415 - its packages are an extra
    except ModuleNotFoundError as missing:
        raise WatchpostError(
            f"the demo needs {missing.name}; install it with: pip install '.[demo]', in a checkout of Watchpost"
        ) from None
    for number in processes.stop_signals():  # the first is ignored in what a script starts in the background
        signal.signal(number, _interrupt)
    surprises = play(folder, out.print)
    sys.exit(1 if surprises else 0)


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    """End the demo: everything it started is stopped."""
    raise KeyboardInterrupt
