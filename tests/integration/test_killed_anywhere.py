"""Whatever ends a night, and wherever: after the next one all is as if nothing had happened, compared by hash."""

from collections.abc import Iterator

import pytest
from disturbed_night import TASKS, Night, Point
from small_province import SmallProvince, small_province
from state_hash import differences, published

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
