"""Keeps tests off the network: everything but loopback is refused."""

import ipaddress
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock


class NetworkRefusedError(AssertionError):
    """A test reached for the network. Not an OSError, so that no code takes it for a fault it should survive."""


@contextmanager
def loopback_only() -> Iterator[None]:
    """Refuse, for the block, to connect or look up anything but this machine. Not covered: libpq, subprocesses."""
    connect, connect_ex, getaddrinfo = socket.socket.connect, socket.socket.connect_ex, socket.getaddrinfo

    def guarded_connect(self: socket.socket, address: Any) -> None:
        _check(address)
        connect(self, address)

    def guarded_connect_ex(self: socket.socket, address: Any) -> int:
        _check(address)
        return connect_ex(self, address)

    def guarded_getaddrinfo(host: Any, *args: Any, **kwargs: Any) -> Any:
        _check((host,))
        return getaddrinfo(host, *args, **kwargs)

    with (
        mock.patch.object(socket.socket, "connect", guarded_connect),
        mock.patch.object(socket.socket, "connect_ex", guarded_connect_ex),
        mock.patch.object(socket, "getaddrinfo", guarded_getaddrinfo),
    ):
        yield


def _check(address: Any) -> None:
    if isinstance(address, str | bytes):
        return  # a Unix socket
    host = address[0].decode() if isinstance(address[0], bytes) else address[0]
    if not _is_here(host):
        raise NetworkRefusedError(f"tests stay on this machine, but something asked for {host!r}")


def _is_here(host: str | None) -> bool:
    if host in {None, "", "localhost"}:
        return True
    try:
        return ipaddress.ip_address(host).is_loopback or ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return False
