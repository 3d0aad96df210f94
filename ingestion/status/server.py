"""`chungtay serve`: the status over HTTP, read-only: the page, the same as JSON, and metrics for Prometheus."""

import json
import threading
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ingestion.settings import Settings
from ingestion.status.glance import Status, glance
from ingestion.status.metrics import exposition
from ingestion.status.page import content_policy, page

FRESH_SECONDS = 5.0  # however many ask, the warehouse is asked no more often


def app(settings: Settings, look: Callable[[Settings], Status] = glance) -> Starlette:
    """The application: GET / , /status.json and /metrics; nothing else, and no other method."""
    seen = _Seen(settings, look)

    # plain functions: Starlette runs them in threads, so that one that waits for the warehouse holds up no other
    def html(_: Request) -> Response:
        return Response(page(seen.status()), media_type="text/html; charset=utf-8")

    def as_json(_: Request) -> Response:
        status = seen.status()
        told = asdict(status) | {"is_well": status.is_well}
        return Response(json.dumps(told, ensure_ascii=False, default=_plain), media_type="application/json")

    def metrics(_: Request) -> Response:
        return Response(exposition(seen.status()), media_type="text/plain; version=0.0.4; charset=utf-8")

    routes = [Route("/", html), Route("/status.json", as_json), Route("/metrics", metrics)]
    return Starlette(routes=routes, middleware=[Middleware(_SecurityHeaders)])


def serve(settings: Settings, host: str, port: int) -> None:
    """Serve until stopped."""
    uvicorn.run(app(settings), host=host, port=port, log_level="warning", server_header=False, access_log=False)


class _Seen:
    """The status, looked at again when it is no longer fresh; one look at a time."""

    def __init__(self, settings: Settings, look: Callable[[Settings], Status]) -> None:
        self._settings = settings
        self._look = look
        self._lock = threading.Lock()
        self._status: Status | None = None
        self._until = 0.0

    def status(self) -> Status:
        with self._lock:
            if self._status is None or time.monotonic() >= self._until:
                self._status = self._look(self._settings)
                self._until = time.monotonic() + FRESH_SECONDS
            return self._status


class _SecurityHeaders:
    """Headers of every response, also of those that are errors."""

    def __init__(self, wrapped: ASGIApp) -> None:
        self._wrapped = wrapped
        self._headers = [
            (name.encode(), value.encode())
            for name, value in {
                "content-security-policy": f"{content_policy()}; frame-ancestors 'none'",
                "x-content-type-options": "nosniff",
                "x-frame-options": "DENY",
                "referrer-policy": "no-referrer",
                "cross-origin-resource-policy": "same-origin",
                "cache-control": "no-store",
            }.items()
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *self._headers]
            await send(message)

        await self._wrapped(scope, receive, with_headers if scope["type"] == "http" else send)


def _plain(value: Any) -> str:
    return str(value.isoformat()) if hasattr(value, "isoformat") else str(value)
