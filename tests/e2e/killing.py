"""The Procfile's processes, killed at random with SIGKILL and started again."""

import subprocess
from collections.abc import Mapping
from itertools import count
from pathlib import Path
from random import Random

import psutil

from tests.support import service

_CREW = ("beat", "worker1", "worker2")
_POOL = 2


class Fleet:
    """Two workers of two processes each and a beat. Leaving the block ends every process that ever belonged to it, orphans too."""

    def __init__(self, folder: Path, env: Mapping[str, str], rng: Random) -> None:
        self.kills = 0
        """How many processes were killed."""
        self._folder = folder
        self._env = env
        self._rng = rng
        self._lines = service.procfile()
        self._numbers = count(1)
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._known: set[psutil.Process] = set()

    def __enter__(self) -> "Fleet":
        self._man()
        return self

    def __exit__(self, *_exc: object) -> None:
        for child in self._running.values():
            self._note(child)
        self._kill(self._known)
        for child in self._running.values():
            child.wait()

    def strike(self) -> None:
        """Kill a process of the pool that does the work, now and then a main process, beat, or a whole family."""
        name = self._rng.choices(_CREW, weights=(1, 4, 4))[0]
        child = self._running[name]
        whole, main = self._note(child), psutil.Process(child.pid)
        pool = [each for each in whole if each != main]
        victims = self._rng.choice([*([each] for each in pool * 2), [main], whole])
        self.kills += self._kill(victims)
        if main in victims:
            child.wait()
        self._man()

    def _man(self) -> None:
        for name in _CREW:
            child = self._running.get(name)
            if child is None or child.poll() is not None:
                self._running[name] = self._start(name)

    def _start(self, name: str) -> "subprocess.Popen[bytes]":
        line = self._lines[name.rstrip("0123456789")]
        if name != "beat":
            line = [*line, "--concurrency", str(_POOL), "--hostname", f"{name}@%h"]
        return service.start(line, cwd=self._folder, env=self._env, log=f"{next(self._numbers)}-{name}.log")

    def _note(self, child: "subprocess.Popen[bytes]") -> list[psutil.Process]:
        """The members of this process's family now; once its head is dead nothing tells who belonged to it."""
        try:
            main = psutil.Process(child.pid)
            family = [main, *main.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []
        self._known.update(family)
        return family

    @staticmethod
    def _kill(victims: "set[psutil.Process] | list[psutil.Process]") -> int:
        """SIGKILL; how many of them were alive."""
        killed = 0
        for victim in victims:
            try:
                if victim.is_running() and victim.status() != psutil.STATUS_ZOMBIE:
                    victim.kill()
                    killed += 1
            except psutil.NoSuchProcess:
                continue
        return killed
