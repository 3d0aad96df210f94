"""Airflow's REST API, as far as a night needs it."""

import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from typing import Any

_PAGE = 100
_SECONDS = 30
Record = dict[str, Any]


class AirflowApiError(RuntimeError):
    """The API server refused or could not be reached; the message has the status and what it said."""


class AirflowClient:
    """A session with one API server, as one user."""

    def __init__(self, url: str, user: str, password: str) -> None:
        self.url = url.rstrip("/")
        self._login = {"username": user, "password": password}
        self._token: str | None = None
        # no proxy: the server is on this machine
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def health(self) -> dict[str, str | None]:
        """Status of each component, by name: `healthy`, `unhealthy`, or None where it never ran."""
        answer = self._send("GET", "/api/v2/monitor/health", authorised=False)
        return {name: component.get("status") for name, component in answer.items()}

    def dag_ids(self) -> set[str]:
        """The DAGs that are parsed and active."""
        return {dag["dag_id"] for dag in self._pages("/api/v2/dags", "dags", {}) if not dag["is_stale"]}

    def import_errors(self) -> dict[str, str]:
        """DAG files that cannot be parsed, with why."""
        errors = self._pages("/api/v2/importErrors", "import_errors", {})
        return {error["filename"]: error["stack_trace"] for error in errors}

    def trigger(self, dag_id: str, run_id: str, conf: Mapping[str, Any]) -> None:
        """Ask for a run with this id and configuration."""
        body = {"dag_run_id": run_id, "logical_date": None, "conf": dict(conf)}
        self._send("POST", f"/api/v2/dags/{dag_id}/dagRuns", body)

    def run(self, dag_id: str, run_id: str) -> Record:
        """One DAG run: `state`, `start_date`, `end_date`, …"""
        return self._send("GET", f"/api/v2/dags/{dag_id}/dagRuns/{urllib.parse.quote(run_id, safe='')}")

    def task_instances(self, dag_id: str, run_id: str) -> list[Record]:
        """All task instances of a run, mapped ones too."""
        path = f"/api/v2/dags/{dag_id}/dagRuns/{urllib.parse.quote(run_id, safe='')}/taskInstances"
        return list(self._pages(path, "task_instances", {}))

    def runs(self) -> list[Record]:
        """All runs of all DAGs."""
        return list(self._pages("/api/v2/dags/~/dagRuns", "dag_runs", {}))

    def pools(self) -> dict[str, int]:
        """Slots of every pool, by name."""
        return {pool["name"]: pool["slots"] for pool in self._pages("/api/v2/pools", "pools", {})}

    def caused(self, dag_id: str, run_id: str) -> tuple[int, list[Record]]:
        """How many asset events a run announced, and the DAG runs they started (`dag_id`, `run_id`, `state`)."""
        query = {"source_dag_id": dag_id, "source_run_id": run_id}
        events = list(self._pages("/api/v2/assets/events", "asset_events", query))
        return len(events), [run for event in events for run in event["created_dagruns"]]

    def upstream_events(self, dag_id: str, run_id: str) -> list[Record]:
        """The asset events that started this run, oldest first, each with its `extra`."""
        path = f"/api/v2/dags/{dag_id}/dagRuns/{urllib.parse.quote(run_id, safe='')}/upstreamAssetEvents"
        events: list[Record] = self._send("GET", path)["asset_events"]
        return sorted(events, key=lambda event: event["timestamp"])

    def _pages(self, path: str, name: str, query: Mapping[str, str]) -> Iterator[Record]:
        seen = 0
        while True:
            page = urllib.parse.urlencode({**query, "limit": _PAGE, "offset": seen})
            answer = self._send("GET", f"{path}?{page}")
            yield from answer[name]
            seen += len(answer[name])
            if not answer[name] or seen >= answer["total_entries"]:
                return

    def _send(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, *, authorised: bool = True
    ) -> Record:
        for attempt in (1, 2):
            if authorised and self._token is None:
                self._token = self._send("POST", "/auth/token", self._login, authorised=False)["access_token"]
            headers = {"Content-Type": "application/json", "Accept": "application/json"}
            if authorised:
                headers["Authorization"] = f"Bearer {self._token}"
            data = None if body is None else json.dumps(body).encode()
            request = urllib.request.Request(self.url + path, data, headers, method=method)  # noqa: S310 - our own http
            try:
                with self._opener.open(request, timeout=_SECONDS) as answer:
                    record: Record = json.load(answer)
                    return record
            except urllib.error.HTTPError as error:
                if error.code == 401 and authorised and attempt == 1:
                    self._token = None  # it ran out
                    continue
                said = error.read().decode(errors="replace")[:500]
                raise AirflowApiError(f"{method} {path}: {error.code} {said}") from error
            except (OSError, ValueError) as error:
                raise AirflowApiError(f"{method} {self.url}{path}: {error}") from error
        raise AssertionError("both attempts return or raise")
