"""The warehouse remembers which secret made its surrogate keys."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table(
        "surrogate_secret",
        sa.Column("is_only_row", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.Column(
            "fingerprint",
            sa.Text(),
            nullable=False,
            comment="HMAC of a fixed text under the secret: tells the same secret from another, and nothing else.",
        ),
        sa.Column("remembered_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.PrimaryKeyConstraint("is_only_row", name="surrogate_secret_pkey"),
        sa.CheckConstraint("is_only_row", name="surrogate_secret_only_row_check"),
        schema="ops",
        comment="One row: the secret that the surrogate keys of people are made with, by its fingerprint.",
    )


def downgrade() -> None:
    op.drop_table("surrogate_secret", schema="ops")
