"""What arrives in the inbox is told once, when it is quiet; a watcher that starts again repeats and loses nothing."""

from pathlib import Path

import pytest

from ingestion.arrivals import Arrivals, note_received, place, states
from ingestion.receive import incoming_files
from ingestion.settings import Settings

QUIET = 5.0


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "inbox").mkdir()
    return Settings(home=tmp_path, inbox=None, arrival_quiet_seconds=QUIET)


def put(settings: Settings, where: str, content: str = "a report") -> str:
    path = settings.inbox_dir / where
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    return where


def receive(settings: Settings, *places: str) -> None:
    inbox = settings.inbox_dir
    files = [file for file in incoming_files(inbox) if place(file, inbox) in places]
    note_received(settings, states(files, inbox))


def test_a_file_is_told_once_when_it_is_quiet(settings: Settings) -> None:
    arrivals = Arrivals(settings)
    assert arrivals.look(0) == []
    where = put(settings, "huyen-213/2022/a.xlsx")
    assert arrivals.look(1) == []
    assert arrivals.look(1 + QUIET) == [where]
    assert arrivals.look(100) == []


def test_a_file_that_grows_is_waited_for_and_its_neighbours_are_not(settings: Settings) -> None:
    arrivals = Arrivals(settings)
    growing, whole = put(settings, "huyen-213/2022/a.xlsx", "a"), put(settings, "huyen-213/2022/b.xlsx")
    arrivals.look(0)
    put(settings, growing, "ab")
    assert arrivals.look(QUIET) == [whole]
    put(settings, growing, "abc")
    assert arrivals.look(2 * QUIET) == []
    assert arrivals.look(3 * QUIET) == [growing]


def test_a_file_that_its_writer_has_still_open_is_waited_for(settings: Settings) -> None:
    arrivals = Arrivals(settings)
    where = put(settings, "huyen-213/2022/a.xlsx")
    arrivals.look(0)
    with (settings.inbox_dir / where).open("a"):
        assert arrivals.look(QUIET) == []
    assert arrivals.look(2 * QUIET) == [where]


def test_one_that_changed_after_it_was_received_is_told_again(settings: Settings) -> None:
    arrivals = Arrivals(settings)
    where = put(settings, "huyen-213/2022/a.xlsx")
    arrivals.look(0)
    assert arrivals.look(QUIET) == [where]
    receive(settings, where)
    put(settings, where, "a corrected report")
    assert arrivals.look(2 * QUIET) == []
    assert arrivals.look(3 * QUIET) == [where]


def test_a_watcher_that_starts_again_tells_what_was_not_received_and_nothing_else(settings: Settings) -> None:
    done, lost = put(settings, "huyen-213/2022/a.xlsx"), put(settings, "huyen-220/2022/b.xlsx")
    before = Arrivals(settings)
    before.look(0)
    assert before.look(QUIET) == [done, lost]
    receive(settings, done)  # and the watcher ends before the other is
    after = Arrivals(settings)
    assert after.look(0) == []
    assert after.look(QUIET) == [lost]
    assert before.look(1000) == [lost]  # also one that did not end tells it again, some time later


def test_what_is_on_its_way_or_no_report_is_not_told(settings: Settings) -> None:
    for name in (".a.xlsx", "~$a.xlsx", "a.xlsx.part"):
        put(settings, f"huyen-213/2022/{name}")
    arrivals = Arrivals(settings)
    arrivals.look(0)
    assert arrivals.look(QUIET) == []


def test_the_inbox_is_only_looked_at(settings: Settings) -> None:
    where = put(settings, "huyen-213/2022/a.xlsx")
    before = (settings.inbox_dir / where).stat()
    arrivals = Arrivals(settings)
    arrivals.look(0)
    arrivals.look(QUIET)
    after = (settings.inbox_dir / where).stat()
    assert (after.st_ino, after.st_mtime_ns, after.st_ctime_ns) == (
        before.st_ino,
        before.st_mtime_ns,
        before.st_ctime_ns,
    )


def test_an_inbox_that_is_away_tells_nothing(tmp_path: Path) -> None:
    assert Arrivals(Settings(home=tmp_path, inbox=None)).look(0) == []


def test_a_damaged_record_tells_all_again_and_is_mended(settings: Settings) -> None:
    where = put(settings, "huyen-213/2022/a.xlsx")
    receive(settings, where)
    (settings.home / "received_files.json").write_text("{")
    arrivals = Arrivals(settings)
    arrivals.look(0)
    assert arrivals.look(QUIET) == [where]
    receive(settings, where)
    after = Arrivals(settings)
    after.look(0)
    assert after.look(QUIET) == []


def test_what_is_gone_is_forgotten(settings: Settings) -> None:
    gone, kept = put(settings, "huyen-213/2022/a.xlsx"), put(settings, "huyen-213/2022/b.xlsx")
    receive(settings, gone)
    (settings.inbox_dir / gone).unlink()
    receive(settings, kept)
    assert gone not in (settings.home / "received_files.json").read_text()
