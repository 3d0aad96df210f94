"""Alembic's entry: always online, on the connection that `ingestion.warehouse.migrate` hands over."""

from alembic import context

from ingestion.ops import Base


def include_name(name: str | None, kind: str, _parents: object) -> bool:
    """Only the schemas described by `ingestion.ops` are Alembic's business."""
    return kind != "schema" or name in ("ops", "raw")


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    version_table_schema="ops",
    include_schemas=True,
    include_name=include_name,
    compare_server_default=False,
)
with context.begin_transaction():
    context.run_migrations()
