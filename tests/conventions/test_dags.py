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
VERBS = {"receive", "judge", "build", "publish", "close", "answer", "remind"}
MODULE_IMPORTS = {"airflow", "datetime", "typing", "collections"}
# In a process of its own: Airflow changes the logging, the warnings and the environment of the one that imports it.
DESCRIBE = """
import json, sys
from airflow.dag_processing.dagbag import DagBag

bag = DagBag(sys.argv[1])
dags = {
    dag_id: {
        "file": dag.fileloc,
        "doc": dag.doc_md or "",
        "tags": sorted(dag.tags),
        "catchup": dag.catchup,
        "max_active_runs": dag.max_active_runs,
        "listens": sorted(asset.name for asset in getattr(dag.timetable.asset_condition, "objects", [])),
        "announces": sorted({asset.name for task in dag.tasks for asset in task.outlets}),
        "tasks": {
            task.task_id: {
                "owner": task.owner,
                "retries": task.retries,
                "is_mapped": task.is_mapped,
                "named": bool(task.map_index_template),
            }
            for task in dag.tasks
        },
    }
    for dag_id, dag in bag.dags.items()
}
json.dump({"errors": bag.import_errors, "dags": dags}, open(sys.argv[2], "w"))
"""


@pytest.fixture(scope="module")
def bag(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("airflow")
    environment = os.environ | {
        "AIRFLOW_HOME": str(folder),
        "AIRFLOW__CORE__DAGS_FOLDER": str(PROJECT_DIR / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{folder}/unused.db",
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
    for name, task in dag["tasks"].items():
        assert task["owner"] != "airflow", name
        assert task["retries"] >= 1, name
        assert task["named"] or not task["is_mapped"], f"{name}: its mapped instances are only numbers"


def test_every_asset_listened_to_is_announced_by_another(bag: dict[str, Any]) -> None:
    announced = {asset for dag in bag["dags"].values() for asset in dag["announces"]}
    listened = {asset for dag in bag["dags"].values() for asset in dag["listens"]}
    assert listened
    assert listened <= announced


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_each_is_wiring_only(file: Path) -> None:
    source = file.read_text()
    assert len(source.splitlines()) < 120
    tree = ast.parse(source)
    assert module_imports(tree) <= MODULE_IMPORTS
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
