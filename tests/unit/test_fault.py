"""Which faults are worth trying again."""

import errno
import importlib
from dataclasses import dataclass

import psycopg
import pytest
import sqlalchemy as sa

from ingestion.fault import BUILD, FINAL, PASSING, final_fault
from ingestion.pipeline import ReceiveError, ScopeError
from ingestion.receive import IncomingFile
from ingestion.relation import PublicationRefusedError
from ingestion.strict_yaml import DeclarationError
from ingestion.surrogate import SurrogateSecretError


@dataclass
class Node:
    status: str
    resource_type: str = "test"
    name: str = "a_test"


def caused(error: Exception, cause: BaseException) -> Exception:
    error.__cause__ = cause
    return error


def build_error(*statuses: str) -> Exception:
    """Made by name: importing dbt takes seconds."""
    kind = type("BuildError", (RuntimeError,), {"__module__": "dbt_project.build"})
    error: Exception = kind("dbt did not build marts")
    error.failed = tuple(Node(status) for status in statuses)  # type: ignore[attr-defined]
    return error


def receive_error(*causes: Exception, tmp: str = "huyen-213") -> Exception:
    from pathlib import Path

    failures = {IncomingFile(Path(f"/{n}"), tmp, "2022", str(n)): cause for n, cause in enumerate(causes)}
    return caused(ReceiveError(failures), ExceptionGroup("not received", list(causes)))


PASS = {
    "connection lost": psycopg.OperationalError("server closed the connection unexpectedly"),
    "starting up": psycopg.errors.CannotConnectNow("the database system is starting up"),
    "deadlock": psycopg.errors.DeadlockDetected("deadlock detected"),
    "serialization": psycopg.errors.SerializationFailure("could not serialize access"),
    "server's disk full": psycopg.errors.DiskFull("could not extend file"),
    "the same by SQLAlchemy": sa.exc.OperationalError("select", {}, psycopg.errors.AdminShutdown("terminating")),
    "disk full": OSError(errno.ENOSPC, "No space left on device"),
    "connection refused": ConnectionRefusedError("refused"),
    "memory": MemoryError(),
    "the build lost its connection": build_error("error", "skipped"),
    "nobody foresaw it": RuntimeError("what is this"),
    "final, but raised because the connection was lost": caused(KeyError("x"), psycopg.OperationalError("lost")),
    "one file may be received next time": receive_error(TypeError("a mistake"), OSError(errno.ENOSPC, "full")),
}
COMES_AGAIN = {
    "refused": PublicationRefusedError("submission 1: 9 rows in the file, 8 in raw"),
    "a test failed": build_error("error", "fail"),
    "another secret": SurrogateSecretError("made with another secret"),
    "a contract is wrong": DeclarationError("unknown key"),
    "nothing matches": ScopeError("no data set"),
    "a mistake of the code": TypeError("not callable"),
    "raised because of a mistake": caused(RuntimeError("gate"), KeyError("column")),
    "no file can ever be received": receive_error(TypeError("a mistake"), AttributeError("a mistake")),
}


@pytest.mark.parametrize("name", PASS)
def test_what_may_pass_is_tried_again(name: str) -> None:
    assert final_fault(PASS[name]) is None


@pytest.mark.parametrize("name", COMES_AGAIN)
def test_what_comes_again_is_final(name: str) -> None:
    assert final_fault(COMES_AGAIN[name]) is not None


def test_every_kind_named_exists() -> None:
    for path in (*FINAL, *PASSING, BUILD):
        module, _, name = path.rpartition(".")
        kind = getattr(importlib.import_module(module), name)
        assert issubclass(kind, Exception)
        assert f"{kind.__module__}.{kind.__qualname__}" == path  # as it is compared
