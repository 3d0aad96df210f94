"""Fixtures on the real engines. Nothing here is a mock."""

import shutil
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from ingestion import pipeline
from ingestion.local.postgres import Server
from ingestion.settings import PROJECT_DIR, Settings, get_settings

INBOX = PROJECT_DIR / "examples" / "inbox"


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """A PostgreSQL server of its own, in a temporary home, for the whole session (of each process of the tests)."""
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


@pytest.fixture(scope="session")
def sample_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home of `sample_night`: archive, answers, secret, lineage events."""
    return tmp_path_factory.mktemp("sample_home")


@pytest.fixture(scope="session")
def sample_night(server: Server, sample_home: Path) -> Iterator[str]:
    """libpq URL of a warehouse after two nights over `examples/inbox`; the second one changed nothing. Only read it."""
    name = f"sample_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
        url = server.url(name)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("CHUNGTAY_HOME", str(sample_home))
            patch.setenv("CHUNGTAY_WAREHOUSE_URL", url)
            patch.setenv("CHUNGTAY_OPENLINEAGE_FILE", str(sample_home / "lineage.jsonl"))
            get_settings.cache_clear()
            pipeline.run_night("first", str(INBOX))
            before = _published(url)
            pipeline.run_night("second", str(INBOX))
            assert _published(url) == before
        get_settings.cache_clear()
        yield url
        connection.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


def _published(url: str) -> dict[str, object]:
    """A hash of every published table."""
    with psycopg.connect(url) as connection:
        tables = connection.execute(
            "select format('%I.%I', schemaname, tablename) from pg_tables where schemaname in ('mart', 'vault')"
        ).fetchall()
        return {
            table: connection.execute(
                f"select md5(string_agg(t::text, '|' order by t::text)) from {table} as t"
            ).fetchone()
            for (table,) in tables
        }
