"""The command as an operator types it, in a process of its own, on a warehouse of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ingestion.ops import Finding, Submission
from ingestion.settings import PROJECT_DIR

CHUNGTAY = Path(sys.executable).with_name("chungtay")


class Command:
    """`chungtay` in one home, on one warehouse."""

    def __init__(self, home: Path, url: str | None) -> None:
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith("CHUNGTAY_")} | {
            "CHUNGTAY_HOME": str(home)
        }
        if url:
            self.environment["CHUNGTAY_WAREHOUSE_URL"] = url

    def __call__(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([CHUNGTAY, *arguments], env=self.environment, capture_output=True, text=True, timeout=120)

    def rows(self, *arguments: str) -> list[dict[str, Any]]:
        done = self(*arguments, "--json")
        assert done.returncode == 0, done.stderr
        rows: list[dict[str, Any]] = json.loads(done.stdout)
        return rows


@pytest.fixture(scope="module")
def chungtay(warehouse_url: str, tmp_path_factory: pytest.TempPathFactory) -> Command:
    """On an empty warehouse; the tests stand in the order of an operator's day."""
    return Command(tmp_path_factory.mktemp("home"), warehouse_url)


def test_url_prints_the_address_and_nothing_else(chungtay: Command, warehouse_url: str) -> None:
    done = chungtay("url")
    assert (done.stdout, done.stderr, done.returncode) == (warehouse_url + "\n", "", 0)


def test_nothing_came_yet(chungtay: Command) -> None:
    assert chungtay.rows("submissions") == []
    assert chungtay.rows("findings") == []
    told = chungtay("status")
    assert (told.returncode, "is empty: no night has run on it yet" in told.stdout) == (0, True)


def test_load_receives_and_judges_a_file_where_it_lies(chungtay: Command, tmp_path: Path) -> None:
    damaged = tmp_path / "huyen-220" / "2024" / "hỏng.xlsx"
    damaged.parent.mkdir(parents=True)
    damaged.write_bytes(b"PK\x03\x04 not a workbook")
    folder = PROJECT_DIR / "examples" / "inbox" / "huyen-220" / "2024"
    profile = next(path for path in folder.iterdir() if "thong tin xa" in path.name)
    done = chungtay("load", str(profile), str(damaged))
    assert done.returncode == 0, done.stderr
    assert f"huyen-220/2024/{profile.name}: commune_profile received" in done.stdout
    assert "huyen-220/2024/hỏng.xlsx: no report rejected" in done.stdout
    assert "judged commune_profile: 1 submissions, 1 accepted" in done.stdout
    assert "answered: 2 files" in done.stdout
    assert "duplicate" in chungtay("load", str(profile)).stdout


def test_submissions_are_told_in_the_columns_of_the_table(chungtay: Command) -> None:
    rows = chungtay.rows("submissions")
    assert [set(row) for row in rows] == [set(Submission.__table__.columns.keys())] * 3
    assert [row["status_code"] for row in rows] == ["accepted", "rejected", "duplicate"]
    assert chungtay.rows("submissions", "--status", "rejected") == [rows[1]]
    assert chungtay.rows("submissions", "--dataset", "commune_profile", "--period", "2024") == [rows[0], rows[2]]
    assert chungtay.rows("submissions", "--sender", "huyen-999") == []
    screen = chungtay("submissions").stdout
    assert "huyen-220" in screen
    assert "rejected" in screen


def test_findings_say_where_and_why(chungtay: Command) -> None:
    rows = chungtay.rows("findings", "--sender", "huyen-220")
    assert rows
    assert set(Finding.__table__.columns.keys()) <= set(rows[0])
    rejected = [row for row in rows if row["severity"] == "reject"]
    assert [row["file_name"] for row in rejected] == ["hỏng.xlsx"]
    assert rejected[0]["message_vi"]
    assert rejected[0]["message_en"]
    assert chungtay.rows("findings", "--rule", rejected[0]["rule"]) == rejected
    assert chungtay.rows("findings", "--rule", "no such rule") == []


def test_status_tells_what_came_and_what_runs(chungtay: Command) -> None:
    done = chungtay("status", "--json")
    told = json.loads(done.stdout)
    assert told["publication"] is None
    assert told["stack"]["scheduler"] is None
    came = {(row["dataset"], row["status_code"]): row["report_count"] for row in told["reports"]}
    assert came == {
        ("commune_profile", "accepted"): 1,
        ("commune_profile", "duplicate"): 1,
        (None, "rejected"): 1,
    }
    assert "commune_profile" in chungtay("status").stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("load", "no/such/file.xlsx"), "no/such/file.xlsx does not exist"),
        (("night", "--inbox", "no/such/folder"), "no/such/folder is not a folder"),
        (("forms", "2023"), "Chưa công bố số liệu nào. / Nothing has been published yet."),
        (("forms", "2023-S1"), "there are none of 2023-S1, ask for 2023."),
        (("forms", "2023", "--form", "14"), "Không có biểu số 14"),
    ],
)
def test_what_an_operator_can_mend_is_one_line(chungtay: Command, arguments: tuple[str, ...], said: str) -> None:
    done = chungtay(*arguments)
    assert done.returncode == 1
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_forms_names_what_it_wrote_and_which_communes_are_missing(sample_night: str, tmp_path: Path) -> None:
    published, out = Command(tmp_path / "home", sample_night), tmp_path / "biểu"
    of_province = published("forms", "2023", "--form", "12", "--form", "1", "--out", str(out))
    names = [f"2023_2021-2025_24-tinh-bac-giang_bieu-{number}.xlsx" for number in ("01", "12")]
    assert (of_province.stdout.splitlines(), of_province.returncode) == ([str(out / name) for name in names], 0)
    assert "household lists of 42 of 209 communes, missing: " in of_province.stderr
    of_district = published("forms", "2023", "--form", "2", "--place", "220", "--out", str(out))
    assert (of_district.stderr, of_district.returncode) == ("", 0)
    assert len(list(out.iterdir())) == 3
    unknown = published("forms", "2023", "--standard", "2016-2020", "--out", str(out))
    assert (unknown.stdout, unknown.returncode) == ("", 1)
    assert "2023 has no figures under the standard '2016-2020'" in unknown.stderr


def test_a_warehouse_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    done = Command(tmp_path, "postgresql://nobody:nothing@127.0.0.1:9/warehouse")("submissions")
    assert done.returncode == 1
    assert "cannot be reached" in done.stderr
    assert "Traceback" not in done.stderr
    assert "nothing" not in done.stderr  # the password


def test_down_where_nothing_runs(tmp_path: Path) -> None:
    done = Command(tmp_path / "none", None)("down")
    assert (done.returncode, done.stdout) == (0, "nothing was running\n")
    assert not (tmp_path / "none").exists()
