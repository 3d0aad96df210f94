"""Reports are judged again when what they are compared with changes, and answered; unchanged content is told."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column(
        "submission",
        sa.Column(
            "other_row_count",
            sa.Integer(),
            server_default="0",
            nullable=False,
            comment="Filled rows of its sheets that are no data: headings, sums, notes.",
        ),
        schema="ops",
    )
    op.add_column(
        "submission",
        sa.Column(
            "content_sha256",
            sa.Text(),
            nullable=True,
            comment="Of what was read, whatever the bytes: two reports alike in it say the same.",
        ),
        schema="ops",
    )
    op.add_column(
        "submission",
        sa.Column(
            "layout", sa.Text(), server_default="", nullable=False, comment="Layout of the contract; '' for its own."
        ),
        schema="ops",
    )
    op.add_column(
        "submission",
        sa.Column(
            "verdict_code",
            sa.Text(),
            nullable=True,
            comment="What the gate decided last; status_code says besides whether a later revision counts instead.",
        ),
        schema="ops",
    )
    op.add_column(
        "submission",
        sa.Column(
            "judge_again",
            sa.Boolean(),
            server_default=sa.false(),
            nullable=False,
            comment="Something that its rules compare it with has changed since.",
        ),
        schema="ops",
    )
    op.add_column(
        "submission",
        sa.Column(
            "answered_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="When the sender's answer was last written, after judged_at or received_at.",
        ),
        schema="ops",
    )
    op.create_check_constraint(
        op.f("submission_verdict_code_check"),
        "submission",
        "verdict_code in ('rejected', 'accepted', 'accepted_with_findings')",
        schema="ops",
    )
    op.create_index(
        "submission_judge_again_idx", "submission", ["dataset"], schema="ops", postgresql_where="judge_again"
    )
    op.execute("""
        update ops.submission
        set verdict_code = case
            when status_code = 'superseded' then
                case when exists (select from ops.finding as f where f.submission_id = submission.submission_id)
                    then 'accepted_with_findings' else 'accepted' end
            else status_code
        end
        where revision is not null and judged_at is not null and status_code <> 'duplicate'
    """)


def downgrade() -> None:
    op.drop_index("submission_judge_again_idx", table_name="submission", schema="ops", postgresql_where="judge_again")
    op.drop_constraint(op.f("submission_verdict_code_check"), "submission", schema="ops")
    for column in ("answered_at", "judge_again", "verdict_code", "layout", "content_sha256", "other_row_count"):
        op.drop_column("submission", column, schema="ops")
