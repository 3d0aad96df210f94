"""The one module that knows dbt: it loads the reference lists and builds the layers, in this process.

Nothing here changes `mart`: dbt builds in private schemas, and publishing copies from `mart_build` afterwards.
"""

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal, get_args

import psycopg
from dbt.cli.main import dbtRunner
from psycopg.conninfo import conninfo_to_dict

from ingestion import surrogate
from ingestion.change_log import begin_build, finish_build, is_settled
from ingestion.relation import BUILD_LOCK
from ingestion.settings import get_settings
from ingestion.warehouse import create_engine

PROJECT_DIR = Path(__file__).resolve().parent
SEEDS_DIR = PROJECT_DIR / "seeds"

Layer = Literal["staging", "intermediate", "marts"]
LAYERS: tuple[Layer, ...] = get_args(Layer)

# The folders of models that a layer builds: what is public is built and tested as one.
_FOLDERS: dict[Layer, tuple[str, ...]] = {
    "staging": ("staging",),
    "intermediate": ("intermediate",),
    "marts": ("marts", "indicators", "vault", "reports"),
}

_manifests: dict[str, Any] = {}


@dataclass(frozen=True, slots=True)
class NodeResult:
    """What became of one model, test or seed. `rows` is None where nothing was counted."""

    name: str
    resource_type: str
    status: str
    rows: int | None
    seconds: float
    message: str


@dataclass(frozen=True, slots=True)
class BuildResult:
    """A layer that was built whole: every node succeeded."""

    layer: str
    nodes: tuple[NodeResult, ...]

    @property
    def seconds(self) -> float:
        """Time spent in nodes; with several threads more than the clock shows."""
        return sum(node.seconds for node in self.nodes)


class BuildError(RuntimeError):
    """dbt did not succeed. `failed` are the nodes at fault, without those skipped because of them."""

    def __init__(self, layer: str, failed: Sequence[NodeResult], message: str = "") -> None:
        self.layer = layer
        self.failed = tuple(failed)
        told = [f"{node.resource_type} {node.name}: {node.message}" for node in failed]
        super().__init__(f"dbt did not build {layer}: " + "; ".join([message, *told] if message else told))


def seed_if_changed(url: str) -> bool:
    """Loads the reference lists into schema `reference` if they differ from those loaded last; True if it did.

    The hash of what was loaded stands in `reference.seed_state`. It is taken away first and written last, so that a
    killed load is done again. The views of expected reports rest on the lists and come with them. Raises BuildError.
    """
    wanted = _seeds_hash()
    with _alone(url) as connection:
        connection.execute("create schema if not exists reference")
        connection.execute("create table if not exists reference.seed_state (sha256 text primary key)")
        connection.execute(
            "comment on table reference.seed_state is 'One row: the hash of the lists as loaded; none while they load.'"
        )
        if connection.execute("select sha256 from reference.seed_state").fetchall() == [(wanted,)]:
            return False
        connection.execute("delete from reference.seed_state")
        _invoke(url, "reference", ["seed", "--full-refresh"])
        _build_report_status(connection, url)
        connection.execute("insert into reference.seed_state (sha256) values (%s)", [wanted])
    return True


def build_report_status(url: str) -> None:
    """Makes the view `intermediate.int_report__status`, which tells at any moment which reports came and which are due.

    A night makes it, too; this is for a warehouse that no night has built yet. Where it is there, or comes with a build
    that runs just now, nothing is done. Raises BuildError.
    """
    with _alone(url) as connection:
        found = connection.execute("select to_regclass('intermediate.int_report__status') is not null").fetchone()
        if found != (True,):
            _build_report_status(connection, url)


def _build_report_status(connection: psycopg.Connection[tuple[Any, ...]], url: str) -> None:
    begin_build(connection, "reference", _definition(), inputs(_nodes(url)))
    _invoke(url, "reference", ["run", "--select", "+int_report__status"])


def build(layer: Layer, url: str, *, with_unit_tests: bool = False) -> BuildResult:
    """Builds and tests one layer from the layers below it. Raises BuildError if any node failed, and
    SurrogateSecretError if the warehouse's keys were made with another secret.

    Unit tests prove the code, not the data: they are left to the test suite unless asked for.
    """
    if layer not in LAYERS:
        raise ValueError(f"no layer {layer!r}; the layers are {', '.join(LAYERS)}")
    # buildable: a test that compares two layers runs with the upper one
    folders = [f"path:models/{folder}" for folder in _FOLDERS[layer]]
    arguments = ["build", "--select", *folders, "--indirect-selection", "buildable"]
    if not with_unit_tests:
        arguments += ["--exclude-resource-type", "unit_test"]
    with _alone(url) as connection:
        _remember_secret(url)
        nodes, definition = _nodes(url), _definition()
        of_layer = [node for node in nodes.values() if node.resource_type == "model" and node.fqn[1] in _FOLDERS[layer]]
        if is_settled(connection, [node.relation_name for node in of_layer if node.relation_name], definition):
            # views say the same as long as the project does
            arguments += ["--exclude", "config.materialized:view"]
            of_layer = [node for node in of_layer if node.config.materialized == "kept"]
        begin_build(connection, layer, definition, inputs(nodes))
        result = BuildResult(layer, _invoke(url, layer, arguments) if of_layer else ())
        finish_build(connection)
    return result


def _nodes(url: str) -> Mapping[str, Any]:
    """The nodes of the project by their ids."""
    with _address(url) as database:
        nodes: Mapping[str, Any] = _parsed(database).nodes
    return nodes


def inputs(nodes: Mapping[str, Any]) -> dict[str, set[str]]:
    """What each kept table is made from: kept tables and models of staging, and `day` where the day of the build
    enters. What lies between is looked through; the reference lists are part of the definition."""

    def looked_through(unique_id: str) -> set[str]:
        node = nodes.get(unique_id)
        if node is None or node.resource_type != "model":
            return set()  # a list or a source
        found = {"day"} if "as_of()" in node.raw_code else set()
        if node.config.materialized == "kept":
            return {node.name}
        if node.config.schema == "staging":
            return {node.name} | found
        return found.union(*(looked_through(source) for source in node.depends_on.nodes))

    def read_by(node: Any) -> list[str]:
        # a foreign key refers to a table, and reads nothing of it
        referred = {str(key.to) for key in node.constraints if key.type == "foreign_key"}
        return [
            source
            for source in node.depends_on.nodes
            if (called := f"'{source.rpartition('.')[2]}'") in node.raw_code or f"ref({called})" not in referred
        ]

    return {
        node.name: ({"day"} if "as_of()" in node.raw_code else set()).union(
            *(looked_through(source) for source in read_by(node))
        )
        for node in nodes.values()
        if node.resource_type == "model" and node.config.materialized == "kept"
    }


def _remember_secret(url: str) -> None:
    engine = create_engine(url)
    try:
        with engine.begin() as connection:
            surrogate.remember(connection, surrogate.secret(get_settings()))
    finally:
        engine.dispose()


def build_docs(url: str) -> Path:
    """Writes the documentation of the warehouse as one page that needs no server; gives its place. Raises BuildError.

    It tells of every model, column, test, exposure and metric, and what depends on what; never of a value.
    """
    with _address(url) as database:
        arguments = ["docs", "generate", "--static"]
        done = dbtRunner(manifest=_manifest(database)).invoke([*_common_arguments(), *arguments, *_places()])
    if not done.success:
        raise BuildError("docs", [], str(done.exception))
    page = get_settings().home / "dbt" / "docs.html"
    return (page.parent / "target" / "static_index.html").replace(page)


@contextmanager
def _alone(url: str) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
    """A connection that holds the lock of builds while the block runs."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("select pg_advisory_lock(%s)", [BUILD_LOCK])
        yield connection


def _seeds_hash() -> str:
    return _hash(path for path in SEEDS_DIR.iterdir() if path.suffix in (".csv", ".yml"))


def _definition() -> str:
    """A hash of all that decides what the tables hold, but for the reports: models, macros, lists, dbt, the secret."""
    parts = [
        _hash(path for path in PROJECT_DIR.rglob("*") if path.suffix in (".sql", ".yml", ".csv", ".md")),
        surrogate.fingerprint(surrogate.secret(get_settings())),
        *(version(package) for package in ("dbt-core", "dbt-postgres")),
    ]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _hash(paths: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for path in sorted(paths):
        digest.update(f"{path.relative_to(PROJECT_DIR)}\0{path.stat().st_size}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _invoke(url: str, layer: str, arguments: list[str]) -> tuple[NodeResult, ...]:
    """Runs one dbt command on the manifest kept for this database."""
    with _address(url) as database:
        done = dbtRunner(manifest=_manifest(database)).invoke([*_common_arguments(), *arguments, *_places()])
    nodes = tuple(_node_result(result) for result in getattr(done.result, "results", ()))
    if not done.success:
        failed = [node for node in nodes if node.status in ("error", "fail", "runtime error")]
        raise BuildError(layer, failed, "" if failed else str(done.exception))
    if not nodes:
        raise BuildError(layer, [], "nothing was selected")
    return nodes


def _manifest(database: str) -> Any:
    """The project for one run of dbt.

    A copy: dbt writes resolved foreign keys into the manifest that it runs, and cannot read them a second time.
    """
    return _parsed(database).deepcopy()


def _parsed(database: str) -> Any:
    """The project as parsed for this database, to be read only."""
    if database not in _manifests:
        parsed = dbtRunner().invoke([*_common_arguments(), "parse", *_places()])
        if not parsed.success:
            raise BuildError("the project", [], f"it cannot be parsed: {parsed.exception}")
        _manifests[database] = parsed.result
    return _manifests[database]


def _node_result(result: Any) -> NodeResult:
    rows = result.adapter_response.get("rows_affected")
    return NodeResult(
        name=result.node.name,
        resource_type=str(result.node.resource_type),
        status=str(result.status),
        rows=rows if isinstance(rows, int) and rows >= 0 else None,
        seconds=float(result.execution_time),
        message=result.message or "",
    )


def _common_arguments() -> list[str]:
    return ["--log-level", "none", "--log-level-file", "info", "--no-use-colors", "--no-version-check"]


def _places() -> list[str]:
    state = get_settings().home / "dbt"
    state.mkdir(parents=True, exist_ok=True)
    return [
        *("--project-dir", str(PROJECT_DIR)),
        *("--profiles-dir", str(PROJECT_DIR)),
        *("--target-path", str(state / "target")),
        *("--log-path", str(state / "logs")),
    ]


@contextmanager
def _address(url: str) -> Iterator[str]:
    """Puts the parts of a libpq URL where profiles.yml finds them, and the keys of surrogates where libpq does, for the
    time of a run; gives the database's name."""
    parts = conninfo_to_dict(url)
    keys = surrogate.session_settings(surrogate.secret(get_settings()))
    wanted = {
        "CHUNGTAY_DBT_HOST": parts.get("host"),
        "CHUNGTAY_DBT_PORT": parts.get("port") or 5432,
        "CHUNGTAY_DBT_USER": parts.get("user"),
        "CHUNGTAY_DBT_DATABASE": parts.get("dbname"),
        "CHUNGTAY_DBT_SSLMODE": parts.get("sslmode") or "prefer",
        # dbt scrubs values of this prefix from its logs; an empty one would be found everywhere
        "DBT_ENV_SECRET_PASSWORD": parts.get("password"),
        "PGOPTIONS": " ".join(
            [*filter(None, [os.environ.get("PGOPTIONS")]), *(f"-c {name}={value}" for name, value in keys.items())]
        ),
    }
    before = {name: os.environ.get(name) for name in wanted}
    _set_environment({name: None if value is None else str(value) for name, value in wanted.items()})
    try:
        yield str(parts.get("dbname"))
    finally:
        _set_environment(before)


def _set_environment(values: dict[str, str | None]) -> None:
    for name, value in values.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
