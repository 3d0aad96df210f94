"""Files of every format and of every bad kind, told by their content alone."""

import csv
import json
import zipfile
from datetime import date, datetime
from pathlib import Path

import openpyxl
import pytest
import xlsxwriter
from reports import Cells, write_csv, write_ods, write_xlsx

from ingestion.reading.sheet import Sheet
from ingestion.reading.unreadable import UnreadableFileError
from ingestion.reading.workbook import read_sheets
from ingestion.settings import Settings

ROWS: Cells = [["Mã", "Tên", "Số"], ["07645", "Xã An Lạc", 12], ["07660", "Xã An Bá", 3.5]]
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


def sheets(path: Path, **limits: int) -> list[Sheet]:
    return read_sheets(path, Settings().model_copy(update=limits))


def written(sheet: Sheet) -> list[list[str | None]]:
    return [list(row) for row in zip(*(cells.written().to_list() for cells in sheet.columns), strict=True)]


def reason(path: Path, **limits: int) -> str:
    with pytest.raises(UnreadableFileError) as error:
        sheets(path, **limits)
    assert error.value.reason_en
    return error.value.reason_vi


EXPECTED = [["Mã", "Tên", "Số"], ["07645", "Xã An Lạc", "12"], ["07660", "Xã An Bá", "3.5"]]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("delimiter", [";", ",", "\t", "|"])
def test_csv_in_every_encoding_and_delimiter(tmp_path: Path, encoding: str, delimiter: str) -> None:
    path = write_csv(tmp_path / "no_extension", ROWS, delimiter=delimiter, encoding=encoding)
    (sheet,) = sheets(path)
    assert written(sheet) == EXPECTED
    assert sheet.row_numbers.to_list() == [1, 2, 3]


def test_a_small_csv_leaves_other_readers_of_the_process_alone(tmp_path: Path) -> None:
    path = tmp_path / "small.csv"
    path.write_text("a;b\n1;2\n", encoding="utf-8")
    read_sheets(path, Settings())
    assert list(csv.reader(["x" * 1000])) == [["x" * 1000]]


def test_csv_in_windows_1258(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes("Ma\u0303;Tên\n1;Xa\u0303 An La\u0323c\n".encode("cp1258"))
    (sheet,) = sheets(path)
    assert sheet.columns[1].at(1) == "Xa\u0303 An La\u0323c"  # composed later, when it is read as text


def test_decimal_commas_do_not_make_the_delimiter(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "a.csv", [["a", "b"], ["1,5", "2,5"], ["3,5", "4,5"]], delimiter="\t")
    assert written(sheets(path)[0])[1] == ["1,5", "2,5"]


def test_csv_line_numbers_with_breaks_in_cells_and_blank_lines(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text('a;b\n"two\nlines";1\n\nx;2\n', encoding="utf-8")
    (sheet,) = sheets(path)
    assert sheet.row_numbers.to_list() == [1, 2, 4, 5]


def test_csv_stray_quote_keeps_every_row(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text('a;b\n"Hộ" A;1\n"C";2\n', encoding="utf-8")
    assert written(sheets(path)[0]) == [["a", "b"], ['"Hộ" A', "1"], ["C", "2"]]


def test_csv_unbalanced_quote_that_would_swallow_rows(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text('a;b\n"x;1\ny;2;3\n', encoding="utf-8")
    assert "dấu nháy kép" in reason(path)


def test_csv_text_written_as_a_formula(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text('a;b\n="07645";1\n', encoding="utf-8")
    assert written(sheets(path)[0])[1] == ["07645", "1"]


def test_xlsx_native_types(tmp_path: Path) -> None:
    rows: Cells = [
        ["a", "b", "c", "d"],
        ["01", 1.25, date(2023, 5, 6), True],
        [2, "1.250", datetime(2023, 5, 6, 7), None],  # noqa: DTZ001
    ]
    (sheet,) = sheets(write_xlsx(tmp_path / "a.bin", rows))
    a, b, c, d = sheet.columns
    assert a.number is not None
    assert a.number.to_list() == [None, None, 2.0]
    assert b.text is not None
    assert b.text.to_list() == ["b", None, "1.250"]
    assert written(sheet) == [
        ["a", "b", "c", "d"],
        ["01", "1.25", "06/05/2023", "TRUE"],
        ["2", "1.250", "06/05/2023", None],
    ]
    assert c.moment is not None
    assert d.filled().to_list() == [True, True, False]


def test_sheet_that_starts_below_and_to_the_right(tmp_path: Path) -> None:
    workbook = openpyxl.Workbook()
    workbook.active["C5"] = "đây"
    workbook.save(tmp_path / "a.xlsx")
    (sheet,) = sheets(tmp_path / "a.xlsx")
    row = next(index for index in range(sheet.height) if sheet.columns[0].at(index) == "đây")
    assert sheet.address(int(sheet.row_numbers[row]), 0) == "C5"


def test_errors_and_formulas_never_computed_are_not_blank(tmp_path: Path) -> None:
    path = write_xlsx(tmp_path / "a.xlsx", [["a", "b"], ["#REF!", "=1+1"]])
    (sheet,) = sheets(path)
    assert [(cell.row, cell.column, cell.text) for cell in sheet.broken] == [(1, 0, "#REF!"), (1, 1, "=1+1")]


def test_computed_formulas_are_values(tmp_path: Path) -> None:
    with xlsxwriter.Workbook(tmp_path / "a.xlsx") as workbook:
        sheet = workbook.add_worksheet()
        sheet.write_formula(0, 0, "=1+1", None, 2)
        sheet.write_formula(0, 1, '="a"', None, "a")
    (found,) = sheets(tmp_path / "a.xlsx")
    assert written(found) == [["2", "a"]]
    assert not found.broken


def test_numbers_shown_as_percent(tmp_path: Path) -> None:
    workbook = openpyxl.Workbook()
    workbook.active.append([0.066, 0.066])
    workbook.active["B1"].number_format = "0.0%"
    workbook.save(tmp_path / "a.xlsx")
    (sheet,) = sheets(tmp_path / "a.xlsx")
    assert written(sheet) == [["0.066", "6.6"]]


def test_hidden_sheets_are_told(tmp_path: Path) -> None:
    workbook = openpyxl.Workbook()
    workbook.active["A1"] = 1
    workbook.create_sheet("Ẩn")["A1"] = 2
    workbook["Ẩn"].sheet_state = "hidden"
    workbook.save(tmp_path / "a.xlsx")
    assert [(sheet.name, sheet.hidden) for sheet in sheets(tmp_path / "a.xlsx")] == [("Sheet", False), ("Ẩn", True)]


def test_ods(tmp_path: Path) -> None:
    (sheet,) = sheets(write_ods(tmp_path / "a.dat", ROWS))
    assert written(sheet) == EXPECTED


def test_ods_errors_are_not_texts(tmp_path: Path) -> None:
    write_ods(tmp_path / "plain.ods", [["a", "#REF!", "#N/A"]])
    as_text = 'office:value-type="string"'
    as_error = f'{as_text} xmlns:calcext="urn:org:documentfoundation:names:calc:v1.0" calcext:value-type="error"'
    with zipfile.ZipFile(tmp_path / "plain.ods") as plain, zipfile.ZipFile(tmp_path / "a.ods", "w") as changed:
        for name in plain.namelist():
            content = plain.read(name).decode()
            changed.writestr(name, content.replace(f"{as_text}><text:p>#", f"{as_error}><text:p>#"))
    (sheet,) = sheets(tmp_path / "a.ods")
    assert written(sheet) == [["a", None, None]]
    assert [(cell.row, cell.column, cell.text) for cell in sheet.broken] == [(0, 1, "#REF!"), (0, 2, "#N/A")]


def test_json_shapes(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    objects = [{"a": "1", "b": 2}, {"b": None, "c": ["x", "y"]}]
    for document in (objects, {"period": "2023", "rows": objects}):
        path.write_text(json.dumps(document), encoding="utf-8-sig")
        (sheet,) = sheets(path)
        assert written(sheet) == [["a", "b", "c"], ["1", "2", None], [None, None, "x; y"]]
        assert sheet.row_numbers.to_list() == [0, 1, 2]
        assert sheet.address(1, 0) is None
    path.write_text("\n\n".join(map(json.dumps, objects)), encoding="utf-8")
    assert sheets(path)[0].row_numbers.to_list() == [0, 1, 3]


def test_json_whole_numbers_longer_than_a_float_holds(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text('[{"id": 12345678901234567890}]', encoding="utf-8")
    assert written(sheets(path)[0])[1] == ["12345678901234567890"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "rỗng"),
        (b"  \r\n\t ", "không có nội dung"),
        (b"%PDF-1.7\n...", "PDF"),
        (b"\x89PNG\r\n\x1a\n....", "PNG"),
        (bytes(range(256)) * 8, "không nhận ra"),
        (b"<html><body><table></table></body></html>", "HTML"),
        (b"<?xml version='1.0'?><Workbook/>", "XML"),
        (b"PK\x03\x04 and no more", "hỏng"),
        (OLE + b"\0" * 600, "OLE"),
        (OLE + b"\0" * 600 + "EncryptedPackage".encode("utf-16-le"), "mật khẩu"),
        (OLE + b"\0" * 600 + "WordDocument".encode("utf-16-le"), "Word"),
        (OLE + b"\0" * 600 + "Workbook".encode("utf-16-le"), "hỏng"),
        (b'[{"a": 1,}]', "dòng 1"),
        (b"[" * 100_000, "lồng quá sâu"),
        (b'[{"a": 1, "a": 2}]', "lặp lại"),
        (b"[1, 2]", "không phải là đối tượng"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "report.xlsx"
    path.write_bytes(content)
    assert said in reason(path)


def test_truncated_and_corrupted_workbooks(tmp_path: Path) -> None:
    good = write_xlsx(tmp_path / "good.xlsx", ROWS * 200).read_bytes()
    bad = tmp_path / "bad.xlsx"
    bad.write_bytes(good[: len(good) // 2])
    assert "hỏng" in reason(bad)
    with zipfile.ZipFile(tmp_path / "good.xlsx") as archive:
        entry = archive.getinfo("xl/worksheets/sheet1.xml")
    middle = entry.header_offset + entry.compress_size // 2
    bad.write_bytes(good[:middle] + bytes(byte ^ 0x5A for byte in good[middle : middle + 40]) + good[middle + 40 :])
    assert "hỏng" in reason(bad)


def test_word_document_is_no_workbook(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.docx", "w") as archive:
        archive.writestr("word/document.xml", "<w/>")
    assert "Word" in reason(tmp_path / "a.docx")


# --- limits ---


def test_file_too_large(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"a;b\n" * (1 << 18) + b"x")
    assert "MiB" in reason(path, max_file_mb=1)


def test_zip_that_expands_too_far(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.xlsx", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", "<workbook/>")
        archive.writestr("xl/worksheets/sheet1.xml", b"0" * 20_000_000)
    assert "giải ra" in reason(tmp_path / "a.xlsx")


def test_one_cell_in_the_far_corner(tmp_path: Path) -> None:
    workbook = openpyxl.Workbook()
    workbook.active["A1"] = 1
    workbook.active["XFD1048576"] = 2
    workbook.save(tmp_path / "a.xlsx")
    assert "17179869184 ô" in reason(tmp_path / "a.xlsx")


def test_far_corner_hidden_behind_a_false_dimension(tmp_path: Path) -> None:
    workbook = openpyxl.Workbook()
    workbook.active["A1"] = 1
    workbook.active["XFD1048576"] = 2
    workbook.save(tmp_path / "true.xlsx")
    with zipfile.ZipFile(tmp_path / "true.xlsx") as true, zipfile.ZipFile(tmp_path / "false.xlsx", "w") as false:
        for name in true.namelist():
            content = true.read(name).replace(b"A1:XFD1048576", b"A1:B1048576")
            false.writestr(name, content)
    assert "17179869184 ô" in reason(tmp_path / "false.xlsx")


def test_borders_far_down_do_not_count(tmp_path: Path) -> None:
    workbook = openpyxl.Workbook()
    workbook.active["A1"] = 1
    workbook.active["XFD1048576"].font = openpyxl.styles.Font(bold=True)
    workbook.save(tmp_path / "a.xlsx")
    assert written(sheets(tmp_path / "a.xlsx")[0]) == [["1"]]


def test_ods_row_that_stands_for_a_million(tmp_path: Path) -> None:
    rows: Cells = [["a"] * 30, ["b"] * 30]
    assert "giới hạn" in reason(write_ods(tmp_path / "a.ods", rows, repeat=1_048_000))


def test_ods_entity_bomb(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.ods", "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("content.xml", '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><x>&b;</x>')
    assert "thực thể" in reason(tmp_path / "a.ods")


def test_xlsx_entity_bomb_expands_nothing(tmp_path: Path) -> None:
    write_xlsx(tmp_path / "good.xlsx", [["a", "b"]])
    bomb = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 9))
    with (
        zipfile.ZipFile(tmp_path / "good.xlsx") as good,
        zipfile.ZipFile(tmp_path / "bad.xlsx", "w", zipfile.ZIP_DEFLATED) as bad,
    ):
        for name in good.namelist():
            content = good.read(name).decode()
            if name == "xl/sharedStrings.xml":
                content = f'<!DOCTYPE sst [<!ENTITY e0 "ha">{bomb}]>' + content.replace(">a<", ">&e8;<")
            bad.writestr(name, content)
    try:
        found = written(sheets(tmp_path / "bad.xlsx")[0])
    except UnreadableFileError:
        return
    assert all(len(text or "") < 100 for row in found for text in row)


def test_csv_with_too_many_cells(tmp_path: Path) -> None:
    assert "100 ô" in reason(write_csv(tmp_path / "a.csv", [["a", "b", "c"]] * 40), max_cells=100)
