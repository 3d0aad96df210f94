"""The sender's own workbook with the answer in it: exactly the wrong cells are marked, all else is as it was sent."""

import io
import re
import zipfile
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import openpyxl
import pytest
from python_calamine import CalamineWorkbook
from workbooks import assert_valid, parts, repacked, rich_workbook

from ingestion.answering.content import Content, JudgedReport, Point
from ingestion.answering.marker import FIRST_SHEET, MARK, is_answer_sheet
from ingestion.answering.package import mark
from ingestion.answering.styles import MARK_COLOURS
from ingestion.answering.xml_part import NotEditableError
from ingestion.finding import Severity
from ingestion.settings import PROJECT_DIR, Settings

UNSTYLED = re.compile(rb'(<c r="(?:C7|B5)"(?: t="s")?) s="[0-9]+"')
RED, YELLOW = MARK_COLOURS["critical"], MARK_COLOURS["warning"]


def point(cell: str | None, severity: Severity = "critical", sheet: str | None = "Biểu 01", **fields: Any) -> Point:
    return Point(
        **{
            "rule_id": "unknown_code",
            "severity": severity,
            "message_vi": "Cột “Tên”: giá trị không có trong danh mục.",
            "message_en": "The value is not in the code list.",
            "action_vi": "Chọn một giá trị trong danh mục.",
            "sheet_name": sheet,
            "cell": cell,
            "heading": "Tên",
            "sent": "=1+1",
            "read": "đã đọc",
            "expected": "một trong các giá trị: “a”, “b”",
            "example": "ví dụ a",
        }
        | fields
    )


def content(points: Iterable[Point] = (), verdict: str = "accepted_with_findings") -> Content:
    report = JudgedReport("Danh sách hộ", "List of households", ("Biểu 01",), verdict, 26, 1)
    return Content("huyen-220", "2023", "ds.xlsx", datetime(2024, 1, 5, tzinfo=UTC), (report,), tuple(points))


def marked_cells(answer: bytes, sheet: str) -> dict[str, str]:
    """The coloured cells of a sheet, each of which has a note of ours."""
    worksheet = openpyxl.load_workbook(io.BytesIO(answer))[sheet]
    found = {}
    for row in worksheet.iter_rows():
        for cell in row:
            if cell.fill.fill_type == "solid" and cell.fill.fgColor.rgb in (RED, YELLOW):
                assert cell.comment is not None, f"{cell.coordinate} is coloured without a note"
                found[cell.coordinate] = cell.fill.fgColor.rgb
            elif cell.comment is not None:
                assert "PHẢI SỬA" not in cell.comment.text, f"{cell.coordinate} has a note without a colour"
    return found


def test_exactly_the_wrong_cells_are_marked_by_their_worst_severity() -> None:
    answer = mark(
        rich_workbook(),
        content([point("B6"), point("C7", "warning"), point("C7"), point("D8", "warning"), point(None, "reject")]),
    )
    assert_valid(answer)
    assert marked_cells(answer, "Biểu 01") == {"B6": RED, "C7": RED, "D8": YELLOW}
    assert marked_cells(answer, "Trang 2") == {}


def test_cells_and_rows_that_do_not_exist_are_made() -> None:
    answer = mark(rich_workbook(), content([point("H6"), point("C2"), point("B200"), point("AA3")]))
    assert_valid(answer)
    assert set(marked_cells(answer, "Biểu 01")) == {"H6", "C2", "B200", "AA3"}
    assert marked_format(answer, "C2") == "#,##0"  # the column's own style, where the cell had none


def marked_format(answer: bytes, cell: str) -> str:
    return str(openpyxl.load_workbook(io.BytesIO(answer))["Biểu 01"][cell].number_format)


def test_a_cell_in_a_merged_area_is_marked_where_it_shows() -> None:
    answer = mark(rich_workbook(), content([point("A34")]))
    assert_valid(answer)
    assert marked_cells(answer, "Biểu 01") == {"A33": RED}


def test_all_that_is_not_marked_stays_byte_for_byte() -> None:
    sent = rich_workbook()
    answer = mark(sent, content([point("C7"), point("B5")]))
    before, after = parts(sent), parts(answer)
    changed = {name for name in before if after[name] != before[name]}
    assert changed == {
        "[Content_Types].xml",
        "xl/workbook.xml",
        "xl/_rels/workbook.xml.rels",
        "xl/styles.xml",
        "xl/worksheets/sheet1.xml",
        "xl/worksheets/sheet2.xml",  # no longer the selected one
        "xl/comments1.xml",
        "xl/drawings/vmlDrawing1.vml",
    }
    sheet = UNSTYLED.sub(rb"\1", before["xl/worksheets/sheet1.xml"])
    assert UNSTYLED.sub(rb"\1", after["xl/worksheets/sheet1.xml"]) == sheet
    assert after["xl/worksheets/sheet2.xml"] == before["xl/worksheets/sheet2.xml"].replace(b' tabSelected="1"', b"")


def test_numbers_fonts_borders_formulas_and_their_results_stay() -> None:
    sent = rich_workbook()
    answer = mark(sent, content([point("C31"), point("A33"), point("D9")]))
    for data_only in (False, True):
        before = openpyxl.load_workbook(io.BytesIO(sent), data_only=data_only)["Biểu 01"]
        after = openpyxl.load_workbook(io.BytesIO(answer), data_only=data_only)["Biểu 01"]
        for row in before.iter_rows():
            for cell in row:
                other = after[cell.coordinate]
                assert (other.value, other.number_format, *map(repr, (other.font, other.border, other.alignment))) == (
                    cell.value, cell.number_format, *map(repr, (cell.font, cell.border, cell.alignment)),
                )  # fmt: skip
        assert after.merged_cells.ranges == before.merged_cells.ranges
        assert {key: each.width for key, each in after.column_dimensions.items()} == {
            key: each.width for key, each in before.column_dimensions.items()
        }
    assert openpyxl.load_workbook(io.BytesIO(answer), data_only=True)["Biểu 01"]["C31"].value == 442_000


def test_the_answer_reads_as_what_was_sent_behind_its_first_sheet() -> None:
    sent = rich_workbook()
    answer = mark(sent, content([point("B6"), point("Z99")]))
    original, returned = (CalamineWorkbook.from_filelike(io.BytesIO(each)) for each in (sent, answer))
    assert returned.sheet_names == [FIRST_SHEET, *original.sheet_names]
    for name in original.sheet_names:
        assert returned.get_sheet_by_name(name).to_python() == original.get_sheet_by_name(name).to_python()


def test_the_senders_own_note_stays_above_ours() -> None:
    answer = mark(rich_workbook(), content([point("B5")]))
    assert_valid(answer)
    text = openpyxl.load_workbook(io.BytesIO(answer))["Biểu 01"]["B5"].comment.text
    assert text.startswith("Ghi chú của đơn vị")
    assert "PHẢI SỬA" in text
    answer = mark(rich_workbook(), content([point("B6")]))
    assert openpyxl.load_workbook(io.BytesIO(answer))["Biểu 01"]["B5"].comment.text == "Ghi chú của đơn vị"


def test_a_note_says_what_is_wrong_what_was_read_what_is_expected_and_an_example() -> None:
    answer = mark(rich_workbook(), content([point("B6")]))
    text = openpyxl.load_workbook(io.BytesIO(answer))["Biểu 01"]["B6"].comment.text
    for said in (
        "PHẢI SỬA", "không có trong danh mục", "đã đọc", "một trong các giá trị", "ví dụ a", "Chọn một giá trị",
        "code list",
    ):  # fmt: skip
        assert said in text


def test_the_first_sheet_tells_the_verdict_and_leads_to_each_cell() -> None:
    points = [point(None, "reject", None), point("B6"), point("D8", "warning", sent="-5")]
    answer = mark(rich_workbook(), content(points, "rejected"))
    workbook = openpyxl.load_workbook(io.BytesIO(answer))
    first = workbook.worksheets[0]
    assert workbook.active is first
    assert first.title == FIRST_SHEET
    rows = list(first.iter_rows())
    assert rows[0][0].value == MARK
    assert str(rows[1][0].value).startswith("KHÔNG ĐƯỢC CHẤP NHẬN")
    assert "huyen-220" in str(rows[3][0].value)
    assert "07:00 ngày 05/01/2024" in str(rows[3][0].value)
    listed = rows[-3:]
    assert [row[0].value for row in listed] == ["Từ chối", "Phải sửa", "Cần xem lại"]
    assert [row[3].value for row in listed] == [None, "B6", "D8"]
    assert [row[3].hyperlink and row[3].hyperlink.location for row in listed] == [
        None, "'Biểu 01'!B6", "'Biểu 01'!D8",
    ]  # fmt: skip
    assert all(cell.data_type != "f" for row in rows for cell in row)
    assert listed[1][5].value == "=1+1"
    assert listed[1][5].quotePrefix


def test_names_of_one_sheet_still_belong_to_it() -> None:
    answer = mark(rich_workbook(), content([point("B6")]))
    workbook = openpyxl.load_workbook(io.BytesIO(answer))
    assert workbook["Biểu 01"].print_area == "'Biểu 01'!$A$1:$D$31"
    assert workbook["Biểu 01"].print_title_rows == "$4:$4"
    assert workbook["Trang 2"].print_area == "'Trang 2'!$A$1:$C$1"


def test_a_returned_answer_keeps_no_mark_of_the_one_before() -> None:
    first = mark(rich_workbook(), content([point("B6"), point("B5"), point("H7")]))
    again = mark(first, content([point("C8", "warning")]))
    assert_valid(again)
    workbook = openpyxl.load_workbook(io.BytesIO(again))
    assert workbook.sheetnames == [FIRST_SHEET, "Biểu 01", "Trang 2"]
    assert marked_cells(again, "Biểu 01") == {"C8": YELLOW}
    sheet = workbook["Biểu 01"]
    assert sheet["B5"].comment.text == "Ghi chú của đơn vị"
    assert sheet["B6"].comment is None
    assert sheet["B6"].fill.fill_type is None
    clean = mark(again, content([], "accepted"))
    assert_valid(clean)
    assert marked_cells(clean, "Biểu 01") == {}
    assert "không có gì phải sửa" in str(openpyxl.load_workbook(io.BytesIO(clean)).worksheets[0]["A2"].value)


def test_an_answer_saved_again_by_another_program_is_known_and_replaced() -> None:
    first = mark(rich_workbook(), content([point("B6")]))
    saved = io.BytesIO()
    workbook = openpyxl.load_workbook(io.BytesIO(first))
    workbook.move_sheet(FIRST_SHEET, 2)
    workbook.save(saved)
    again = mark(saved.getvalue(), content([point("D9")]))
    assert_valid(again)
    assert openpyxl.load_workbook(io.BytesIO(again)).sheetnames == [FIRST_SHEET, "Biểu 01", "Trang 2"]
    assert marked_cells(again, "Biểu 01") == {"D9": RED}


def test_the_reader_knows_the_first_sheet(tmp_path: Any) -> None:
    from ingestion.reading.workbook import read_sheets

    path = tmp_path / "answer.xlsx"
    path.write_bytes(mark(rich_workbook(), content([point("B6")])))
    assert [is_answer_sheet(sheet) for sheet in read_sheets(path, Settings())] == [True, False, False]


def test_a_senders_own_sheet_of_that_name_stays() -> None:
    sent = rich_workbook()
    book = parts(sent)["xl/workbook.xml"].replace(b"Trang 2", FIRST_SHEET.encode())
    answer = mark(repacked(sent, {"xl/workbook.xml": book}), content([point("B6")]))
    assert_valid(answer)
    assert openpyxl.load_workbook(io.BytesIO(answer)).sheetnames == [f"{FIRST_SHEET} (2)", "Biểu 01", FIRST_SHEET]


# --- ways in which packages are written ---


def prefixed(part: bytes, tag: bytes) -> bytes:
    """The part with every element of the main namespace under the prefix x."""
    part = re.sub(rb"<(/?)([A-Za-z]\w*)(?=[\s/>])", rb"<\1x:\2", part)
    root = part.index(b"<x:" + tag)
    return part[:root] + part[root:].replace(b" xmlns=", b" xmlns:x=", 1)


def plain_workbook() -> bytes:
    target = io.BytesIO()
    workbook = openpyxl.Workbook()
    sheet = workbook.active
    sheet.title = "Biểu 01"
    for row in range(1, 12):
        sheet.append([f"0{row}", row, None, 2.5])
    workbook.save(target)
    return target.getvalue()


def variant(name: str) -> bytes:
    sent = plain_workbook()
    entries = parts(sent)
    sheet, book = entries["xl/worksheets/sheet1.xml"], entries["xl/workbook.xml"]
    rels, styles = entries["xl/_rels/workbook.xml.rels"], entries["xl/styles.xml"]
    match name:
        case "absolute targets":
            return repacked(
                sent, {"xl/_rels/workbook.xml.rels": rels.replace(b'Target="worksheets', b'Target="/xl/worksheets')}
            )
        case "prefixes":
            return repacked(
                sent,
                {
                    "xl/worksheets/sheet1.xml": prefixed(sheet, b"worksheet"),
                    "xl/workbook.xml": prefixed(book, b"workbook"),
                    "xl/styles.xml": prefixed(styles, b"styleSheet"),
                },
            )
        case "no styles":
            return repacked(
                sent,
                {
                    "xl/styles.xml": None,
                    "xl/_rels/workbook.xml.rels": re.sub(rb"<Relationship [^>]*styles[^>]*/>", b"", rels),
                    "[Content_Types].xml": re.sub(
                        rb"<Override [^>]*styles[^>]*/>", b"", entries["[Content_Types].xml"]
                    ),
                    "xl/worksheets/sheet1.xml": re.sub(rb' s="\d+"', b"", sheet),
                },
            )
        case "no addresses":
            return repacked(sent, {"xl/worksheets/sheet1.xml": re.sub(rb'(<(?:row|c)) r="[A-Z0-9]+"', rb"\1", sheet)})
        case "single quotes, comments":
            return repacked(
                sent,
                {
                    "xl/worksheets/sheet1.xml": sheet.replace(b'"', b"'").replace(
                        b"<sheetData>", b"<sheetData><!-- <c r='B3'> -->"
                    )
                },
            )
        case "UTF-16":
            return repacked(
                sent,
                {
                    "xl/worksheets/sheet1.xml": sheet.decode()
                    .replace('encoding="UTF-8"', 'encoding="UTF-16"')
                    .encode("utf-16")
                },
            )
        case "byte order mark":
            return repacked(sent, {"xl/worksheets/sheet1.xml": b"\xef\xbb\xbf" + sheet})
    raise AssertionError(name)


@pytest.mark.parametrize(
    "name",
    [
        "absolute targets",
        "prefixes",
        "no styles",
        "no addresses",
        "single quotes, comments",
        "UTF-16",
        "byte order mark",
    ],
)
def test_packages_however_they_are_written(name: str) -> None:
    sent = variant(name)
    addresses = ["B3", "D11"] if name == "no addresses" else ["B3", "F4", "D11", "A40"]
    answer = mark(sent, content([point(cell) for cell in addresses]))
    if name != "no addresses":
        assert_valid(answer)
    assert set(marked_cells(answer, "Biểu 01")) == set(addresses)
    readable = plain_workbook() if name == "UTF-16" else sent
    original, returned = (CalamineWorkbook.from_filelike(io.BytesIO(each)) for each in (readable, answer))
    assert returned.get_sheet_by_name("Biểu 01").to_python() == original.get_sheet_by_name("Biểu 01").to_python()


def test_a_strict_workbook_is_marked_in_its_own_namespace() -> None:
    entries = {
        name: part.replace(b"http://schemas.openxmlformats.org/spreadsheetml/2006/main", b"http://purl.oclc.org/ooxml/spreadsheetml/main")
        .replace(b"http://schemas.openxmlformats.org/officeDocument/2006/relationships", b"http://purl.oclc.org/ooxml/officeDocument/relationships")
        for name, part in parts(plain_workbook()).items()
    }  # fmt: skip
    answer = mark(repacked(plain_workbook(), entries), content([point("B3"), point("G20")]))
    assert_valid(answer)
    after = parts(answer)
    new = [name for name in after if name not in entries]
    assert {name.rpartition(".")[2] for name in new} == {"xml", "vml", "rels"}
    assert all(b"schemas.openxmlformats.org/spreadsheetml" not in after[name] for name in after)


def test_macros_are_kept_and_never_run() -> None:
    sent = plain_workbook()
    entries = parts(sent)
    types = (
        entries["[Content_Types].xml"]
        .replace(
            b"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml",
            b"application/vnd.ms-excel.sheet.macroEnabled.main+xml",
        )
        .replace(b"</Types>", b'<Default Extension="bin" ContentType="application/vnd.ms-office.vbaProject"/></Types>')
    )
    rels = entries["xl/_rels/workbook.xml.rels"].replace(
        b"</Relationships>",
        b'<Relationship Id="rIdVba" Type="http://schemas.microsoft.com/office/2006/relationships/vbaProject"'
        b' Target="vbaProject.bin"/></Relationships>',
    )
    macro = bytes(range(256)) * 20
    sent = repacked(
        sent, {"[Content_Types].xml": types, "xl/_rels/workbook.xml.rels": rels, "xl/vbaProject.bin": macro}
    )
    answer = mark(sent, content([point("B3")]))
    assert_valid(answer)
    assert parts(answer)["xl/vbaProject.bin"] == macro
    assert b"macroEnabled" in parts(answer)["[Content_Types].xml"]


def test_a_sheet_with_a_button_keeps_it() -> None:
    answer = mark(with_button(), content([point("B3")]))
    assert_valid(answer)
    drawing = parts(answer)["xl/drawings/vmlDrawing7.vml"]
    assert b'ObjectType="Button"' in drawing
    assert drawing.count(b'ObjectType="Note"') == 1
    assert drawing.count(b"<v:shapetype") == 2


def with_button() -> bytes:
    sent = plain_workbook()
    entries = parts(sent)
    vml = (
        b'<xml xmlns:v="urn:schemas-microsoft-com:vml" xmlns:o="urn:schemas-microsoft-com:office:office"'
        b' xmlns:x="urn:schemas-microsoft-com:office:excel"><o:shapelayout v:ext="edit">'
        b'<o:idmap v:ext="edit" data="1"/></o:shapelayout><v:shapetype id="_x0000_t201"/>'
        b'<v:shape id="_x0000_s1025" type="#_x0000_t201"><x:ClientData ObjectType="Button"><x:Anchor>1, 1, 1, 1, 2, 1,'
        b" 2, 1</x:Anchor></x:ClientData></v:shape></xml>"
    )
    office = b"http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    sheet = entries["xl/worksheets/sheet1.xml"].replace(
        b"</worksheet>", b'<legacyDrawing xmlns:q="' + office + b'" q:id="rId9"/></worksheet>'
    )
    rels = (
        b'<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId9"'
        b' Type="' + office + b'/vmlDrawing" Target="../drawings/vmlDrawing7.vml"/></Relationships>'
    )
    types = entries["[Content_Types].xml"].replace(
        b"</Types>",
        b'<Default Extension="vml" ContentType="application/vnd.openxmlformats-officedocument.vmlDrawing"/></Types>',
    )
    return repacked(
        sent,
        {
            "xl/worksheets/sheet1.xml": sheet,
            "xl/worksheets/_rels/sheet1.xml.rels": rels,
            "xl/drawings/vmlDrawing7.vml": vml,
            "[Content_Types].xml": types,
        },
    )


@pytest.mark.parametrize(
    "path", sorted((PROJECT_DIR / "examples" / "inbox" / "huyen-220").glob("2023/*.xlsx")), ids=lambda path: path.name
)
def test_every_sample_of_a_district_is_answered(path: Any) -> None:
    sent = path.read_bytes()
    sheet = CalamineWorkbook.from_filelike(io.BytesIO(sent)).sheet_names[0]
    cells = ["A1", "C12", "E14", "AZ3", "B90"]
    anchors = {
        str(area).partition(":")[0]
        for area in openpyxl.load_workbook(io.BytesIO(sent))[sheet].merged_cells.ranges
        for cell in cells
        if cell in area
    }
    answer = mark(sent, content([point(cell, sheet=sheet) for cell in cells]))
    assert_valid(answer)
    found = set(marked_cells(answer, sheet))
    assert found >= {cell for cell in cells if cell in found} | anchors
    assert len(found) == len(cells)


@pytest.mark.parametrize(
    "changes",
    [
        {"xl/workbook.xml": None},
        {"xl/worksheets/sheet1.xml": b"<worksheet>"},
        {"xl/worksheets/sheet1.xml": b'<!DOCTYPE x [<!ENTITY a "b">]><worksheet/>'},
        {"xl/styles.xml": b"<styleSheet/>"},
    ],
)
def test_a_package_that_is_not_understood_is_not_edited(changes: dict[str, bytes | None]) -> None:
    with pytest.raises(NotEditableError):
        mark(repacked(plain_workbook(), changes), content([point("B3")]))


def test_a_row_that_stands_twice_is_not_guessed_at() -> None:
    sheet = parts(plain_workbook())["xl/worksheets/sheet1.xml"].replace(b'<row r="4"', b'<row r="3"')
    with pytest.raises(NotEditableError):
        mark(repacked(plain_workbook(), {"xl/worksheets/sheet1.xml": sheet}), content([point("B3")]))


def test_the_same_answer_is_the_same_bytes() -> None:
    sent = rich_workbook()
    told = content([point("B6"), point("H40", "warning")])
    assert mark(sent, told) == mark(sent, told)
    assert zipfile.is_zipfile(io.BytesIO(mark(sent, told)))
