"""docker-compose.yml by its own rules, without an engine: `make compose-check`. A real engine: `make compose-try`."""

import ast
import os
import re
import runpy
import shutil
import subprocess
import sys
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import yaml

from ingestion.settings import PROJECT_DIR, SECRETS_DIR, Settings

FILE = PROJECT_DIR / "docker-compose.yml"
TEXT = FILE.read_text(encoding="utf-8")
GUIDE = (PROJECT_DIR / "docs" / "server.md").read_text(encoding="utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
RUN_ONCE = {"migrate", "chungtay"}
STAY = sorted(SERVICES.keys() - RUN_ONCE)
VARIABLE = re.compile(r"\$\{([A-Z_]+)(?::-([^}]*))?\}")


def named(value: str) -> str:
    """The text with the default of each variable in its place."""
    return VARIABLE.sub(lambda found: found[2] or "", value)


def secrets_of(service: str) -> set[str]:
    return set(SERVICES[service].get("secrets", []))


def read_secrets(service: str) -> set[str]:
    """The secrets that the service's settings, command or health check read as files."""
    told = {name: value for name, value in SERVICES[service].items() if name not in ("secrets", "build")}
    return set(re.findall(rf"{SECRETS_DIR}/(\w+)", str(told)))


def test_it_is_a_compose_file() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(FILE)],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout


def test_every_part_of_a_server_is_there() -> None:
    assert {"warehouse", "metadata", "broker", "api-server", "scheduler", "dag-processor", "triggerer", "worker"} | {
        "watch",
        "status",
    } <= set(STAY)


@pytest.mark.parametrize("service", STAY)
def test_a_service_that_stays_says_how_it_is_and_comes_back(service: str) -> None:
    told = SERVICES[service]
    assert told["restart"] == "unless-stopped"
    assert {"test", "interval", "timeout", "retries", "start_period"} <= told["healthcheck"].keys()
    assert told["healthcheck"]["test"][0] == "CMD"


@pytest.mark.parametrize("service", sorted(RUN_ONCE))
def test_what_runs_once_is_not_started_again(service: str) -> None:
    assert SERVICES[service]["restart"] == "no"


def test_the_health_checks_of_our_own_are_there() -> None:
    known = runpy.run_path(str(PROJECT_DIR / "docker" / "health.py"))["CHECKS"]
    asked = {told["healthcheck"]["test"][3] for told in SERVICES.values() if "docker/health.py" in str(told)}
    assert asked == known.keys()


@pytest.mark.parametrize("service", sorted(SERVICES))
def test_a_service_has_limits_and_no_rights_that_it_does_not_need(service: str) -> None:
    told = SERVICES[service]
    assert {"mem_limit", "cpus", "pids_limit"} <= told.keys()
    assert told["user"] not in ("root", "0", "0:0")
    assert told["read_only"] is True
    assert told["cap_drop"] == ["ALL"]
    assert told["security_opt"] == ["no-new-privileges:true"]
    assert told["logging"]["options"].keys() == {"max-size", "max-file"}
    assert not told.keys() & {"privileged", "cap_add", "network_mode", "pid", "ipc", "devices", "env_file"}
    assert "docker.sock" not in str(told.get("volumes", ""))
    for port in told.get("ports", []):
        assert port.startswith("127.0.0.1:")


@pytest.mark.parametrize("service", sorted(SERVICES))
def test_images_are_pinned(service: str) -> None:
    told = SERVICES[service]
    base = told["build"]["args"]["BASE"] if "build" in told else told["image"]
    assert re.fullmatch(r"[a-z-]+:\d+\.\d+(\.\d+)?[a-z0-9.-]*", named(told["image"]))
    assert re.fullmatch(r"[a-z]+:\d+\.\d+(\.\d+)?-(slim-)?bookworm", named(base))
    if "build" in told:
        recipe = (PROJECT_DIR / told["build"]["context"] / "Dockerfile").read_text()
        assert f"ARG BASE={named(base)}\n" in recipe


def test_the_image_is_that_of_this_version() -> None:
    assert {told["image"] for told in SERVICES.values() if told["image"].startswith("chungtay:")} == {
        f"chungtay:{version('chungtay')}"
    }


def test_no_secret_stands_in_the_file_or_comes_from_the_environment() -> None:
    assert not re.search(r"://[^/\s]*:[^/\s]*@", TEXT)
    for told in SERVICES.values():
        for name, value in told["environment"].items() if "environment" in told else ():
            if re.search(r"PASSWORD|SECRET|KEY|TOKEN|BROKER_URL|SQL_ALCHEMY_CONN|WAREHOUSE_URL|SMTP|WEBHOOK", name):
                assert re.fullmatch(rf"(cat )?{SECRETS_DIR}/\w+|/tmp/passwords\.json", value), name
    assert not [name for name, _ in VARIABLE.findall(TEXT) if re.search("PASSWORD|SECRET|KEY|TOKEN|URL", name)]


@pytest.mark.parametrize("service", sorted(SERVICES))
def test_a_service_gets_the_secrets_that_it_reads_and_no_others(service: str) -> None:
    own = {name for name in secrets_of(service) if name.startswith("chungtay_")}  # read by ingestion/settings.py
    assert own <= {f"chungtay_{name}" for name in Settings.model_fields}
    read = read_secrets(service)
    assert read <= secrets_of(service)
    assert secrets_of(service) - own == read
    assert secrets_of(service) <= COMPOSE["secrets"].keys()


def test_every_setting_can_be_set_on_a_server() -> None:
    unneeded = {"chungtay_pg_bin"}  # no server is started in a container
    work = {"chungtay_surrogate_secret", "chungtay_openlineage_api_key"}  # of those who read and build
    for service in ("worker", "chungtay", "triggerer", "watch", "status"):
        given = {name.lower() for name in SERVICES[service]["environment"]} | secrets_of(service)
        missing = {f"chungtay_{name}" for name in Settings.model_fields} - given
        assert missing <= unneeded | (set() if service in ("worker", "chungtay") else work), service
    known = {f"CHUNGTAY_{name}".upper() for name in Settings.model_fields}
    assert {name for name in SERVICES["worker"]["environment"] if name.startswith("CHUNGTAY_")} <= known


def test_every_option_of_airflow_exists() -> None:
    spec = find_spec("airflow")
    assert spec is not None
    (folder,) = map(Path, spec.submodule_search_locations or ())
    known = yaml.safe_load((folder / "config_templates" / "config.yml").read_text())
    known |= runpy.run_path(str(folder / "providers" / "celery" / "get_provider_info.py"))["get_provider_info"]()[
        "config"
    ]
    for told in SERVICES.values():
        for name in told.get("environment", ()):
            if name.startswith("AIRFLOW__"):
                section, option = name.removeprefix("AIRFLOW__").lower().split("__")
                described = known[section]["options"][option.removesuffix("_cmd")]
                assert described.get("sensitive") or not option.endswith("_cmd"), name


def test_tasks_find_the_engines_imported() -> None:
    imports = ast.literal_eval(SERVICES["worker"]["environment"]["AIRFLOW__CELERY__EXTRA_CELERY_CONFIG"])["imports"]
    assert imports == ["ingestion.local.engines"]
    assert (PROJECT_DIR / "ingestion" / "local" / "engines.py").exists()


def test_the_celery_that_is_pinned_fits_the_airflow_that_is_pinned(tmp_path: Path) -> None:
    environment = os.environ | {
        "AIRFLOW_HOME": str(tmp_path),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{tmp_path}/metadata.db",
        "AIRFLOW__CELERY__BROKER_URL": "redis://broker:6379/0",
        "AIRFLOW__CELERY__EXTRA_CELERY_CONFIG": SERVICES["worker"]["environment"][
            "AIRFLOW__CELERY__EXTRA_CELERY_CONFIG"
        ],
    }
    program = (
        "from airflow.providers.celery.executors.celery_executor import app\n"
        "from kombu.transport.redis import Transport\n"
        "print(Transport.Channel.__module__, *app.conf.imports)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "kombu.transport.redis ingestion.local.engines"


def test_what_need_not_talk_is_kept_apart() -> None:
    inside = {name: {s for s in SERVICES if name in SERVICES[s]["networks"]} for name in COMPOSE["networks"]}
    assert inside["broker"] == {"broker", "scheduler", "worker"}
    assert inside["metadata"].isdisjoint({"warehouse", "broker", "watch", "chungtay"})
    assert inside["warehouse"].isdisjoint({"api-server", "scheduler", "dag-processor", "metadata", "broker"})
    for name in ("broker", "metadata"):
        assert COMPOSE["networks"][name]["internal"] is True


def test_running_tasks_are_not_cut_and_the_inbox_is_only_read() -> None:
    assert SERVICES["worker"]["stop_grace_period"] == "10m"
    for service, told in SERVICES.items():
        inbox = [volume for volume in told.get("volumes", []) if "/inbox" in volume]
        assert all(volume.endswith(":ro") for volume in inbox), service
        if service in ("warehouse", "metadata"):
            assert told["stop_signal"] == "SIGINT"


def test_whatever_one_can_set_is_written_down() -> None:
    variables = {name for name, _ in VARIABLE.findall(TEXT)}
    assert "WORKER_CONCURRENCY" in variables
    for name in sorted(variables | COMPOSE["volumes"].keys() | COMPOSE["secrets"].keys()):
        assert f"`{name}`" in GUIDE, name


# -- the secrets -----------------------------------------------------------------------------------------------------


def make_secrets(place: Path, *arguments: str) -> dict[str, str]:
    (place / "docker").mkdir(exist_ok=True)
    shutil.copy(PROJECT_DIR / "docker" / "secrets.sh", place / "docker")
    subprocess.run([place / "docker" / "secrets.sh", *arguments], check=True, capture_output=True)
    return {path.name: path.read_text() for path in (place / "secrets").iterdir()}


def test_every_secret_is_made_once_and_its_folder_is_closed(tmp_path: Path) -> None:
    made = make_secrets(tmp_path)
    assert COMPOSE["secrets"].keys() <= made.keys()
    assert {name: told["file"] for name, told in COMPOSE["secrets"].items()} == {
        name: f"./secrets/{name}" for name in COMPOSE["secrets"]
    }
    assert (tmp_path / "secrets").stat().st_mode & 0o777 == 0o700
    filled = [value for value in made.values() if value]
    assert len(set(filled)) == len(filled)
    empty = {name for name, value in made.items() if not value}
    assert empty == {"chungtay_smtp_url", "chungtay_webhook_url", "chungtay_openlineage_api_key"}
    assert min(len(value) for value in filled) >= 32
    assert make_secrets(tmp_path) == made


def test_a_renewed_password_is_in_every_address_and_nothing_else_changes(tmp_path: Path) -> None:
    before = make_secrets(tmp_path)
    inode = (tmp_path / "secrets" / "chungtay_warehouse_url").stat().st_ino
    after = make_secrets(tmp_path, "renew", "warehouse_password")
    changed = {name for name, value in after.items() if before[name] != value}
    assert changed == {"warehouse_password", "chungtay_warehouse_url"}
    assert after["warehouse_password"] in after["chungtay_warehouse_url"]
    # a container holds the file itself
    assert (tmp_path / "secrets" / "chungtay_warehouse_url").stat().st_ino == inode


def test_settings_read_a_secret_from_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = make_secrets(tmp_path)
    monkeypatch.setitem(Settings.model_config, "secrets_dir", tmp_path / "secrets")
    for name in ("WAREHOUSE_URL", "SURROGATE_SECRET", "SMTP_URL"):
        monkeypatch.delenv(f"CHUNGTAY_{name}", raising=False)
    settings = Settings()
    assert settings.warehouse_url == made["chungtay_warehouse_url"]
    assert settings.surrogate_secret is not None
    assert settings.surrogate_secret.get_secret_value() == made["chungtay_surrogate_secret"]
    assert not settings.smtp_url
