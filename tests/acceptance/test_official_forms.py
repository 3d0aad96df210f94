"""The three official forms as offices really print them: read to the last figure, and every wrong sum and rate told."""

import csv
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from ingestion.read import Report, read_file

Row = list[Any]
TODAY = date(2026, 7, 31)
COMMUNES = [
    ("07615", "Thị trấn An Châu"),
    ("07616", "Thị trấn Tây Yên Tử"),
    ("07621", "Xã Vân Sơn"),
    ("07645", "Xã An Lạc"),
]
MOVEMENT = ["start", "left", "up", "other_decrease", "in", "relapsed", "new", "other_increase", "end"]


@dataclass
class Form:
    """A sheet as an office prints it, and what must be read from it.

    `rows` are the lines from the first heading on, `headings` how many of them are headings; `data` the communes with
    their figures in the order of the columns (for the movement forms one line of households and one of persons).
    """

    title: str
    rows: list[Row]
    headings: int
    merges: list[tuple[int, int, int, int]] = field(default_factory=list)
    above: list[Row] = field(default_factory=list)
    below: list[Row] = field(default_factory=list)

    def write(self, path: Path, *, merged: bool = True) -> Path:
        workbook = openpyxl.Workbook()
        sheet = workbook.active
        sheet.title = "Sheet1"
        lines = [*self.above, *self.rows, *self.below]
        for row_index, row in enumerate(lines, start=1):
            for column_index, value in enumerate(row, start=1):
                if value is not None:
                    sheet.cell(row_index, column_index, value)
        for top, left, bottom, right in self.merges if merged else []:
            down = len(self.above)
            sheet.merge_cells(start_row=top + down, end_row=bottom + down, start_column=left, end_column=right)
        workbook.save(path)
        return path


LETTERHEAD: list[Row] = [
    [],
    [None, "ỦY BAN NHÂN DÂN", None, None, None, "CỘNG HOÀ XÃ HỘI CHỦ NGHĨA VIỆT NAM"],
    [None, "HUYỆN SƠN ĐỘNG", None, None, None, "Độc lập - Tự do - Hạnh phúc"],
    [],
    [None, "{title}"],
    [None, "Năm 2022"],
    [],
]
SIGNATURE: list[Row] = [
    [],
    [None, "NGƯỜI LẬP BIỂU", None, None, None, "Sơn Động, ngày 14 tháng 12 năm 2022"],
    [None, None, None, None, None, "TM. ỦY BAN NHÂN DÂN"],
    [None, "(Ký, ghi rõ họ tên)", None, None, None, "CHỦ TỊCH"],
    [],
    [None, "Bùi Văn Bình", None, None, None, "Lý Thị Hoa"],
]
RESULT_FIGURES = {
    "07615": [2490, 9462, 4, 0, 0, 13, 0, 0],
    "07616": [1145, 4351, 4, 3, 0, 18, 15, 0],
    "07621": [2050, 7790, 4, 3, 10, 16, 12, 41],
    "07645": [1074, 4081, 14, 4, 0, 57, 16, 0],
}


def dressed(form: Form) -> Form:
    form.above = [[cell and str(cell).replace("{title}", form.title) for cell in row] for row in LETTERHEAD]
    form.below = [list(row) for row in SIGNATURE]
    return form


def percent(part: int, whole: int) -> float | None:
    return round(100 * part / whole, 2) if whole else None


def with_rates(figures: Sequence[int]) -> Row:
    households, persons, *counts = figures
    line: Row = [households, persons]
    for count, whole in zip(counts, [households] * 3 + [persons] * 3, strict=True):
        line += [count, percent(count, whole)]
    return line


def result_form(*, short: bool = False, numbers: bool = True) -> Form:
    """Form 1 with its rates; `short` as where the row height cut the headings."""
    average = "Tổng số hộ nông," if short else "Tổng số hộ nông, lâm, ngư nghiệp có mức sống trung bình"
    headings: list[Row] = [
        [
            *("TT", "Phường/ Xã", "Tổng số hộ dân cư (tại thời điểm rà soát)", None),
            *("Kết quả rà soát về hộ (chính thức)", None, None, None, None, None),
            *("Kết quả rà soát về khẩu (chính thức)", None, None, None, None, None),
        ],
        [
            *(None, None, "Số hộ", "Nhân khẩu"),
            *("Tổng số hộ nghèo", None, "Tổng số hộ cận" if short else "Tổng số hộ cận nghèo", None, average, None),
            *("Tổng số khẩu nghèo", None, "Tổng số khẩu cận nghèo", None),
            *("Tổng số khẩu hộ nông, lâm, ngư nghiệp có mức sống trung bình", None),
        ],
        [None] * 4 + ["Số hộ", "Tỷ lệ"] * 3 + ["Số khẩu", "Tỷ lệ"] * 3,
    ]
    count = len(headings)
    if numbers:
        headings.append(
            [
                *("A", "B", "1", "2", "3", "4=3/1*100", "5", "6=5/1*100", "7", "8=7/1*100", "9", "10=9/2*100"),
                *("11", "12=11/2*100", "13", "14=13/2*100"),
            ]
        )
    total = [sum(column) for column in zip(*RESULT_FIGURES.values(), strict=True)]
    body: list[Row] = [[1, "Huyện Sơn Động", *with_rates(total)]]
    body += [
        [f"1.{number}", name, *with_rates(RESULT_FIGURES[code])] for number, (code, name) in enumerate(COMMUNES, 1)
    ]
    merges = [(1, 1, 3, 1), (1, 2, 3, 2), (1, 3, 1, 4), (1, 5, 1, 10), (1, 11, 1, 16), (2, 3, 3, 3), (2, 4, 3, 4)]
    merges += [(2, left, 2, left + 1) for left in range(5, 17, 2)]
    return Form("TỔNG HỢP KẾT QUẢ CHÍNH THỨC RÀ SOÁT HỘ NGHÈO; HỘ CẬN NGHÈO", [*headings, *body], count, merges)


def movement_figures(code: str, *, persons: bool) -> Row:
    chance = random.Random(f"{code} {persons}")  # noqa: S311
    start, left, up, into, relapsed, new = (chance.randrange(40) + 60 * (index == 0) for index in range(6))
    return [start, left, up, None, into, relapsed, new, None, start - left - up + into + relapsed + new]


def added_up(lines: Sequence[Row]) -> Row:
    return [
        None if all(value is None for value in column) else sum(value or 0 for value in column)
        for column in zip(*lines, strict=True)
    ]


def movement_form(*, near: bool = False, persons: str = "Nhân khẩu", numbers: bool = True) -> Form:
    """Forms 2 and 3, a name in merged cells over the line of households and that of persons."""
    kind = "cận nghèo" if near else "nghèo"
    if near:
        falls: list[Row] = [["Số hộ thoát cận nghèo", "Số hộ cận nghèo trở thành hộ nghèo"], [None, None]]
        rises: list[Row] = [["Số hộ nghèo trở thành hộ cận nghèo", "Số hộ bổ sung", None]]
        rises.append([None, "Tái cận nghèo", "Phát sinh mới"])
    else:
        falls = [["Số hộ thoát nghèo", None], ["Trở thành hộ cận nghèo", "Vượt chuẩn cận nghèo"]]
        rises = [["Số hộ cận nghèo trở thành hộ nghèo", "Số hộ nghèo bổ sung trong năm", None]]
        rises.append([None, "Tái nghèo", "Phát sinh mới"])
    less = "Số hộ khác: thay đổi nhân khẩu, hộ nghèo đơn thân chết, chuyển đi nơi khác, tách, …"
    more = "Số hộ khác: thay đổi nhân khẩu, chuyển đến, tách, …"
    headings: list[Row] = [
        [
            *("TT", "Phường/ Xã", "Phân tổ", f"Tổng số hộ {kind} đầu kỳ"),
            *(f"Diễn biến giảm số hộ {kind}", None, None),
            *(f"Diễn biến tăng số hộ {kind}", None, None, None, f"Tổng số hộ {kind} cuối kỳ"),
        ],
        [None, None, None, None, *falls[0], less, *rises[0], more, None],
        [None, None, None, None, *falls[1], None, *rises[1], None, None],
    ]
    count = len(headings)
    if numbers:
        headings.append(["A", "B", "C", "1", "2", "3", None, "5", "6", "7", None, "9=1-2-3-4+5+6+7+8"])
    merges = [(1, 1, 3, 1), (1, 2, 3, 2), (1, 3, 3, 3), (1, 4, 3, 4), (1, 5, 1, 7), (1, 8, 1, 11), (1, 12, 3, 12)]
    merges += [(2, 7, 3, 7), (2, 8, 3, 8), (2, 9, 2, 10), (2, 11, 3, 11)] + ([] if near else [(2, 5, 2, 6)])
    both = {code: [movement_figures(code, persons=False), movement_figures(code, persons=True)] for code, _ in COMMUNES}
    places: list[tuple[Any, str, list[Row]]] = [
        (1, "Huyện Sơn Động", [added_up([lines[index] for lines in both.values()]) for index in (0, 1)])
    ]
    places += [(f"1.{number}", name, both[code]) for number, (code, name) in enumerate(COMMUNES, 1)]
    body: list[Row] = []
    for tt, name, (households, people) in places:
        top = len(headings) + len(body) + 1
        merges += [(top, 1, top + 1, 1), (top, 2, top + 1, 2)]
        body += [[tt, name, "Hộ", *households], [None, None, persons, *people]]
    return Form(f"TỔNG HỢP DIỄN BIẾN HỘ {kind.upper()}", [*headings, *body], count, merges)


def read(path: Path, sender: str = "huyen-220", period: str = "2022") -> Report:
    (report,) = read_file(path, sender_code=sender, period_code=period, province="24", today=TODAY)
    if not report.is_rejected:
        assert report.row_count + report.other_row_count == filled_rows(path)
    return report


def filled_rows(path: Path) -> int:
    if path.suffix == ".csv":
        with path.open(encoding="utf-8-sig", newline="") as file:
            return sum(any(row) for row in csv.reader(file, delimiter=";"))
    return sum(any(cell.value is not None for cell in row) for row in openpyxl.load_workbook(path).active)


def findings(report: Report) -> list[tuple[str, str | None]]:
    return [(finding.rule, finding.cell) for finding in report.findings]


def figures(report: Report) -> list[Row]:
    names = [name for name in report.rows.columns if name not in ("sheet_name", "row_number", "commune_name")]
    return [list(row) for row in report.rows.select(names).rows()]


def right_result() -> list[Row]:
    return [[code, *RESULT_FIGURES[code]] for code, _ in COMMUNES]


def right_movement() -> list[Row]:
    return [
        [code, count, *movement_figures(code, persons=count == "persons")]
        for code, _ in COMMUNES
        for count in ("households", "persons")
    ]


FORMS: dict[str, Callable[..., Form]] = {
    "review_result": result_form,
    "poor_movement": movement_form,
    "near_poor_movement": lambda **options: movement_form(near=True, **options),
}
RIGHT: dict[str, Callable[[], list[Row]]] = {
    "review_result": right_result,
    "poor_movement": right_movement,
    "near_poor_movement": right_movement,
}


def assert_read(report: Report, dataset: str) -> None:
    assert findings(report) == []
    assert report.unread.is_empty()
    assert (report.dataset, report.layout) == (dataset, "")
    assert figures(report) == RIGHT[dataset]()
    counts = 1 if dataset == "review_result" else 2
    assert report.rows["commune_name"].to_list() == [name for _, name in COMMUNES for _ in range(counts)]


# --- layouts of the same form ---


@pytest.mark.parametrize("dataset", FORMS)
@pytest.mark.parametrize("numbers", [True, False], ids=["with column numbers", "without"])
@pytest.mark.parametrize("merged", [True, False], ids=["merged", "names written once"])
def test_as_printed(dataset: str, numbers: bool, merged: bool, tmp_path: Path) -> None:
    form = dressed(FORMS[dataset](numbers=numbers))
    assert_read(read(form.write(tmp_path / "a.xlsx", merged=merged)), dataset)


@pytest.mark.parametrize("dataset", FORMS)
def test_bare_without_letterhead_and_signature(dataset: str, tmp_path: Path) -> None:
    assert_read(read(FORMS[dataset]().write(tmp_path / "a.xlsx")), dataset)


def test_headings_cut_by_the_height_of_their_row(tmp_path: Path) -> None:
    assert_read(read(dressed(result_form(short=True)).write(tmp_path / "a.xlsx")), "review_result")


@pytest.mark.parametrize("label", ["Nhân", "Khẩu", "NHÂN KHẨU", "Số khẩu"])
def test_labels_of_the_second_line(label: str, tmp_path: Path) -> None:
    assert_read(read(dressed(movement_form(persons=label)).write(tmp_path / "a.xlsx")), "poor_movement")


def test_a_name_in_both_lines(tmp_path: Path) -> None:
    form = dressed(movement_form())
    start = form.headings + 1
    for index in range(start, len(form.rows), 2):
        form.rows[index + 1][:2] = form.rows[index][:2]
    assert_read(read(form.write(tmp_path / "a.xlsx", merged=False)), "poor_movement")


@pytest.mark.parametrize("dataset", FORMS)
def test_blank_lines_between_and_the_whole_shifted(dataset: str, tmp_path: Path) -> None:
    form = dressed(FORMS[dataset]())
    step = 1 if dataset == "review_result" else 2
    first = form.headings + 1
    body = form.rows[first:]
    spaced = [line for at in range(0, len(body), step) for line in (*body[at : at + step], [])]
    form.rows = [*form.rows[:first], [], *spaced]
    form.above = [[], [], *form.above]
    for lines in (form.above, form.rows, form.below):
        lines[:] = [[None, None, *line] for line in lines]
    assert_read(read(form.write(tmp_path / "a.xlsx", merged=False)), dataset)


@pytest.mark.parametrize("dataset", FORMS)
def test_headings_without_spaces_in_capitals_and_columns_in_another_order(dataset: str, tmp_path: Path) -> None:
    form = FORMS[dataset]()
    filled: list[Row] = []
    for row in form.rows[: form.headings]:  # a heading over several columns stands over each of them
        line: Row = []
        for value in row:
            line.append(value if value is not None or not line else None)
        filled.append(line)
    spans = {(top, left): (bottom, right) for top, left, bottom, right in form.merges}
    for (top, left), (bottom, right) in spans.items():
        if bottom <= form.headings:
            for column in range(left, right + 1):
                filled[top - 1][column - 1] = form.rows[top - 1][left - 1]
    squeezed = [[None if cell is None else str(cell).upper().replace(" ", "") for cell in row] for row in filled]
    step = 1 if dataset == "review_result" else 2
    body = [list(line) for line in form.rows[form.headings + 1 :]]
    for at in range(0, len(body), step):
        for line in body[at + 1 : at + step]:
            line[:2] = body[at][:2]
    order = [1, 0, *range(len(form.rows[0]) - 1, 1, -1)]
    form.rows = [[line[index] if index < len(line) else None for index in order] for line in [*squeezed, *body]]
    assert_read(read(form.write(tmp_path / "a.xlsx", merged=False)), dataset)


@pytest.mark.parametrize("dataset", FORMS)
@pytest.mark.parametrize("merged", [True, False], ids=["merged", "as pasted"])
def test_the_headings_again_on_the_next_page(dataset: str, merged: bool, tmp_path: Path) -> None:
    form = dressed(FORMS[dataset]())
    step = 1 if dataset == "review_result" else 2
    last = len(form.rows) - step
    headings = [list(line) for line in form.rows[: form.headings + 1]]
    form.merges = [area for area in form.merges if area[0] <= last] if merged else []
    form.rows[last:last] = headings
    assert_read(read(form.write(tmp_path / "a.xlsx")), dataset)


@pytest.mark.parametrize("dataset", FORMS)
@pytest.mark.parametrize("column", range(6))
def test_a_signature_under_any_column(dataset: str, column: int, tmp_path: Path) -> None:
    form = dressed(FORMS[dataset]())
    lines = ["NGƯỜI LẬP BIỂU", "Nơi nhận:", "- Như trên;", "TM. ỦY BAN NHÂN DÂN", "(Ký, đóng dấu)", "Lý Thị Hoa"]
    form.below = [[*[None] * column, line] for line in lines]
    assert_read(read(form.write(tmp_path / "a.xlsx")), dataset)


@pytest.mark.parametrize("dataset", FORMS)
def test_as_csv(dataset: str, tmp_path: Path) -> None:
    form = dressed(FORMS[dataset]())
    path = tmp_path / "a.csv"
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file, delimiter=";")
        width = max(map(len, form.rows))
        for row in [*form.above, *form.rows, *form.below]:
            writer.writerow(["" if cell is None else cell for cell in [*row, *[None] * (width - len(row))]])
    assert_read(read(path), dataset)


def test_one_commune_that_sends_itself(tmp_path: Path) -> None:
    """From 1 July 2025 there are no districts."""
    form = movement_form()
    first = form.headings + 1
    name = "Xã Bố Hạ"
    form.rows = [*form.rows[:first], [1, name, *form.rows[first + 8][2:]], form.rows[first + 9]]
    form.merges = [merge for merge in form.merges if merge[0] <= first]
    report = read(form.write(tmp_path / "a.xlsx"), "xa-07294", "2025")
    assert findings(report) == []
    assert report.rows.select("commune_code", "counted").rows() == [("07294", "households"), ("07294", "persons")]


# --- names ---


@pytest.mark.parametrize(
    "name",
    [
        "xã an lạc",
        "AN LẠC",
        "Xã  An   Lạc",
        "X. An Lạc",
        "xa an lac",
        "Xa\u0303 An La\u0323c",
        "Xã An-Lạc",
        "Xã An Lạc, huyện Sơn Động",
        "Xã\xa0An Lạc",
    ],
)
def test_spellings_of_a_name(name: str, tmp_path: Path) -> None:
    form = result_form()
    form.rows[-1][1] = name
    report = read(form.write(tmp_path / "a.xlsx"))
    assert findings(report) == []
    assert figures(report) == right_result()


@pytest.mark.parametrize(
    ("sender", "name", "code"),
    [
        ("huyen-661", "Xã Đắk Ha", "24622"),
        ("huyen-661", "xã ĐĂK HA", "24622"),
        ("huyen-661", "Đak Ha", "24622"),
        ("huyen-661", "Xã Dak R’Măng", "24625"),
        ("huyen-661", "Xã Đăk Rmăng", "24625"),
        ("huyen-082", "Xã Y Tí", "02701"),
        ("huyen-082", "Ý Tý", "02701"),
    ],
)
def test_spellings_of_the_highlands(sender: str, name: str, code: str, tmp_path: Path) -> None:
    form = result_form()
    first = form.headings + 1
    form.rows = [*form.rows[:first], [1, name, *form.rows[-1][2:]]]
    report = read(form.write(tmp_path / "a.xlsx"), sender)
    assert findings(report) == []
    assert report.rows["commune_code"].to_list() == [code]


def test_a_name_that_is_no_commune_of_the_sender(tmp_path: Path) -> None:
    form = result_form()
    form.rows[-1][1] = "Xã Đồng Tân"
    report = read(form.write(tmp_path / "a.xlsx"))
    assert report.rows["commune_code"].to_list() == ["07615", "07616", "07621", None]
    unread = report.unread.select("column_name", "cell", "rule", "value")
    assert unread.rows() == [("commune_code", "B9", "unknown_code", "Xã Đồng Tân")]


def test_the_same_name_of_two_communes(tmp_path: Path) -> None:
    """Gia Lâm has a township and a commune Yên Viên: the name alone may mean either, never one by guess."""
    form = result_form()
    first = form.headings + 1
    form.rows = [
        *form.rows[:first],
        *([n, name, *form.rows[-1][2:]] for n, name in enumerate(["Yên Viên", "Xã Yên Viên"], 1)),
    ]
    report = read(form.write(tmp_path / "a.xlsx"), "huyen-018")
    assert report.rows["commune_code"].to_list() == [None, "00532"]
    ((column, cell, rule, expected),) = report.unread.select("column_name", "cell", "rule", "expected_vi").rows()
    assert (column, cell, rule) == ("commune_code", "B5", "unknown_code")
    assert "Thị trấn Yên Viên (00526), Xã Yên Viên (00532)" in expected


def test_communes_called_as_sums_are(tmp_path: Path) -> None:
    """Tổng Cọt is a commune of Hà Quảng, not a total."""
    form = result_form()
    first = form.headings + 1
    form.rows = [*form.rows[:first], [1, "Tổng Cọt", *form.rows[-1][2:]], ["", "Tổng cộng", *form.rows[-1][2:]]]
    (report,) = read_file(
        form.write(tmp_path / "a.xlsx"), sender_code="huyen-045", period_code="2022", province="04", today=TODAY
    )
    assert (findings(report), report.row_count) == ([], 1)
    assert report.rows["commune_code"].is_not_null().all()


# --- sums ---


def test_a_wrong_sum_of_a_district(tmp_path: Path) -> None:
    form = dressed(result_form())
    form.rows[form.headings + 1][4:6] = [27, None]
    report = read(form.write(tmp_path / "a.xlsx"))
    top = len(form.above) + form.headings + 2
    assert findings(report) == [("RM-06", f"E{top}")]
    (finding,) = report.findings
    assert finding.severity == "warning"
    assert "“Huyện Sơn Động” ghi 27, nhưng cộng các xã được 26" in finding.message_vi
    assert figures(report) == right_result()


def test_a_wrong_sum_of_persons_alone(tmp_path: Path) -> None:
    form = dressed(movement_form())
    form.rows[form.headings + 2][3] += 5
    report = read(form.write(tmp_path / "a.xlsx"))
    top = len(form.above) + form.headings + 3
    assert findings(report) == [("RM-06", f"D{top}")]
    assert "“Huyện Sơn Động”" in report.findings[0].message_vi
    assert figures(report) == right_movement()


def test_a_total_that_does_not_say_what_it_counts(tmp_path: Path) -> None:
    """It may count households, persons or both; where it fits none of them, the nearest is told."""
    households, people = (added_up([line[2:] for line in right_movement()[index::2]]) for index in (0, 1))
    for total in (households, people, added_up([households, people])):
        form = dressed(movement_form())
        form.rows.append([None, "Tổng cộng", None, *total])
        assert_read(read(form.write(tmp_path / "a.xlsx")), "poor_movement")
    form = dressed(movement_form())
    form.rows.append([None, "Tổng cộng", None, households[0] + 7, *households[1:]])
    report = read(form.write(tmp_path / "a.xlsx"))
    assert findings(report) == [("RM-06", f"D{len(form.above) + len(form.rows)}")]
    assert f"{households[0]:,}" in report.findings[0].message_en


@pytest.mark.parametrize("spoilt", ["Hộ dân", None])
def test_sums_are_not_compared_where_a_line_does_not_say_what_it_counts(spoilt: str | None, tmp_path: Path) -> None:
    form = dressed(movement_form())
    line = form.headings + 5
    form.rows[line][2] = spoilt
    report = read(form.write(tmp_path / "a.xlsx"))
    assert findings(report) == []
    assert report.row_count == 2 * len(COMMUNES)
    expected = [] if spoilt is None else [f"C{len(form.above) + line + 1}"]
    assert report.unread["cell"].to_list() == expected


def test_a_sum_is_not_compared_where_a_cell_cannot_be_read(tmp_path: Path) -> None:
    form = result_form()
    form.rows[-1][4] = "mười bốn"
    report = read(form.write(tmp_path / "a.xlsx"))
    assert findings(report) == []
    assert report.unread.select("column_name", "cell", "value").rows() == [("poor_count", "E9", "mười bốn")]


def test_a_district_without_its_kind_and_a_total(tmp_path: Path) -> None:
    form = result_form()
    total = form.rows[form.headings + 1]
    total[1] = "Sơn Động"
    form.rows.append([None, "Tổng cộng", *total[2:]])
    form.rows.append(["TỔNG SỐ", None, *total[2:]])
    report = read(form.write(tmp_path / "a.xlsx"))
    assert findings(report) == []
    assert figures(report) == right_result()


def province_wide() -> Form:
    """Two districts in two parts with a sum each, and the province's sum."""
    form = movement_form()
    first = form.headings + 1
    body = form.rows[first:]
    communes = body[2:]
    by_district = [("Huyện Sơn Động", communes[:4]), ("HUYỆN LỤC NGẠN", communes[4:])]

    def pair(tt: Any, name: str, lines: Sequence[Row]) -> list[Row]:
        sums = [added_up([line[3:] for line in lines[at::2]]) for at in (0, 1)]
        return [[tt, name, "Hộ", *sums[0]], [None, None, "Nhân khẩu", *sums[1]]]

    rows: list[Row] = []
    for number, (part, (district, lines)) in enumerate(
        zip(["Khu vực nông thôn", "Khu vực thành thị"], by_district, strict=True), start=1
    ):
        rows += pair("I" * number, part, lines) + pair(number, district, lines) + [list(line) for line in lines]
    form.rows = [*form.rows[:first], *rows, *pair(None, "Tổng cộng", communes)]
    form.merges = [merge for merge in form.merges if merge[0] <= form.headings]
    return form


def test_several_districts_and_parts_in_one_sheet(tmp_path: Path) -> None:
    form = province_wide()
    report = read(form.write(tmp_path / "a.xlsx"))
    assert findings(report) == []
    assert figures(report) == right_movement()


@pytest.mark.parametrize("label", ["Khu vực nông thôn", "HUYỆN LỤC NGẠN", "Tổng cộng"])
@pytest.mark.parametrize("line", [0, 1], ids=["households", "persons"])
def test_every_kind_of_wrong_sum(label: str, line: int, tmp_path: Path) -> None:
    form = province_wide()
    at = next(index for index, row in enumerate(form.rows) if label in row) + line
    form.rows[at][11] += 1000
    report = read(form.write(tmp_path / "a.xlsx"))
    assert findings(report) == [("RM-06", f"L{at + 1}")]
    assert f"“{label}”" in report.findings[0].message_vi


@pytest.mark.parametrize("after", ["a district", "a part without figures"])
def test_a_forgotten_name_makes_no_sum(after: str, tmp_path: Path) -> None:
    """Two lines without a name are data that lack it, whatever stands above them."""
    form = movement_form()
    first = form.headings + 1
    form.rows[first + 2][:2] = [None, None]
    if after == "a part without figures":
        form.rows[first : first + 2] = [["I", "Khu vực thành thị"]]
    report = read(form.write(tmp_path / "a.xlsx", merged=False))
    assert report.rows["commune_code"].to_list()[:2] == [None, None]
    assert report.row_count == 8


def test_a_commune_without_its_kind_and_with_a_wrong_number_is_no_district(tmp_path: Path) -> None:
    form = result_form()
    form.rows[-1][:2] = [4, "An Lạc"]
    report = read(form.write(tmp_path / "a.xlsx"))
    assert findings(report) == []
    assert figures(report) == right_result()


def test_a_part_without_figures_is_a_section(tmp_path: Path) -> None:
    form = result_form()
    form.rows.insert(form.headings + 1, ["I", "Khu vực thành thị"])
    report = read(form.write(tmp_path / "a.xlsx", merged=False))
    assert findings(report) == []
    assert figures(report) == right_result()


# --- rates ---

RATE_CELLS = [(5, "F"), (7, "H"), (9, "J"), (11, "L"), (13, "N"), (15, "P")]


@pytest.mark.parametrize(("column", "letter"), RATE_CELLS)
def test_a_wrong_rate(column: int, letter: str, tmp_path: Path) -> None:
    form = dressed(result_form())
    at = form.headings + 4
    form.rows[at][column] = 7.77
    report = read(form.write(tmp_path / "a.xlsx"))
    (finding,) = report.findings
    assert (finding.rule, finding.severity, finding.value) == ("RM-05", "warning", "7.77")
    assert finding.cell == f"{letter}{len(form.above) + at + 1}"
    assert finding.message_vi.startswith("“Tổng số")
    assert "Tỷ lệ" in finding.message_vi
    assert figures(report) == right_result()


def test_a_wrong_rate_of_a_sum(tmp_path: Path) -> None:
    form = result_form()
    form.rows[form.headings + 1][5] = 2.5
    assert findings(read(form.write(tmp_path / "a.xlsx"))) == [("RM-05", "F5")]


@pytest.mark.parametrize(
    "write",
    [
        lambda rate: rate,
        lambda rate: round(rate, 2),
        lambda rate: f"{rate:.2f}".replace(".", ",") + "%",
        lambda rate: f"{rate:.1f}".replace(".", ","),
        lambda rate: rate / 100,
        lambda rate: round(rate / 100, 4),
        lambda rate: f"{round(rate, 2):g}",
        lambda rate: None,
        lambda rate: round(rate, 2) or None,
    ],
    ids=["exact", "number", "percent sign", "one place", "fraction", "percent", "text", "blank", "blank for zero"],
)
def test_rates_as_they_are_written(write: Callable[[float], Any], tmp_path: Path) -> None:
    form = result_form()
    for row in form.rows[form.headings + 1 :]:
        for column, _ in RATE_CELLS:
            row[column] = write(100 * row[column - 1] / row[2 if column < 10 else 3])
    assert_read(read(form.write(tmp_path / "a.xlsx")), "review_result")


def test_nothing_to_divide_by(tmp_path: Path) -> None:
    form = result_form()
    for row, rates in ((form.rows[-1], [None, 0, "", "#DIV/0!", "-", "0"]), (form.rows[-2], [0, 0, 0, 0, 0, 3.5])):
        row[2:] = [0, 0, *(value for rate in rates for value in (0, rate or None))]
    form.rows.pop(form.headings + 1)  # its sums would be others
    report = read(form.write(tmp_path / "a.xlsx"))
    assert findings(report) == [("RM-05", "P7")]


# --- never a crash, never a line lost ---


@pytest.mark.parametrize("seed", range(30))
def test_whatever_is_done_to_a_form_no_line_is_lost(seed: int, tmp_path: Path) -> None:
    """Rows and columns inserted, headings split in two, cells retyped: nothing raises and every line is accounted."""
    chance = random.Random(seed)  # noqa: S311
    dataset = chance.choice(list(FORMS))
    form = dressed(FORMS[dataset]())
    merged = chance.random() < 0.5
    for _ in range(chance.randrange(1, 5)):
        at = chance.randrange(len(form.rows))
        match chance.randrange(6):
            case 0 if not merged:
                form.rows.insert(at, [])
            case 1 if not merged:
                column = chance.randrange(len(form.rows[0]))
                for row in form.rows:
                    row.insert(min(column, len(row)), None)
            case 2:
                row, column = form.rows[at], chance.randrange(max(1, len(form.rows[at])))
                if column < len(row):
                    row[column] = (
                        chance.choice(["", "abc", 1.5, "#REF!", "--", date(2022, 1, 1), True, "1.234"]) or None
                    )
            case 3:
                form.rows.append([None, chance.choice(["một dòng lạ", "Ghi chú: x", "Xã Lạ"]), None, 5])
            case 4:
                heading = chance.randrange(form.headings)
                for column, text in enumerate(form.rows[heading]):
                    if isinstance(text, str) and " " in text and chance.random() < 0.3:
                        form.rows[heading][column] = text.replace(" ", "\n", 1)
            case _:
                del form.rows[at]
    for (report,) in [
        read_file(
            form.write(tmp_path / "a.xlsx", merged=merged),
            sender_code="huyen-220",
            period_code="2022",
            province="24",
            today=TODAY,
        )
    ]:
        if not report.is_rejected:
            assert report.row_count + report.other_row_count == filled_rows(tmp_path / "a.xlsx")


@pytest.mark.parametrize(
    ("year", "line", "standard"),
    [
        ("2021", "Theo chuẩn nghèo đa chiều giai đoạn 2016 - 2020", "2016-2020"),
        ("2021", "(Theo chuẩn nghèo giai đoạn 2022-2025)", "2021-2025"),
        ("2021", "Theo Quyết định số 59/2015/QĐ-TTg ngày 19/11/2015", "2016-2020"),
        ("2021", "(Kèm theo Thông tư số 07/2021/TT-BLĐTBXH)", ""),
        ("2021", "Quyết định 59/2015/QĐ-TTg và Nghị định 07/2021/NĐ-CP", ""),
        ("2021", "", ""),
        ("2022", "Theo chuẩn nghèo giai đoạn 2021-2025", ""),
    ],
)
def test_the_title_names_the_standard_of_a_year_under_two(year: str, line: str, standard: str, tmp_path: Path) -> None:
    form = movement_form()
    form.above = [[None, form.title], [None, f"Năm {year}"], [None, line or None]]
    report = read(form.write(tmp_path / "form.xlsx"), period=year)
    assert findings(report) == []
    assert (report.dataset, report.standard_code) == ("poor_movement", standard)
