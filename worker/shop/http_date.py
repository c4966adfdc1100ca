"""Reads the dates in HTTP headers (RFC 9110, 5.6.7), which a broken shop may fill with anything."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime


def http_date(text: str | None) -> datetime | None:
    """The moment, in UTC; None where there is none, in no zone, or one that no calendar holds."""
    try:
        told = parsedate_to_datetime(text or "")
        return told.astimezone(UTC) if told.tzinfo is not None else None
    except (ValueError, TypeError, OverflowError):
        return None
