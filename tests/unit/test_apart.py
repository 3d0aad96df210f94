"""The worker process: what ends it is told, and it never outlives its caller."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import pytest
from reports import write_csv, write_xlsx

from ingestion.read import Report
from ingestion.reading.apart import ReaderProcess, close, read_file_apart
from ingestion.settings import get_settings


@pytest.fixture
def small(tmp_path: Path) -> Path:
    return write_csv(tmp_path / "a.csv", [["a", "b"], ["1", "2"]], delimiter=";", encoding="utf-8")


def rules(reports: list[Report]) -> list[str]:
    return [finding.rule for report in reports for finding in report.findings]


def pid_of(reader: ReaderProcess) -> int:
    assert reader.pid is not None
    return reader.pid


def test_what_ends_a_worker_is_told_and_the_next_file_is_read(small: Path, tmp_path: Path) -> None:
    large = write_xlsx(tmp_path / "large.xlsx", [["x" * 20, str(row), "y"] for row in range(30_000)])
    with ReaderProcess(get_settings()) as reader:
        assert reader.pid is None
        for period in ("2022-Q3", "no period"):
            assert rules(reader.read(small, sender_code="nhcsxh", period_code=period)) == ["not_recognised"]
        for how in (signal.SIGSEGV, signal.SIGKILL):
            worker = pid_of(reader)
            threading.Timer(0.05, os.kill, (worker, how)).start()
            [report] = reader.read(large, sender_code="nhcsxh", period_code="2022-Q3")
            assert rules([report]) == ["unreadable_file"]
            assert how.name in report.findings[0].message_vi
            assert how.name in report.findings[0].message_en
            assert rules(reader.read(small, sender_code="nhcsxh", period_code="2022-Q3")) == ["not_recognised"]
            assert pid_of(reader) != worker
        last = pid_of(reader)
    assert not psutil.pid_exists(last)


def test_a_worker_that_ended_between_two_files_is_started_anew(small: Path) -> None:
    with ReaderProcess(get_settings()) as reader:
        for _ in range(2):
            assert rules(reader.read(small, sender_code="nhcsxh", period_code="2022-Q3")) == ["not_recognised"]
            os.kill(pid_of(reader), signal.SIGKILL)
            psutil.Process(pid_of(reader)).wait(10)


def test_the_worker_of_this_process_follows_its_settings(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    try:
        assert rules(read_file_apart(small, sender_code="nhcsxh", period_code="2022-Q3")) == ["not_recognised"]
        monkeypatch.setenv("CHUNGTAY_MAX_CELLS", "1")
        get_settings.cache_clear()
        assert rules(read_file_apart(small, sender_code="nhcsxh", period_code="2022-Q3")) == ["unreadable_file"]
    finally:
        close()
        get_settings.cache_clear()


_CALLER = """
import os, sys, time
from pathlib import Path
from ingestion.reading import apart
apart.read_file_apart(Path(sys.argv[1]), sender_code="nhcsxh", period_code="2022-Q3")
print(apart._own.pid, flush=True)
{then}
"""


def test_a_worker_ends_with_its_caller(small: Path) -> None:
    """Also when a fork of the caller lives on, as Airflow's do."""
    then = "print(os.fork() or os._exit(time.sleep(8) or 0), flush=True); time.sleep(60)"
    with subprocess.Popen(
        [sys.executable, "-c", _CALLER.format(then=then), str(small)], stdout=subprocess.PIPE, text=True
    ) as caller:
        assert caller.stdout is not None
        worker, fork = int(caller.stdout.readline()), int(caller.stdout.readline())
        caller.kill()
        caller.wait(20)
        deadline = time.monotonic() + 7
        while psutil.pid_exists(worker) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not psutil.pid_exists(worker)
        assert psutil.pid_exists(fork)


def test_a_fork_of_the_caller_has_a_worker_of_its_own(small: Path) -> None:
    then = """
if child := os.fork():
    assert os.waitpid(child, 0)[1] == 0
    apart.read_file_apart(Path(sys.argv[1]), sender_code="nhcsxh", period_code="2022-Q3")
    print(apart._own.pid)
else:
    apart.read_file_apart(Path(sys.argv[1]), sender_code="nhcsxh", period_code="2022-Q3")
    print(apart._own.pid, flush=True)
    apart.close()
    os._exit(0)
"""
    done = subprocess.run(
        [sys.executable, "-c", _CALLER.format(then=then), str(small)], check=True, capture_output=True, text=True
    )
    before, of_fork, after = done.stdout.split()
    assert before == after
    assert of_fork != before
