"""Archives of reports: what is in them, under which names. What is refused: tests/acceptance/test_hostile_files.py."""

import io
import zipfile
from pathlib import Path

import pytest
from reports import write_ods, write_xlsx

from ingestion.reading.container import Member, members
from ingestion.reading.unreadable import UnreadableFileError
from ingestion.settings import Settings


def archive(path: Path, entries: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as target:
        for name, content in entries.items():
            target.writestr(name, content)
    return path


def zipped(entries: dict[str, bytes]) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as inner:
        for name, content in entries.items():
            inner.writestr(name, content)
    return target.getvalue()


def test_files_folders_and_archives_in_archives(tmp_path: Path) -> None:
    path = archive(
        tmp_path / "a.zip",
        {
            "Huyện Sơn Động/": b"",
            "Huyện Sơn Động/hộ nghèo.csv": b"a;b",
            "quý 3.zip": zipped({"vay\\vốn.csv": b"c"}),
            "__MACOSX/._hộ nghèo.csv": b"x",
            "Huyện Sơn Động/.DS_Store": b"x",
        },
    )
    assert members(path, Settings()) == [
        Member("Huyện Sơn Động/hộ nghèo.csv", b"a;b"),
        Member("quý 3.zip/vay/vốn.csv", b"c"),
    ]


def test_a_workbook_in_an_archive_is_a_file(tmp_path: Path) -> None:
    book = write_xlsx(tmp_path / "a.xlsx", [["a"]]).read_bytes()
    assert members(archive(tmp_path / "a.zip", {"a.xlsx": book}), Settings()) == [Member("a.xlsx", book)]


def test_what_is_no_archive(tmp_path: Path) -> None:
    assert members(write_xlsx(tmp_path / "a.xlsx", [["a"]]), Settings()) is None
    assert members(write_ods(tmp_path / "a.ods", [["a"]]), Settings()) is None
    for content in (b"", b"a;b\n1;2\n", b"PK\x03\x04 and no more"):
        (tmp_path / "f").write_bytes(content)
        assert members(tmp_path / "f", Settings()) is None


@pytest.mark.parametrize("encoding", ["utf-8", "cp1258"])
def test_names_that_are_not_marked_as_utf_8(encoding: str, tmp_path: Path) -> None:
    name = "Ba\u0301o ca\u0301o.csv"  # as Windows-1258 spells it
    raw = name.encode(encoding)
    path = archive(tmp_path / "a.zip", {"?" * len(raw): b"a"})
    path.write_bytes(path.read_bytes().replace(b"?" * len(raw), raw))
    assert [member.name for member in members(path, Settings()) or ()] == ["Báo cáo.csv"]


def test_what_it_may_expand_to_counts_over_all_depths(tmp_path: Path) -> None:
    inner = zipped({"a.csv": b"a;b\n" * 200_000})
    path = archive(tmp_path / "a.zip", {"a.zip": inner, "b.zip": inner})
    settings = Settings(max_zip_ratio=1_000_000)
    assert len(members(path, settings) or ()) == 2
    with pytest.raises(UnreadableFileError, match="more than 2 MiB"):
        members(path, settings.model_copy(update={"max_unzipped_mb": 2}))
