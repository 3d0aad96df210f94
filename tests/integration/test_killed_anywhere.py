"""Whatever ends a night, and wherever: after the next one all is as if nothing had happened, compared by hash."""

import os
import shutil
import signal
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import urlsplit

import psutil  # type: ignore[import-untyped]
import pytest
from disturbed_night import TASKS, Night, Point
from loopback_proxy import loopback_proxy
from small_province import SmallProvince, small_province
from state_hash import differences, published

from ingestion.local.airflow import Airflow
from ingestion.night import Task, run_night
from ingestion.settings import get_settings

pytestmark = pytest.mark.timeout(1800)
LOWER_LAYERS = {"build staging", "build intermediate"}  # they come to the points of all builds first, or never


@pytest.fixture(scope="module")
def made() -> Iterator[SmallProvince]:
    with small_province() as made:
        yield made


@pytest.fixture
def province(made: SmallProvince) -> SmallProvince:
    made.begin_again()
    return made


def assert_one_night_or_the_other(province: SmallProvince, context: object = "") -> None:
    seen = published(province.url)
    assert seen in (province.before, province.after), context


def assert_as_undisturbed(province: SmallProvince) -> None:
    """After one more night."""
    province.finish()
    assert differences(province.state(), province.undisturbed) == []


def test_a_night_killed_at_every_point_in_turn_ends_as_an_undisturbed_one(province: SmallProvince) -> None:
    """A night is killed at the first point that it comes to; so is the next one, begun by the task that was killed, at
    the first point where none was killed before; and so on until there is none. Readers see one night or the other."""
    killed_at: list[Point] = []
    while True:
        night = Night(
            province.environment(),
            "killed",
            province.inbox,
            passed=frozenset(point.name for point in killed_at),
            start=killed_at[-1].task if killed_at else "prepare",
        )
        point = night.next_point()
        if point is None:
            assert night.ended_well()
            break
        night.kill()
        killed_at.append(point)
        assert_one_night_or_the_other(province, point)
    assert {point.task for point in killed_at} >= TASKS.keys() - LOWER_LAYERS
    assert_as_undisturbed(province)


# -- the warehouse goes away -----------------------------------------------------------------------------------------


def test_the_warehouse_goes_away_in_every_task(province: SmallProvince) -> None:
    """The server killed, its sessions ended, the cable cut, in turn: as every task begins, and before and after each of
    its commits. The task is run again each time."""
    passed, disturbed, failed_by = set[str](), list[Point](), set[object]()
    with loopback_proxy(lambda: int(urlsplit(province.url).port or 0)) as proxy:
        ends = (province.kill_server, province.end_sessions, proxy.cut)
        while True:
            url = urlsplit(province.url)
            through = url._replace(netloc=f"{url.netloc.rpartition(':')[0]}:{proxy.port}").geturl()
            start = disturbed[-1].task if disturbed else "prepare"
            night = Night(province.environment(through), "cut", province.inbox, passed=frozenset(passed), start=start)
            earlier, end = len(disturbed), None
            while (point := night.next_point()) is not None:
                passed.add(point.name)
                if "commit" in point.name or ": entered" in point.name:
                    province.server.start()  # a night may outlive its death and come to another point
                    end = ends[len(disturbed) % len(ends)]
                    end()
                    disturbed.append(point)
                night.go_on()
            if len(disturbed) == earlier:
                assert night.ended_well(), night.failure
                break
            if night.failure:
                failed_by.add(end)
            province.server.start()
            assert_one_night_or_the_other(province, (disturbed[-1], end))
    assert {point.task for point in disturbed} >= TASKS.keys() - LOWER_LAYERS
    assert failed_by == {*ends}
    assert_as_undisturbed(province)


# -- several at once -------------------------------------------------------------------------------------------------


def test_two_nights_started_at_once_both_end_as_one(province: SmallProvince) -> None:
    nights = [Night(province.environment(), name, province.inbox) for name in ("one", "other")]
    assert [night.ended_well() for night in nights] == [True, True]
    assert differences(province.state(), province.undisturbed) == []


# -- a full disk -----------------------------------------------------------------------------------------------------


def test_a_full_disk_fails_the_night_and_nothing_is_half_published(province: SmallProvince) -> None:
    """The home's and the server's: full from the moment on at which a task begins, one task after the other."""
    place = province.home.parent
    assert place.is_mount(), "a small file system could not be mounted here: this test needs root and mount"
    task = "prepare"
    for full_from in ("receive", "answer", "build marts", "publish"):
        night = Night(province.environment(), "full", province.inbox, passed=frozenset(), start=task)
        while (point := night.next_point()) is None or point.task != full_from:
            assert point is not None, f"the night ended before {full_from}: {night.failure}"
            night.go_on()
        log_size = province.server.log_file.stat().st_size
        ballast = fill(place)
        night.go_on()
        assert not night.ended_well(), full_from
        ballast.unlink()
        province.server.start()
        log = province.server.log_file.read_text(errors="replace")[log_size:]
        assert "No space left on device" in night.failure + log, (full_from, night.failure)
        assert_one_night_or_the_other(province, full_from)
        task = full_from
    assert_as_undisturbed(province)


def fill(place: Path) -> Path:
    """Leave a file system without free blocks."""
    ballast = place / "ballast"
    with ballast.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, shutil.disk_usage(place).free)
    assert shutil.disk_usage(place).free == 0
    return ballast


# -- Airflow ---------------------------------------------------------------------------------------------------------


def test_the_scheduler_is_killed_in_the_middle_of_a_night(
    province: SmallProvince, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`chungtay up` starts it again; the night completes, or the next one does."""
    with monkeypatch.context() as patch:
        for name, value in province.environment().items():
            patch.setenv(name, value)
        get_settings.cache_clear()
        settings = get_settings()
        airflow = Airflow(settings)
        killed: list[int] = []

        def watch(dag_id: str, tasks: Sequence[Task]) -> None:
            if dag_id == "judge_reports" and not killed and any(task.state == "running" for task in tasks):
                killed.append(airflow.processes()["scheduler"])
                os.kill(killed[0], signal.SIGKILL)
                psutil.wait_procs([psutil.Process(killed[0])], timeout=30)
                airflow.up()

        try:
            airflow.up()
            night = run_night(settings, province.url, province.inbox, watch)
            assert killed
            assert_one_night_or_the_other(province)
            if not night.published:
                again = run_night(settings, province.url, province.inbox, watch)
                assert again.published, again.failures
        finally:
            airflow.down()
            airflow.server.destroy()
    get_settings.cache_clear()
    assert differences(province.state(), province.undisturbed) == []
