"""What follows from the settings: database and broker, the hash key, the sender."""

import os
import re
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest
from sqlalchemy import make_url, text

from tests.support.settings import load_text
from worker.configuration import broker_folder, broker_url, data_dir, database_url, hash_key, require_sender
from worker.errors import SettingsError
from worker.settings import Settings
from worker.store.session import Store


def kept_in(folder: Path, toml: str = "") -> Settings:
    return load_text(f"data_dir = '{folder}'\n{toml}").settings


@pytest.fixture
def forbidden(tmp_path: Path) -> Path:
    """A folder that nobody, root included, can make: its parent is a file."""
    (tmp_path / "file").write_text("")
    return tmp_path / "file" / "below"


@pytest.fixture
def read_only(tmp_path: Path) -> Path:
    """A folder that exists and in which this user can't make a file."""
    if os.geteuid() == 0:
        return Path("/proc/self")  # permissions do not bind root
    folder = tmp_path / "read-only"
    folder.mkdir(mode=0o500)
    return folder


def test_the_embedded_database_is_a_file_in_the_data_folder(tmp_path: Path) -> None:
    assert database_url(kept_in(tmp_path)) == f"sqlite:///{tmp_path}/watchpost.sqlite3"


def test_the_embedded_database_opens_whatever_its_folder_is_called(tmp_path: Path) -> None:
    folder = tmp_path / "a b?c#d%20é"
    store = Store(database_url(kept_in(folder)))
    with store.begin() as session:
        session.execute(text("SELECT 1"))
    store.dispose()
    assert (folder / "watchpost.sqlite3").exists()


def test_the_data_folder_starts_at_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert data_dir(load_text().settings) == tmp_path / "watchpost-data"


def test_the_data_folder_is_made_for_this_user_alone(tmp_path: Path) -> None:
    made = data_dir(kept_in(tmp_path / "some" / "data"))
    assert stat.S_IMODE(made.stat().st_mode) == 0o700


def test_a_relative_sqlite_file_starts_at_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert database_url(load_text('database.url = "sqlite:///w.db"').settings) == f"sqlite:///{tmp_path}/w.db"


@pytest.mark.parametrize("driver", ["postgresql", "postgresql+psycopg"])
def test_postgresql_always_goes_through_psycopg_3(driver: str) -> None:
    url = f"{driver}://anna:p%40ss@db.test:5433/watchpost?sslmode=require"
    made = make_url(database_url(load_text(f'hash_key = "{"k" * 32}"\ndatabase.url = "{url}"').settings))
    assert made == make_url("postgresql+psycopg://anna:p%40ss@db.test:5433/watchpost?sslmode=require")


def test_postgresql_needs_no_data_folder(forbidden: Path) -> None:
    settings = kept_in(forbidden, f'hash_key = "{"k" * 32}"\ndatabase.url = "postgresql://db.test/watchpost"')
    assert database_url(settings) == "postgresql+psycopg://db.test/watchpost"
    assert hash_key(settings) == b"k" * 32


def test_a_data_folder_that_can_not_be_made_is_refused(forbidden: Path) -> None:
    with pytest.raises(
        SettingsError, match=r"data_dir: .* can't be created .*; create it and let this user write there"
    ):
        database_url(kept_in(forbidden))


def test_a_data_folder_that_can_not_be_written_is_refused(read_only: Path) -> None:
    with pytest.raises(SettingsError, match=rf"data_dir: {read_only} can't be written .*; create it and let this user"):
        database_url(kept_in(read_only))


def test_the_data_folder_itself_is_proven_to_be_writable(read_only: Path) -> None:
    with pytest.raises(SettingsError, match=rf"data_dir: {read_only} can't be written"):
        data_dir(kept_in(read_only))


def test_a_database_folder_that_can_not_be_written_is_refused(read_only: Path) -> None:
    with pytest.raises(SettingsError, match=rf"database.url: {read_only} can't be written"):
        database_url(load_text(f'database.url = "sqlite:///{read_only}/w.db"').settings)


def test_a_database_folder_that_does_not_exist_is_refused_not_made(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"database.url: .*/missing can't be written \(No such file or directory\)"):
        database_url(load_text(f'database.url = "sqlite:///{tmp_path}/missing/w.db"').settings)
    assert not (tmp_path / "missing").exists()


def test_a_database_that_is_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "watchpost.sqlite3").mkdir()
    with pytest.raises(SettingsError, match=r"data_dir: .* is not a file this user can write"):
        database_url(kept_in(tmp_path))


def test_a_proof_of_writing_leaves_nothing_behind(tmp_path: Path) -> None:
    database_url(kept_in(tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_the_embedded_broker_keeps_its_messages_in_the_data_folder(tmp_path: Path) -> None:
    settings = kept_in(tmp_path)
    assert broker_url(settings) == "filesystem://localhost"
    assert broker_folder(settings) == tmp_path / "broker"
    assert broker_folder(settings).is_dir()


def test_a_broker_that_is_named_is_used_as_it_is() -> None:
    url = "redis://:p%40ss@redis.test:6379/1"
    assert broker_url(load_text(f'broker.url = "{url}"').settings) == url


def test_a_hash_key_that_is_set_is_used(tmp_path: Path) -> None:
    assert hash_key(kept_in(tmp_path, f'hash_key = "{"k" * 40}"')) == b"k" * 40
    assert list(tmp_path.iterdir()) == []


def test_the_first_use_makes_a_hash_key_that_only_this_user_reads(tmp_path: Path) -> None:
    key = hash_key(kept_in(tmp_path))
    file = tmp_path / "hash-key"
    assert re.fullmatch("[0-9a-f]{64}", key.decode())
    assert file.read_bytes() == key + b"\n"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_the_hash_key_stays(tmp_path: Path) -> None:
    assert hash_key(kept_in(tmp_path)) == hash_key(kept_in(tmp_path))


def test_every_installation_gets_a_hash_key_of_its_own(tmp_path: Path) -> None:
    assert hash_key(kept_in(tmp_path / "one")) != hash_key(kept_in(tmp_path / "two"))


def test_the_text_of_the_key_file_is_the_key_as_a_setting(tmp_path: Path) -> None:
    made = hash_key(kept_in(tmp_path))
    text = (tmp_path / "hash-key").read_text().strip()
    assert hash_key(load_text(f'hash_key = "{text}"').settings) == made


def test_making_a_hash_key_leaves_no_other_file(tmp_path: Path) -> None:
    hash_key(kept_in(tmp_path))
    assert [file.name for file in tmp_path.iterdir()] == ["hash-key"]


def test_all_who_make_the_hash_key_at_once_agree_on_one(tmp_path: Path) -> None:
    settings = kept_in(tmp_path)
    start = Barrier(8)

    def make(_worker: int) -> bytes:
        start.wait()
        return hash_key(settings)

    with ThreadPoolExecutor(8) as workers:
        keys = set(workers.map(make, range(8)))
    assert keys == {(tmp_path / "hash-key").read_bytes().strip()}


@pytest.mark.parametrize("content", ["", "abc\n", "z" * 64, "a" * 63])
def test_a_damaged_hash_key_is_never_replaced(content: str, tmp_path: Path) -> None:
    (tmp_path / "hash-key").write_text(content)
    with pytest.raises(SettingsError, match=r"hash_key: .*/hash-key is damaged; restore it from a backup"):
        hash_key(kept_in(tmp_path))
    assert (tmp_path / "hash-key").read_text() == content


def test_a_hash_key_that_can_not_be_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "hash-key").mkdir()
    with pytest.raises(SettingsError, match=r"hash_key: .*/hash-key can't be used \(Is a directory\)"):
        hash_key(kept_in(tmp_path))


def test_sending_needs_a_sender() -> None:
    with pytest.raises(SettingsError, match=r"^mail.from_address: is empty; set the address"):
        require_sender(load_text().settings)


def test_a_sender_is_all_that_sending_needs() -> None:
    require_sender(load_text('mail.from_address = "alerts@shop.test"').settings)


def test_loading_touches_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    load_text()
    assert os.listdir(tmp_path) == []  # noqa: PTH208 - names are all that is compared
