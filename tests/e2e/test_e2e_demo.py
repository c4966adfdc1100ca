"""`watchpost demo` as a newcomer runs it."""

import signal
import stat
from pathlib import Path

import psutil
import pytest

from tests.support import process, service
from tests.support.waiting import wait_until


def _of_the_demo(folder: Path) -> list[psutil.Process]:
    """Processes anywhere on this machine that were started with this demo's settings."""
    settings = str(folder / "watchpost.toml")
    found = []
    for running in psutil.process_iter():
        try:
            if running.environ().get("WATCHPOST_CONFIG") == settings:
                found.append(running)
        except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
            continue
    return found


def test_the_demo_plays_its_script_leaves_the_mails_and_no_process(tmp_path: Path) -> None:
    done = service.watchpost("demo", "--out", "out", cwd=tmp_path)
    folder = tmp_path / "out"
    assert "unexpected" not in done.stdout
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    mails = sorted(file.name for file in (folder / "mails").glob("*.eml"))
    assert mails == [f"{number:02}.eml" for number in range(1, 9)]
    page = (folder / "index.html").read_text(encoding="utf-8")
    assert page.count("<article>") == 8
    assert "data:image/png;base64," in page
    assert _of_the_demo(folder) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_an_interrupted_demo_leaves_no_process(tmp_path: Path, number: signal.Signals) -> None:
    child = service.start(
        [*service.COMMAND, "demo", "--out", "out"], cwd=tmp_path, env=service.environment(), log="demo.log"
    )
    try:
        wait_until(lambda: len(_of_the_demo(tmp_path / "out")) >= 2, timeout=60)
    finally:
        code = process.stop(child, with_signal=number, timeout=60)
    assert code != 0
    assert _of_the_demo(tmp_path / "out") == []


def test_the_demo_does_not_touch_a_folder_with_other_things(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("dear to me", encoding="utf-8")
    done = service.watchpost("demo", "--out", "out", cwd=tmp_path, check=1)
    assert "thesis.txt" in done.stderr
    assert (tmp_path / "out" / "thesis.txt").read_text(encoding="utf-8") == "dear to me"
