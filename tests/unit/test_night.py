"""What is told of a night, without Airflow or a database."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ingestion.night import Night, Step, Task, _message

START = datetime(2025, 7, 1, 13, 0, tzinfo=UTC)


def step(name: str, begin: float, end: float) -> Step:
    """A step that worked from `begin` to `end`, in seconds after the start of the night."""
    return Step(name, "", "succeeded", 0, 0, end - begin, "", START + timedelta(seconds=end))


@pytest.mark.parametrize(
    ("steps", "seconds"),
    [
        ([], 0),
        ([step("receive", 1, 3), step("judge", 5, 6)], 3),
        ([step("receive", 1, 5), step("receive", 2, 4)], 4),  # side by side: the time is spent once
        ([step("receive", 1, 3), step("receive", 2, 6)], 5),
        ([step("receive", 2, 6), step("receive", 1, 3)], 5),  # in whichever order they ended
        ([step("receive", -2, 3)], 3),  # what began before the night is not its own
    ],
)
def test_work_is_the_time_in_which_any_step_worked(steps: list[Step], seconds: float) -> None:
    assert Night("n", START, steps=steps).work_seconds == pytest.approx(seconds)


def test_tries_of_one_step_stand_together() -> None:
    night = Night("n", START, steps=[step("build", 0, 1), step("publish", 1, 2), step("build", 2, 4)])
    assert night.seconds_by_step() == {"build": [1, 2], "publish": [1]}


def failed(log: Path) -> Task:
    return Task("build_warehouse", "publish", "failed", 1.0, log)


def test_message_is_the_first_line_of_the_last_error(tmp_path: Path) -> None:
    log = tmp_path / "attempt=1.log"
    errors = [
        {"exc_type": "BuildError", "exc_value": "2 tests failed\nNguyễn Thị Mai, 012345678"},
        {"exc_type": "Other", "exc_value": ""},
    ]
    log.write_text(
        "not json\n"
        + json.dumps({"event": "working"})
        + "\n"
        + json.dumps({"event": "Task failed", "error_detail": errors[1:] + errors[:1]})
        + "\n"
    )
    assert _message(failed(log)) == "BuildError: 2 tests failed"


def test_a_task_that_left_no_error_is_said_so(tmp_path: Path) -> None:
    assert _message(failed(tmp_path / "none.log")) == "ended without a log"
    (tmp_path / "attempt=1.log").write_text(json.dumps({"event": "working"}))
    assert "killed" in _message(failed(tmp_path / "attempt=1.log"))
