"""A scripted SMTP relay on loopback that can answer anything at any point, fall silent or hang up.

    relay.on("rcpt", "451 4.7.1 later", DEFAULT, CUT)   the first three RCPTs; the next are answered as usual
    relay.always("mail", "550 no")                      every MAIL
Points: greeting, ehlo, starttls, auth, mail, rcpt, data, body (its first line arrived), dot (its end did), rset, quit.
"""

import asyncio
import base64
import re
import ssl
import threading
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

CERTIFICATES = Path(__file__).parent.parent / "fixtures" / "tls"


class Deed(Enum):
    """What the relay does instead of answering."""

    DEFAULT = "answers as usual"
    STALL = "says nothing any more"
    CUT = "hangs up"


DEFAULT, STALL, CUT = Deed.DEFAULT, Deed.STALL, Deed.CUT

Action = Deed | str | bytes | Callable[[str], "Deed | str | bytes"]
"""A deed, the lines of a reply, raw bytes, or a function of the command line that decides."""


@dataclass(frozen=True, slots=True)
class Arrived:
    """A mail whose final dot arrived."""

    connection: int
    mail: str
    """The whole MAIL command."""
    recipient: str
    content: bytes


def server_context(certificate: str) -> ssl.SSLContext:
    """TLS for the relay with one of the certificates in tests/fixtures/tls."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATES / certificate)
    return context


class ScriptedRelay:
    """Listens from its creation until `close()`; `with` closes it. `login` is "user:password"; `implicit` is TLS at once."""

    host = "127.0.0.1"

    def __init__(
        self,
        *,
        port: int = 0,
        extensions: tuple[str, ...] = ("8BITMIME", "SMTPUTF8", "SIZE 1000000"),
        tls: ssl.SSLContext | None = None,
        implicit: bool = False,
        login: str = "",
    ) -> None:
        self.extensions = extensions
        self.tls = tls
        self.implicit = implicit
        self.login = login
        self._changed = threading.Condition()
        self._script: dict[str, deque[Action]] = {}
        self._rules: dict[str, Action] = {}
        self._reached: Counter[str] = Counter()
        self._arrived: list[Arrived] = []
        self._complete: list[Arrived] = []
        self._taken: list[bytes] = []
        self._commands: list[tuple[int, str]] = []
        self._accepted = 0
        self._loop = asyncio.new_event_loop()
        self._closing = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self.port = port
        self._listening = threading.Event()
        self._thread = threading.Thread(target=self._run, name="scripted-relay", daemon=True)
        self._thread.start()
        self._listening.wait()

    def on(self, point: str, *actions: Action) -> None:
        """What happens the next times `point` is reached, over all connections."""
        with self._changed:
            self._script.setdefault(point, deque()).extend(actions)

    def always(self, point: str, action: Action) -> None:
        """What happens at `point` when nothing else is scripted; DEFAULT takes it back."""
        with self._changed:
            self._rules[point] = action

    @property
    def arrived(self) -> list[Arrived]:
        """The mails accepted with 2xx so far."""
        with self._changed:
            return list(self._arrived)

    @property
    def complete(self) -> list[Arrived]:
        """The mails whose final dot arrived, whatever the relay said then, if it said anything."""
        with self._changed:
            return list(self._complete)

    @property
    def taken(self) -> list[bytes]:
        """The contents the relay accepted, or fell silent about: it has them, or may have."""
        with self._changed:
            return list(self._taken)

    @property
    def commands(self) -> list[str]:
        """Every command line so far, in order."""
        with self._changed:
            return [line for _, line in self._commands]

    @property
    def connections(self) -> int:
        """How many connections there were."""
        with self._changed:
            return self._accepted

    def wait_for(self, point: str, times: int = 1, timeout: float = 20) -> None:
        """Wait until `point` was reached that often. Raises TimeoutError."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._reached[point] >= times, timeout):
                raise TimeoutError(f"{point} was reached {self._reached[point]} times, not {times}")

    def close(self) -> None:
        """Hang up on everybody and stop listening; afterwards the port refuses connections."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._closing.set)
            self._thread.join()

    def __enter__(self) -> "ScriptedRelay":
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        context = self.tls if self.implicit else None
        server = await asyncio.start_server(self._accept, self.host, self.port, ssl=context, limit=1 << 24)
        self.port = server.sockets[0].getsockname()[1]
        self._listening.set()
        await self._closing.wait()
        server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await server.wait_closed()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with self._changed:
            self._accepted += 1
            number = self._accepted
        task = self._loop.create_task(self._talk(_Conversation(self, number, reader, writer)))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _talk(self, conversation: "_Conversation") -> None:
        try:
            await conversation.run()
        except (_HangUpError, OSError, asyncio.IncompleteReadError):
            pass  # scripted, or the client's own business
        finally:
            conversation.writer.transport.abort()

    def reached(self, point: str, line: str, connection: int, mail: Arrived | None) -> Deed | str | bytes:
        """Note that a conversation is here, and say what to do."""
        with self._changed:
            script = self._script.get(point)
            action = script.popleft() if script else self._rules.get(point, DEFAULT)
            deed = action(line) if callable(action) else action
            if point not in {"greeting", "body", "dot"}:
                self._commands.append((connection, line))
            if mail is not None:
                self._complete.append(mail)
                if not _is_refusal(deed):
                    self._taken.append(mail.content)
                if deed is DEFAULT or (isinstance(deed, str) and deed.startswith("2")):
                    self._arrived.append(mail)
            self._reached[point] += 1
            self._changed.notify_all()
        return deed


def _is_refusal(deed: Deed | str | bytes) -> bool:
    """4xx or 5xx."""
    return not isinstance(deed, Deed) and deed[:1] in {"4", "5", b"4", b"5"}


class _HangUpError(Exception):
    """The relay closes the connection."""


class _Conversation:
    """One connection."""

    def __init__(
        self, relay: ScriptedRelay, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._relay = relay
        self._number = number
        self._reader = reader
        self.writer = writer
        self._encrypted = relay.implicit
        self._mail = self._recipient = ""

    async def run(self) -> None:
        await self._answer("greeting", "", "220 relay.test ESMTP")
        while True:
            line = (await self._reader.readuntil(b"\n")).decode("utf-8", "replace").rstrip("\r\n")
            verb = line.split(" ")[0].split(":")[0].lower()
            handler = getattr(self, f"_do_{verb}", None)
            if handler is None:
                await self._say("500 5.5.2 what?")
            else:
                await handler(line)

    async def _do_ehlo(self, line: str) -> None:
        offers = [*self._relay.extensions]
        if self._relay.tls and not self._encrypted:
            offers.append("STARTTLS")
        if self._relay.login:
            offers.append("AUTH PLAIN LOGIN")
        lines = ["relay.test", *offers]
        await self._answer("ehlo", line, "\r\n".join([*(f"250-{text}" for text in lines[:-1]), f"250 {lines[-1]}"]))

    async def _do_starttls(self, line: str) -> None:
        if await self._answer("starttls", line, "220 go ahead") == "220" and self._relay.tls:
            await self.writer.start_tls(self._relay.tls)
            self._encrypted = True

    async def _do_auth(self, line: str) -> None:
        given = base64.b64decode(line.rpartition(" ")[2]).decode().removeprefix("\0").replace("\0", ":")
        await self._answer("auth", line, "235 2.7.0 welcome" if given == self._relay.login else "535 5.7.8 who?")

    async def _do_mail(self, line: str) -> None:
        if (await self._answer("mail", line, "250 2.1.0 ok")).startswith("2"):
            self._mail = line

    async def _do_rcpt(self, line: str) -> None:
        code = await self._answer("rcpt", line, "250 2.1.5 ok" if self._mail else "503 5.5.1 MAIL first")
        if code.startswith("2"):
            self._recipient = re.sub(r".*<(.*)>.*", r"\1", line)

    async def _do_data(self, line: str) -> None:
        if await self._answer("data", line, "354 go on" if self._recipient else "503 5.5.1 RCPT first") != "354":
            return
        head = await self._reader.readuntil(b"\n")
        await self._answer("body", "", "")
        rest = b"" if head == b".\r\n" else await self._reader.readuntil(b"\r\n.\r\n")
        content = re.sub(rb"(?m)^\.(?=.)", b"", (head + rest).removesuffix(b".\r\n"))
        mail = Arrived(self._number, self._mail, self._recipient, content)
        self._mail = self._recipient = ""
        await self._answer("dot", mail.recipient, "250 2.0.0 queued", mail)

    async def _do_rset(self, line: str) -> None:
        self._mail = self._recipient = ""
        await self._answer("rset", line, "250 2.0.0 ok")

    async def _do_quit(self, line: str) -> None:
        await self._answer("quit", line, "221 2.0.0 bye")
        raise _HangUpError

    async def _answer(self, point: str, line: str, usual: str, mail: Arrived | None = None) -> str:
        """Do what the script says here; the code that was answered, if any. A complete `mail` is kept before that."""
        action = self._relay.reached(point, line, self._number, mail)
        if action is STALL:
            await self._relay._closing.wait()
        if action is CUT or action is STALL:
            raise _HangUpError
        answer = usual if isinstance(action, Deed) else action
        if isinstance(answer, bytes):
            self.writer.write(answer)
            await self.writer.drain()
            return answer[:3].decode("ascii", "replace")
        await self._say(answer)
        if answer.startswith("421"):
            raise _HangUpError
        return answer[:3]

    async def _say(self, text: str) -> None:
        if text:
            self.writer.write(text.encode() + b"\r\n")
            await self.writer.drain()
