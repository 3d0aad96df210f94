"""Receiving: exactly once, whatever lies in the inbox, whoever is killed."""

import hashlib
import io
import os
import signal
import stat
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Iterator
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import openpyxl
import openpyxl.comments
import openpyxl.styles
import psycopg
import pytest
import sqlalchemy as sa

from ingestion.answering.marker import FIRST_SHEET, MARK
from ingestion.read import Report, unreadable
from ingestion.reading.apart import read_file_apart
from ingestion.reading.unreadable import UnreadableFileError
from ingestion.receive import Receipt, incoming_files, receive_file, sweep
from ingestion.settings import Settings
from ingestion.warehouse import create_engine, prepare

HEADINGS = (
    "Mã xã;Xã/phường/thị trấn;Tổng số hộ dân cư;Dân số;Số hộ dân tộc thiểu số;Xã đặc biệt khó khăn;Xã nghèo;"
    "Xã thuộc Chương trình 135;Xã an toàn khu (ATK);Đường ô tô đến trung tâm xã được nhựa hóa, bê tông hóa;"
    "Số thôn, bản, tổ dân phố;Số thôn có đường trục được cứng hóa;Số thôn có điện;"
    "Diện tích có nhu cầu tưới tiêu (ha);Diện tích được tưới tiêu (ha);Lực lượng lao động;Lao động qua đào tạo;"
    "Lao động qua đào tạo nghề;Lao động được đào tạo trong năm;Lao động có việc làm sau đào tạo trong năm"
)


def profile(households: int = 2418) -> bytes:
    """A commune profile of two communes of district 223."""
    rest = "9188;1692;x;;;;x;9;5;9;239,8;230,3;5053;2303;1381;52;42"
    lines = [HEADINGS, f"07813;Xã Đồng Tân;{households};{rest}", f"07816;Xã Thanh Vân;2240;{rest}"]
    return "\r\n".join(lines).encode()


class Home:
    """One home with its inbox, and the warehouse it loads."""

    def __init__(self, folder: Path, url: str) -> None:
        self.settings = Settings(home=folder, inbox=folder / "inbox")
        self.url = url
        self.engine = create_engine(url)

    def send(self, place: str, content: bytes) -> None:
        path = self.settings.inbox_dir / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    def receive(self) -> dict[str, list[Receipt]]:
        return {
            str(file.path.relative_to(self.settings.inbox_dir)): receive_file(file, self.engine, self.settings)
            for file in incoming_files(self.settings.inbox_dir)
        }

    def query(self, statement: str) -> list[tuple[object, ...]]:
        with self.engine.connect() as connection:
            return [tuple(row) for row in connection.execute(sa.text(statement))]


@pytest.fixture(scope="module")
def prepared(warehouse_url: str) -> str:
    prepare(warehouse_url)
    return warehouse_url


@pytest.fixture
def home(prepared: str, tmp_path: Path) -> Iterator[Home]:
    with psycopg.connect(prepared, autocommit=True) as connection:
        connection.execute(
            "truncate ops.submission, ops.finding, ops.conservation, raw.unread_cell, raw.column_position,"
            " raw.commune_profile restart identity"
        )
    home = Home(tmp_path / "home", prepared)
    yield home
    home.engine.dispose()


def test_a_report_is_archived_and_loaded_as_sent(home: Home) -> None:
    home.send("huyen-223/2022/thong tin xa.csv", profile())
    [receipt] = home.receive()["huyen-223/2022/thong tin xa.csv"]
    assert (receipt.dataset, receipt.status_code, receipt.row_count) == ("commune_profile", "received", 2)
    sha256 = hashlib.sha256(profile()).hexdigest()
    kept = home.settings.archive_dir / sha256[:2] / sha256
    assert kept.read_bytes() == profile()
    assert stat.S_IMODE(kept.stat().st_mode) & 0o222 == 0
    assert not list(home.settings.archive_dir.glob(".incoming*"))
    assert home.query(
        "select sender_code, dataset, period_code, period_end::text, revision, sha256, file_name, status_code,"
        " row_count from ops.submission"
    ) == [("huyen-223", "commune_profile", "2022", "2022-12-31", 1, sha256, "thong tin xa.csv", "received", 2)]
    assert home.query(
        "select row_number, commune_code, household_count, is_poor_commune, irrigation_met_ha::text"
        " from raw.commune_profile order by 1"
    ) == [(2, "07813", 2418, False, "230.3"), (3, "07816", 2240, False, "230.3")]
    assert home.query("select * from ops.finding") == []


def test_the_same_bytes_again_are_a_duplicate_noted_once_and_change_nothing(home: Home) -> None:
    home.send("huyen-223/2022/a.csv", profile())
    [first] = home.receive()["huyen-223/2022/a.csv"]
    for _ in range(2):  # the file stays in the inbox and is seen every night
        [again] = home.receive()["huyen-223/2022/a.csv"]
        assert again.status_code == "duplicate"
    home.send("huyen-223/2022/sent again under another name.csv", profile())
    home.receive()
    assert home.query("select status_code, duplicate_of, file_name from ops.submission order by submission_id") == [
        ("received", None, "a.csv"),
        ("duplicate", first.submission_id, "a.csv"),
        ("duplicate", first.submission_id, "sent again under another name.csv"),
    ]
    assert home.query("select count(*) from raw.commune_profile") == [(2,)]


def test_a_correction_is_the_next_revision(home: Home) -> None:
    home.send("huyen-223/2022/a.csv", profile())
    home.receive()
    home.send("huyen-223/2022/a.csv", profile(households=2500))
    home.receive()
    assert home.query("select revision, status_code from ops.submission order by 1") == [
        (1, "received"),
        (2, "received"),
    ]
    assert home.query("select count(*) from raw.commune_profile") == [(4,)]


@pytest.mark.parametrize(
    ("place", "content", "rule"),
    [
        ("huyen-223/2022/empty.xlsx", b"", "unreadable_file"),
        ("huyen-223/2022/damaged.xlsx", b"PK\x03\x04" + b"\x00" * 300, "unreadable_file"),
        ("huyen-223/2022/unknown.pdf", b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n", "unreadable_file"),
        ("huyen-223/2022/another.csv", "Tên hàng;Giá;Số lượng\r\nGạo;20000;3\r\n".encode(), "not_recognised"),
        ("huyen-223/2022/lacks a column.csv", profile().replace("Dân số".encode(), b"?"), "missing_column"),
        ("huyen-223/2022/no rows.csv", HEADINGS.encode(), "no_rows"),
        ("sxd/2022/agency.csv", profile(), "wrong_sender"),
        ("huyen-999/2022/no such district.csv", profile(), "wrong_sender"),
        ("top level.csv", profile(), "wrong_sender"),
        ("huyen-223/2022-Q1/quarter.csv", profile(), "wrong_period"),
        ("huyen-223/2099/future.csv", profile(), "wrong_period"),
        ("huyen-223/nam 2022/not a period.csv", profile(), "wrong_period"),
        ("huyen-223/no period.csv", profile(), "wrong_period"),
    ],
)
def test_a_bad_file_is_archived_and_rejected_and_its_neighbour_loaded(
    home: Home, place: str, content: bytes, rule: str
) -> None:
    home.send(place, content)
    home.send("huyen-223/2021/good.csv", profile(households=1111))
    receipts = home.receive()
    assert [receipt.status_code for receipt in receipts[place]] == ["rejected"]
    assert receipts["huyen-223/2021/good.csv"][0].status_code == "received"
    found = home.query(
        "select f.rule, f.severity, length(f.message_vi) > 20, length(f.message_en) > 20"
        " from ops.finding f join ops.submission s using (submission_id) where s.status_code = 'rejected'"
    )
    assert (rule, "reject", True, True) in found
    sha256 = hashlib.sha256(content).hexdigest()
    assert (home.settings.archive_dir / sha256[:2] / sha256).read_bytes() == content
    assert home.query("select distinct household_count from raw.commune_profile order by 1") == [(1111,), (2240,)]


def test_a_file_rejected_unread_is_read_again_when_it_lies_there_still(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.send("huyen-223/2022/a.csv", profile())
    with monkeypatch.context() as patch:  # the period was still running when the file came
        patch.setattr("ingestion.receive.read_file_apart", partial(read_file_apart, today=date(2022, 12, 1)))
        assert home.receive()["huyen-223/2022/a.csv"][0].status_code == "rejected"
        assert home.receive()["huyen-223/2022/a.csv"][0].status_code == "duplicate"
    assert home.receive()["huyen-223/2022/a.csv"][0].status_code == "received"
    assert home.receive()["huyen-223/2022/a.csv"][0].status_code == "duplicate"
    assert home.query("select status_code, count(*) from ops.submission group by 1 order by 1") == [
        ("duplicate", 2),
        ("received", 1),
        ("superseded", 1),
    ]


def test_a_file_found_unreadable_twice_is_read_again_only_by_other_code_or_within_other_limits(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hostile file costs its limit of time twice, not every night."""
    place, read = "huyen-223/2022/a.csv", []
    error = UnreadableFileError("đọc quá 25 giây", "not read within 25 seconds")
    home.send(place, profile())
    home.send("huyen-223/2022/b.zip", packed({"b.csv": profile(households=2500)}))

    def overrun(path: Path, **arguments: Any) -> list[Report]:
        read.append(path)
        return [unreadable("2022", error)]

    def statuses() -> list[str]:
        return [receipt.status_code for receipts in home.receive().values() for receipt in receipts]

    with monkeypatch.context() as patch:
        patch.setattr("ingestion.receive.read_file_apart", overrun)
        assert statuses() == ["rejected", "rejected"]
        for reads in (4, 4, 4):
            assert statuses() == ["duplicate", "duplicate"]
            assert len(read) == reads
        patch.setenv("CHUNGTAY_CODE_VERSION", "next")
        for reads in (6, 6):
            assert statuses() == ["duplicate", "duplicate"]
            assert len(read) == reads
        home.settings = home.settings.model_copy(update={"max_read_seconds": 60.0})
        for reads in (8, 8):
            assert statuses() == ["duplicate", "duplicate"]
            assert len(read) == reads
    home.settings = home.settings.model_copy(update={"max_read_seconds": 90.0})
    assert statuses() == ["received", "received"]  # the second corrects the first, as it came after it
    assert home.query("select file_name, revision from ops.submission where revision is not null order by 2") == [
        ("a.csv", 1),
        ("b.zip/b.csv", 2),
    ]


def test_what_offices_and_transfers_leave_behind_is_not_a_report(home: Home) -> None:
    for name in ("~$a.xlsx", ".DS_Store", "Thumbs.db", "a.xlsx.part"):
        home.send(f"huyen-223/2022/{name}", b"x")
    assert home.receive() == {}


def test_two_receivers_at_once_load_a_file_once(home: Home) -> None:
    home.send("huyen-223/2022/a.csv", profile())
    statuses: list[str] = []
    threads = [
        threading.Thread(target=lambda: statuses.extend(r.status_code for rs in home.receive().values() for r in rs))
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == ["duplicate", "received"]
    assert home.query("select count(*) from raw.commune_profile") == [(2,)]


def packed(members: dict[str, bytes]) -> bytes:
    """A zip archive of these files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def test_files_in_an_archive_are_received_as_files_of_their_own(home: Home) -> None:
    place, other = "huyen-223/2022/bao cao.zip", profile(households=2222).replace(b"07816", b"07819")
    members = {"Quý/xã.csv": profile(), "thư.pdf": b"%PDF-1.7", "~$xã.csv": b"x", "xã khác.csv": other}
    archive = packed(members)
    home.send(place, archive)
    assert [r.status_code for r in home.receive()[place]] == ["received", "rejected", "received"]
    names = "select file_name, status_code, revision from ops.submission where status_code <> 'duplicate' order by 1"
    expected = [
        ("bao cao.zip/Quý/xã.csv", "received", 1),
        ("bao cao.zip/thư.pdf", "rejected", None),
        ("bao cao.zip/xã khác.csv", "received", 2),
    ]
    assert home.query(names) == expected
    for content in (archive, members["Quý/xã.csv"], members["thư.pdf"]):
        sha256 = hashlib.sha256(content).hexdigest()
        assert (home.settings.archive_dir / sha256[:2] / sha256).exists()
    home.send("huyen-223/2022/một mình.csv", profile())  # a file that came in the archive comes alone, too
    again = home.receive()
    assert {r.status_code for receipts in again.values() for r in receipts} == {"duplicate"}
    assert home.query(names) == expected


@pytest.mark.parametrize("members", [{"../../etc/a.csv": profile()}, {"a.csv": b"0" * 50_000_000}, {}])
def test_an_archive_that_plays_tricks_is_refused_whole(home: Home, members: dict[str, bytes]) -> None:
    home.send("huyen-223/2022/a.zip", packed(members))
    [receipt] = home.receive()["huyen-223/2022/a.zip"]
    assert receipt.status_code == "rejected"
    assert home.query("select rule, severity from ops.finding") == [("unreadable_file", "reject")]


def test_a_file_that_changes_while_it_is_received_is_tried_again(home: Home) -> None:
    place = "huyen-223/2022/a.csv"
    home.send(place, b" " * (16 << 20))
    path, stop = home.settings.inbox_dir / place, threading.Event()

    def go_on_writing() -> None:
        with path.open("ab", buffering=0) as file:
            while not stop.wait(0.0005):
                file.write(b" ")

    writer = threading.Thread(target=go_on_writing)
    writer.start()
    try:
        for _ in range(2):
            assert [r.status_code for r in home.receive()[place]] == ["rejected"]
    finally:
        stop.set()
        writer.join()
    assert home.query("select sha256, status_code, answered_at >= received_at from ops.submission") == [
        ("", "rejected", True)
    ]
    [(rule, message)] = home.query("select rule, message_en from ops.finding")
    assert rule == "unreadable_file"
    assert "changed while it was received" in str(message)
    assert list(home.settings.archive_dir.rglob("*")) == []
    home.send(place, profile())
    assert [r.status_code for r in home.receive()[place]] == ["received"]
    assert home.query("select status_code from ops.submission order by submission_id") == [
        ("superseded",),
        ("received",),
    ]


def test_a_half_written_file_whose_writer_pauses_is_tried_again(home: Home) -> None:
    """Half a CSV file is a report of fewer communes, and nothing in it tells."""
    place = "huyen-223/2022/a.csv"
    home.send(place, b"")
    content = profile()
    half = content.rindex(b"\n")
    with (home.settings.inbox_dir / place).open("wb") as file:
        file.write(content[:half])
        file.flush()
        for _ in range(2):
            assert [r.status_code for r in home.receive()[place]] == ["rejected"]
        file.write(content[half:])
    assert home.query("select count(*) from raw.commune_profile") == [(0,)]
    assert [(r.status_code, r.row_count) for r in home.receive()[place]] == [("received", 2)]
    assert home.query("select status_code, sha256 <> '' from ops.submission order by submission_id") == [
        ("superseded", False),
        ("received", True),
    ]


def test_what_is_half_copied_into_the_archive_is_swept_once_its_writer_is_gone(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive_dir, link = home.settings.archive_dir, os.link

    def sweep_and_link(source: Path, target: Path) -> None:
        sweep(archive_dir)
        link(source, target)

    home.send("huyen-223/2022/a.csv", profile())
    with monkeypatch.context() as patch:
        patch.setattr("ingestion.receive.os.link", sweep_and_link)
        assert [r.status_code for r in home.receive()["huyen-223/2022/a.csv"]] == ["received"]
    kept = [path for path in archive_dir.rglob("*") if path.is_file()]
    assert len(kept) == 1
    (archive_dir / ".incoming-left").write_bytes(b"half")
    sweep(archive_dir)
    assert [path for path in archive_dir.rglob("*") if path.is_file()] == kept


def test_a_file_that_vanishes_meanwhile_is_tried_again(home: Home) -> None:
    home.send("huyen-223/2022/a.csv", profile())
    [file] = incoming_files(home.settings.inbox_dir)
    file.path.unlink()
    assert [r.status_code for r in receive_file(file, home.engine, home.settings)] == ["rejected"]


def test_what_says_the_same_in_other_bytes_is_unchanged(home: Home) -> None:
    place = "huyen-223/2022/{}.csv".format
    home.send(place("a"), profile())
    home.receive()
    saved_again = profile().decode().replace("\r\n", "\n")
    home.send(place("b"), saved_again.encode("utf-16"))
    assert [r.status_code for r in home.receive()[place("b")]] == ["duplicate"]
    home.send(place("c"), profile(households=2500))
    assert [r.status_code for r in home.receive()[place("c")]] == ["received"]
    for _ in range(2):  # what lies there still does not come back over its correction
        assert [r.status_code for r in home.receive()[place("b")]] == ["duplicate"]
    assert home.query("select revision, file_name from ops.submission where revision is not null order by 1") == [
        (1, "a.csv"),
        (2, "c.csv"),
    ]
    home.send(place("d"), saved_again.encode("utf-8-sig"))  # but sent anew, it is the next word
    assert [r.status_code for r in home.receive()[place("d")]] == ["received"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"2418", b"2419"),
        (b"230,3", b""),
        (b"230,3", b"nhi\xe1\xbb\x81u"),
        ("Tổng số hộ dân cư".encode(), "Tổng số hộ".encode()),
        (b"07813;", b"07813 ;"),
    ],
)
def test_what_counts_as_said(old: bytes, new: bytes, home: Home) -> None:
    """Figures and what cannot be read do; the wording of a heading and spaces around a value do not."""
    home.send("huyen-223/2022/a.csv", profile())
    home.receive()
    home.send("huyen-223/2022/a.csv", profile().replace(old, new))
    says_more = new in (b"2419", b"", b"nhi\xe1\xbb\x81u")
    assert [r.status_code for r in home.receive()["huyen-223/2022/a.csv"]] == ["received" if says_more else "duplicate"]


def test_a_file_in_the_folder_of_another_period_or_sender_is_another_report(home: Home) -> None:
    for folder in ("huyen-223/2022", "huyen-223/2021", "huyen-220/2022"):
        home.send(f"{folder}/a.csv", profile())
    home.receive()
    assert home.query("select sender_code, period_code, revision from ops.submission order by 1, 2") == [
        ("huyen-220", "2022", 1),  # whose communes they are is judged later
        ("huyen-223", "2021", 1),
        ("huyen-223", "2022", 1),
    ]


def workbook(rows: list[list[str]], *, marked: bool = False) -> bytes:
    """A workbook of these rows; `marked` as our answer to it comes back: with its first sheet, colours and notes."""
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = "Biểu"
    for row in rows:
        sheet.append(row)
    if marked:
        sheet["C3"].fill = openpyxl.styles.PatternFill("solid", fgColor="FFC7CE")
        sheet["C3"].comment = openpyxl.comments.Comment("Cần sửa", "Chung Tay")
        first = book.create_sheet(FIRST_SHEET, 0)
        first["A1"] = f"{MARK}: cần sửa 1 ô"
        first.append(["Ô", "Cột", "Lỗi"])
        first.append(["C3", "Tổng số hộ dân cư", "không đọc được"])
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def test_our_answer_sent_back_is_the_next_revision_only_when_it_was_corrected(home: Home) -> None:
    rows = [line.split(";") for line in profile().decode().split("\r\n")]
    rows[2][2] = "khoảng 900"
    home.send("huyen-223/2022/a.xlsx", workbook(rows))
    home.send("huyen-223/2022/b tra loi.xlsx", workbook(rows, marked=True))
    received = home.receive()
    assert [[r.status_code for r in receipts] for receipts in received.values()] == [["received"], ["duplicate"]]
    rows[2][2] = "900"
    home.send("huyen-223/2022/b tra loi.xlsx", workbook(rows, marked=True))
    assert [r.status_code for r in home.receive()["huyen-223/2022/b tra loi.xlsx"]] == ["received"]
    assert home.query("select revision, sheet_name, row_count from ops.submission where revision is not null") == [
        (1, "Biểu", 2),
        (2, "Biểu", 2),
    ]


def test_what_can_be_read_only_after_its_correction_came_too_late(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    home.send("huyen-223/2022/a.csv", profile())
    error = UnreadableFileError("không đọc được", "not readable")

    def read(path: Path, **arguments: Any) -> list[Report]:
        known = path.read_bytes() != profile()
        return read_file_apart(path, **arguments) if known else [unreadable("2022", error)]

    with monkeypatch.context() as patch:  # the reader does not know the layout of one yet
        patch.setattr("ingestion.receive.read_file_apart", read)
        home.receive()
        home.send("huyen-223/2022/b.csv", profile(households=2500))
        home.receive()
    monkeypatch.setenv("CHUNGTAY_CODE_VERSION", "next")
    for _ in range(2):
        received = home.receive()
    assert [r.status_code for r in received["huyen-223/2022/a.csv"]] == ["duplicate"]
    assert home.query(
        "select file_name, revision, status_code from ops.submission where status_code <> 'duplicate' order by 1"
    ) == [("a.csv", None, "superseded"), ("b.csv", 1, "received")]


@pytest.mark.parametrize("name", ["a.csv", "a.zip"])
def test_a_kill_while_loading_leaves_nothing_half_and_the_next_run_is_as_if_it_never_happened(
    home: Home, name: str
) -> None:
    """In an archive the first of two reports is loaded when the second is not yet."""
    other = profile().replace(b"07816", b"07819")
    home.send(f"huyen-223/2022/{name}", packed({"1.csv": profile(), "2.csv": other}) if name == "a.zip" else profile())
    is_last = 2 if name == "a.zip" else 1
    with psycopg.connect(home.url, autocommit=True) as db:
        db.execute(
            "create function raw.wait() returns trigger language plpgsql as"
            f" $$begin if new.submission_id % 2 = {is_last % 2} then perform pg_sleep(60); end if; return new; end$$;"
            "create trigger wait before insert on raw.commune_profile for each row execute function raw.wait()"
        )
        code = (
            "import sys; from pathlib import Path; from ingestion.settings import Settings;"
            "from ingestion.receive import incoming_files, receive_file;"
            "from ingestion.warehouse import create_engine\n"
            "home, url = Path(sys.argv[1]), sys.argv[2]; s = Settings(home=home, inbox=home / 'inbox')\n"
            "for file in incoming_files(s.inbox_dir): receive_file(file, create_engine(url), s)"
        )
        try:
            process = subprocess.Popen([sys.executable, "-c", code, str(home.settings.home), home.url], env=os.environ)
            asleep = "select pid from pg_stat_activity where wait_event = 'PgSleep' and datname = current_database()"
            deadline = time.monotonic() + 60
            while (backend := db.execute(asleep).fetchone()) is None:
                assert process.poll() is None, "the receiver ended before it could be killed"
                assert time.monotonic() < deadline
                time.sleep(0.05)
            process.send_signal(signal.SIGKILL)
            process.wait()
            db.execute("select pg_terminate_backend(%s, 5000)", backend)
        finally:
            db.execute("drop function raw.wait() cascade")
    assert home.query("select count(*) from ops.submission") == [(0,)]
    assert home.query("select count(*) from raw.commune_profile") == [(0,)]
    receipts = home.receive()[f"huyen-223/2022/{name}"]
    assert [receipt.status_code for receipt in receipts] == ["received"] * is_last
    assert home.query("select revision, row_count from ops.submission") == [(1, 2), (2, 2)][:is_last]
    assert home.query("select count(*) from raw.commune_profile") == [(2 * is_last,)]
