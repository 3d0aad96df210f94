"""The REST client against a small HTTP server that answers as Airflow's does."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from ingestion.local.airflow_client import AirflowApiError, AirflowClient

TASKS = [{"task_id": "receive", "map_index": number} for number in range(250)]


class Handler(BaseHTTPRequestHandler):
    tokens: list[str]
    seen: list[tuple[str, str]]

    def do_GET(self) -> None:
        self.answer(None)

    def do_POST(self) -> None:
        self.answer(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

    def answer(self, body: Any) -> None:
        url = urlsplit(self.path)
        self.seen.append((self.command, url.path))
        if url.path == "/auth/token":
            if body != {"username": "admin", "password": "right"}:
                return self.send(401, {"detail": "Invalid credentials"})
            self.tokens.append(f"token-{len(self.tokens)}")
            return self.send(201, {"access_token": self.tokens[-1]})
        if url.path == "/api/v2/monitor/health":
            return self.send(200, {"scheduler": {"status": "healthy"}, "triggerer": {"status": None}})
        if self.headers["Authorization"] != f"Bearer {self.tokens[-1]}":
            return self.send(401, {"detail": "expired"})
        if url.path.endswith("/taskInstances"):
            query = {name: int(value[0]) for name, value in parse_qs(url.query).items()}
            page = TASKS[query["offset"] : query["offset"] + query["limit"]]
            return self.send(200, {"task_instances": page, "total_entries": len(TASKS)})
        return self.send(404, {"detail": f"no {url.path}"})

    def send(self, status: int, body: Any) -> None:
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def log_message(self, *_: Any) -> None:
        """Quiet."""


@pytest.fixture
def api() -> Iterator[tuple[str, type[Handler]]]:
    handler = type("Own", (Handler,), {"tokens": [], "seen": []})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}", handler
        server.shutdown()


def test_all_pages_are_read(api: tuple[str, type[Handler]]) -> None:
    url, handler = api
    assert AirflowClient(url, "admin", "right").task_instances("receive_reports", "night 1") == TASKS
    assert ("GET", "/api/v2/dags/receive_reports/dagRuns/night%201/taskInstances") in handler.seen


def test_an_expired_login_is_renewed_once(api: tuple[str, type[Handler]]) -> None:
    url, handler = api
    client = AirflowClient(url, "admin", "right")
    client.task_instances("receive_reports", "night")
    handler.tokens.append("someone else's")
    assert len(client.task_instances("receive_reports", "night")) == len(TASKS)


def test_health_needs_no_login(api: tuple[str, type[Handler]]) -> None:
    url, handler = api
    assert AirflowClient(url, "admin", "wrong").health() == {"scheduler": "healthy", "triggerer": None}
    assert handler.tokens == []


def test_refusals_are_told_with_what_was_said(api: tuple[str, type[Handler]]) -> None:
    url, _ = api
    with pytest.raises(AirflowApiError, match=r"401 .*Invalid credentials"):
        AirflowClient(url, "admin", "wrong").dag_ids()
    with pytest.raises(AirflowApiError, match=r"404 .*no /api/v2/dags/x/dagRuns/y"):
        AirflowClient(url, "admin", "right").run("x", "y")


def test_nobody_there_is_an_error_of_ours() -> None:
    with pytest.raises(AirflowApiError, match="refused"):
        AirflowClient("http://127.0.0.1:9", "admin", "right").health()


def test_a_proxy_of_the_environment_is_not_asked(
    api: tuple[str, type[Handler]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    assert AirflowClient(api[0], "admin", "right").health()["scheduler"] == "healthy"
