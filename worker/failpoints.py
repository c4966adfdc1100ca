"""Places where tests kill or stop this very process; inert unless the environment names them."""

import os
import signal

VARIABLE = "WATCHPOST_FAILPOINT"
"""For example `dispatch.claimed=kill`, or several, separated by commas."""


def hit(name: str) -> None:
    """Die (`kill`) or freeze (`pause`, until SIGCONT) here if the environment says so. Raises KeyError on another verb."""
    plan = os.environ.get(VARIABLE)
    if not plan:
        return
    for entry in plan.split(","):
        place, _, verb = entry.partition("=")
        if place == name:
            os.kill(os.getpid(), {"kill": signal.SIGKILL, "pause": signal.SIGSTOP}[verb])
