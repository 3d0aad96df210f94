"""Receiving: exactly once, whatever lies in the inbox, whoever is killed."""

import hashlib
import os
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import date
from functools import partial
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa

from ingestion.reading.apart import read_file_apart
from ingestion.receive import Receipt, incoming_files, receive_file
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


def test_a_kill_while_loading_leaves_nothing_half_and_the_next_run_is_as_if_it_never_happened(home: Home) -> None:
    home.send("huyen-223/2022/a.csv", profile())
    with psycopg.connect(home.url, autocommit=True) as db:
        db.execute(
            "create function raw.wait() returns trigger language plpgsql as"
            " $$begin perform pg_sleep(60); return new; end$$;"
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
    [receipt] = home.receive()["huyen-223/2022/a.csv"]
    assert receipt.status_code == "received"
    assert home.query("select revision, row_count from ops.submission") == [(1, 2)]
    assert home.query("select count(*) from raw.commune_profile") == [(2,)]
