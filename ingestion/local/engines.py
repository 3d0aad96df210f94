"""Importing this imports the engines that tasks use, which takes seconds.

The processes from which tasks are forked do it once: the local scheduler, and each Celery worker of a server.
"""

import importlib
import logging

# Third-party only: our own modules are imported by each task, so that a changed file counts from the next task on.
MODULES = (
    "alembic.command",
    "dbt.cli.main",
    "dbt.adapters.postgres",
    "great_expectations",
    "open_data_contract_standard.model",
    "polars",
    "psycopg",
    "pydantic_settings",
    "python_calamine",
    "sqlalchemy",
)

logging.getLogger("great_expectations").setLevel(logging.WARNING)  # it tells of each function it passes over
for module in MODULES:
    importlib.import_module(module)
