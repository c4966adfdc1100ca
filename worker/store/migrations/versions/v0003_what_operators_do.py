"""What operators do: releases of mails are counted, erased customers leave a tombstone."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "erased",
        sa.Column("tombstone", sa.String(length=64), nullable=False),
        sa.Column("erased_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("tombstone", name=op.f("pk_erased")),
    )
    op.add_column("mail", sa.Column("releases", sa.Integer(), server_default=sa.text("0"), nullable=False))
