"""Messages to those who run the warehouse, their deliveries, and the facts that they told."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.create_table(
        "notification",
        sa.Column(
            "notification_id",
            sa.Uuid(),
            nullable=False,
            comment="Goes with the message: it may come twice, and is known by this.",
        ),
        sa.Column("kind", sa.Text(), nullable=False, comment="Name of its page in docs/runbook."),
        sa.Column("night_id", sa.Text(), server_default="", nullable=False),
        sa.Column("title_vi", sa.Text(), nullable=False),
        sa.Column("title_en", sa.Text(), nullable=False),
        sa.Column("text_vi", sa.Text(), nullable=False),
        sa.Column("text_en", sa.Text(), nullable=False),
        sa.Column(
            "details", sa.Text(), server_default="", nullable=False, comment="A list, a line each; in no language."
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("notification_id", name="notification_pkey"),
        schema="ops",
        comment="One row per message to those who run the warehouse, written with what it tells.",
    )
    op.create_table(
        "notification_delivery",
        sa.Column("notification_id", sa.Uuid(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("attempt_count", sa.Integer(), server_default="0", nullable=False),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_error", sa.Text(), server_default="", nullable=False),
        sa.Column("delivered_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("notification_id", "channel", name="notification_delivery_pkey"),
        sa.ForeignKeyConstraint(
            ["notification_id"],
            ["ops.notification.notification_id"],
            name="notification_delivery_notification_id_fkey",
        ),
        sa.CheckConstraint("channel in ('mail', 'webhook')", name="notification_delivery_channel_check"),
        schema="ops",
        comment="One row per message and channel that was set when it was written.",
    )
    op.create_index(
        "notification_delivery_due_idx",
        "notification_delivery",
        ["next_attempt_at"],
        schema="ops",
        postgresql_where="delivered_at is null",
    )
    op.create_table(
        "notified_fact",
        sa.Column("fact", sa.Text(), nullable=False),
        sa.Column("notification_id", sa.Uuid(), nullable=True, comment="Null: from before there were messages."),
        sa.PrimaryKeyConstraint("fact", name="notified_fact_pkey"),
        sa.ForeignKeyConstraint(
            ["notification_id"], ["ops.notification.notification_id"], name="notified_fact_notification_id_fkey"
        ),
        schema="ops",
        comment="One row per fact that a message told: it is told once.",
    )
    op.execute(
        "insert into ops.notified_fact (fact)"
        " select concat_ws(' ', 'rejected', submission_id, extract(epoch from coalesce(judged_at, received_at)))"
        " from ops.submission where status_code = 'rejected'"
    )


def downgrade() -> None:
    op.drop_table("notified_fact", schema="ops")
    op.drop_table("notification_delivery", schema="ops")
    op.drop_table("notification", schema="ops")
