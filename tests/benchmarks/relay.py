"""An SMTP server that accepts everything as fast as Python can, so that what is measured is the other side.

It prints its port and ends with its standard input.
"""

import asyncio
import sys

_GREETING = b"220 relay.test ESMTP\r\n"
_EHLO = b"250-relay.test\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 SIZE 10000000\r\n"
_OK = b"250 2.0.0 ok\r\n"
_REPLIES = {b"EHLO": _EHLO, b"DATA": b"354 go on\r\n", b"QUIT": b"221 2.0.0 bye\r\n"}
_END = b"\r\n.\r\n"


class _Session(asyncio.Protocol):
    """One connection."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._in_body = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(_GREETING)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (end := self._buffer.find(_END if self._in_body else b"\r\n")) >= 0:
            if self._in_body:
                del self._buffer[: end + len(_END)]
                self._in_body = False
                self._transport.write(_OK)
                continue
            verb = bytes(self._buffer[:4]).upper()
            del self._buffer[: end + 2]
            self._in_body = verb == b"DATA"
            self._transport.write(_REPLIES.get(verb, _OK))
            if verb == b"QUIT":
                self._transport.close()


async def _serve() -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(_Session, "127.0.0.1", 0)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(_serve())
