"""What may depend on what: the rules are pure, and only the outermost layer reads the clock."""

import sys
from pathlib import Path

import pytest

from tests.support.source_code import PACKAGE, imports, modules, names, wall_clocks

DOMAIN = list(modules(PACKAGE / "domain"))
EACH_RULE = pytest.mark.parametrize("path", DOMAIN, ids=lambda path: path.name)

MAY_READ_THE_CLOCK = ("tasks.py", "cli/", "demo/", "shopserver/", "store/session.py", "shop/clock_gap.py")
"""Tasks and commands are where time enters; the demo and its shop are programs of their own; leases live by the
process clock on SQLite (store/session.py), and how wrong a shop's clock is can only be told by ours (shop/clock_gap.py)."""

IMPURE = frozenset({
    "asyncio", "concurrent", "ftplib", "glob", "http", "imaplib", "importlib", "io", "locale", "logging", "multiprocessing",
    "os", "pathlib", "platform", "queue", "random", "sched", "secrets", "select", "selectors", "shutil", "signal", "smtplib",
    "socket", "sqlite3", "ssl", "subprocess", "sys", "tempfile", "threading", "time", "urllib", "uuid", "zoneinfo",
})  # fmt: skip
"""Standard modules that reach outside: files, network, processes, chance, clocks."""


def relative(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def allowed(path: Path) -> bool:
    return relative(path).startswith(MAY_READ_THE_CLOCK)


def test_the_rules_are_found() -> None:
    assert {"rules.py", "episode.py", "interval.py", "offer.py", "terms.py"} <= {path.name for path in DOMAIN}


@EACH_RULE
def test_the_rules_import_only_the_standard_library_and_each_other(path: Path) -> None:
    for name in imports(path.read_text(encoding="utf-8"), "worker.domain"):
        root = name.partition(".")[0]
        assert name.startswith("worker.domain.") or root in sys.stdlib_module_names, name


@EACH_RULE
def test_the_rules_reach_nothing_outside_and_read_no_clock_of_any_kind(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    assert not {name.partition(".")[0] for name in imports(source, "worker.domain")} & IMPURE
    assert not names(source) & {"open", "print", "input", "exec", "eval", "__import__"}
    assert not wall_clocks(source)


@pytest.mark.parametrize("path", [path for path in modules() if not allowed(path)], ids=relative)
def test_below_tasks_and_commands_nothing_reads_the_wall_clock(path: Path) -> None:
    assert not wall_clocks(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    "source",
    [
        "from datetime import datetime\ndatetime.now(UTC)",
        "from datetime import datetime as dt\ndef f(clock=dt.now): pass",
        "import datetime\ndatetime.datetime.utcnow()",
        "import datetime as d\nd.date.today()",
        "from datetime import date\ndate.today()",
        "from time import time\ntime()",
        "from time import time as now\nnow()",
        "import time\nclock = time.time_ns",
        "import time as t\ndef f():\n    return t.localtime()",
        "def f():\n    import time\n    return time.strftime('%Y')",
        "import email.utils\nemail.utils.formatdate()",
        "from email.utils import make_msgid\nmake_msgid()",
        "from email import utils\nutils.localtime()",
    ],
)
def test_a_clock_is_found_however_it_is_imported(source: str) -> None:
    assert wall_clocks(source)


@pytest.mark.parametrize(
    "source",
    [
        "def f(now):\n    return now",
        "import time\ntime.monotonic()",
        "from datetime import datetime\ndatetime(2026, 1, 1)",
        "clock.now()",
        "class A:\n    def time(self): return self.time()",
    ],
)
def test_what_only_looks_like_a_clock_is_none(source: str) -> None:
    assert not wall_clocks(source)


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("import sqlalchemy", "sqlalchemy"),
        ("import sqlalchemy.orm as orm", "sqlalchemy.orm"),
        ("def f():\n    from worker.store import tables", "worker.store"),
        ("from ..store import tables", "worker.store"),
        ("from .. import store", "worker.store"),
        ("from .terms import Terms", "worker.domain.terms"),
        ("from . import terms", "worker.domain.terms"),
    ],
)
def test_an_import_is_found_wherever_it_stands(source: str, name: str) -> None:
    assert imports(source, "worker.domain") == {name}
