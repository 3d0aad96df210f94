"""Control tables: submissions, findings, outcomes, conservation, publications; cells unread, columns placed."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "publication",
        sa.Column("publication_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("night_id", sa.Text(), nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("code_version", sa.Text(), nullable=False),
        sa.Column("rows_changed", sa.BigInteger(), nullable=False),
        sa.Column(
            "changes",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="By table: rows before, after, removed and added.",
        ),
        sa.PrimaryKeyConstraint("publication_id", name=op.f("publication_pkey")),
        sa.UniqueConstraint("night_id", name=op.f("publication_night_id_key")),
        schema="ops",
        comment="One row per night published: what changed in `mart`, in which table, when.",
    )
    op.create_table(
        "step_outcome",
        sa.Column("step_outcome_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("night_id", sa.Text(), nullable=False, comment="The run that this step belonged to."),
        sa.Column("step", sa.Text(), nullable=False, comment="receive, judge, build or publish, and its part."),
        sa.Column("subject", sa.Text(), server_default="", nullable=False, comment="Sender, data set or layer."),
        sa.Column("status_code", sa.Text(), nullable=False),
        sa.Column("count_in", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("count_out", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("seconds", sa.Numeric(precision=12, scale=3), nullable=False),
        sa.Column("message", sa.Text(), server_default="", nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "status_code in ('succeeded', 'failed', 'skipped')", name=op.f("step_outcome_status_code_check")
        ),
        sa.PrimaryKeyConstraint("step_outcome_id", name=op.f("step_outcome_pkey")),
        schema="ops",
        comment="One row per step of a night or of a submission, also when it failed.",
    )
    op.create_index(op.f("step_outcome_night_id_idx"), "step_outcome", ["night_id"], unique=False, schema="ops")
    op.create_table(
        "submission",
        sa.Column("submission_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("sender_code", sa.Text(), nullable=False),
        sa.Column("dataset", sa.Text(), nullable=True, comment="Null where no data set was recognised."),
        sa.Column("period_code", sa.Text(), nullable=False, comment="SDMX code, as the receiving folder says."),
        sa.Column("period_end", sa.Date(), nullable=True, comment="Last day of the period; null if impossible."),
        sa.Column(
            "standard_code",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="Poverty standard of a review; '' where none enters.",
        ),
        sa.Column(
            "revision",
            sa.Integer(),
            nullable=True,
            comment="1, 2, … within sender, data set, period and standard; null if nothing was loaded.",
        ),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("file_name", sa.Text(), nullable=False),
        sa.Column(
            "sheet_name", sa.Text(), server_default="", nullable=False, comment="Several sheets are joined by ' | '."
        ),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("judged_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("status_code", sa.Text(), nullable=False),
        sa.Column("duplicate_of", sa.BigInteger(), nullable=True),
        sa.Column(
            "row_count",
            sa.Integer(),
            server_default="0",
            nullable=False,
            comment="Data rows: no heading, section, subtotal or total.",
        ),
        sa.Column("held_row_count", sa.Integer(), server_default="0", nullable=False),
        sa.Column("contract_version", sa.Text(), nullable=True),
        sa.Column("code_version", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "(status_code = 'duplicate') = (duplicate_of is not null)", name=op.f("submission_duplicate_of_check")
        ),
        sa.CheckConstraint(
            "status_code in ('received', 'rejected', 'accepted', 'accepted_with_findings', 'superseded', 'duplicate')",
            name=op.f("submission_status_code_check"),
        ),
        sa.ForeignKeyConstraint(
            ["duplicate_of"], ["ops.submission.submission_id"], name=op.f("submission_duplicate_of_fkey")
        ),
        sa.PrimaryKeyConstraint("submission_id", name=op.f("submission_pkey")),
        schema="ops",
        comment="One row per report found in a received file; one also for a file in which no report was recognised.",
    )
    op.create_index(
        "submission_duplicate_key",
        "submission",
        ["duplicate_of", "file_name"],
        unique=True,
        schema="ops",
        postgresql_where="status_code = 'duplicate'",
    )
    op.create_index(
        "submission_report_key",
        "submission",
        ["sender_code", "period_code", "sha256", "dataset", "sheet_name"],
        unique=True,
        schema="ops",
        postgresql_where="revision is not null",
    )
    op.create_index(op.f("submission_sha256_idx"), "submission", ["sha256"], unique=False, schema="ops")
    op.create_index("submission_status_code_idx", "submission", ["status_code", "dataset"], unique=False, schema="ops")
    op.create_table(
        "conservation",
        sa.Column("submission_id", sa.BigInteger(), nullable=False),
        sa.Column("rows_in_file", sa.Integer(), nullable=False),
        sa.Column("rows_loaded", sa.Integer(), nullable=False),
        sa.Column("rows_held", sa.Integer(), nullable=False),
        sa.Column(
            "rows_accepted", sa.Integer(), sa.Computed("rows_loaded - rows_held", persisted=True), nullable=False
        ),
        sa.ForeignKeyConstraint(
            ["submission_id"], ["ops.submission.submission_id"], name=op.f("conservation_submission_id_fkey")
        ),
        sa.PrimaryKeyConstraint("submission_id", name=op.f("conservation_pkey")),
        schema="ops",
        comment="One row per judged submission: rows in the file = loaded = accepted + held.",
    )
    op.create_table(
        "finding",
        sa.Column("finding_id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("submission_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "found_by", sa.Text(), nullable=False, comment="read or judge: a new judgement replaces only its own."
        ),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("sheet_name", sa.Text(), nullable=True),
        sa.Column("row_number", sa.Integer(), nullable=True, comment="Of the sheet, as the sender sees it."),
        sa.Column("column_name", sa.Text(), nullable=True),
        sa.Column("cell", sa.Text(), nullable=True, comment="A1 address."),
        sa.Column("value", sa.Text(), nullable=True, comment="As sent."),
        sa.Column("message_vi", sa.Text(), nullable=False),
        sa.Column("message_en", sa.Text(), nullable=False),
        sa.CheckConstraint("found_by in ('read', 'judge')", name=op.f("finding_found_by_check")),
        sa.CheckConstraint("severity in ('reject', 'critical', 'warning')", name=op.f("finding_severity_check")),
        sa.ForeignKeyConstraint(
            ["submission_id"], ["ops.submission.submission_id"], name=op.f("finding_submission_id_fkey")
        ),
        sa.PrimaryKeyConstraint("finding_id", name=op.f("finding_pkey")),
        schema="ops",
        comment="One row per defect, placed where the sender sees it.",
    )
    op.create_index(
        "finding_held_row_idx",
        "finding",
        ["submission_id", "sheet_name", "row_number"],
        unique=False,
        schema="ops",
        postgresql_where="severity = 'critical' and row_number is not null",
    )
    op.create_index("finding_submission_id_idx", "finding", ["submission_id"], unique=False, schema="ops")
    op.create_table(
        "column_position",
        sa.Column("submission_id", sa.BigInteger(), nullable=False),
        sa.Column("sheet_name", sa.Text(), nullable=False),
        sa.Column("column_name", sa.Text(), nullable=False),
        sa.Column("column_letter", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["submission_id"], ["ops.submission.submission_id"], name=op.f("column_position_submission_id_fkey")
        ),
        sa.PrimaryKeyConstraint("submission_id", "sheet_name", "column_name", name=op.f("column_position_pkey")),
        schema="raw",
        comment="One row per column of a data set found in a sheet: where the sender put it.",
    )
    op.create_table(
        "unread_cell",
        sa.Column("submission_id", sa.BigInteger(), nullable=False),
        sa.Column("sheet_name", sa.Text(), nullable=False),
        sa.Column("row_number", sa.Integer(), nullable=False),
        sa.Column("column_name", sa.Text(), nullable=False),
        sa.Column("dataset", sa.Text(), nullable=False),
        sa.Column("cell", sa.Text(), nullable=True, comment="A1 address."),
        sa.Column("value", sa.Text(), nullable=False, comment="As sent."),
        sa.Column("rule", sa.Text(), nullable=False, comment="unreadable_cell, unknown_code, …"),
        sa.Column("expected_vi", sa.Text(), nullable=False),
        sa.Column("expected_en", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["submission_id"], ["ops.submission.submission_id"], name=op.f("unread_cell_submission_id_fkey")
        ),
        sa.PrimaryKeyConstraint(
            "submission_id", "sheet_name", "row_number", "column_name", name=op.f("unread_cell_pkey")
        ),
        schema="raw",
        comment="One row per cell that could not be read: null in `raw.<data set>`, the text as sent here.",
    )
    op.execute("""
        create view ops.held_row as
        select distinct submission_id, sheet_name, row_number
        from ops.finding
        where severity = 'critical' and row_number is not null
    """)
    op.execute("comment on view ops.held_row is 'One row per row of raw that a critical finding holds back.'")


def downgrade() -> None:
    op.execute("drop view ops.held_row")
    op.drop_table("unread_cell", schema="raw")
    op.drop_table("column_position", schema="raw")
    op.drop_index("finding_submission_id_idx", table_name="finding", schema="ops")
    op.drop_index(
        "finding_held_row_idx",
        table_name="finding",
        schema="ops",
        postgresql_where="severity = 'critical' and row_number is not null",
    )
    op.drop_table("finding", schema="ops")
    op.drop_table("conservation", schema="ops")
    op.drop_index("submission_status_code_idx", table_name="submission", schema="ops")
    op.drop_index(op.f("submission_sha256_idx"), table_name="submission", schema="ops")
    op.drop_index(
        "submission_report_key",
        table_name="submission",
        schema="ops",
        postgresql_where="revision is not null",
    )
    op.drop_index(
        "submission_duplicate_key", table_name="submission", schema="ops", postgresql_where="status_code = 'duplicate'"
    )
    op.drop_table("submission", schema="ops")
    op.drop_index(op.f("step_outcome_night_id_idx"), table_name="step_outcome", schema="ops")
    op.drop_table("step_outcome", schema="ops")
    op.drop_table("publication", schema="ops")
