"""Workbooks for the tests of answers, and what makes a package of SpreadsheetML one that spreadsheet programs open."""

import io
import posixpath
import zipfile
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from xml.etree import ElementTree

import xlsxwriter

from ingestion.answering.worksheet import CHILDREN

_MAINS = (
    "http://schemas.openxmlformats.org/spreadsheetml/2006/main",
    "http://purl.oclc.org/ooxml/spreadsheetml/main",
)
_STYLE_CHILDREN = (
    "numFmts", "fonts", "fills", "borders", "cellStyleXfs", "cellXfs", "cellStyles", "dxfs", "tableStyles", "colors",
    "extLst",
)  # fmt: skip
_WORKBOOK_CHILDREN = (
    "fileVersion", "fileSharing", "workbookPr", "AlternateContent", "revisionPtr", "absPath", "workbookProtection",
    "bookViews", "sheets", "functionGroups", "externalReferences", "definedNames", "calcPr", "oleSize",
    "customWorkbookViews", "pivotCaches", "webPublishing", "fileRecoveryPr", "webPublishObjects", "extLst",
)  # fmt: skip


def parts(content: bytes) -> dict[str, bytes]:
    """Every entry of a package."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def repacked(content: bytes, changes: Mapping[str, bytes | None]) -> bytes:
    """The package with entries changed, added, or (None) left out."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, part in {**parts(content), **changes}.items():
            if part is not None:
                archive.writestr(name, part)
    return target.getvalue()


def _xml(part: bytes) -> Any:
    return ElementTree.fromstring(part)  # noqa: S314 - we wrote it


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]


def _relationships(entries: Mapping[str, bytes], part: str) -> dict[str, tuple[str, str]]:
    """Id to (last word of the type, part) of what a part refers to inside the package."""
    folder, name = posixpath.split(part)
    rels = posixpath.join(folder, "_rels", f"{name}.rels")
    if rels not in entries:
        return {}
    found: dict[str, tuple[str, str]] = {}
    for element in _xml(entries[rels]):
        assert element.attrib["Id"] not in found, f"{rels}: {element.attrib['Id']} stands twice"
        target = element.attrib["Target"]
        if element.attrib.get("TargetMode") == "External":
            path = ""
        else:
            path = posixpath.normpath(posixpath.join("/", folder, target)).lstrip("/")
            assert path in entries, f"{rels}: {target} leads nowhere"
        found[element.attrib["Id"]] = element.attrib["Type"].rpartition("/")[2], path
    return found


def _in_order(root: Any, order: tuple[str, ...], part: str) -> None:
    positions = [order.index(_local(child.tag)) for child in root if _local(child.tag) in order]
    assert positions == sorted(positions), f"{part}: {[_local(child.tag) for child in root]}"


def assert_valid(content: bytes) -> None:
    """Everything that spreadsheet programs refuse or repair in a package: types, references, order, numbers."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        names = [info.filename for info in archive.infolist()]
        assert archive.testzip() is None
    assert len({name.casefold() for name in names}) == len(names), "an entry stands twice"
    entries = parts(content)
    types = _xml(entries["[Content_Types].xml"])
    overrides = [element.attrib["PartName"] for element in types if _local(element.tag) == "Override"]
    defaults = [element.attrib["Extension"].casefold() for element in types if _local(element.tag) == "Default"]
    assert len(overrides) == len(set(overrides))
    assert len(defaults) == len(set(defaults))
    for name in overrides:
        assert name.lstrip("/") in entries, f"{name} has a type, but is not there"
    for name in names:
        if name != "[Content_Types].xml" and not name.endswith("/"):
            typed = f"/{name}" in overrides or name.rpartition(".")[2].casefold() in defaults
            assert typed, f"{name} has no type"
    _, workbook_part = next(item for item in _relationships(entries, "").values() if item[0] == "officeDocument")
    workbook = _xml(entries[workbook_part])
    _in_order(workbook, _WORKBOOK_CHILDREN, workbook_part)
    related = _relationships(entries, workbook_part)
    [sheets] = [child for child in workbook if _local(child.tag) == "sheets"]
    sheet_names = [sheet.attrib["name"].casefold() for sheet in sheets]
    assert len(set(sheet_names)) == len(sheet_names)
    assert all(0 < len(name) <= 31 for name in sheet_names)
    assert len({sheet.attrib["sheetId"] for sheet in sheets}) == len(sheets)
    references = [next(value for key, value in sheet.attrib.items() if _local(key) == "id") for sheet in sheets]
    assert len(set(references)) == len(references)
    for names_ in (child for child in workbook if _local(child.tag) == "definedNames"):
        keys = [(name.attrib["name"], name.attrib.get("localSheetId")) for name in names_]
        assert len(set(keys)) == len(keys)
        assert all(local is None or int(local) < len(sheets) for _, local in keys)
    styles_part = next(path for kind, path in related.values() if kind == "styles")
    formats = _assert_styles(entries[styles_part], styles_part)
    selected = 0
    used: set[str] = set()
    for reference in references:
        kind, part = related[reference]
        if kind != "worksheet":
            continue
        selected += _assert_worksheet(entries, part, formats, used)
    assert selected == 1, "one sheet is shown, and no other is selected with it"


def _assert_styles(content: bytes, part: str) -> int:
    root = _xml(content)
    _in_order(root, _STYLE_CHILDREN, part)
    counts = {_local(child.tag): len(child) for child in root}
    for child in root:
        if "count" in child.attrib:
            assert int(child.attrib["count"]) == len(child), f"{part}: {_local(child.tag)}"
    [formats] = [child for child in root if _local(child.tag) == "cellXfs"]
    for xf in formats:
        for name, listed in (("fontId", "fonts"), ("fillId", "fills"), ("borderId", "borders")):
            assert int(xf.attrib.get(name, "0")) < counts[listed], f"{part}: {name}"
    return len(formats)


def _assert_worksheet(entries: Mapping[str, bytes], part: str, formats: int, used: set[str]) -> int:
    root = _xml(entries[part])
    assert root.tag.removeprefix("{").partition("}")[0] in _MAINS
    locals_ = [_local(child.tag) for child in root]
    _in_order(root, CHILDREN, part)
    once = [name for name in locals_ if name not in ("conditionalFormatting", "AlternateContent")]
    assert len(set(once)) == len(once), f"{part}: {locals_}"
    related = _relationships(entries, part)
    for element in root.iter():
        for key, value in element.attrib.items():
            if key.startswith("{") and "relationships" in key:
                assert value in related, f"{part}: {_local(element.tag)} refers to {value}"
    cells = set()
    [data] = [child for child in root if _local(child.tag) == "sheetData"]
    for row in data:
        for cell in row:
            assert int(cell.attrib.get("s", "0")) < formats, f"{part}: style of {cell.attrib.get('r')}"
            if "r" in cell.attrib:
                assert cell.attrib["r"] not in cells, f"{part}: {cell.attrib['r']} stands twice"
                cells.add(cell.attrib["r"])
                assert not row.attrib.get("r") or cell.attrib["r"].endswith(row.attrib["r"])
    comments = [path for kind, path in related.values() if kind == "comments"]
    assert len(comments) <= 1
    if comments:
        assert "legacyDrawing" in locals_, f"{part}: notes without their drawing"
        _assert_notes(entries, comments[0], related, root, used)
    views = [view for child in root if _local(child.tag) == "sheetViews" for view in child]
    return sum(view.attrib.get("tabSelected") in ("1", "true") for view in views)


def _assert_notes(
    entries: Mapping[str, bytes],
    part: str,
    related: Mapping[str, tuple[str, str]],
    sheet: Any,
    used: set[str],
) -> None:
    root = _xml(entries[part])
    authors, notes = list(root)
    places = [note.attrib["ref"] for note in notes]
    assert len(set(places)) == len(places), f"{part}: a cell has two notes"
    assert all(int(note.attrib["authorId"]) < len(authors) for note in notes)
    [legacy] = [child for child in sheet if _local(child.tag) == "legacyDrawing"]
    kind, drawing = related[next(value for key, value in legacy.attrib.items() if _local(key) == "id")]
    assert kind == "vmlDrawing"
    assert drawing not in used, "two sheets share a drawing of notes"
    used.add(drawing)
    shapes = _xml(entries[drawing])
    ids = [shape.attrib["id"] for shape in shapes if "id" in shape.attrib]
    assert len(set(ids)) == len(ids), f"{drawing}: {ids}"
    boxed = {
        (int(data.findtext("{*}Row") or -1), int(data.findtext("{*}Column") or -1))
        for data in shapes.iter("{urn:schemas-microsoft-com:office:excel}ClientData")
        if data.attrib["ObjectType"] == "Note"
    }
    assert len(boxed) == len(places), f"{drawing}: {len(boxed)} boxes for {len(places)} notes"


def rich_workbook() -> bytes:
    """A workbook with what offices have in theirs: merged headings, a line and an image, formulas with results, own
    notes, conditional formats, lists, hidden and sized columns, print settings, a second sheet, a chart."""
    target = io.BytesIO()
    workbook = xlsxwriter.Workbook(target, {"in_memory": True})
    bold = workbook.add_format({"bold": True, "bg_color": "#C6EFCE", "border": 1})
    money = workbook.add_format({"num_format": "#,##0", "italic": True})
    day = workbook.add_format({"num_format": "dd/mm/yyyy"})
    sheet = workbook.add_worksheet("Biểu 01")
    sheet.merge_range("A1:D1", "Độc lập - Tự do - Hạnh phúc", bold)
    sheet.insert_textbox("B2", "", {"width": 200, "height": 2})
    sheet.insert_image("F2", "line.png", {"image_data": io.BytesIO(_PNG)})
    sheet.write_row("A4", ["Mã", "Tên", "Số tiền", "Ngày"], bold)
    for row in range(4, 30):
        sheet.write_string(row, 0, f"0{row}")
        sheet.write_string(row, 1, "= không phải công thức")
        sheet.write_number(row, 2, 1000 * row, money)
        sheet.write_datetime(row, 3, datetime(2023, 1, row), day)  # noqa: DTZ001
    sheet.write_formula("C31", "=SUM(C5:C30)", money, 442_000)
    sheet.merge_range("A33:A34", "gộp", bold)
    sheet.write_comment("B5", "Ghi chú của đơn vị", {"author": "Phòng LĐ"})
    sheet.conditional_format("C5:C30", {"type": "cell", "criteria": ">", "value": 20_000, "format": bold})
    sheet.data_validation("B5:B30", {"validate": "list", "source": ["a", "b"]})
    sheet.set_column("A:A", 9.5)
    sheet.set_column("C:C", 22, money)
    sheet.set_column("E:E", None, None, {"hidden": True})
    sheet.set_row(3, 40)
    sheet.repeat_rows(3)
    sheet.print_area("A1:D31")
    sheet.set_footer("&CTrang &P")
    sheet.freeze_panes(4, 1)
    sheet.protect()
    second = workbook.add_worksheet("Trang 2")
    second.write_row("A1", ["x", 1, 2.5])
    second.print_area("A1:C1")
    chart = workbook.add_chart({"type": "column"})
    chart.add_series({"values": "='Biểu 01'!$C$5:$C$10"})
    second.insert_chart("E2", chart)
    workbook.define_name("tong", "='Biểu 01'!$C$31")
    second.activate()
    workbook.close()
    return target.getvalue()


_PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010804000000b51c0c020000000b4944415478da6364f80f00010501"
    "012718e3660000000049454e44ae426082"
)
