"""A night in a process of its own that stops at every point where the world could end, and lets the test do its worst.

The points are found, not listed: each time the night enters a step, is about to open, rename, link or remove a file of
its home or to write to the warehouse, or has committed, in our code or in dbt's, it comes to the point named by the
step, the act and the function of ours that does it. At a point where it was not before it waits until the test says to
go on, or is killed there. What all steps do alike is a point once, and what dbt does itself is one in the layer that is
published; the layers below are made anew before it.
"""

import multiprocessing
import os
import re
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

from ingestion import pipeline
from ingestion.settings import PROJECT_DIR, get_settings

_MOST_SECONDS = 900
_WRITES = frozenset({"insert", "update", "delete", "create", "alter", "drop", "copy", "truncate", "analyze", "commit"})
_COMMENT = re.compile(r"/\*.*?\*/|--[^\n]*", re.DOTALL)
_FAILED = "failed"  # instead of a task
_WITHIN = re.compile(r"\b(insert into|delete from|update)\b")
_WRITING = os.O_WRONLY | os.O_RDWR
_OURS = tuple(f"{PROJECT_DIR / folder}{os.sep}" for folder in ("ingestion", "expectations", "dbt_project"))
_EVERY_STEP = " in pipeline._step"
_CARRIERS = ("relation",)  # what they do they are told to
_ENGINES = ["dbt.cli.main", "dbt.adapters.postgres", "great_expectations", "dbt_project.build", "expectations.gate"]

_STEPS = ("pipeline", "receive", "answer", "publish", "notify", "overdue", "warehouse")

Task = Callable[[str, str], object]
# Each can be begun again by itself; a night, and Airflow, build and publish in one.
TASKS: dict[str, Task] = {
    "prepare": lambda night, _inbox: pipeline.load_reference_lists(night),
    "receive": lambda night, inbox: [pipeline.receive_batch(batch, night) for batch in pipeline.batches(inbox)],
    "judge": lambda night, _inbox: pipeline.judge_pending(night),
    "answer": lambda night, _inbox: pipeline.answer(night),
    **{
        f"build {layer}": lambda night, _inbox, layer=layer: pipeline.build_layer(layer, night)  # type: ignore[misc]
        for layer in pipeline.LAYERS
    },
    "publish": lambda night, _inbox: pipeline.publish(night),
    "notify": lambda night, _inbox: pipeline.notify(night),
}


class Point(NamedTuple):
    """Where a night may end, and the task of `TASKS` that is to be run again then."""

    task: str
    name: str


class Night:
    """A night that runs apart. `failure` is the kind and message of the error that ended it, '' if none did."""

    def __init__(
        self,
        environment: Mapping[str, str],
        night_id: str,
        inbox: Path,
        *,
        passed: frozenset[str] | None = None,
        start: str = "",
    ) -> None:
        """A night with this environment that stops at all points but those `passed`, or, without a set, at none.

        `start` names the task of `TASKS` to begin with; without one it is a whole `pipeline.run_night`.
        """
        _context.set_forkserver_preload([*_ENGINES, *(f"ingestion.{name}" for name in _STEPS)])  # imported once
        self.failure = ""
        self._here, there = _context.Pipe()
        self.process: BaseProcess = _context.Process(
            target=_run, args=(dict(environment), night_id, str(inbox), passed, start, there)
        )
        self.process.start()
        there.close()

    def next_point(self) -> Point | None:
        """Wait until the night comes to a point, and name it; None when it has ended instead."""
        try:
            if not self._here.poll(_MOST_SECONDS):
                self.kill()
                raise TimeoutError(f"the night neither ended nor came to a point in {_MOST_SECONDS} s")
            point = Point(*self._here.recv())
        except EOFError:
            self.process.join()
            return None
        if point.task == _FAILED:
            self.failure = point.name
            return self.next_point()
        return point

    def go_on(self) -> None:
        """Let it go on from the point where it waits."""
        self._here.send("go on")

    def kill(self) -> None:
        """SIGKILL."""
        self.process.kill()
        self.process.join()

    def ended_well(self) -> bool:
        """Wait for its end; whether it told of no error."""
        while self.next_point() is not None:
            self.go_on()
        return self.process.exitcode == 0


_context = multiprocessing.get_context("forkserver")


# -- in the night's own process --------------------------------------------------------------------------------------


def _run(
    environment: dict[str, str],
    night_id: str,
    inbox: str,
    passed: frozenset[str] | None,
    start: str,
    test: Connection,
) -> None:
    os.environ.update(environment)
    get_settings.cache_clear()
    if passed is not None:
        _Points(test, set(passed), get_settings().home).watch()
    try:
        if start:
            names = list(TASKS)
            for name in names[names.index(start) :]:
                TASKS[name](night_id, inbox)
        else:
            pipeline.run_night(night_id, inbox)
    except BaseException as error:
        test.send((_FAILED, f"{type(error).__name__}: {error}"))
        raise


class _Points:
    """The points of this process."""

    def __init__(self, test: Connection, passed: set[str], home: Path) -> None:
        self._test = test
        self._passed = passed
        self._home = str(home)
        self._task = "prepare"
        self._lock = threading.RLock()
        self._pid = os.getpid()

    def watch(self) -> None:
        """Come to a point whenever something that lasts is about to be done, or was."""
        import psycopg
        from dbt.adapters.sql import SQLConnectionManager

        self._wrap_steps()
        self._wrap(psycopg.Cursor, "execute", _statement)
        self._wrap(psycopg.Cursor, "copy", lambda *_arguments, **_more: ("copy", False))
        self._wrap(psycopg.Connection, "commit", _commit)
        self._wrap(SQLConnectionManager, "add_query", _statement_of_dbt)
        sys.addaudithook(self._audit)

    def come_to(self, act: str) -> None:
        """Wait here if this point is new."""
        if os.getpid() != self._pid:  # a fork of ours is not the night
            return
        function = _function()
        if not function and self._task != "build marts":
            return
        step = "every step" if function == _EVERY_STEP else self._task.split()[0]
        point = f"{step}: {act}{function}"
        with self._lock:
            if point not in self._passed:
                self._passed.add(point)
                self._test.send((self._task, point))
                self._test.recv()

    def _wrap(self, owner: Any, name: str, told: Callable[..., tuple[str, bool]]) -> None:
        """Come to a point before a method, and after it where it commits; `told` gives the act, '' if it is none, and
        whether it commits."""
        original = getattr(owner, name)

        def wrapped(*arguments: Any, **more: Any) -> Any:
            act, commits = told(*arguments, **more)
            if act:
                self.come_to(f"before {act}")
            result = original(*arguments, **more)
            if act and commits:
                self.come_to(f"after {act}")
            return result

        setattr(owner, name, wrapped)

    def _wrap_steps(self) -> None:
        original = pipeline._step

        @contextmanager
        def named(night_id: str, step: str, subject: str = "", *rest: Any, **more: Any) -> Iterator[Any]:
            self._task = f"{step} {subject}" if step == "build" else step
            self.come_to("entered")
            with original(night_id, step, subject, *rest, **more) as outcome:
                yield outcome

        pipeline._step = named

    def _audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event in ("os.rename", "os.link", "os.remove"):
            if str(arguments[0]).startswith(self._home):
                self.come_to(event)
        elif event == "open" and str(arguments[0]).startswith(self._home):
            mode, flags = arguments[1], arguments[2]
            if (flags or 0) & _WRITING or any(letter in (mode or "") for letter in "wax+"):
                self.come_to("open")


def _statement(cursor: Any, query: object, *_arguments: Any, **_more: Any) -> tuple[str, bool]:
    return _verb(query), cursor.connection.autocommit


def _commit(connection: Any) -> tuple[str, bool]:
    """Not of a transaction in which nothing was done."""
    from psycopg.pq import TransactionStatus

    return "" if connection.info.transaction_status == TransactionStatus.IDLE else "commit", True


def _statement_of_dbt(_manager: Any, query: str, *_arguments: Any, **_more: Any) -> tuple[str, bool]:
    verb = _verb(query)
    return verb, verb == "commit"


def _verb(query: object) -> str:
    """The first words of a statement that writes; '' of another."""
    text = query if isinstance(query, str) else query.decode() if isinstance(query, bytes) else query.as_string()  # type: ignore[attr-defined]
    plain = _COMMENT.sub(" ", text).lower().lstrip()
    within = _WITHIN.search(plain) if plain.startswith("with") else None
    words = plain[within.start() if within else 0 :].split(maxsplit=2)
    return " ".join(filter(str.isalpha, words[:2])) if words and words[0] in _WRITES else ""


def _function() -> str:
    """` in <module>.<function>` of ours that is nearest; '' in a thread of dbt's."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        name = frame.f_code.co_filename
        if name.startswith(_OURS) and Path(name).stem not in _CARRIERS:
            return f" in {Path(name).stem}.{frame.f_code.co_name}"
        frame = frame.f_back
    return ""
