"""What follows from the settings: where database, broker messages and hash key are, and that there is a sender."""

import os
import secrets
import tempfile
from contextlib import suppress
from pathlib import Path

from sqlalchemy import URL, make_url

from worker.errors import SettingsError, WatchpostError
from worker.settings import Settings
from worker.settings_urls import is_postgresql

_DATABASE = "watchpost.sqlite3"
_BROKER = "broker"
_HASH_KEY = "hash-key"
_HASH_KEY_BYTES = 32
_BLOCK = 4096
_REMEDY = "create it and let this user write there, or name another place"


def data_dir(settings: Settings) -> Path:
    """The folder for everything Watchpost keeps itself, as an absolute path.

    It is created, for this user alone, where missing. Raises SettingsError where it can't be written.
    """
    return _own_folder(Path(settings.data_dir).absolute())


def database_url(settings: Settings) -> str:
    """The SQLAlchemy URL; an empty `database.url` is SQLite in the data folder. Contains the password.

    Raises SettingsError where SQLite's folder or file can't be written.
    """
    configured = settings.database.url.get_secret_value()
    if not configured:
        url = URL.create("sqlite", database=str(data_dir(settings) / _DATABASE))
        return _sqlite_url(url, "data_dir")
    url = make_url(configured)
    if is_postgresql(configured):
        return url.set(drivername="postgresql+psycopg").render_as_string(hide_password=False)
    return _sqlite_url(url, "database.url")


def broker_url(settings: Settings) -> str:
    """Celery's broker URL, with the password; an empty `broker.url` is a folder, see `broker_folder`."""
    return (
        settings.broker.url.get_secret_value() or "filesystem://localhost"
    )  # without a host kombu complains at each start


def broker_folder(settings: Settings) -> Path:
    """Where the filesystem broker keeps its messages; created where missing.

    Raises SettingsError where it can't be written.
    """
    return _own_folder(data_dir(settings) / _BROKER)


def prove_room(folder: Path) -> None:
    """Write a block there and see it reach the disk, which a full one refuses. Raises WatchpostError."""
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(bytes(_BLOCK))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise WatchpostError(
            f"data_dir: {folder} can't be written ({error.strerror}); is there room on the disk? Else {_REMEDY}"
        ) from error


def hash_key(settings: Settings) -> bytes:
    """The key for hashes of addresses: `hash_key`, else the text in `data_dir/hash-key`, which is made on first use.

    Moving to another machine or to PostgreSQL, put that file's text into `hash_key`: with another key no suppressed
    address would be recognised. Raises SettingsError where the file can't be made or is damaged.
    """
    configured = settings.hash_key.get_secret_value()
    if configured:
        return configured.encode()
    path = data_dir(settings) / _HASH_KEY
    try:
        if not path.exists():
            _create_key(path)
        key = path.read_bytes().strip()
    except OSError as error:
        remedy = "is there room, and may this user read and write it? Else set hash_key"
        raise SettingsError(f"hash_key: {path} can't be used ({error.strerror}); {remedy}") from error
    if len(key) != 2 * _HASH_KEY_BYTES or not set(key) <= set(b"0123456789abcdef"):
        raise SettingsError(
            f"hash_key: {path} is damaged; restore it from a backup, "
            "because a new key would not recognise the addresses suppressed so far"
        )
    return key


def require_sender(settings: Settings) -> None:
    """Call before mails are composed or sent. Raises SettingsError where `mail.from_address` is empty."""
    if not settings.mail.from_address:
        raise SettingsError("mail.from_address: is empty; set the address mails are sent from, such as a@example.com")


def _sqlite_url(url: URL, key: str) -> str:
    file = Path(url.database or "").absolute()
    _prove_writable(file.parent, key)
    if file.is_dir() or (file.exists() and not os.access(file, os.R_OK | os.W_OK)):
        raise SettingsError(f"{key}: {file} is not a file this user can write; change its owner or name another place")
    return url.set(database=str(file)).render_as_string(hide_password=False)


def _own_folder(folder: Path) -> Path:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(f"data_dir: {folder} can't be created ({error.strerror}); {_REMEDY}") from error
    _prove_writable(folder, "data_dir")
    return folder


def _prove_writable(folder: Path, key: str) -> None:
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass  # permissions, read-only mounts and quotas all show here; os.access sees only the first
    except OSError as error:
        raise SettingsError(f"{key}: {folder} can't be written ({error.strerror}); {_REMEDY}") from error


def _create_key(path: Path) -> None:
    """Write the key aside and link it into place: readers never see half a key, and of several processes one wins."""
    descriptor, name = tempfile.mkstemp(prefix=f".{_HASH_KEY}-", dir=path.parent)  # 0600
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_hex(_HASH_KEY_BYTES) + "\n")
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):  # another process was faster; its key counts
            path.hardlink_to(temporary)
    finally:
        temporary.unlink()
