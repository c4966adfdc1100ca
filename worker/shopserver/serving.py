"""Running the shop: `serve` for tests and the demo (in a thread), `run` for the command (until it is stopped)."""

import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from threading import Event, Thread

import uvicorn
from starlette.types import ASGIApp

_STOP_SECONDS = 10.0


@contextmanager
def serve(app: ASGIApp, host: str = "127.0.0.1", port: int = 0) -> Iterator[str]:
    """Serve in a thread while the block runs; yields the base URL, such as `http://127.0.0.1:54321`. Port 0 is any free one."""
    with closing(listen(host, port)) as listener:
        server = _Server(app)
        thread = Thread(target=server.run, args=([listener],), name="shop", daemon=True)
        thread.start()
        while not server.ready.wait(timeout=1):
            if not thread.is_alive():
                raise RuntimeError("the shop's server ended before it began; its log says why")
        try:
            yield url_of(listener)
        finally:
            server.should_exit = True
            thread.join(_STOP_SECONDS)
            if thread.is_alive():
                raise RuntimeError("the shop's server does not stop; its event loop is stuck")


def run(app: ASGIApp, listener: socket.socket) -> None:
    """Serve who connects to the `listener` until SIGINT or SIGTERM."""
    _Server(app).run([listener])


class _Server(uvicorn.Server):
    def __init__(self, app: ASGIApp) -> None:
        # No access log: URLs carry CSRF tokens.
        super().__init__(uvicorn.Config(app, http="h11", ws="none", lifespan="off", access_log=False, log_config=None))
        self.ready = Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()


def listen(host: str, port: int) -> socket.socket:
    """Take connections from now on; they wait until somebody serves them. Raises OSError, for a taken port and the like."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.create_server((host, port), family=family, backlog=128)
    # Inherited by its connections, else the body of an answer waits 40 ms for the client to confirm the head.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    listener.setblocking(False)
    return listener


def url_of(listener: socket.socket) -> str:
    """The base URL, such as `http://127.0.0.1:54321`."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
