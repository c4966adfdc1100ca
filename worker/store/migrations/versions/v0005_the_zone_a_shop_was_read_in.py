"""The time zone a shop was read in is kept, to notice when an operator corrects it."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.add_column("source_state", sa.Column("timezone", sa.Text(), nullable=True))
