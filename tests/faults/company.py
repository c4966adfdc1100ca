"""Beat and worker of the Procfile over a broker and a database, with customers to tell and a relay that hears of it."""

import os
import signal
import subprocess
from contextlib import ExitStack
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

from tests.support import process, service
from tests.support.invariant import nothing_is_lost
from tests.support.smtp_script import ScriptedRelay
from tests.support.stages import KEY, Play
from tests.support.waiting import wait_until
from worker.configuration import load
from worker.store.session import Store

_SETTINGS = """
data_dir = "data"
hash_key = "{key}"
[database]
url = "{database}"
[broker]
url = "{broker}"
{extra}
[schedule]
compose_seconds = 0.5
dispatch_seconds = 0.5
[mail]
from_address = "watch@shop.example"
digest_wait_seconds = 0
[smtp]
host = "127.0.0.1"
port = {smtp}
tls = "none"
connections = 2
timeout_seconds = {patience}
data_timeout_seconds = {patience}
lease_seconds = {lease}
"""
_SHOP = """
[sources.main]
url = "http://127.0.0.1:9/jsonapi"
currency = "EUR"
"""


class Company:
    """One installation. `news` makes customers who must be told; processes are started by name and end with the block."""

    def __init__(
        self, folder: Path, store: Store, relay: ScriptedRelay, broker: str, extra: str = "", *, patience: float = 1
    ) -> None:
        self.folder = folder
        self.store = store
        self.relay = relay
        self.config = folder / "watchpost.toml"
        database = store.engine.url.render_as_string(hide_password=False)
        text = _SETTINGS.format(
            key=KEY.decode(),
            database=database,
            broker=broker,
            smtp=relay.port,
            extra=extra,
            patience=patience,
            lease=2.5 * patience,
        )
        self.config.write_text(text + _SHOP, encoding="utf-8")
        # Beat knows of no shop, so that it wakes no sync and no scan: the test does these itself.
        (folder / "beat.toml").write_text(text, encoding="utf-8")
        self.play = Play(store, settings=load(self.config, {}).settings, now=datetime.now(UTC))
        self.play.shop.product("42", EUR="90.00", stock="1")
        self.told = 0
        """How many mails there must be in the end."""
        self._people = count(1)
        self._logs = count(1)
        self._heard: dict[Path, int] = {}
        self.stack = ExitStack()

    def news(self, number: int) -> None:
        """So many more customers are to be told, each in a mail of their own; none of it is composed yet."""
        self.play.now = datetime.now(UTC)
        people = [str(next(self._people)) for _ in range(number)]
        for person in people:
            self.play.shop.customer(person)
        self.play.sync()
        for person in people:
            self.play.shop.watch(person, customer_id=person, ctime=self.play.now)
        assert self.play.fires() == number
        self.told += number

    def start(self, name: str, *options: str) -> "subprocess.Popen[bytes]":
        """A process of the Procfile, `worker` or `beat`."""
        line = [*service.procfile()[name], *options]
        config = self.folder / "beat.toml" if name == "beat" else self.config
        env = service.environment(WATCHPOST_CONFIG=str(config))
        child = service.start(line, cwd=self.folder, env=env, log=f"{name}-{next(self._logs)}.log")
        self.stack.callback(process.stop, child, signal.SIGKILL)
        return child

    def all_arrive(self, timeout: float = 60) -> None:
        """Wait until every news was sent; then nothing may be missing or doubled."""
        wait_until(lambda: self._sent() == self.told, timeout, what=f"{self.told} mails to be sent")
        nothing_is_lost(self.store, self.relay.taken, mails=self.told, notifications=self.told)

    def _sent(self) -> int:
        return sum(state == "sent" for state in self.play.mail_states())

    def listen(self) -> None:
        """From now on `logged` looks at what is written later."""
        self._heard = {file: file.stat().st_size for file in self.folder.glob("*.log")}

    def logged(self, name: str, words: str) -> bool:
        """Whether a process of this name wrote it since `listen`."""
        files = self.folder.glob(f"{name}-*.log")
        return any(words.encode() in file.read_bytes()[self._heard.get(file, 0) :] for file in files)

    def __enter__(self) -> "Company":
        return self

    def __exit__(self, *_exc: object) -> None:
        self.stack.close()


def kill(child: "subprocess.Popen[bytes]") -> None:
    """SIGKILL, and wait for its end."""
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
