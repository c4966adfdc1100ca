"""Watches that ended by what the customer said are found by an index; all are judged anew in the next sync, which fills it."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.add_column("relation", sa.Column("told_end_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index(
        "ix_relation_told_end",
        "relation",
        ["source", "told_end_at"],
        unique=False,
        sqlite_where=sa.text("retired_at IS NULL AND told_end_at IS NOT NULL"),
        postgresql_where=sa.text("retired_at IS NULL AND told_end_at IS NOT NULL"),
    )
    op.execute("UPDATE source_state SET judged_by = ''")
