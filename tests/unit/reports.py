"""Small reports for tests: rows as senders write them, and files of every format to put them in."""

import csv
import io
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import openpyxl

from ingestion.contract import Column, load_contracts

Cells = list[list[Any]]

_VALUES: Mapping[str, Mapping[str, Any]] = {
    "household_review": {
        "head_name": "Lý Thị Linh",
        "head_sex": "Nữ",
        "head_birth_date": "11/02/1984",
        "head_ethnic_group": "Nùng",
        "head_national_id": "024184231077",
        "commune_code": "07645",
        "commune_name": "Xã An Lạc",
        "village_name": "Thôn Đồng Bài",
        "member_count": 4,
        "area_type": "Nông thôn",
        "income_per_capita": 1_250_000,
        "dep_water": "x",
        "class_previous": "Hộ nghèo",
        "class_reported": "Hộ nghèo",
        "movement_reported": "Giữ nguyên",
        "poverty_causes": "Không có lao động; Có người ốm đau, bệnh nặng, tai nạn",
        "needs": "Vay vốn ưu đãi",
    },
    "commune_profile": {
        "commune_code": "07645",
        "commune_name": "Xã An Lạc",
        "is_poor_commune": "x",
        "irrigation_need_ha": 339.5,
        "irrigation_met_ha": 306.5,
    },
    "support_delivery": {
        "policy_code": "Hỗ trợ nhà ở",
        "household_code": "07645-00001",
        "status": "Đã hỗ trợ",
        "decided_on": "10/05/2023",
        "delivered_on": "20/05/2023",
        "quantity": 1,
        "amount": 40_000_000,
        "funding_source": "Ngân sách tỉnh",
    },
    "credit_loan": {
        "credit_programme_code": "01",
        "household_code": "07645-00001",
        "borrower_name": "Lý Thị Linh",
        "borrower_national_id": "024184231077",
        "transaction_office": "PGD Huyện Sơn Động",
        "commune_name": "Xã An Lạc",
        "association": "Hội Nông dân",
        "contracted_on": "10/02/2022",
        "due_on": "10/02/2025",
        "term_months": 36,
        "annual_rate": 6.6,
        "funding_source": 1,
        "disbursed_in_period": 0,
        "repaid_in_period": 2_000_000,
        "outstanding_in_term": 11_000_000,
        "overdue": 0,
        "frozen": 0,
        "outstanding": 11_000_000,
    },
    "household_member": {
        "person_no": 1,
        "full_name": "Lý Thị Linh",
        "sex": "Nữ",
        "birth_date": "11/02/1984",
        "relation_to_head": "Chủ hộ",
        "ethnic_group": "Nùng",
        "national_id": "024184231077",
        "has_health_insurance": "x",
    },
    "review_result": {"commune_name": "Xã An Lạc"},
    "poor_movement": {"commune_name": "Xã An Lạc", "counted": "Hộ"},
    "near_poor_movement": {"commune_name": "Xã An Lạc", "counted": "Hộ"},
    "programme_finance": {
        "funding_source": "NSTW",
        "budget_kind": "Sự nghiệp",
        "admin_unit_code": "07645",
        "planned": 50_000_000,
        "allocated": 40_000_000,
        "disbursed": 30_000_000,
    },
    "capacity_activity": {"kind": "Tập huấn", "commune_code": "07645", "held_on": "10/05/2023", "cost": 5_000_000},
    "task_progress": {"status": "Đang thực hiện", "percent_complete": 50},
}
_KEYS = {
    "household_member": "07645-{:05d}",
    "programme_finance": "CT135",
    "capacity_activity": "HD-{:04d}",
    "task_progress": "BG13-T{:02d}",
    "household_review": "07645-{:05d}",
    "commune_profile": "07645",
    "support_delivery": "SXD-2023-{:06d}",
    "credit_loan": "6622{:08d}",
}


def columns(dataset: str, standard: str = "") -> list[Column]:
    """The columns that a sender fills, in contract order."""
    standard = standard or ("2021-2025" if dataset == "household_review" else "")
    return [column for column in load_contracts()[dataset].columns_for(standard) if not column.derived]


def record(dataset: str, number: int = 1, **changes: Any) -> dict[str, Any]:
    """One good row, by column name; blank where nothing is said."""
    contract = load_contracts()[dataset]
    key = {contract.key[0]: _KEYS[dataset].format(number)} if dataset in _KEYS else {}
    row: dict[str, Any] = key | dict(_VALUES[dataset])
    for column in contract.columns:
        if column.type == "integer" and column.required:
            row.setdefault(column.name, 10)
    return row | changes


def table(
    dataset: str,
    records: Iterable[Mapping[str, Any]],
    *,
    standard: str = "",
    headings: Mapping[str, str] | None = None,
    without: Sequence[str] = (),
) -> Cells:
    """A heading row and one row per record. `headings` replaces headings by column name, `without` leaves columns."""
    shown = [column for column in columns(dataset, standard) if column.name not in without]
    names = {column.name: column.standard_headings.get(standard or "2021-2025", column.heading) for column in shown}
    rows: Cells = [[(headings or {}).get(name, heading) for name, heading in names.items()]]
    rows += [[row.get(name) for name in names] for row in records]
    return rows


def write_xlsx(path: Path, sheets: Mapping[str, Cells] | Cells, merge: Sequence[str] = ()) -> Path:
    """A workbook of these sheets; `merge` are areas of the first sheet."""
    workbook = openpyxl.Workbook()
    workbook.remove(workbook.active)
    for name, rows in (sheets if isinstance(sheets, Mapping) else {"Sheet1": sheets}).items():
        sheet = workbook.create_sheet(name)
        for row_index, row in enumerate(rows, start=1):
            for column_index, value in enumerate(row, start=1):
                if value is not None:
                    sheet.cell(row_index, column_index, value)
    for area in merge:
        workbook.worksheets[0].merge_cells(area)
    workbook.save(path)
    return path


def write_csv(path: Path, rows: Cells, *, delimiter: str = ";", encoding: str = "utf-8-sig") -> Path:
    """A text file as spreadsheets save it."""
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter).writerows([["" if cell is None else cell for cell in row] for row in rows])
    path.write_bytes(text.getvalue().encode(encoding))
    return path


def write_ods(path: Path, rows: Cells, *, repeat: int = 1) -> Path:
    """An OpenDocument spreadsheet of one sheet; `repeat` says that the last row stands for many."""
    body = ""
    for index, row in enumerate(rows):
        cells = ""
        for value in row:
            if value is None:
                cells += "<table:table-cell/>"
            elif isinstance(value, int | float):
                cells += f'<table:table-cell office:value-type="float" office:value="{value}"/>'
            else:
                text = f"<text:p>{escape(str(value))}</text:p>"
                cells += f'<table:table-cell office:value-type="string">{text}</table:table-cell>'
        repeated = f' table:number-rows-repeated="{repeat}"' if index == len(rows) - 1 and repeat > 1 else ""
        body += f"<table:table-row{repeated}>{cells}</table:table-row>"
    namespaces = " ".join(
        f'xmlns:{prefix}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
        for prefix, name in (("office", "office"), ("table", "table"), ("text", "text"))
    )
    content = (
        f'<?xml version="1.0" encoding="UTF-8"?><office:document-content {namespaces} office:version="1.2">'
        f'<office:body><office:spreadsheet><table:table table:name="Sheet1">{body}</table:table></office:spreadsheet>'
        "</office:body></office:document-content>"
    )
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("META-INF/manifest.xml", "<manifest:manifest/>")
        archive.writestr("content.xml", content)
    return path
