"""What one check of the doctor came to."""

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How bad it is. Only a problem counts for the exit code."""

    GOOD = "ok"
    NOTE = "note"
    """Worth knowing; nobody has to do anything."""
    PROBLEM = "problem"
    """Somebody has to do something."""


@dataclass(frozen=True, slots=True)
class Finding:
    """`check` names the part; `remedy` says what to do, where the text does not."""

    check: str
    level: Level
    text: str
    remedy: str = ""
