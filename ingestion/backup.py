"""Backup and restore: one folder with everything that a home needs to go on exactly.

A backup holds the warehouse as of one instant (what a build makes again is left out; what readers see is not), the
archive of received bytes, the answers, the surrogate secret and a manifest with the SHA-256 of every file. It appears
under its name only when it is whole and was read back. Restoring fills the database last, in one transaction.
"""

import ctypes
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psycopg
from alembic.script import ScriptDirectory
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from ingestion import surrogate
from ingestion.local.postgres import binaries, locked, make_home, write_private
from ingestion.receive import archive
from ingestion.settings import Settings, code_version
from ingestion.warehouse import MIGRATIONS_DIR, SCHEMAS, prepare

FORMAT = 1
DERIVED_SCHEMAS = frozenset({"staging", "intermediate", "change", "mart_build", "vault_build"})
KEPT_SCHEMAS = [schema for schema in SCHEMAS if schema not in DERIVED_SCHEMAS]
DUMP, MANIFEST, SECRET = "warehouse.dump", "manifest.json", "surrogate_secret"
ARCHIVE, OUTBOX = "archive", "outbox"
_UNFINISHED = ".unfinished-"
_CONNECT_TRIES = 5  # a table may come or go between listing and locking them
_CHUNK_BYTES = 2**20

Say = Callable[[str], None]
Connection = psycopg.Connection[tuple[Any, ...]]


class BackupError(RuntimeError):
    """The backup cannot be made, is not whole, or may not be restored here; the message says why."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup says of itself. `rows` is by table, `files` the SHA-256 by path within the backup."""

    format: int
    created_at: str
    code_version: str
    package_version: str
    migration: str
    server_version: str
    surrogate_fingerprint: str | None
    roles: list[str]
    rows: dict[str, int]
    files: dict[str, str]

    @property
    def holds_secret(self) -> bool:
        """Whether the surrogate secret is among the files."""
        return SECRET in self.files


# -- backup --


def backup(
    settings: Settings, url: str, to: Path, *, with_secret: bool = True, say: Say = lambda _: None
) -> tuple[Path, Manifest]:
    """Write a new backup into the folder `to`, while a night runs or not; gives its place. Raises BackupError.

    It has its name when every file is on the disk and was read back whole; what a killed one left goes with the next.
    """
    to.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        with locked(to / ".backup.lock", wait=False):
            for left in to.glob(f"{_UNFINISHED}*"):
                shutil.rmtree(left)
            folder = Path(tempfile.mkdtemp(dir=to, prefix=_UNFINISHED))
            try:
                manifest = _write(settings, url, folder, with_secret=with_secret, say=say)
                verify(settings, folder, say)
                place = to / f"chungtay-{datetime.now(UTC):%Y%m%dT%H%M%S%fZ}"
                folder.rename(place)
                _sync(to)
            except BaseException:
                shutil.rmtree(folder, ignore_errors=True)
                raise
            return place, manifest
    except BlockingIOError:
        raise BackupError(f"another backup is being written to {to}; wait for its end") from None


def _write(settings: Settings, url: str, folder: Path, *, with_secret: bool, say: Say) -> Manifest:
    files: dict[str, str] = {}
    say("the warehouse")
    with _frozen(url) as (connection, snapshot):
        schemas = [f"--schema={schema}" for schema in KEPT_SCHEMAS if schema in _schemas(connection)]
        _run(
            settings, "pg_dump", "--format=custom", f"--snapshot={snapshot}", *schemas, f"--file={folder / DUMP}",
            url=url,
        )  # fmt: skip
        rows = _row_counts(connection)
        migration = _one(connection, "select version_num from ops.alembic_version")
        fingerprint = _fingerprint(connection)
        received = {
            sha256
            for (sha256,) in connection.execute("select distinct sha256 from ops.submission")
            if re.fullmatch("[0-9a-f]{64}", sha256)  # of a file that could not be opened there are no bytes
        }
        roles = _grantees(connection)
        server_version = str(_one(connection, "show server_version"))
    files[DUMP] = _sha256(folder / DUMP)
    # After the warehouse: bytes are archived before a report of them is loaded, so none is missing.
    say("the archive")
    for source in _archived(settings.archive_dir):
        sha256, kept = archive(source, folder / ARCHIVE)
        if sha256 != source.name:
            raise BackupError(f"{source} is damaged: its bytes have another SHA-256 than its name")
        files[str(kept.relative_to(folder))] = sha256
    if missing := received - {sha256 for path, sha256 in files.items() if path.startswith(f"{ARCHIVE}/")}:
        raise BackupError(
            f"{len(missing)} received files are not in {settings.archive_dir}, the first: {min(missing)};"
            " is CHUNGTAY_HOME the home of this warehouse?"
        )
    for source in sorted(settings.outbox_dir.rglob("*")):
        if source.is_file() and not source.name.startswith("."):
            relative = Path(OUTBOX, source.relative_to(settings.outbox_dir))
            files[str(relative)] = _copy(source, folder / relative)
    if with_secret and fingerprint is not None:
        key = _present_secret(settings)
        if key is None or surrogate.fingerprint(key) != fingerprint:
            raise BackupError(
                f"the surrogate secret, set or in {settings.home / SECRET}, is not the one of this warehouse;"
                " --without-secret leaves it out"
            )
        write_private(folder / SECRET, key.decode())
        files[SECRET] = _sha256(folder / SECRET)
    manifest = Manifest(
        format=FORMAT,
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        code_version=code_version(),
        package_version=version("chungtay"),
        migration=str(migration),
        server_version=server_version,
        surrogate_fingerprint=fingerprint,
        roles=roles,
        rows=rows,
        files=files,
    )
    write_private(folder / MANIFEST, json.dumps(asdict(manifest), ensure_ascii=False, indent=1))
    for path in (folder, *folder.rglob("*")):
        if path.is_file() and ARCHIVE not in path.relative_to(folder).parts[:1]:
            path.chmod(0o600)
        _sync(path)
    return manifest


@contextmanager
def _frozen(url: str) -> Iterator[tuple[Connection, str]]:
    """A transaction that sees the warehouse of one instant, and the snapshot by which others see the same.

    The tables are locked first, against a change of their structure alone: a table made anew after the snapshot was
    taken would look empty in it.
    """
    with psycopg.connect(url) as connection:
        for _ in range(_CONNECT_TRIES):
            tables = _tables(connection)
            connection.rollback()
            if ("ops", "alembic_version") not in tables:
                raise BackupError("the warehouse is empty: no night was run yet, there is nothing to back up")
            connection.execute("set transaction isolation level repeatable read, read only")
            try:
                names = sql.SQL(", ").join(sql.Identifier(*table) for table in tables)
                connection.execute(sql.SQL("lock table {} in access share mode").format(names))
            except psycopg.errors.UndefinedTable:
                connection.rollback()
                continue
            snapshot = str(_one(connection, "select pg_export_snapshot()"))
            if _tables(connection) == tables:
                yield connection, snapshot
                return
            connection.rollback()
    raise BackupError("tables of the warehouse come and go all the time; try again")


# -- what a backup says, and whether it is whole --


def read_manifest(folder: Path) -> Manifest:
    """What the backup in this folder says of itself. Raises BackupError if it is none, or made by a newer code."""
    try:
        said = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        written_as = said["format"]
        manifest = Manifest(**said) if written_as == FORMAT else None
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise BackupError(f"{folder} is not a whole backup: its {MANIFEST} cannot be read") from error
    known = {script.revision for script in ScriptDirectory(str(MIGRATIONS_DIR)).walk_revisions()}
    if manifest is None or manifest.migration not in known or _numbers(manifest.package_version) > _numbers(
        version("chungtay")
    ):  # fmt: skip
        raise BackupError(
            "bản sao lưu do phiên bản mới hơn tạo ra; hãy cài bản đó trước / the backup was made by a newer"
            f" version ({said.get('code_version')}, migration {said.get('migration')}): install that one, then restore"
        )
    return manifest


def verify(settings: Settings, folder: Path, say: Say = lambda _: None) -> Manifest:
    """Read a backup back: every file by its SHA-256, the dump to its end. Raises BackupError."""
    say("reading it back")
    manifest = read_manifest(folder)
    for path, sha256 in manifest.files.items():
        if not (folder / path).is_file():
            raise BackupError(f"{folder} is not a whole backup: {path} is missing")
        if _sha256(folder / path) != sha256:
            raise BackupError(f"{folder} is damaged: {path} is not what was written")
    _run(settings, "pg_restore", "--file=/dev/null", folder / DUMP)
    if manifest.holds_secret:
        key = (folder / SECRET).read_bytes()
        if surrogate.fingerprint(key) != manifest.surrogate_fingerprint:
            raise BackupError(f"{folder} is damaged: its secret is not that of its warehouse")
    return manifest


# -- restore --


def restore(
    settings: Settings, url: str, folder: Path, *, replace: bool = False, say: Say = lambda _: None
) -> tuple[Manifest, bool]:
    """Fill an empty home from a backup; gives its manifest, and whether the home has the secret of its keys.

    Killed at any moment it can be run again. With `replace` a filled warehouse is emptied first. Raises BackupError.
    """
    manifest = verify(settings, folder, say)
    if (
        settings.surrogate_secret is not None
        and manifest.surrogate_fingerprint is not None
        and surrogate.fingerprint(surrogate.secret(settings)) != manifest.surrogate_fingerprint
    ):
        raise BackupError("CHUNGTAY_SURROGATE_SECRET is set, but is not the secret of this backup")
    make_home(settings.home)
    try:
        with locked(settings.home / ".night.lock", wait=False):
            has_secret = _restore(settings, url, folder, manifest, replace=replace, say=say)
    except BlockingIOError:
        raise BackupError(f"a night runs on {settings.home}; wait for its end") from None
    return manifest, has_secret


def _restore(settings: Settings, url: str, folder: Path, manifest: Manifest, *, replace: bool, say: Say) -> bool:
    mark, this_backup = settings.home / ".restoring", _sha256(folder / MANIFEST)
    with psycopg.connect(url) as connection:
        # The database is filled in one transaction: after a kill it is empty, or whole and we only have to go on.
        is_there = mark.exists() and mark.read_text() == this_backup and _row_counts(connection) == manifest.rows
        if not is_there:
            foreign = {path.name for path in _archived(settings.archive_dir)} - set(manifest.files.values())
            if not replace and (_is_filled(connection) or foreign):
                raise BackupError(
                    f"{settings.home} đã có dữ liệu; chỉ khôi phục vào thư mục trống, hoặc thêm --yes để thay thế /"
                    " this home or its warehouse is filled: restore into an empty one, or replace it with --yes"
                )
            for schema in SCHEMAS:
                connection.execute(sql.SQL("drop schema if exists {} cascade").format(sql.Identifier(schema)))
            _create_roles(connection, manifest.roles)
    say("the archive")
    for path in manifest.files:
        if path.startswith(f"{ARCHIVE}/"):
            archive(folder / path, settings.archive_dir)
        elif path.startswith(f"{OUTBOX}/"):
            _copy(folder / path, settings.outbox_dir / Path(path).relative_to(OUTBOX))
    has_secret = _restore_secret(settings, folder, manifest)
    if not is_there:
        write_private(mark, this_backup)
        say("the warehouse")
        _restore_dump(settings, url, folder / DUMP)
        with psycopg.connect(url) as connection:
            if (rows := _row_counts(connection)) != manifest.rows:
                differing = sorted(table for table, _ in rows.items() ^ manifest.rows.items())
                raise BackupError(f"restored, but tables have other numbers of rows: {', '.join(differing)}")
    say("bringing it up to date")
    prepare(url)  # brings a backup of an older version up to date; default privileges of the reading roles
    mark.unlink(missing_ok=True)
    return has_secret


def _restore_dump(settings: Settings, url: str, dump: Path) -> None:
    with tempfile.NamedTemporaryFile("w", suffix=".list") as wanted:
        # Default privileges belong to the one who made the tables, who may be another here.
        entries = _run(settings, "pg_restore", "--list", dump).splitlines(keepends=True)
        wanted.writelines(entry for entry in entries if " DEFAULT ACL " not in entry)
        wanted.flush()
        _run(
            settings, "pg_restore", "--single-transaction", "--exit-on-error", "--no-owner",
            f"--use-list={wanted.name}", dump, url=url,
        )  # fmt: skip


def _restore_secret(settings: Settings, folder: Path, manifest: Manifest) -> bool:
    """Put the secret in its place; a former other one is kept beside it. False if the home is without its secret."""
    place, present = settings.home / SECRET, _present_secret(settings)
    if manifest.surrogate_fingerprint is None:
        return True
    if present is not None and surrogate.fingerprint(present) == manifest.surrogate_fingerprint:
        return True
    if not manifest.holds_secret:
        return False
    if present is not None:
        write_private(place.with_name(f"{SECRET}.until-{datetime.now(UTC):%Y%m%dT%H%M%SZ}"), present.decode())
    write_private(place, (folder / SECRET).read_text())
    return True


def _present_secret(settings: Settings) -> bytes | None:
    """The secret as set or in the home; other than `surrogate.secret` it makes none."""
    if settings.surrogate_secret is None and not (settings.home / SECRET).exists():
        return None
    return surrogate.secret(settings)


def _create_roles(connection: Connection, roles: list[str]) -> None:
    """The roles that tables were granted to; they come without a login, which is the server's matter."""
    for role in roles:
        if connection.execute("select from pg_roles where rolname = %s", [role]).fetchone() is None:
            try:
                connection.execute(sql.SQL("create role {} nologin").format(sql.Identifier(role)))
            except psycopg.errors.InsufficientPrivilege:
                raise BackupError(
                    f"role {role} reads tables of this backup, does not exist here and may not be made: create it first"
                ) from None


# -- the warehouse, seen from here --


def _one(connection: Connection, statement: str) -> object:
    row = connection.execute(statement.encode()).fetchone()
    return None if row is None else row[0]


def _schemas(connection: Connection) -> set[str]:
    return {name for (name,) in connection.execute("select nspname from pg_namespace")}


def _tables(connection: Connection) -> list[tuple[str, str]]:
    """Schema and name of every table that is backed up."""
    found = connection.execute(
        "select schemaname, tablename from pg_tables where schemaname = any(%s) order by 1, 2", [KEPT_SCHEMAS]
    )
    return [(schema, table) for schema, table in found]


def _row_counts(connection: Connection) -> dict[str, int]:
    counts = {}
    for table in _tables(connection):
        found = connection.execute(sql.SQL("select count(*) from {}").format(sql.Identifier(*table))).fetchone()
        counts[".".join(table)] = found[0] if found else 0
    return counts


def _fingerprint(connection: Connection) -> str | None:
    if _one(connection, "select to_regclass('ops.surrogate_secret')") is None:
        return None
    found = _one(connection, "select fingerprint from ops.surrogate_secret")
    return None if found is None else str(found)


def _grantees(connection: Connection) -> list[str]:
    """Roles beside the owner that anything in a backup is granted to."""
    return [
        role
        for (role,) in connection.execute(
            "select distinct r.rolname from ("
            " select n.oid as schema, n.nspowner as owner, n.nspacl as acl from pg_namespace as n"
            " union all select c.relnamespace, c.relowner, c.relacl from pg_class as c) as o"
            " inner join pg_namespace as n on n.oid = o.schema and n.nspname = any(%s)"
            " cross join lateral aclexplode(o.acl) as a inner join pg_roles as r on r.oid = a.grantee"
            " where a.grantee <> o.owner order by 1",
            [KEPT_SCHEMAS],
        )
    ]


def _is_filled(connection: Connection) -> bool:
    if _one(connection, "select to_regclass('ops.submission')") is None:
        return False
    return bool(_one(connection, "select exists (select from ops.submission)"))


# -- files and programs --


def _archived(folder: Path) -> list[Path]:
    return sorted(folder.glob("[0-9a-f][0-9a-f]/*"))


def _copy(source: Path, target: Path) -> str:
    """Copy a file whole or not at all, for its owner alone; gives its SHA-256."""
    target.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name[:40]}.")
    with os.fdopen(descriptor, "wb") as copy, source.open("rb") as original:
        shutil.copyfileobj(original, copy, _CHUNK_BYTES)
        copy.flush()
        os.fsync(copy.fileno())
    shutil.copystat(source, name)
    Path(name).replace(target)
    return _sha256(target)


def _sha256(path: Path) -> str:
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _numbers(text: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", text)]


def _end_with_parent() -> None:
    """A program that we started ends when we are killed, and its transaction with it."""
    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)


def _run(settings: Settings, program: str, *arguments: object, url: str | None = None) -> str:
    """Run one of PostgreSQL's programs; gives what it printed. Its errors may quote rows: we tell the first line."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")} | {"LC_ALL": "C"}
    database: list[str] = []
    if url is not None:
        parts: Mapping[str, Any] = conninfo_to_dict(url)
        # Anyone may read the arguments of a process, only its owner the environment.
        environment["PGPASSWORD"] = str(parts.get("password") or "")
        database = [f"--dbname={make_conninfo(**{key: parts[key] for key in parts if key != 'password'})}"]
    done = subprocess.run(
        [str(binaries(settings.pg_bin) / program), *map(str, arguments), *database],
        check=False, capture_output=True, text=True, env=environment, preexec_fn=_end_with_parent,
    )  # fmt: skip
    if done.returncode != 0:
        raise BackupError(f"{program} failed: {next(iter(done.stderr.splitlines()), f'exit code {done.returncode}')}")
    return done.stdout
