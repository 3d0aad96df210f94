"""Reports are counted a second time; a publication can be brought back."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0005"
down_revision = "0004"

_CONSERVATION: tuple[sa.Column[Any], ...] = (
    sa.Column(
        "filled_rows_recounted",
        sa.Integer(),
        comment="Filled rows of its sheets, counted again from the archived bytes; null if that cannot be done.",
    ),
    sa.Column(
        "amounts_recounted",
        JSONB(),
        comment="By column in dong, added up again from the archived bytes, of those where that can be done.",
    ),
    sa.Column(
        "not_recounted",
        sa.Text(),
        comment="What could not be counted again and why; '' if all was; null before there was a second count.",
    ),
)


def upgrade() -> None:
    for column in _CONSERVATION:
        op.add_column("conservation", column, schema="ops")
    op.create_table_comment(
        "conservation",
        "One row per report loaded: rows in the file = loaded = accepted + held, and both counted a second time.",
        existing_comment="One row per judged submission: rows in the file = loaded = accepted + held.",
        schema="ops",
    )
    op.drop_constraint("publication_night_id_key", "publication", schema="ops")
    op.create_index("publication_night_id_idx", "publication", ["night_id"], schema="ops")
    op.add_column(
        "publication",
        sa.Column("restores", sa.BigInteger(), comment="The publication that was brought back; null of a night."),
        schema="ops",
    )
    op.create_foreign_key(
        "publication_restores_fkey",
        "publication",
        "publication",
        ["restores"],
        ["publication_id"],
        source_schema="ops",
        referent_schema="ops",
    )
    op.add_column(
        "publication",
        sa.Column(
            "structure", JSONB(), comment="By public table and view: MD5 of its columns and key, or of its query."
        ),
        schema="ops",
    )
    op.add_column(
        "publication",
        sa.Column(
            "rows_kept",
            sa.Boolean(),
            server_default=sa.true(),
            nullable=False,
            comment="Whether the rows that it removed and added are kept, to go back by.",
        ),
        schema="ops",
    )
    op.execute("update ops.publication set rows_kept = false")
    op.alter_column(
        "publication",
        "changes",
        comment="By table: rows before, after, removed and added, these by period, too; checksum of all rows after.",
        schema="ops",
    )
    op.create_table_comment(
        "publication",
        "One row per publication, of a night or brought back: what changed in `mart`, in which table and period, when.",
        schema="ops",
    )


def downgrade() -> None:
    op.execute("delete from ops.publication where restores is not null")
    op.execute(
        "delete from ops.publication as p where exists (select from ops.publication as l"
        " where l.night_id = p.night_id and l.publication_id > p.publication_id)"
    )
    for name in ("rows_kept", "structure", "restores"):
        op.drop_column("publication", name, schema="ops")
    op.drop_index("publication_night_id_idx", "publication", schema="ops")
    op.create_unique_constraint("publication_night_id_key", "publication", ["night_id"], schema="ops")
    for name in ("not_recounted", "amounts_recounted", "filled_rows_recounted"):
        op.drop_column("conservation", name, schema="ops")
