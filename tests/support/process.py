"""Child processes that never outlive the test run, not even when pytest itself is killed."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

_LAUNCHER = """
import ctypes, os, pwd, signal, sys
user, death_signal, parent = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
if user:
    entry = pwd.getpwnam(user)
    os.setgroups([])
    os.setgid(entry.pw_gid)
    os.setuid(entry.pw_uid)
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(1, death_signal)  # PR_SET_PDEATHSIG survives exec, but not a change of user
    if os.getppid() != parent:
        sys.exit("the test run ended meanwhile")
os.execvp(sys.argv[4], sys.argv[4:])
"""


def start(
    command: Sequence[str | Path],
    *,
    log: Path,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    user: str = "",
    death_signal: signal.Signals = signal.SIGTERM,
) -> "subprocess.Popen[bytes]":
    """Start `command` as `user` with both outputs appended to `log`. On Linux it gets `death_signal` when we die."""
    launcher = [sys.executable, "-I", "-S", "-c", _LAUNCHER, user, str(int(death_signal)), str(os.getpid())]
    with log.open("ab") as out:
        return subprocess.Popen(
            [*launcher, *map(str, command)],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            cwd=cwd,
            env=None if env is None else dict(env),
        )


def stop(process: "subprocess.Popen[bytes]", with_signal: signal.Signals = signal.SIGTERM, timeout: float = 20) -> int:
    """End this one process by its own id, by force where it does not listen, and return its exit code."""
    if process.poll() is None:
        process.send_signal(with_signal)
        try:
            process.wait(timeout)
        except subprocess.TimeoutExpired:
            process.kill()
    return process.wait()
