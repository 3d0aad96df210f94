"""Fixtures on the real engines. Nothing here is a mock."""

import shutil
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from ingestion.local.postgres import Server
from ingestion.settings import Settings


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """A PostgreSQL server of its own, in a temporary home, for the whole session."""
    home = Path(tempfile.mkdtemp(prefix="chungtay-test-"))
    home.chmod(0o711)
    own = Server(home, Settings().pg_bin, options={"fsync": "off", "shared_buffers": "256MB"})
    try:
        own.start()
        yield own
    finally:
        own.destroy()
        shutil.rmtree(home)


@pytest.fixture(scope="module")
def warehouse_url(server: Server) -> Iterator[str]:
    """libpq URL of an empty database of this test module's own; dropped after the module."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
        yield server.url(name)
        connection.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))
