"""The curl commands of the seed, as they stand there, with the real curl."""

import json
import shlex
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.shopserver.front import FIXTURES, Front

pytestmark = pytest.mark.external

COMMANDS = (FIXTURES / "seed-curl.txt").read_text().strip().split("\n\n")
LOGIN = "curl -c cookies.txt -d 'token=token-of-customer-3' http://localhost:8000/login"


class Curl:
    """Plays commands in a folder with a cookies file; `localhost:8000` leads to the shop."""

    def __init__(self, front: Front, folder: Path) -> None:
        way = f"localhost:8000:127.0.0.1:{urlsplit(front.url).port}"
        options = ["--silent", "--show-error", "--noproxy", "*", "--connect-to", way, "--write-out", "\\n%{http_code}"]
        self._options = shlex.join(options)
        self._folder = folder

    def __call__(self, command: str, **blanks: str) -> tuple[int, dict[str, Any]]:
        """Status and document; `name="value"` fills `name=...` in the command's URL."""
        for name, value in blanks.items():
            command = command.replace(f"{name}=...", f"{name}={value}")
        script = f'curl() {{ command curl {self._options} "$@"; }}\n{command}'
        done = subprocess.run(["sh", "-c", script], cwd=self._folder, capture_output=True, check=True, timeout=60)
        body, _, status = done.stdout.decode().rpartition("\n")
        return int(status), json.loads(body)


@pytest.mark.parametrize("prefix", [None, "ai"])
@pytest.mark.parametrize("csrf", [False, True], ids=["plain", "csrf"])
def test_the_seeds_commands_work_as_they_stand(front: Front, tmp_path: Path, prefix: str | None, csrf: bool) -> None:
    front.open(prefix=prefix, csrf=csrf)
    curl = Curl(front, tmp_path)
    fetch, add, favorite, watch, modify, delete = COMMANDS
    status, login = curl(LOGIN)
    assert status == 200
    token = login["meta"]["csrf"]["value"] if csrf else "..."

    assert curl(fetch)[1]["data"] == []
    status, added = curl(add, _token=token)
    assert (status, [item["attributes"]["customer.lists.refid"] for item in added["data"]]) == (201, ["1234"])
    status, added = curl(favorite, _token=token)
    assert (status, [item["attributes"]["customer.lists.type"] for item in added["data"]]) == (201, ["favorite"])
    status, added = curl(watch, _token=token)
    assert (status, [item["attributes"]["customer.lists.type"] for item in added["data"]]) == (
        201,
        ["favorite", "watch"],
    )
    number = added["data"][1]["id"]

    status, modified = curl(modify, relatedid=number, _token=token)
    assert (status, modified["data"]["attributes"]["customer.lists.config"]["timeframe"]) == (200, "28")
    assert curl(fetch)[1]["meta"]["total"] == 2
    assert curl(delete, relatedid=number, _token=token)[0] == 200
    assert [item["attributes"]["customer.lists.type"] for item in curl(fetch)[1]["data"]] == ["favorite"]
    assert curl(delete, relatedid=number, _token=token)[0] == 404


def test_with_csrf_a_command_without_its_token_is_refused(front: Front, tmp_path: Path) -> None:
    front.open(csrf=True)
    curl = Curl(front, tmp_path)
    curl(LOGIN)
    status, refused = curl(COMMANDS[1])
    assert (status, refused["errors"][0]["status"]) == (419, "419")
