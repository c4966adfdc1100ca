"""Makes `tests.support` importable, whatever else is installed under the name `tests`."""
