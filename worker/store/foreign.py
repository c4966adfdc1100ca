"""Foreign text made fit for a column before it is compared with what is stored: bounded, and clean as CleanText has it."""

from worker.store.types import clean_text

KEY_LIMIT = 255
"""Characters of ids, types and languages, which stand in indexes; PostgreSQL takes no entries of more than 2.7 kB."""
TEXT_LIMIT = 500
"""Characters of names: no shop needs longer ones, and a hostile one must not fill mails and logs."""


def key(text: str) -> str:
    """An id, a type, a language: what rows are found by."""
    return clean_text(text[:KEY_LIMIT])


def name(text: str) -> str:
    """A name or another text for people."""
    return clean_text(text[:TEXT_LIMIT])
