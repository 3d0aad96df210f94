"""Outcomes of steps by report; what dbt told of every model and test."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

_COMMENT = "One row per step of a night, also when it failed, and one per report and what a step did with it."
_COMMENT_BEFORE = "One row per step of a night or of a submission, also when it failed."
_STEP = "receive, judge, build, publish, …; of a report read, load, judge or answer."
_STEP_BEFORE = "receive, judge, build or publish, and its part."


def upgrade() -> None:
    op.add_column(
        "step_outcome",
        sa.Column(
            "submission_id",
            sa.BigInteger(),
            nullable=True,
            comment="The report; null of the step as a whole, of which its seconds are a part.",
        ),
        schema="ops",
    )
    op.create_index(
        "step_outcome_submission_id_idx",
        "step_outcome",
        ["submission_id"],
        schema="ops",
        postgresql_where="submission_id is not null",
    )
    op.alter_column("step_outcome", "step", comment=_STEP, existing_comment=_STEP_BEFORE, schema="ops")
    op.create_table_comment("step_outcome", _COMMENT, existing_comment=_COMMENT_BEFORE, schema="ops")
    op.create_table(
        "build_node",
        sa.Column("build_node_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("night_id", sa.Text(), nullable=False, comment="The run that this build belonged to."),
        sa.Column("layer", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("resource_type", sa.Text(), nullable=False, comment="model, test, seed, …"),
        sa.Column(
            "status_code",
            sa.Text(),
            nullable=False,
            comment="As dbt says; of a layer that failed only the nodes at fault are told.",
        ),
        sa.Column("row_count", sa.BigInteger(), nullable=True, comment="Rows written; null where none were counted."),
        sa.Column("seconds", sa.Numeric(precision=12, scale=3), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=False, comment="When its layer was finished."),
        sa.PrimaryKeyConstraint("build_node_id", name="build_node_pkey"),
        schema="ops",
        comment="One row per model, seed or test that a night built or ran: what dbt told of it.",
    )
    op.create_index("build_node_night_id_idx", "build_node", ["night_id"], schema="ops")


def downgrade() -> None:
    op.drop_index("build_node_night_id_idx", table_name="build_node", schema="ops")
    op.drop_table("build_node", schema="ops")
    op.execute("delete from ops.step_outcome where submission_id is not null")
    op.drop_index("step_outcome_submission_id_idx", table_name="step_outcome", schema="ops")
    op.drop_column("step_outcome", "submission_id", schema="ops")
    op.alter_column("step_outcome", "step", comment=_STEP_BEFORE, existing_comment=_STEP, schema="ops")
    op.create_table_comment("step_outcome", _COMMENT_BEFORE, existing_comment=_COMMENT, schema="ops")
