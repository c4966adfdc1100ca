"""The fixtures keep their promises; every other test rests on them."""

import os
import smtplib
import socket
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
import redis
from sqlalchemy import func, select

from tests.support.children import Child
from tests.support.network import NetworkRefusedError
from tests.support.postgres import running_postgres
from tests.support.redis import running_redis
from tests.support.smtp import SmtpSink
from tests.support.waiting import wait_until
from worker.store import tables
from worker.store.session import Store

SERVE = """
import sys, tempfile
tempfile.tempdir = sys.argv[1]
from tests.support.redis import running_redis
with running_redis() as server:
    print(server.port, flush=True)
    input()
"""


@pytest.mark.parametrize("time", ["first", "second"])
def test_a_store_starts_without_rows_and_with_ids_from_one(store: Store, time: str) -> None:
    with store.begin() as session:
        session.add(tables.Run(stage="sync", started_at=datetime(2026, 1, 1, tzinfo=UTC)))
    with store.read() as session:
        assert session.scalars(select(tables.Run.id)).all() == [1]
        assert session.scalar(select(func.count()).select_from(tables.Mail)) == 0


def test_connecting_to_another_machine_is_refused() -> None:
    with socket.socket() as outside, pytest.raises(NetworkRefusedError, match=r"192\.0\.2\.1"):
        outside.connect(("192.0.2.1", 80))


def test_looking_up_another_machine_is_refused() -> None:
    with pytest.raises(NetworkRefusedError, match="shop"):
        socket.create_connection(("shop.example", 80))


def test_the_sink_records_envelope_and_bytes(smtp_sink: SmtpSink) -> None:
    with smtplib.SMTP(smtp_sink.host, smtp_sink.port, local_hostname="client.test") as client:
        client.sendmail("shop@shop.test", ["ann@mail.test", "bob@mail.test"], b"Subject: Hi\r\n\r\n.dot\r\n")
    (mail,) = smtp_sink.wait_for(1)
    assert (mail.mail_from, mail.rcpt_tos, mail.content) == (
        "shop@shop.test",
        ("ann@mail.test", "bob@mail.test"),
        b"Subject: Hi\r\n\r\n.dot\r\n",
    )
    assert mail.message["Subject"] == "Hi"


def test_waiting_for_more_mails_than_come_says_how_many_came(smtp_sink: SmtpSink) -> None:
    with pytest.raises(TimeoutError, match="0 of 1 mails"):
        smtp_sink.wait_for(1, timeout=0.01)


def test_a_closed_sink_cuts_open_connections_and_refuses_new_ones() -> None:
    with SmtpSink() as sink:
        client = socket.create_connection((sink.host, sink.port))
        client.recv(100)
    with client:
        client.settimeout(20)
        assert client.recv(100) == b""
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((sink.host, sink.port))


def test_redis_answers(redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        assert client.ping()


def test_servers_leave_no_process_behind() -> None:
    with running_redis() as redis_server, running_postgres() as postgres_server:
        pids = [redis_server.pid, postgres_server.pid]
        assert all(is_alive(pid) for pid in pids)
    assert not any(is_alive(pid) for pid in pids)


if sys.platform == "linux":  # elsewhere a parent's death can't be asked for

    def test_servers_end_with_a_test_run_that_is_killed(tmp_path: Path) -> None:
        with Child(SERVE, str(tmp_path)) as test_run:
            port = int(test_run.hear())
            socket.create_connection(("127.0.0.1", port)).close()
        wait_until(lambda: refuses(port), what="Redis to end")


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def refuses(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port)).close()
    except ConnectionRefusedError:
        return True
    return False
