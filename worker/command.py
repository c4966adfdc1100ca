"""Where the program `watchpost` begins: it loads the commands, and until then Ctrl-C ends it without a traceback."""

import signal


def main() -> None:
    """Run the command that the arguments name."""
    before = signal.getsignal(signal.SIGINT)
    if before is not signal.SIG_IGN:  # as it is in what a script starts in the background
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from worker.cli import main as commands  # noqa: PLC0415 - takes half a second

    signal.signal(signal.SIGINT, before)
    commands()
