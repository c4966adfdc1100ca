"""Watchpost: e-mails shop customers when a product they watch gets cheaper or is back in stock."""

__version__ = "0.1.0"
