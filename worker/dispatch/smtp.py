"""One persistent connection to the relay, step by step, so that the phase of every failure is known."""

import asyncio
import re
import socket
import ssl
from collections.abc import Awaitable, Callable
from contextlib import suppress
from email.utils import parseaddr
from functools import cache
from typing import cast

from aiosmtplib import SMTP, SMTPException, SMTPResponse, SMTPResponseException

from worker.dispatch.replies import Kind, Phase, Verdict, lacking, of_error, of_reply, unusable
from worker.errors import SettingsError
from worker.settings import Smtp

_FAREWELL_SECONDS = 5.0
_LINE_END = re.compile(rb"\r\n|\r|\n")
_DOT = re.compile(rb"^\.", re.MULTILINE)

Told = Callable[[Phase, int], None]
"""Hears of each step the relay agreed to, and the code of its reply."""


def _untold(_phase: Phase, _code: int) -> None:
    pass


class Connection:
    """A connection that lives in one event loop. A step returns None for "go on" or the verdict on what went wrong.

    After a failed step the connection is either ready for the next mail or closed; `usable` says which.
    """

    def __init__(self, settings: Smtp, tls: ssl.SSLContext | None, told: Told = _untold) -> None:
        self._settings = settings
        self._tls = tls
        self._told = told
        self._client: SMTP | None = None
        self._transport: asyncio.BaseTransport | None = None
        self.worn = False
        """It has carried a mail, so the relay may close it at any time without that meaning anything."""

    @property
    def usable(self) -> bool:
        """Whether a mail may be started on it."""
        return self._client is not None and self._client.is_connected

    async def open(self) -> Verdict | None:
        """Connect, say hello, encrypt and log in, as the settings demand; never less than they demand."""
        await self.close()
        self.worn = False
        phase = Phase.CONNECT
        client = self._new_client()
        try:
            self._told(Phase.GREETING, (await client.connect()).code)
            self._client, self._transport = client, client.transport
            phase = Phase.EHLO
            await self._hello(client)
            if self._settings.tls == "starttls":
                phase = Phase.STARTTLS
                self._told(phase, (await client.starttls()).code)
                self._transport = client.transport
                phase = Phase.EHLO
                await self._hello(client)  # RFC 3207, 4.2: what was offered in the clear counts for nothing
            if self._settings.username:
                phase = Phase.AUTH
                password = self._settings.password.get_secret_value()
                self._told(phase, (await client.login(self._settings.username, password)).code)
        except (SMTPException, OSError, ValueError) as error:
            self._drop()
            return of_error(_where(phase, error), error)
        return None

    async def envelope(self, sender: str, recipient: str, message: bytes) -> Verdict | None:
        """MAIL and RCPT for a message of CRLF lines. Whatever comes of it, nothing of the message has been sent."""
        client = self._connected()
        if not self.usable:  # closed while it was idle; with it went what the relay had offered
            self.worn = True
            return of_error(Phase.MAIL, ConnectionResetError())
        if not (_is_one_address(sender) and _is_one_address(recipient)):
            return unusable()
        international = not (sender + recipient).isascii() or not message.partition(b"\r\n\r\n")[0].isascii()
        options = [f"SIZE={len(message)}"] if client.supports_extension("size") else []
        if international:
            if not client.supports_extension("smtputf8"):
                return lacking("smtputf8")
            options.append("SMTPUTF8")
        if not message.isascii():
            if not client.supports_extension("8bitmime"):
                return lacking("8bitmime")
            options.append("BODY=8BITMIME")
        encoding = "utf-8" if international else "ascii"
        verdict = await self._step(Phase.MAIL, client.mail(sender, options=options, encoding=encoding))
        if verdict is None:
            self.worn = True
            verdict = await self._step(Phase.RCPT, client.rcpt(recipient, encoding=encoding))
        if verdict is not None:
            await self.reset()
        return verdict

    async def submit(self, message: bytes) -> Verdict:
        """DATA, the message, and the relay's final word on it. Only silence or nonsense after the body is ambiguous.

        Not aiosmtplib's `data()`: that hides whether the body was begun, and gives DATA the long time-out as well.
        """
        client = self._connected()
        refused = await self._step(Phase.DATA, client.execute_command(b"DATA"))
        if refused is not None:
            await self.reset()
            return refused
        phase = Phase.DATA
        try:
            protocol = client.protocol
            if protocol is None:
                raise ConnectionResetError
            protocol.write(dot_stuffed(message))
            phase = Phase.BODY
            response = await protocol.read_response(timeout=self._settings.data_timeout_seconds)
            verdict = of_reply(phase, response.code, response.message)
        except (SMTPException, OSError) as error:
            verdict = of_error(phase, error)
        verdict = cast(Verdict, verdict)  # after the body every reply is one
        if verdict.code is None:
            self._drop()  # a late reply would be taken for the next command's
        return verdict

    async def reset(self) -> None:
        """Give up the mail that was begun (RSET); a connection that does not take it is closed."""
        if self._client is not None and self.usable:
            try:
                await self._client.rset()
            except (SMTPException, OSError):
                self._drop()

    async def close(self) -> None:
        """Say goodbye if the relay still listens, and close in any case."""
        if self._client is not None and self.usable:
            with suppress(SMTPException, OSError):  # QUIT is a courtesy
                await self._client.quit(timeout=min(_FAREWELL_SECONDS, self._settings.timeout_seconds))
        self._drop()
        await asyncio.sleep(0)  # lets the loop close the socket

    def _new_client(self) -> SMTP:
        return SMTP(
            hostname=self._settings.host,
            port=self._settings.port,
            timeout=self._settings.timeout_seconds,
            use_tls=self._settings.tls == "tls",
            start_tls=False,
            tls_context=self._tls,
            local_hostname="localhost",  # never said: _hello knows better
        )

    async def _hello(self, client: SMTP) -> None:
        name = await asyncio.to_thread(_own_name)
        reply = await client.ehlo(hostname=name or _literal(client.get_transport_info("sockname")[0]))
        self._told(Phase.EHLO, reply.code)

    async def _step(self, phase: Phase, command: Awaitable[SMTPResponse]) -> Verdict | None:
        try:
            response = await command
            verdict = of_reply(phase, response.code, response.message)
        except (SMTPException, OSError, ValueError) as error:
            verdict = of_error(phase, error)
        else:
            self._told(phase, response.code)
        if verdict is not None and verdict.code is None and verdict.kind is Kind.UNSENT_TRANSIENT:
            self._drop()  # as above
        return verdict

    def _connected(self) -> SMTP:
        if self._client is None:
            raise RuntimeError("the connection was not opened")
        return self._client

    def _drop(self) -> None:
        if isinstance(self._transport, asyncio.WriteTransport):
            self._transport.abort()  # close() would wait for a relay that does not read
        if self._client is not None:
            self._client.close()
        self._client = self._transport = None


def tls_context(settings: Smtp) -> ssl.SSLContext | None:
    """Verifies the relay's certificate and name by the system's authorities, or by those of `ca_file` alone.

    Raises SettingsError where `ca_file` can't be read any more.
    """
    if settings.tls == "none":
        return None
    try:
        return ssl.create_default_context(cafile=settings.ca_file or None)
    except OSError as error:
        raise SettingsError(f"smtp.ca_file: {settings.ca_file} can't be read; name a PEM file") from error


def dot_stuffed(message: bytes) -> bytes:
    """The message as DATA wants it (RFC 5321, 4.5.2): CRLF only, leading dots doubled, closed by a line with one dot."""
    lines = _LINE_END.sub(b"\r\n", message)
    end = b".\r\n" if lines.endswith(b"\r\n") else b"\r\n.\r\n"
    return _DOT.sub(b"..", lines) + end


def _is_one_address(address: str) -> bool:
    """Whether aiosmtplib would say exactly this: it takes what `parseaddr` finds, be it another address."""
    return parseaddr(address)[1] == address


def _where(phase: Phase, error: Exception) -> Phase:
    """`connect()` reads the greeting, too; only a reply tells that we came so far."""
    return Phase.GREETING if phase is Phase.CONNECT and isinstance(error, SMTPResponseException) else phase


@cache
def _own_name() -> str:
    """This machine's full name, or "" where it has none that a relay would accept (RFC 5321, 4.1.4)."""
    name = socket.getfqdn()
    return name if "." in name and name.isascii() and not name.startswith("localhost.") else ""


def _literal(address: str) -> str:
    return f"[IPv6:{address}]" if ":" in address else f"[{address}]"
