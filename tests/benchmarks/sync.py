"""How fast a large shop is mirrored, and how much memory that takes.

    python -m tests.benchmarks.sync --database sqlite --relations 1000000 --json

A process of its own serves the shop over HTTP on the loopback interface. Measured are a first import and a sync after
`--changes` relations changed, each as a process of its own, and in the same run the floor of the import: the same JSON
parsed by the json module and inserted into the same tables (customers, relations, their first versions) by bare
`executemany` of the database's driver, a transaction a page, without HTTP, rules or products. `--scan` measures the first
scan, too, which judges every watch.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import make_url

from tests.benchmarks import measuring
from tests.benchmarks.big_shop import PRODUCTS, BigShop
from tests.benchmarks.measuring import Figures, stopwatch
from tests.support.settings import load_text
from worker.installation import Installation
from worker.store import schema, tables
from worker.store.session import Store

NOW = datetime(2026, 11, 20, 13, 0, tzinfo=UTC)
_MODULE = "tests.benchmarks.sync"
_PAGE = 1000  # customers, as the source begins with


def main() -> None:
    """Run all of it, or one phase where this module starts itself."""
    parser = measuring.parser(__doc__ or "")
    parser.add_argument("--relations", type=int, default=100_000)
    parser.add_argument("--changes", type=int, default=1_000)
    parser.add_argument("--scan", action="store_true", help="judge all that was imported, too")
    parser.add_argument("--shop", help=argparse.SUPPRESS)
    options = parser.parse_args()
    phases = {
        "floor": lambda: _floor(options),
        "sync": lambda: _sync(options, NOW),
        "scan": lambda: _scan(options),
        "delta": lambda: _sync(options, NOW + timedelta(minutes=5)),
        "again": lambda: _sync(options, NOW + timedelta(hours=3)),
    }
    measuring.run(options, phases, lambda: _measure(options))


def _measure(options: argparse.Namespace) -> Figures:
    with (
        tempfile.TemporaryDirectory() as folder,
        _databases(options.database, Path(folder)) as new_database,
        _big_shop(options.relations) as (shop, touch),
    ):

        def phase(name: str, url: str) -> Figures:
            return measuring.in_own_process(_MODULE, name, url=url, shop=shop, relations=options.relations)

        floor = phase("floor", new_database())
        mirror = new_database()
        first = phase("sync", mirror)
        scanned = phase("scan", mirror) if options.scan else {}
        touch(options.changes)
        delta, again = phase("delta", mirror), phase("again", mirror)
    assert first["new"] == options.relations, first
    assert delta["changed"] == options.changes, delta
    return {
        "relations": options.relations,
        "seconds": first["seconds"],
        "cpu_seconds": first["cpu_seconds"],
        "floor_seconds": floor["seconds"],
        "floor_cpu_seconds": floor["cpu_seconds"],
        "ratio": floor["seconds"] / first["seconds"],
        "rate": options.relations / first["seconds"],
        "peak_rss_mb": first["peak_rss_mb"],
        "changes": options.changes,
        "delta_seconds": delta["seconds"],
        "delta_peak_rss_mb": delta["peak_rss_mb"],
        "nothing_changed_seconds": again["seconds"],
        **{f"scan_{name}": value for name, value in scanned.items()},
    }


def _floor(options: argparse.Namespace) -> Figures:
    store = Store(options.url)
    schema.upgrade(store)
    insert = _sqlite_floor if store.is_sqlite else _postgres_floor
    spent = busy = 0.0
    with store.begin() as session:
        session.connection().execute(
            tables.Product.__table__.insert(),  # type: ignore[attr-defined]
            [
                {"id": number, "source": "main", "shop_id": str(number), "code": "", "label": "", "enabled": False}
                | {"due": False, "unsure": False}
                for number in range(1, PRODUCTS + 1)
            ],
        )
    connection = store.engine.raw_connection()
    cursor = connection.cursor()
    customer_id = relation_id = 0
    for page in BigShop(options.relations).pages(_PAGE):
        began, worked = time.perf_counter(), time.process_time()
        items = json.loads(page)["data"]["searchCustomers"]["items"]
        customers, relations, versions = [], [], []
        for item in items:
            customer_id += 1
            customers.append(
                (
                    customer_id,
                    "main",
                    item["id"],
                    item["id"],
                    item["email"],
                    item["languageid"],
                    item["salutation"],
                    item["firstname"],
                    item["lastname"],
                    True,
                    "2026-11-20 13:00:00+00:00",
                )
            )
            for one in item["lists"]["product"]:
                relation_id += 1
                relations.append(
                    (
                        relation_id,
                        "main",
                        one["id"],
                        customer_id,
                        int(one["refid"]),
                        one["type"],
                        one["refid"],
                        one["position"],
                        one["status"],
                        one["config"],
                        one["ctime"] + "+00:00",
                    )
                )
                versions.append((relation_id, one["config"], one["status"]))
        insert(cursor, customers, relations, versions)
        connection.commit()
        spent += time.perf_counter() - began
        busy += time.process_time() - worked
    connection.close()
    store.dispose()
    return {"seconds": spent, "cpu_seconds": busy}


_CUSTOMER = (
    "INSERT INTO customer (id, source, shop_id, account, email, language, salutation, firstname, lastname, enabled, seen_at)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_RELATION = (
    "INSERT INTO relation (id, source, shop_id, generation, customer_id, product_id, domain, type, refid, position, status,"
    " config, ctime, ctime_exact, first_import, version, first_seen_at, seen_at, unscanned, ends_at, watch_currency)"
    " VALUES (?, ?, ?, 1, ?, ?, 'product', ?, ?, ?, ?, ?, ?, true, true, 1, '2026-11-20 13:00:00+00:00',"
    " '2026-11-20 13:00:00+00:00', true, '2027-03-30 12:00:00+00:00', 'EUR')"
)
_VERSION = (
    "INSERT INTO relation_version (relation_id, version, seen_at, config, status, retired)"
    " VALUES (?, 1, '2026-11-20 13:00:00+00:00', ?, ?, false)"
)


def _sqlite_floor(cursor: Any, *rows: list[tuple[Any, ...]]) -> None:
    cursor.execute("BEGIN IMMEDIATE")
    for statement, many in zip((_CUSTOMER, _RELATION, _VERSION), rows, strict=True):
        cursor.executemany(statement, many)


def _postgres_floor(cursor: Any, *rows: list[tuple[Any, ...]]) -> None:
    for statement, many in zip((_CUSTOMER, _RELATION, _VERSION), rows, strict=True):
        cursor.executemany(statement.replace("?", "%s"), many)


def _installation(options: argparse.Namespace) -> Installation:
    text = (
        f'[database]\nurl = "{options.url}"\n'
        f'[sources.main]\nurl = "{options.shop}"\ninterface = "graphql"\ncurrency = "EUR"\n'
        '[sources.main.admin]\ntoken = "a-token-of-an-administrator"\n'
    )
    if not options.url.startswith("sqlite"):
        text = f'hash_key = "{"k" * 32}"\n' + text
    return Installation(load_text(text).settings)


def _sync(options: argparse.Namespace, now: datetime) -> Figures:
    store = Store(options.url)
    schema.upgrade(store)
    store.dispose()
    with closing(_installation(options)) as parts, stopwatch() as figures:
        counts = parts.sync("main", now=now)
    return figures | {"new": counts.new, "changed": counts.changed}


def _scan(options: argparse.Namespace) -> Figures:
    with closing(_installation(options)) as parts, stopwatch() as figures:
        counts = parts.scan("main", now=NOW)
    return figures | {"watches": counts.scanned}


@contextmanager
def _big_shop(relations: int) -> Iterator[tuple[str, Callable[[int], None]]]:
    with subprocess.Popen(
        [sys.executable, "-m", "tests.benchmarks.big_shop", str(relations)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        writing, reading = process.stdin, process.stdout

        def touch(count: int) -> None:
            writing.write(f"touch {count}\n")
            writing.flush()
            reading.readline()

        try:
            yield reading.readline().strip(), touch
        finally:
            writing.close()
            process.wait(timeout=30)


@contextmanager
def _databases(kind: str, folder: Path) -> Iterator[Callable[[], str]]:
    """Makes new, empty databases."""
    made = 0
    if kind == "sqlite":

        def in_a_file() -> str:
            nonlocal made
            made += 1
            return f"sqlite:///{folder / f'{made}.db'}"

        yield in_a_file
        return
    from tests.support.postgres import running_postgres

    with running_postgres(durable=True) as server:
        yield lambda: make_url(server.url(server.create_database())).render_as_string(hide_password=False)


if __name__ == "__main__":
    main()
