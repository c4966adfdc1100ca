"""An SMTP server that accepts every mail and keeps it as a file."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from threading import Lock
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session


class Sink:
    """Mails in the order they came, each also written to `folder` as NN.eml."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = Lock()
        self._mails: list[EmailMessage] = []
        self.port = 0

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        """Keep one mail."""
        content = envelope.content if isinstance(envelope.content, bytes) else (envelope.content or "").encode()
        with self._lock:
            self._mails.append(message_from_bytes(content, policy=policy.default))
            (self._folder / f"{len(self._mails):02}.eml").write_bytes(content)
        return "250 kept"

    def mails(self, after: int = 0) -> list[EmailMessage]:
        """What came, from the given number on."""
        with self._lock:
            return self._mails[after:]


class _Controller(Controller):
    """Listens on a socket that is bound already: a free port found beforehand could be taken by somebody else."""

    def __init__(self, sink: Sink, listener: socket.socket) -> None:
        self._listener = listener
        host, port = listener.getsockname()[:2]
        super().__init__(sink, hostname=host, port=port)

    def _create_server(self) -> Any:
        return self.loop.create_server(self._factory_invoker, sock=self._listener)


@contextmanager
def running(folder: Path) -> Iterator[Sink]:
    """A sink on a free loopback port while the block runs."""
    folder.mkdir(parents=True, exist_ok=True)
    sink = Sink(folder)
    listener = socket.create_server(("127.0.0.1", 0))
    sink.port = listener.getsockname()[1]
    controller = _Controller(sink, listener)
    controller.start()
    try:
        yield sink
    finally:
        controller.stop()
