"""A real Postfix on free loopback ports in a temporary folder; nothing is installed and no other Postfix is touched.

It needs root (Postfix insists) and Debian's packages `postfix`, `sasl2-bin` and `libsasl2-modules`. To look at one:

    python -m tests.support.postfix
"""

import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.support import process
from tests.support.smtp_script import CERTIFICATES
from tests.support.waiting import wait_until

USERNAME, PASSWORD = "watchpost", "sesame"
DOMAIN = "mail.test"

_MAIN = """
compatibility_level = 3.6
config_directory = {folder}/config
queue_directory = {folder}/queue
data_directory = {folder}/data
maillog_file = {folder}/log/mail
maillog_file_prefixes = {folder}/log
myhostname = postfix.test
mydestination =
mynetworks =
inet_interfaces = loopback-only
inet_protocols = ipv4
smtpd_peername_lookup = no
local_header_rewrite_clients =
alias_maps =
# Whatever is for our domain goes into one Maildir.
virtual_mailbox_domains = {domain}
virtual_mailbox_base = {folder}/mail
virtual_mailbox_maps = static:box/
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{gid}
virtual_minimum_uid = 1
message_size_limit = 200000
# Whom we refuse, and for how long, says a file that tests write.
smtpd_recipient_restrictions = check_recipient_access texthash:{folder}/config/recipients, permit
smtpd_relay_restrictions = permit_sasl_authenticated, reject_unauth_destination
smtpd_tls_cert_file = {certificate}
smtpd_tls_key_file = {certificate}
smtpd_tls_security_level = may
smtpd_tls_loglevel = 1
smtpd_sasl_path = smtpd
smtpd_sasl_local_domain = {domain}
# A process for each connection, so that a changed file counts at once.
max_use = 1
"""
_MASTER = """
{plain} inet n - n - - smtpd
{submission} inet n - n - - smtpd
  -o smtpd_tls_security_level=encrypt -o smtpd_sasl_auth_enable=yes -o smtpd_client_restrictions=permit_sasl_authenticated,reject
{wrapped} inet n - n - - smtpd
  -o smtpd_tls_wrappermode=yes -o smtpd_sasl_auth_enable=yes -o smtpd_client_restrictions=permit_sasl_authenticated,reject
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
proxymap unix - - n - - proxymap
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
"""
_SASL = """
pwcheck_method: auxprop
auxprop_plugin: sasldb
sasldb_path: {folder}/config/sasl/users
mech_list: PLAIN LOGIN
"""
_TRACE = re.compile(rb"\A(?:(?:Return-Path|X-Original-To|Delivered-To|Received):[^\n]*\n(?:[ \t][^\n]*\n)*)+")


@dataclass(frozen=True, slots=True)
class Postfix:
    """A running server. `plain` offers STARTTLS and takes mail for its domain; the others want TLS and a login."""

    folder: Path
    plain: int
    submission: int
    wrapped: int

    def answer(self, recipients: str) -> None:
        """What it says to recipients on new connections: lines such as `ann@mail.test 451 4.7.1 come back later`."""
        (self.folder / "config" / "recipients").write_text(recipients, encoding="utf-8")

    def take(self, number: int) -> list[bytes]:
        """Wait for so many messages and take them out: CRLF line ends, without the headers that the delivery put in front."""
        box = self.folder / "mail" / "box" / "new"
        wait_until(lambda: len(list(box.glob("*"))) >= number, what=f"{number} deliveries")
        found = []
        for file in box.glob("*"):
            found.append(_TRACE.sub(b"", file.read_bytes()).replace(b"\n", b"\r\n"))
            file.unlink()
        return found

    def log(self) -> str:
        """What it logged."""
        file = self.folder / "log" / "mail"
        return file.read_text(encoding="utf-8") if file.exists() else ""


@contextmanager
def running_postfix() -> Iterator[Postfix]:
    """Start a server for the block; afterwards it and its files are gone. Raises RuntimeError where it can't run."""
    if os.geteuid() != 0 or not shutil.which("postfix") or not shutil.which("saslpasswd2"):
        raise RuntimeError("Postfix needs root and the packages postfix, sasl2-bin and libsasl2-modules")
    with tempfile.TemporaryDirectory(prefix="watchpost-postfix-") as name:
        server = Postfix(Path(name), *_free_ports(3))
        _configure(server)
        log, config = server.folder / "log" / "start", server.folder / "config"
        # Not `postfix start-fg`: the scripts around the master would get our signals instead of it.
        subprocess.run(["postfix", "-c", config, "check"], check=True, timeout=60)
        found = subprocess.run(["postconf", "-h", "daemon_directory"], check=True, timeout=60, capture_output=True)
        child = process.start([Path(found.stdout.decode().strip(), "master"), "-c", config, "-s"], log=log, cwd=config)
        try:
            wait_until(lambda: _is_up(child, server, log), what="Postfix")
            yield server
        finally:
            process.stop(child)


def _configure(server: Postfix) -> None:
    folder, owner, nobody = server.folder, pwd.getpwnam("postfix"), pwd.getpwnam("nobody")
    folder.chmod(0o755)
    for part in ("config", "config/sasl", "queue", "data", "log", "mail"):
        (folder / part).mkdir()
    os.chown(folder / "data", owner.pw_uid, owner.pw_gid)
    os.chown(folder / "mail", nobody.pw_uid, nobody.pw_gid)
    values = {
        "folder": folder,
        "domain": DOMAIN,
        "uid": nobody.pw_uid,
        "gid": nobody.pw_gid,
        "certificate": shutil.copy(CERTIFICATES / "localhost.pem", folder / "config"),
    }
    (folder / "config" / "main.cf").write_text(_MAIN.format(**values), encoding="utf-8")
    ports = {name: f"127.0.0.1:{getattr(server, name)}" for name in ("plain", "submission", "wrapped")}
    (folder / "config" / "master.cf").write_text(_MASTER.format(**ports), encoding="utf-8")
    (folder / "config" / "recipients").touch()
    (folder / "config" / "sasl" / "smtpd.conf").write_text(_SASL.format(**values), encoding="utf-8")
    users = folder / "config" / "sasl" / "users"
    command = ["saslpasswd2", "-p", "-c", "-f", users, "-u", DOMAIN, USERNAME]
    subprocess.run(command, input=PASSWORD.encode(), check=True, timeout=30)
    os.chown(users, owner.pw_uid, owner.pw_gid)


def _is_up(child: "subprocess.Popen[bytes]", server: Postfix, log: Path) -> bool:
    if child.poll() is not None:
        raise RuntimeError(f"Postfix ended at once:\n{log.read_text()}\n{server.log()}")
    with suppress(OSError), socket.create_connection(("127.0.0.1", server.plain), timeout=5) as connection:
        return connection.recv(100).startswith(b"220 ")
    return False


def _free_ports(number: int) -> list[int]:
    with ExitStack() as stack:
        probes = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(number)]
        return [probe.getsockname()[1] for probe in probes]


if __name__ == "__main__":
    with running_postfix() as running:
        sys.stdout.write(f"{running}\nlogin {USERNAME}, password {PASSWORD}, mail for {DOMAIN}; Ctrl-C ends it\n")
        sys.stdout.flush()
        with suppress(KeyboardInterrupt):
            signal.pause()
