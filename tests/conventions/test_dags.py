"""What every DAG of this project keeps to; checked on what Airflow itself makes of the files."""

import ast
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ingestion.settings import PROJECT_DIR

FILES = sorted((PROJECT_DIR / "dags").glob("*.py"))
VERBS = {"receive", "judge", "rejudge", "build", "publish", "close", "answer", "remind"}
POOLS = json.loads((PROJECT_DIR / "dags" / "pools.json").read_text())
MODULE_IMPORTS = {"airflow", "typing", "ingestion"}
AT_PARSE = {"ingestion", "ingestion.fault", "ingestion.orchestration", "ingestion.settings"}
HEAVY = ("alembic.command", "dbt", "great_expectations", "open_data_contract_standard", "pandas", "polars", "psycopg")
# In a process of its own: Airflow changes the logging, the warnings and the environment of the one that imports it.
DESCRIBE = """
import json, sys
from airflow.dag_processing.dagbag import DagBag

bag = DagBag(sys.argv[1])
modules = sorted(sys.modules)

def waited_for(dag):
    condition = dag.timetable.asset_condition
    return getattr(condition, "objects", [condition] if hasattr(condition, "watchers") else [])

dags = {
    dag_id: {
        "file": dag.fileloc,
        "doc": dag.doc_md or "",
        "tags": sorted(dag.tags),
        "catchup": dag.catchup,
        "max_active_runs": dag.max_active_runs,
        "run_timeout": dag.dagrun_timeout and dag.dagrun_timeout.total_seconds(),
        "deadlines": len(dag.deadline or []),
        "cron": getattr(getattr(dag.timetable, "timetable", None), "expression", None),
        "time_zone": str(getattr(getattr(dag.timetable, "timetable", None), "timezone", None)),
        "listens": sorted({asset.name for asset in waited_for(dag)}),
        "watched": sorted({asset.name for asset in waited_for(dag) if asset.watchers}),
        "announces": sorted({asset.name for task in dag.tasks for asset in task.outlets}),
        "params": {
            name: {"description": param.description, **param.schema}
            for name in dag.params
            for param in [dag.params.get_param(name)]
        },
        "tasks": {
            task.task_id: {
                "owner": task.owner,
                "retries": task.retries,
                "backs_off": task.retry_exponential_backoff > 1 and bool(task.max_retry_delay),
                "policy": type(task.retry_policy).__name__,
                "timeout": task.execution_timeout and task.execution_timeout.total_seconds(),
                "pool": task.pool,
                "is_mapped": task.is_mapped,
                "named": bool(task.map_index_template),
            }
            for task in dag.tasks
        },
    }
    for dag_id, dag in bag.dags.items()
}
assets = {
    name: value.name
    for name, value in vars(sys.modules["ingestion.orchestration"]).items()
    if isinstance(getattr(value, "uri", None), str)
}
described = {"errors": bag.import_errors, "dags": dags, "modules": modules, "assets": assets}
json.dump(described, open(sys.argv[2], "w"))
"""


@pytest.fixture(scope="module")
def bag(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("airflow")
    environment = os.environ | {
        "AIRFLOW_HOME": str(folder),
        "AIRFLOW__CORE__DAGS_FOLDER": str(PROJECT_DIR / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{folder}/unused.db",
        "CHUNGTAY_NIGHT_STARTS": "21:30",
        "CHUNGTAY_TIME_ZONE": "Asia/Tokyo",
        "PYTHONPATH": str(PROJECT_DIR),
    }
    done = subprocess.run(
        [sys.executable, "-c", DESCRIBE, PROJECT_DIR / "dags", folder / "bag.json"],
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    described: dict[str, Any] = json.loads((folder / "bag.json").read_text())
    return described


def test_every_file_is_read_and_is_one_dag_of_its_name(bag: dict[str, Any]) -> None:
    assert bag["errors"] == {}
    assert len(FILES) >= 3
    assert {dag_id: Path(dag["file"]).name for dag_id, dag in bag["dags"].items()} == {
        file.stem: file.name for file in FILES
    }


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_names_say_what_is_done_to_what(file: Path) -> None:
    verb, _, noun = file.stem.partition("_")
    assert verb in VERBS
    assert re.fullmatch(r"[a-z]+(_[a-z]+)*", noun)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_each_explains_itself(bag: dict[str, Any], file: Path) -> None:
    page = bag["dags"][file.stem]["doc"]
    assert page.strip() == (ast.get_docstring(ast.parse(file.read_text())) or "").strip()
    for heading in ("**What.**", "**Trigger.**", "**On failure.**"):
        _, found, text = page.partition(heading)
        assert found, heading
        assert len(text.split("**")[0].split()) > 10, heading


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_each_has_tags_owner_retries_and_one_run_at_a_time(bag: dict[str, Any], file: Path) -> None:
    dag = bag["dags"][file.stem]
    assert dag["tags"]
    assert dag["max_active_runs"] == 1
    assert dag["catchup"] is False
    assert dag["tasks"]
    assert dag["deadlines"] == 1
    for name, task in dag["tasks"].items():
        assert task["owner"] != "airflow", name
        assert task["retries"] >= 1, name
        assert task["backs_off"], name
        assert task["policy"] == "UnlessFinal", name
        assert 0 < task["timeout"] < dag["run_timeout"], name
        assert task["named"] or not task["is_mapped"], f"{name}: its mapped instances are only numbers"


def test_every_asset_listened_to_is_announced_by_another(bag: dict[str, Any]) -> None:
    announced = {asset for dag in bag["dags"].values() for asset in (*dag["announces"], *dag["watched"])}
    for file in FILES:  # by an alias: whether it is announced is known only when the task runs
        announced |= {bag["assets"][name] for name in re.findall(r"\.add\((\w+)", file.read_text())}
    listened = {asset for dag in bag["dags"].values() for asset in dag["listens"]}
    assert listened
    assert listened <= announced


def test_nothing_heavy_is_imported_where_dags_are_parsed(bag: dict[str, Any]) -> None:
    ours = {name for name in bag["modules"] if name.split(".")[0] in ("ingestion", "expectations", "dbt_project")}
    assert ours == AT_PARSE
    heavy = {name for name in bag["modules"] if name in HEAVY or name.split(".")[0] in HEAVY}
    assert heavy == set()


def test_pools_are_those_of_the_file(bag: dict[str, Any]) -> None:
    used = {task["pool"] for dag in bag["dags"].values() for task in dag["tasks"].values()}
    assert used == {*POOLS, "default_pool"}
    assert POOLS["warehouse"]["slots"] == 1
    in_turn = {name for dag in bag["dags"].values() for name, t in dag["tasks"].items() if t["pool"] == "warehouse"}
    assert in_turn == {"prepare", "judge", "build_and_publish"}


def test_the_night_starts_when_the_settings_say(bag: dict[str, Any]) -> None:
    at = {dag_id: (dag["cron"], dag["time_zone"]) for dag_id, dag in bag["dags"].items() if dag["cron"]}
    assert {dag_id: cron for dag_id, (cron, _) in at.items()} == {"receive_reports": "30 21 * * *"}
    assert "Asia/Tokyo" in at["receive_reports"][1]


def test_every_parameter_says_what_it_is_and_what_it_may_be(bag: dict[str, Any]) -> None:
    params = [(name, param) for dag in bag["dags"].values() for name, param in dag["params"].items()]
    assert params
    for name, param in params:
        assert param["description"], name
        assert param["type"] == "boolean" or {"pattern", "minLength", "enum"} & param.keys(), name


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_each_is_wiring_only(file: Path) -> None:
    source = file.read_text()
    assert len(source.splitlines()) < 120
    tree = ast.parse(source)
    assert module_imports(tree) <= MODULE_IMPORTS
    assert set(re.findall(r"^(?:from|import) (ingestion\S*)", source, re.MULTILINE)) == {"ingestion.orchestration"}
    inner = {name for function in functions(tree) for name in module_imports(function)}
    assert inner == {"ingestion"}  # the work is done by the package's own functions
    assert not re.search(
        r"\b(select|insert|update|delete)\b.*\b(from|into|set)\b", source.split('"""')[2], re.IGNORECASE
    )


def functions(tree: ast.AST) -> list[ast.FunctionDef]:
    return [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]


def module_imports(tree: ast.Module | ast.FunctionDef) -> set[str]:
    """Top packages that this module or function imports itself, not those that functions within it import."""
    names = set()
    for node in tree.body:
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add((node.module or "").split(".")[0])
    return names
