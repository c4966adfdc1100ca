"""Python snippets in processes of their own, for what only real processes can show."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]


class Child:
    """A process that runs a snippet; `sys.argv[1:]` are the arguments, and it is ended with the block."""

    def __init__(self, code: str, *arguments: str, package_root: Path = CHECKOUT) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-W", "error", "-c", code, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd="/",
            env=os.environ | {"PYTHONPATH": str(package_root)},
        )
        self.pid = self._process.pid

    def tell(self, line: str = "go") -> None:
        """Send a line, which the snippet reads with `input()`."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()

    def hear(self) -> str:
        """Wait for the next line that the snippet prints (with `flush=True`); empty when it ended."""
        assert self._process.stdout is not None
        return self._process.stdout.readline().rstrip("\n")

    def end(self) -> int:
        """Close its input and wait until it ends; returns the exit code."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        return self._process.wait(timeout=30)

    def __enter__(self) -> "Child":
        return self

    def __exit__(self, *_exc: object) -> None:
        self._process.kill()
        with self._process:
            pass


def hear_all(children: Sequence[Child]) -> list[str]:
    """The next line of each."""
    return [child.hear() for child in children]
