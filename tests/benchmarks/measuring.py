"""What benchmarks share: databases as in production, phases in processes of their own, and how figures are shown."""

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support.postgres import running_postgres
from worker.store import schema
from worker.store.session import Store

Figures = dict[str, Any]


def parser(doc: str) -> argparse.ArgumentParser:
    """Options that every benchmark has; `--phase` and `--url` are for the processes it starts."""
    made = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--database", choices=["sqlite", "postgresql"], default="sqlite")
    made.add_argument("--json", action="store_true", help="print JSON")
    made.add_argument("--phase", help=argparse.SUPPRESS)
    made.add_argument("--url", help=argparse.SUPPRESS)
    return made


def run(
    options: argparse.Namespace, phases: Mapping[str, Callable[[], Figures]], measure: Callable[[], Figures]
) -> None:
    """Print what `measure` finds, or what one phase does where the benchmark started itself."""
    figures = phases[options.phase]() if options.phase else measure()
    if options.json or options.phase:
        sys.stdout.write(json.dumps(figures) + "\n")
        return
    for name, value in figures.items():
        shown = f"{value:,.3f}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else value
        sys.stdout.write(f"{name:24} {shown}\n")


def in_own_process(module: str, phase: str, **options: object) -> Figures:
    """What this phase prints, run by a Python of its own, so that its memory is its own, too."""
    given = [part for name, value in options.items() for part in (f"--{name}", str(value))]
    command = [sys.executable, "-m", module, "--phase", phase, *given]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    found: Figures = json.loads(done.stdout.splitlines()[-1])
    return found


@contextmanager
def database(kind: str, folder: Path) -> Iterator[str]:
    """The URL of a new database with the schema, which writes to the disk as one in production does."""
    if kind == "sqlite":
        yield _with_schema(f"sqlite:///{folder / 'benchmark.db'}")
        return
    with running_postgres(durable=True) as server:
        yield _with_schema(server.url(server.create_database()))


def _with_schema(url: str) -> str:
    store = Store(url)
    schema.upgrade(store)
    store.dispose()
    return url


@contextmanager
def stopwatch() -> Iterator[Figures]:
    """Filled at the end: wall and CPU seconds of the block, and the process's peak memory."""
    figures: Figures = {}
    began, worked = time.perf_counter(), time.process_time()
    yield figures
    figures["seconds"] = time.perf_counter() - began
    figures["cpu_seconds"] = time.process_time() - worked
    figures["peak_rss_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
