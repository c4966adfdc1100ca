"""The steps that bring a database to this program's schema (Alembic), run by worker/store/schema.py."""
