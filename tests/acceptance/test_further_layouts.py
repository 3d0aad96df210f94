"""Further layouts of a data set: the register's export, the ministry's detailed lists, the bank's extract; and one more
that is declared in a contract and nowhere else."""

import shutil
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import pytest

import ingestion.contract
import ingestion.read
from ingestion.contract import CONTRACTS_DIR, load_contract, load_contracts
from ingestion.read import Report, read_file

Rows = list[list[Any]]


def write(path: Path, rows: Rows, merge: tuple[str, ...] = ()) -> Path:
    workbook = openpyxl.Workbook()
    for row in rows:
        workbook.active.append(row)
    for area in merge:
        workbook.active.merge_cells(area)
    workbook.save(path)
    return path


def read(path: Path, sender: str = "huyen-220", period: str = "2022") -> Report:
    (report,) = read_file(path, sender_code=sender, period_code=period, province="24", today=date(2026, 1, 31))
    filled = sum(any(cell.value is not None for cell in row) for row in openpyxl.load_workbook(path).active)
    if not report.is_rejected:
        assert report.row_count + report.other_row_count == filled
    return report


def findings(report: Report) -> list[tuple[str, str | None]]:
    return [(finding.rule, finding.cell) for finding in report.findings]


# --- the register's export ---

KEYS = [
    "date",
    "family.hostName",
    "family.code",
    "family.coDanTocTaiCho",
    "family.hostGender",
    "family.numberOfMembers",
    "quickReview.result",
    "b1Point",
    "b2Point",
    "classify",
    "reviewer",
]
LABELS = [
    "Thời gian rà soát",
    "Chủ hộ",
    "Mã hộ",
    "Dân tộc tại chỗ",
    "Giới tính",
    "Số nhân khẩu",
    "Phiếu A",
    "Phiếu B1",
    "Phiếu B2",
    "Kết quả rà soát",
    "Người rà soát",
]
REGISTER: Rows = [
    ["14/12/2022", "Lý Thị Linh", "07645-00001", "Có", "Nữ", "4.0", "--", "120", "30", "Hộ nghèo", "Bùi Văn Bình"],
    [None, "Lý Văn Hải", "07645-00002", None, "Nam", "3", "--", None, None, "Hộ cận nghèo", None],
    [None, "Lý Văn Tâm", "56.0", None, None, "2", "--", None, None, "Hộ không nghèo", None],
]


@pytest.mark.parametrize("headings", [[KEYS, LABELS], [LABELS], [KEYS]], ids=["both", "labels", "keys"])
def test_the_export_of_the_register(headings: Rows, tmp_path: Path) -> None:
    report = read(write(tmp_path / "Huyện Sơn Động.xlsx", [*headings, *REGISTER]))
    assert (report.dataset, report.layout, report.standard_code) == ("household_review", "register_export", "2021-2025")
    assert findings(report) == []
    assert report.unread.is_empty()
    names = ["household_code", "commune_code", "head_name", "head_sex", "member_count", "class_reported"]
    assert report.rows.select(names).rows() == [
        ("07645-00001", "07645", "Lý Thị Linh", "female", 4, "poor"),
        ("07645-00002", "07645", "Lý Văn Hải", "male", 3, "near_poor"),
        ("56", None, "Lý Văn Tâm", None, 2, "not_poor"),
    ]
    carried = {*names, "sheet_name", "row_number"}
    for name in report.rows.columns:
        assert name in carried or report.rows[name].is_null().all(), name


def test_what_a_layout_does_not_carry_is_not_missing() -> None:
    review = load_contracts()["household_review"]
    assert review.layout_columns("") == {column.name for column in review.columns}
    assert review.layout_columns("register_export") == {
        "household_code",
        "head_name",
        "head_sex",
        "member_count",
        "class_reported",
    }
    with pytest.raises(KeyError):
        review.layout_columns("no such layout")


def test_a_register_without_its_code_lacks_a_column(tmp_path: Path) -> None:
    rows = [[cell for index, cell in enumerate(row) if index != 2] for row in [LABELS, *REGISTER]]
    report = read(write(tmp_path / "a.xlsx", rows))
    assert report.layout == "register_export"
    assert [finding.rule for finding in report.findings] == ["missing_column"]


def test_a_household_list_that_lacks_columns_stays_one(tmp_path: Path) -> None:
    """It has every column of the export, and many more: the columns that it lacks are told."""
    review = load_contracts()["household_review"]
    columns = [c for c in review.columns_for("2021-2025") if not c.derived and c.name != "income_per_capita"]
    report = read(write(tmp_path / "a.xlsx", [[c.heading for c in columns], ["07645-00001"]]))
    assert report.layout == ""
    assert [finding.rule for finding in report.findings] == ["missing_column"]


# --- the detailed lists ---

DETAILED: Rows = [
    ["DANH SÁCH CHI TIẾT HỘ NGHÈO"],
    ["Năm 2022"],
    [],
    [
        *("STT chủ hộ", "STT thành viên hộ", "Mã hộ", "Họ và tên", "Ngày, tháng, năm sinh", None, "Dân tộc"),
        *("Quan hệ với chủ hộ", "Phân loại hộ", None, None, "Nhu cầu hỗ trợ", None, "Khác"),
    ],
    [
        *(None, None, None, None, "Nam", "Nữ", None, None, "Nghèo mới", "Tái nghèo", "Nghèo cũ"),
        *("Hỗ trợ y tế", "Hỗ trợ nhà ở", None),
    ],
]
MEMBERS: Rows = [
    [1, 1, "07645-00001", "Lý Thị Linh", None, "11/02/1984", "Nùng", "Chủ hộ", None, None, "x", "x"],
    [None, 2, None, "Lý Văn Hải", "12/03/1980", None, "Nùng", "Vợ/chồng"],
    [None, 3, None, "Lý Văn Tâm", 2015, None, "Nùng", "Con"],
    [2, 1, "07645-00002", "Bùi Thị Hoa", None, "01/01/1950", "Kinh", "Chủ hộ"],
]


def members(report: Report) -> list[tuple[Any, ...]]:
    return report.rows.select("household_code", "person_no", "sex", "birth_date", "relation_to_head").rows()


def test_the_detailed_list(tmp_path: Path) -> None:
    report = read(write(tmp_path / "a.xlsx", [*DETAILED, *MEMBERS], ("E4:F4", "I4:K4", "L4:M4")))
    assert (report.dataset, report.layout) == ("household_member", "detailed_list")
    assert findings(report) == []
    assert report.unread.is_empty()
    assert members(report) == [
        ("07645-00001", 1, "female", date(1984, 2, 11), "head"),
        ("07645-00001", 2, "male", date(1980, 3, 12), "spouse"),
        ("07645-00001", 3, "male", date(2015, 1, 1), "child"),
        ("07645-00002", 1, "female", date(1950, 1, 1), "head"),
    ]
    assert report.rows["birth_date_precision"].to_list() == ["day", "day", "year", "day"]
    assert report.rows["has_health_insurance"].is_null().all()


def test_both_columns_or_none(tmp_path: Path) -> None:
    rows: Rows = [
        [1, 1, "07645-00001", "A", "1984", "1984", "Nùng", "Chủ hộ"],
        [None, 2, None, "B", None, None, "Nùng", "Con"],
        [None, 3, None, "C", None, "31/02/1984", "Nùng", "Con"],
    ]
    report = read(write(tmp_path / "a.xlsx", [*DETAILED, *rows], ("E4:F4", "I4:K4", "L4:M4")))
    assert [row[2:4] for row in members(report)] == [(None, None), (None, None), ("female", None)]
    assert report.unread.select("column_name", "cell", "value").rows() == [
        ("sex", "E6", "1984"),
        ("birth_date", "F8", "31/02/1984"),
    ]


def test_a_household_whose_first_member_has_no_code_gets_nobody_elses(tmp_path: Path) -> None:
    rows = [list(row) for row in MEMBERS]
    rows[3][2] = None
    report = read(write(tmp_path / "a.xlsx", [*DETAILED, *rows], ("E4:F4", "I4:K4", "L4:M4")))
    assert [row[0] for row in members(report)] == ["07645-00001"] * 3 + [None]


def test_a_running_number_is_no_code(tmp_path: Path) -> None:
    rows = [[cell for index, cell in enumerate(row) if index != 2] for row in [*DETAILED[3:], *MEMBERS]]
    report = read(write(tmp_path / "a.xlsx", rows, ("D1:E1", "H1:J1", "K1:L1")))
    assert report.layout == "detailed_list"
    pattern = load_contracts()["household_member"].column("household_code").pattern
    assert pattern is not None
    assert report.rows["household_code"].to_list() == ["1", "1", "1", "2"]
    assert not report.rows["household_code"].str.contains(pattern).any()


@pytest.mark.parametrize("has_code", [True, False])
def test_a_detailed_list_by_communes_and_villages(has_code: bool, tmp_path: Path) -> None:
    sections: Rows = [["I", "Xã An Lạc"], [None, "Thôn Đồng Bài"]]
    rows = [*DETAILED[3:], *sections, *MEMBERS[:3], ["II", "Thị trấn An Châu"], MEMBERS[3]]
    if not has_code:
        rows = [[cell for index, cell in enumerate(row) if index != 2] for row in rows]
    report = read(write(tmp_path / "a.xlsx", rows))
    assert (report.layout, report.row_count, report.other_row_count) == ("detailed_list", 4, 5)
    assert report.unread.is_empty()


def test_a_code_merged_over_its_household(tmp_path: Path) -> None:
    report = read(write(tmp_path / "a.xlsx", [*DETAILED, *MEMBERS], ("E4:F4", "I4:K4", "L4:M4", "C6:C8", "A6:A8")))
    assert [row[0] for row in members(report)] == ["07645-00001"] * 3 + ["07645-00002"]


# --- the bank's extract ---

EXTRACT = {
    "Mã CN": "0024",
    "Mã PGD": "002405",
    "Tên PGD": "PGD Huyện Sơn Động",
    "Mã xã": "25",
    "Tên xã": "Xã An Lạc",
    "Mã thôn": "2501",
    "Tên thôn": "Thôn Đồng Bài",
    "Mã KH": "0024050001",
    "Tên KH": "Lý Thị Linh",
    "Giới tính": "Nữ",
    "Mã dân tộc": "07",
    "Tên DT": "Nùng",
    "Số CMND": "024184231077",
    "Số khế ước": "6622000001",
    "Ngày vay": "10/02/2022",
    "Ngày ĐH theo hợp đồng": "10/02/2025",
    "Ngày ĐH theo Gia hạn": None,
    "Thời hạn vay": 36,
    "Lãi suất": 6.6,
    "Mức vay": 50_000_000,
    "Dư nợ trong hạn": 11_000_000,
    "Dư nợ quá hạn": 0,
    "Dư nợ khoanh": 0,
    "Tổng dư nợ": 11_000_000,
    "Mã chương trình": "01",
    "Tên chương trình": "Hộ nghèo",
    "Tình trạng món vay": "OPEN",
    "Nguồn vốn": 1,
    "Mã nhà đầu tư": "001",
    "Tên nhà đầu tư": "TW",
    "Tên ĐVUT": "Hội Nông dân",
    "Mã tổ": "T01",
    "Tên tổ": "Tổ 1",
    "Tổ trưởng": "Bùi Văn Bình",
    "Đối tượng thụ hưởng": "Hộ nghèo",
    "Tổng giải ngân": 50_000_000,
    "Ngày GN đầu tiên": "10/02/2022",
    "Ngày GN cuối cùng": "10/02/2022",
    "Giải ngân trong tháng": 0,
    "Giải ngân trong Quý": 0,
    "Giải ngân trong Năm": 0,
    "Thu nợ TH tháng": 0,
    "Thu nợ TH Quý": 2_000_000,
    "Thu nợ TH Năm": 4_000_000,
    "Thu nợ QH Quý": 500_000,
    "Thu nợ khoanh Quý": None,
    "Gia hạn": 0,
    "Chuyển QH": 0,
    "Chuyển khoanh": 0,
    "Gốc xóa": 0,
    "Lãi tồn TH": 12_000,
    "Lãi tồn QH": 0,
    "Lãi DT": 0,
    "Lãi TT": 0,
    "Chuẩn nghèo ĐP": None,
    "Mục đích nhà": None,
    "Mục đích 30A": None,
    "Mã HSSV": None,
}
SUMMED = ("Dư nợ trong hạn", "Dư nợ quá hạn", "Dư nợ khoanh", "Tổng dư nợ", "Giải ngân trong Quý")


def extract(*changes: dict[str, Any]) -> Rows:
    return [list(EXTRACT), *([(EXTRACT | change).get(name) for name in EXTRACT] for change in changes)]


def subtotal(label: str, value: str, **amounts: int) -> list[Any]:
    return [value if name == label else amounts.get(name.replace(" ", "_")) for name in EXTRACT]


def test_the_extract_of_the_bank(tmp_path: Path) -> None:
    loans = extract({}, {"Số khế ước": "6622000002"}, {"Số khế ước": "6622000003", "Tên xã": "Xã Vân Sơn"})
    sums = {"Dư_nợ_trong_hạn": 22_000_000, "Tổng_dư_nợ": 22_000_000}
    rest = {"Dư_nợ_trong_hạn": 11_000_000, "Tổng_dư_nợ": 11_000_000}
    whole = {"Dư_nợ_trong_hạn": 33_000_000, "Tổng_dư_nợ": 33_000_000}
    rows = [
        *loans[:3],
        subtotal("Tên xã", "Xã An Lạc", **sums),
        loans[3],
        subtotal("Tên xã", "Xã Vân Sơn", **rest),
        subtotal("Tên PGD", "PGD Huyện Sơn Động", **whole),
        subtotal("Mã CN", "0024", **whole),
    ]
    report = read(write(tmp_path / "a.xlsx", rows), "nhcsxh", "2023-Q2")
    assert (report.dataset, report.layout) == ("credit_loan", "loan_extract")
    assert findings(report) == []
    assert report.unread.is_empty()
    assert report.rows.select("loan_id", "commune_code", "credit_programme_code", "repaid_in_period").rows() == [
        ("6622000001", "07645", "01", Decimal(2_500_000)),
        ("6622000002", "07645", "01", Decimal(2_500_000)),
        ("6622000003", "07621", "01", Decimal(2_500_000)),
    ]
    letters = dict(report.positions.select("column_name", "column_letter").rows())
    assert letters["repaid_in_period"] == "AQ"


def test_a_wrong_subtotal_of_the_extract(tmp_path: Path) -> None:
    rows = [*extract({}), subtotal("Tên xã", "Xã An Lạc", Dư_nợ_trong_hạn=11_000_000, Tổng_dư_nợ=12_000_000)]
    report = read(write(tmp_path / "a.xlsx", rows), "nhcsxh", "2023-Q2")
    assert findings(report) == [("total_mismatch", "X3")]


def test_no_repayment_stated_is_none(tmp_path: Path) -> None:
    rows = extract({"Thu nợ TH Quý": None, "Thu nợ QH Quý": None}, {"Số khế ước": "2", "Thu nợ QH Quý": "nhiều"})
    report = read(write(tmp_path / "a.xlsx", rows), "nhcsxh", "2023-Q2")
    assert report.rows["repaid_in_period"].to_list() == [None, None]
    assert report.unread.select("column_name", "cell", "value").rows() == [("repaid_in_period", "AS3", "nhiều")]


def test_the_banks_own_commune_code_is_never_the_official_one(tmp_path: Path) -> None:
    rows = extract({"Mã xã": "07615"}, {"Số khế ước": "6622000002", "Mã xã": "460025", "Tên xã": "Xã Không Có"})
    report = read(write(tmp_path / "a.xlsx", rows), "nhcsxh", "2023-Q2")
    assert report.rows["commune_code"].to_list() == ["07645", None]
    assert report.unread.select("column_name", "rule", "value").rows() == [
        ("commune_code", "unknown_code", "Xã Không Có")
    ]


# --- a layout and a heading declared in YAML alone ---


@pytest.fixture
def contracts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of contracts that the reader takes for the project's."""
    folder = tmp_path / "contracts"
    shutil.copytree(CONTRACTS_DIR, folder)

    def load() -> dict[str, Any]:
        return {path.stem: load_contract(path) for path in sorted(folder.glob("*.yaml"))}

    monkeypatch.setattr(ingestion.read, "load_contracts", load)
    return folder


def test_a_heading_is_added_in_yaml(contracts: Path, tmp_path: Path) -> None:
    path = write(tmp_path / "a.xlsx", extract({}))
    workbook = openpyxl.load_workbook(path)
    cell = next(cell for cell in workbook.active[1] if cell.value == "Số khế ước")
    cell.value = "Mã giao kèo"
    workbook.save(path)
    assert "missing_column" in [finding.rule for finding in read(path, "nhcsxh", "2023-Q2").findings]

    document = (contracts / "credit_loan.yaml").read_text(encoding="utf-8")
    added = document.replace("      - synonym: Số KU\n", "      - synonym: Số KU\n      - synonym: Mã giao kèo\n")
    (contracts / "credit_loan.yaml").write_text(added, encoding="utf-8")
    report = read(path, "nhcsxh", "2023-Q2")
    assert findings(report) == []
    assert report.rows["loan_id"].to_list() == ["6622000001"]


def test_a_layout_is_added_in_yaml(contracts: Path, tmp_path: Path) -> None:
    rows: Rows = [["Hộ số hiệu", "Nam chủ hộ", "Nữ chủ hộ", "Đông người", "Xếp loại", "Ghi bởi"]]
    rows += [["07645-00001", "Lý Văn Hải", None, 4, "Hộ nghèo", "Bùi Văn Bình"]]
    path = write(tmp_path / "a.xlsx", rows)
    assert findings(read(path)) == [("not_recognised", None)]

    layout = """
    - id: village_book
      description: "The book that a head of a village keeps"
      columns:
        household_code: [Hộ số hiệu]
        member_count: [Đông người]
        class_reported: [Xếp loại]
      required: [household_code, head_sex, head_name, member_count, class_reported]
      codeByColumn:
        code: head_sex
        value: head_name
        headings: {male: [Nam chủ hộ], female: [Nữ chủ hộ]}
      notLoaded: [Ghi bởi]
"""
    document = (contracts / "household_review.yaml").read_text(encoding="utf-8")
    added = document.replace("    - id: register_export\n", layout.lstrip("\n") + "    - id: register_export\n")
    (contracts / "household_review.yaml").write_text(added, encoding="utf-8")
    report = read(path)
    assert (report.layout, findings(report)) == ("village_book", [])
    names = ["household_code", "head_name", "head_sex", "member_count", "class_reported"]
    assert report.rows.select(names).rows() == [("07645-00001", "Lý Văn Hải", "male", 4, "poor")]
