"""Settings in force: loading the layers, describing them, and what follows from them."""

from worker.configuration.derived import (
    broker_folder,
    broker_url,
    data_dir,
    database_url,
    hash_key,
    prove_room,
    require_sender,
)
from worker.configuration.describing import Row, describe
from worker.configuration.loading import Loaded, load

__all__ = [
    "Loaded",
    "Row",
    "broker_folder",
    "broker_url",
    "data_dir",
    "database_url",
    "describe",
    "hash_key",
    "load",
    "prove_room",
    "require_sender",
]
