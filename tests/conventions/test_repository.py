"""The repository's own rules: which folder knows which engine, what a file may be called, what the lock holds."""

import ast
import re
import subprocess
from collections.abc import Iterator
from importlib.metadata import requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from ingestion.settings import PROJECT_DIR

TRACKED = [
    PROJECT_DIR / name
    for name in subprocess.run(
        ["git", "ls-files"], cwd=PROJECT_DIR, check=True, capture_output=True, text=True
    ).stdout.splitlines()
]
PYTHON = [path for path in TRACKED if path.suffix == ".py" and path.exists()]
ENGINES = {
    "airflow": ("dags/", "ingestion/orchestration.py"),
    "dbt": ("dbt_project/build.py",),
    "great_expectations": ("expectations/gate.py",),
}


def relative(path: Path) -> str:
    return path.relative_to(PROJECT_DIR).as_posix()


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name.split(".")[0] for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.split(".")[0]


def test_the_repository_is_seen() -> None:
    assert {"ingestion/receive.py", "dbt_project/build.py", "tests/conftest.py"} <= {relative(path) for path in PYTHON}


@pytest.mark.parametrize("engine", ENGINES)
def test_each_engine_is_known_in_one_place_only(engine: str) -> None:
    knowing = {
        relative(path) for path in PYTHON if engine in imported(path) and not relative(path).startswith("tests/")
    }
    assert knowing, f"nothing imports {engine}"
    assert {name for name in knowing if not name.startswith(ENGINES[engine])} == set()


def test_no_file_is_a_drawer_for_everything() -> None:
    drawers = {"utils", "util", "helpers", "helper", "common", "misc"}
    assert [relative(path) for path in TRACKED if drawers & {part.split(".")[0] for part in path.parts}] == []


def test_every_module_says_what_it_is_for() -> None:
    silent = [
        relative(path) for path in PYTHON if path.stat().st_size and not ast.get_docstring(ast.parse(path.read_bytes()))
    ]
    assert silent == []


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-bootstrap.lock"])
def test_the_lock_pins_every_package_by_hash_and_names_no_address(name: str) -> None:
    text = (PROJECT_DIR / name).read_text(encoding="utf-8")
    blocks = re.findall(r"^[A-Za-z0-9].*(?:\n[ \t]+.*)*", text, re.MULTILINE)
    assert blocks
    assert [block.split()[0] for block in blocks if "==" not in block.split()[0] or "--hash=sha256:" not in block] == []
    assert "://" not in text


def test_the_lock_is_whole_for_every_python_3_11() -> None:
    """A package may need another on Python 3.11.2 only, which Debian has: the lock is compiled for 3.11.0."""
    lock = (PROJECT_DIR / "requirements.lock").read_text(encoding="utf-8")
    pinned = {canonicalize_name(name) for name in re.findall(r"^([A-Za-z0-9._-]+)==", lock, re.MULTILINE)}
    missing = {
        f"{requirement} for {name}"
        for name in pinned
        for requirement in map(Requirement, requires(name) or ())
        if requirement.marker is None or requirement.marker.evaluate({"python_full_version": "3.11.0", "extra": ""})
        if canonicalize_name(requirement.name) not in pinned
    }
    assert missing == set()
