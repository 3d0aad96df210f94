"""A file that was refused twice is not read a third time by the same code within the same limits."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.add_column(
        "submission",
        sa.Column(
            "refused_under",
            sa.Text(),
            nullable=True,
            comment="Code and limits that twice found the file unreadable: it is read again only under others.",
        ),
        schema="ops",
    )


def downgrade() -> None:
    op.drop_column("submission", "refused_under", schema="ops")
