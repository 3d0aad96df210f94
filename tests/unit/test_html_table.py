"""Pages and XML saved under the name of a workbook."""

from pathlib import Path

import pytest

from ingestion.reading.sheet import Sheet
from ingestion.reading.workbook import read_sheets
from ingestion.settings import Settings


def sheets(folder: Path, text: str, encoding: str = "utf-8") -> list[Sheet]:
    path = folder / "a.xls"
    path.write_bytes(text.encode(encoding))
    return read_sheets(path, Settings())


def written(sheet: Sheet) -> list[list[str | None]]:
    return [list(row) for row in zip(*(cells.written().to_list() for cells in sheet.columns), strict=True)]


def test_a_page_saved_by_excel(tmp_path: Path) -> None:
    (sheet,) = sheets(
        tmp_path,
        """<html xmlns:x="urn:schemas-microsoft-com:office:excel"><head><meta charset=utf-8>
        <style>td {mso-number-format:General;}</style><title>x</title></head><body>
        <table border=0><col width=64>
        <tr height=20><td rowspan=2>Tên&nbsp;x&atilde;</td><td colspan=2>Tổng số<br>hộ</td></tr>
        <tr><td>Nghèo</td><td>Cận   nghèo</td></tr>
        <tr><td>An&#7841; &amp; B</td><td align=right x:num="1250.5">1.251</td><td x:num="0.066">6,6%</td></tr>
        <tr><td>07645</td><td x:num>12</td><td></td></tr>
        </table><script>document.write("<tr><td>no</td></tr>")</script></body></html>""",
    )
    assert written(sheet) == [
        ["Tên\xa0xã", "Tổng số\nhộ", None],  # told apart from a plain space by nobody who compares
        [None, "Nghèo", "Cận nghèo"],
        ["Anạ & B", "1250.5", "6,6%"],
        ["07645", "12", None],
    ]
    assert list(sheet.merged) == [((0, 0), (1, 0)), ((0, 1), (0, 2))]
    assert sheet.row_numbers.to_list() == [1, 2, 3, 4]


def test_tags_that_are_not_closed(tmp_path: Path) -> None:
    (sheet,) = sheets(tmp_path, "<TABLE><TR><TH>a<TH>b<TR><TD>1<TD>2</TABLE>")
    assert written(sheet) == [["a", "b"], ["1", "2"]]


def test_each_table_is_a_sheet(tmp_path: Path) -> None:
    page = "<html><table><tr><td>a<table><tr><td>b</table></td><td>c</table><table><tr><td>d</table>"
    assert [written(sheet) for sheet in sheets(tmp_path, page)] == [[["a", "c"]], [["b"]], [["d"]]]


@pytest.mark.parametrize(
    ("encoding", "declared"),
    [("utf-8", "windows-1252"), ("utf-8", ""), ("cp1258", "windows-1258"), ("utf-16", "unicode")],
)
def test_encodings_declared_rightly_or_wrongly(encoding: str, declared: str, tmp_path: Path) -> None:
    page = (
        f'<html><meta http-equiv=Content-Type content="text/html; charset={declared}"><table><tr><td>Ba\u0309ng</table>'
    )
    (sheet,) = sheets(tmp_path, page, encoding)
    assert written(sheet) == [["Ba\u0309ng"]]  # composed later, when it is read as text


def test_a_page_typed_in_a_legacy_font(tmp_path: Path) -> None:
    page = "<html><table><tr><td>Tæng céng</td><td>Hé nghÌo</td></tr></table></html>"
    assert written(sheets(tmp_path, page, "latin-1")[0]) == [["Tổng cộng", "Hộ nghèo"]]


def test_xml_spreadsheet_2003(tmp_path: Path) -> None:
    space = "urn:schemas-microsoft-com:office:spreadsheet"
    first, second = sheets(
        tmp_path,
        f"""<?xml version="1.0"?><?mso-application progid="Excel.Sheet"?>
        <Workbook xmlns="{space}" xmlns:ss="{space}">
        <Styles><Style ss:ID="s1"><NumberFormat ss:Format="0.0%"/></Style></Styles>
        <Worksheet ss:Name="Biểu 1"><Table>
        <Row><Cell ss:MergeAcross="1"><Data ss:Type="String">Tên</Data></Cell>
        <Cell><Data ss:Type="String">Số</Data></Cell></Row>
        <Row ss:Index="3"><Cell><Data ss:Type="Number">12.5</Data></Cell>
        <Cell ss:StyleID="s1"><Data ss:Type="Number">0.066</Data></Cell>
        <Cell><Data ss:Type="DateTime">2023-05-06T00:00:00.000</Data></Cell></Row>
        <Row><Cell ss:Index="2"><Data ss:Type="Error">#REF!</Data></Cell>
        <Cell><Data ss:Type="Boolean">1</Data></Cell></Row>
        </Table></Worksheet>
        <Worksheet ss:Name="Biểu 2"><Table><Row><Cell><Data ss:Type="String">a</Data></Cell></Row></Table></Worksheet>
        </Workbook>""",
    )
    assert (first.name, second.name) == ("Biểu 1", "Biểu 2")
    assert written(first) == [
        ["Tên", None, "Số"],
        [None, None, None],
        ["12.5", "6.6", "06/05/2023"],
        [None, None, "TRUE"],
    ]
    assert list(first.merged) == [((0, 0), (0, 1))]
    assert [(cell.row, cell.column, cell.text) for cell in first.broken] == [(3, 1, "#REF!")]
    assert written(second) == [["a"]]
