"""A real SMTP server on loopback that records every envelope it accepts."""

import asyncio
import socket
import threading
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage

from aiosmtpd.smtp import SMTP, Envelope, Session


@dataclass(frozen=True, slots=True)
class Received:
    """One accepted mail: the envelope and the content as it came over the wire (CRLF line ends, dots unstuffed)."""

    mail_from: str
    rcpt_tos: tuple[str, ...]
    content: bytes

    @property
    def message(self) -> EmailMessage:
        """The content, parsed."""
        return message_from_bytes(self.content, policy=policy.default)


class SmtpSink:
    """Accepts every mail. It listens from its creation until `close()`; `with` closes it."""

    host = "127.0.0.1"

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._received: list[Received] = []
        self._open: set[_Connection] = set()
        self._accepted = 0
        self._socket = socket.create_server((self.host, 0))
        self.port: int = self._socket.getsockname()[1]
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="smtp-sink", daemon=True)
        self._thread.start()

    def received(self) -> tuple[Received, ...]:
        """Everything accepted so far, in order."""
        with self._changed:
            return tuple(self._received)

    def wait_for(self, count: int, timeout: float = 20) -> tuple[Received, ...]:
        """Wait until at least `count` mails were accepted and return all. Raises TimeoutError."""
        with self._changed:
            if not self._changed.wait_for(lambda: len(self._received) >= count, timeout):
                raise TimeoutError(f"{len(self._received)} of {count} mails arrived within {timeout:g} seconds")
            return tuple(self._received)

    def clear(self) -> None:
        """Forget what was received."""
        with self._changed:
            self._received.clear()

    @property
    def connections(self) -> int:
        """How many connections were accepted so far."""
        with self._changed:
            return self._accepted

    def close(self) -> None:
        """Cut open connections and stop listening; afterwards the port refuses connections."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join()

    def __enter__(self) -> "SmtpSink":
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        """Record a mail; aiosmtpd calls this after the final dot."""
        mail = Received(envelope.mail_from or "", tuple(envelope.rcpt_tos), envelope.original_content or b"")
        with self._changed:
            self._received.append(mail)
            self._changed.notify_all()
        return "250 2.0.0 OK"

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        server = await self._loop.create_server(self._connection, sock=self._socket)
        await self._stop.wait()
        server.close()
        while self._open:
            for connection in self._open:
                connection.cut()
            await asyncio.sleep(0)
        await server.wait_closed()

    def _connection(self) -> "_Connection":
        with self._changed:
            self._accepted += 1
        return _Connection(self, self._open, self._loop)


class _Connection(SMTP):
    """One client's session, which can be cut."""

    def __init__(self, sink: SmtpSink, registry: "set[_Connection]", loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(sink, hostname="sink.test", ident="sink", enable_SMTPUTF8=True, loop=loop)
        self._registry = registry

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._registry.add(self)
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        self._registry.discard(self)
        super().connection_lost(error)

    def cut(self) -> None:
        """Close without a word, as a relay does that dies."""
        if isinstance(self.transport, asyncio.Transport):
            self.transport.abort()
