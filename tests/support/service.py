"""Starts what an operator starts: the command `watchpost` and the lines of the Procfile, as processes of their own."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.support import process
from tests.support.children import CHECKOUT

COMMAND = [sys.executable, "-P", "-c", "from worker.cli import main; main(prog_name='watchpost')"]


def environment(**variables: str) -> dict[str, str]:
    """Ours without any WATCHPOST_ variable, plus the given ones; the checkout is what gets imported, from any folder."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith("WATCHPOST_")}
    return clean | {"PYTHONPATH": str(CHECKOUT)} | variables


def watchpost(
    *arguments: str, cwd: Path, check: int | None = 0, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run one command to its end and expect its exit code."""
    done = subprocess.run(
        [*COMMAND, *arguments],
        cwd=cwd,
        env=dict(env or environment()),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    if check is not None:
        assert done.returncode == check, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


def procfile() -> dict[str, list[str]]:
    """The Procfile's lines as this Python would run them."""
    lines = (CHECKOUT / "Procfile").read_text(encoding="utf-8").splitlines()
    named = dict(line.split(": ", 1) for line in lines if line.strip())
    return {name: [sys.executable, *line.removeprefix("python ").split()] for name, line in named.items()}


def start(line: list[str], *, cwd: Path, env: Mapping[str, str], log: str) -> "subprocess.Popen[bytes]":
    """Start one process; `log` is a file in `cwd`."""
    return process.start(line, log=cwd / log, cwd=cwd, env=env)
