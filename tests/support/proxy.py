"""A TCP proxy on loopback that stands between us and a server, and fails the way networks do."""

import asyncio
import threading
from pathlib import Path

_CHUNK = 1 << 16


class Proxy:
    """Forwards to `target`, a port of this machine or a Unix socket. Listens from its creation; `with` closes it."""

    host = "127.0.0.1"

    def __init__(self, target: int | Path) -> None:
        self.target = target
        """Where new connections go."""
        self._silent = False
        self._word = b""
        self._accepted = 0
        self._loop = asyncio.new_event_loop()
        self._closing = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._listening = threading.Event()
        self.port = 0
        self._thread = threading.Thread(target=self._run, name="proxy", daemon=True)
        self._thread.start()
        self._listening.wait()

    @property
    def connections(self) -> int:
        """How many were accepted so far."""
        return self._accepted

    def fall_silent(self) -> None:
        """Half-open: connections stay, and new ones are accepted, but nothing comes through any more, in either direction."""
        self._silent = True

    def speak_again(self) -> None:
        """New connections are forwarded; what was silent stays so."""
        self._silent = False

    def cut_after(self, word: bytes) -> None:
        """The next time a client says `word`, it reaches the server, but the answer is lost with the connection."""
        self._word = word

    def close(self) -> None:
        """Cut every connection and stop listening."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._closing.set)
            self._thread.join()

    def __enter__(self) -> "Proxy":
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._accept, self.host, 0)
        self.port = server.sockets[0].getsockname()[1]
        self._listening.set()
        await self._closing.wait()
        server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await server.wait_closed()
        await asyncio.sleep(0)  # lets the loop close the sockets

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._accepted += 1
        task = self._loop.create_task(self._pass_on(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if self._silent:
                await self._closing.wait()
            if isinstance(self.target, int):
                answers, server = await asyncio.open_connection(self.host, self.target)
            else:
                answers, server = await asyncio.open_unix_connection(self.target)
        except OSError:
            writer.transport.abort()  # there is no server
            return
        except asyncio.CancelledError:
            writer.transport.abort()
            raise
        lost = asyncio.Event()
        ways = {
            asyncio.create_task(self._forward(reader, server, lost, listen=True)),
            asyncio.create_task(self._forward(answers, writer, lost, listen=False)),
        }
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            for end in (writer, server):
                end.transport.abort()
            await asyncio.gather(*ways, return_exceptions=True)

    async def _forward(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, lost: asyncio.Event, *, listen: bool
    ) -> None:
        """One way of one connection, until it ends or is cut."""
        while data := await reader.read(_CHUNK):
            if self._silent:
                await self._closing.wait()
            if not listen and lost.is_set():
                return  # the answer that is lost
            if listen and self._word and self._word in data:
                self._word = b""
                lost.set()
            writer.write(data)
            await writer.drain()
