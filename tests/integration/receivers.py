"""A mail server and a webhook on loopback, for the tests of what we send: real sockets, as strict as told."""

import json
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeVar

S = TypeVar("S", bound=socketserver.BaseServer)


class MailServer(socketserver.ThreadingTCPServer):
    """Takes mail; `refusing` gives a code to answer every message with, `tls` is offered by STARTTLS."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, port: int = 0, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(("127.0.0.1", port), _MailSession)
        self.tls = tls
        self.refusing: int | None = None
        self.mails: list[EmailMessage] = []
        self.logins: list[str] = []
        self.was_private: list[bool] = []

    @property
    def url(self) -> str:
        return f"smtp://localhost:{self.server_address[1]}"


class _MailSession(socketserver.StreamRequestHandler):
    server: MailServer

    def handle(self) -> None:
        is_private = False
        self._say("220 ready")
        while line := self.rfile.readline().decode().strip():
            verb = line.split()[0].upper()
            if verb == "EHLO":
                offered = ["AUTH PLAIN", *(["STARTTLS"] if self.server.tls and not is_private else [])]
                self.wfile.write(b"250-localhost\r\n" + b"".join(f"250-{each}\r\n".encode() for each in offered[:-1]))
                self._say(f"250 {offered[-1]}")
            elif verb == "STARTTLS" and self.server.tls:
                self._say("220 go ahead")
                self.connection = self.server.tls.wrap_socket(self.connection, server_side=True)
                self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb", buffering=0)
                is_private = True
            elif verb == "AUTH":
                self.server.logins.append(line)
                self._say("235 ok")
            elif verb == "DATA":
                self._say("354 go ahead")
                lines = list(iter(self.rfile.readline, b".\r\n"))
                if self.server.refusing:
                    self._say(f"{self.server.refusing} not now")
                    continue
                self.server.mails.append(message_from_bytes(b"".join(lines), policy=policy.default))
                self.server.was_private.append(is_private)
                self._say("250 taken")
            elif verb == "QUIT":
                self._say("221 bye")
                return
            else:
                self._say("250 ok")

    def _say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())


class Webhook(ThreadingHTTPServer):
    """Takes messages as JSON; answers with `status`, and to GET with `health`."""

    daemon_threads = True

    def __init__(self, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Request)
        self.status = 204
        self.posts: list[dict[str, Any]] = []
        self.health: dict[str, dict[str, str | None]] = {}
        self.arrived = threading.Event()
        self.hold = threading.Event()
        self.hold.set()  # cleared: an answer waits

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/alerts"

    @property
    def ids(self) -> list[str]:
        return [post["notification_id"] for post in self.posts]


class _Request(BaseHTTPRequestHandler):
    server: Webhook

    def do_POST(self) -> None:
        post = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        assert self.headers["Idempotency-Key"] == post["notification_id"]
        if self.server.status < 300:
            self.server.posts.append(post)
        self.server.arrived.set()
        self.server.hold.wait(30)
        self.send_response(self.server.status)
        self.end_headers()

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(self.server.health).encode())

    def log_message(self, *_: object) -> None:
        pass


class LineageEndpoint(ThreadingHTTPServer):
    """Takes OpenLineage events where their specification says."""

    daemon_threads = True

    def __init__(self, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _LineageRequest)
        self.events: list[dict[str, Any]] = []
        self.keys: set[str | None] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/"


class _LineageRequest(BaseHTTPRequestHandler):
    server: LineageEndpoint

    def do_POST(self) -> None:
        is_known = self.path == "/api/v1/lineage"
        if is_known:
            self.server.events.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.server.keys.add(self.headers["Authorization"])
        self.send_response(201 if is_known else 404)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def serving(server: S) -> Iterator[S]:
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
