"""Whether a service of docker-compose.yml is well: `python docker/health.py SERVICE`, exit code 0 or not.

Cheap, for it runs again and again: Airflow's commands for it would import all of Airflow each time.
"""

import json
import socket
import sys
import time
import urllib.request
from pathlib import Path

API = "http://api-server:8080/api/v2/monitor/health"
WATCH_STATE = Path("/var/lib/chungtay/home/watch.json")
WATCH_SECONDS = 300


def worker_answers() -> bool:
    """Whether the Celery worker of this container answers by the broker."""
    from celery import Celery

    with Celery(broker=Path("/run/secrets/airflow_broker_url").read_text()) as app:
        return bool(app.control.ping(destination=[f"celery@{socket.gethostname()}"], timeout=5))


def watcher_looks() -> bool:
    """Whether the watcher looked of late: each look writes down what rings."""
    return time.time() - WATCH_STATE.stat().st_mtime < WATCH_SECONDS


def page_is_served() -> bool:
    """Whether the status page of this container answers, whatever it has to tell."""
    with urllib.request.urlopen("http://127.0.0.1:8088/status.json", timeout=15) as answer:
        return bool(answer.status == 200)


def heart_beats(component: str) -> bool:
    """Whether this component's heartbeat in the metadata database is fresh, as the API server tells."""
    with urllib.request.urlopen(API, timeout=5) as answer:
        return bool(json.load(answer)[component]["status"] == "healthy")


CHECKS = {
    "api-server": lambda: heart_beats("metadatabase"),
    "scheduler": lambda: heart_beats("scheduler"),
    "dag-processor": lambda: heart_beats("dag_processor"),
    "triggerer": lambda: heart_beats("triggerer"),
    "worker": worker_answers,
    "watch": watcher_looks,
    "status": page_is_served,
}

if __name__ == "__main__":
    sys.exit(not CHECKS[sys.argv[1]]())
