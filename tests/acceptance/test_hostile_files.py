"""Files made to break their reader: each is refused for exactly the reason, in little memory, and the next is read."""

import io
import os
import random
import re
import stat
import struct
import zipfile
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from functools import partial
from pathlib import Path

import pytest
from binary_maker import binary_record, ole, record, xls, xls_stream, xlsb
from province_maker import Province
from report_maker import Manner, lay_out, write_xlsx

from ingestion.read import Report, read_file, unreadable
from ingestion.reading.apart import ReaderProcess
from ingestion.reading.container import members
from ingestion.reading.unreadable import UnreadableFileError
from ingestion.settings import Settings, get_settings

MOST_MEMORY_MB = 512
DAY = date(2026, 6, 1)

Parts = dict[str, bytes]


@pytest.fixture(scope="module")
def reader() -> Iterator[ReaderProcess]:
    with ReaderProcess(get_settings()) as process:
        yield process


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = Province("04")
    rows = home.loans(home.of("huyen-043", "2022-Q3")[:2], "2022-Q3")
    return write_xlsx(tmp_path_factory.mktemp("good") / "good.xlsx", {"Biểu": lay_out("credit_loan", rows, Manner())})


def read(reader: ReaderProcess, path: Path) -> list[Report]:
    """As a file is received: an archive is unpacked, anything else is read."""
    try:
        found = members(path, get_settings())
    except UnreadableFileError as error:
        return [unreadable("2022-Q3", error)]
    if found is not None:
        raise AssertionError("an archive that nothing is said against")
    return reader.read(path, sender_code="nhcsxh", period_code="2022-Q3", province="04", today=DAY)


def said(reader: ReaderProcess, good: Path, path: Path) -> str:
    """Rules and reasons of a file that must be refused, after which a good one must be read."""
    [report] = read(reader, path)
    assert report.is_rejected
    assert report.row_count == 0
    assert reader.peak_memory_mb < MOST_MEMORY_MB
    assert {finding.rule for finding in report.findings} <= {"unreadable_file", "not_recognised"}
    assert all(finding.message_en for finding in report.findings)
    text = "\n".join(f"{finding.rule}: {finding.message_vi}" for finding in report.findings)
    [after] = read(reader, good)
    assert not after.is_rejected
    assert after.row_count
    return text


# --- zip files --------------------------------------------------------------------------------------------------------


def zipped(entries: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", method) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return target.getvalue()


def nested(depth: int) -> bytes:
    content = zipped({"a.csv": b"a;b\n1;2\n"})
    for _ in range(depth - 1):
        content = zipped({"a.zip": content})
    return content


def overlapping() -> bytes:
    """Many names for the same bytes."""
    content = bytearray(zipped({f"{number}.csv": b"a;b\n" * 50 for number in range(10)}))
    places = [match.start() for match in re.finditer(b"PK\x01\x02", content)]
    first = content[places[0] + 42 : places[0] + 46]
    for place in places[1:]:
        content[place + 42 : place + 46] = first
    return bytes(content)


def lying(size: int) -> bytes:
    """An entry that says it is as long as this, but is longer."""
    content = bytearray(zipped({"a.csv": b"a;b\n" * 1_000, "b.csv": _NOISE[:5000]}))
    struct.pack_into("<I", content, content.index(b"PK\x01\x02") + 24, size)
    struct.pack_into("<I", content, content.index(b"PK\x03\x04") + 22, size)
    return bytes(content)


def encrypted() -> bytes:
    content = bytearray(zipped({"a.csv": b"a;b\n1;2\n"}))
    content[content.index(b"PK\x01\x02") + 8] |= 1
    content[content.index(b"PK\x03\x04") + 6] |= 1
    return bytes(content)


def link() -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        entry = zipfile.ZipInfo("a.csv")
        entry.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(entry, "/etc/passwd")
    return target.getvalue()


def twice() -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("báo cáo.csv", "a;b")
        archive.writestr("Báo Cáo.csv", "a;c")
    return target.getvalue()


# --- workbooks --------------------------------------------------------------------------------------------------------

_KINDS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_ENTITY = '<!ENTITY {} "{}">'
_LAUGHS = (
    "<!DOCTYPE x ["
    + _ENTITY.format("a", "ha")
    + "".join(_ENTITY.format(name, 10 * f"&{before};") for before, name in zip("abcdefgh", "bcdefghi", strict=True))
    + "]>"
)
_OUTSIDE = '<!DOCTYPE x [<!ENTITY i SYSTEM "file:///etc/passwd">]>'


_NOISE = random.Random(3).randbytes(150_000)  # noqa: S311


def package(rows: str = "", *, before: str = "", after: str = "", replaced: Mapping[str, bytes] | None = None) -> bytes:
    """An xlsx of one sheet: XML of its rows, what stands before and after them, and parts replaced or added.

    A picture that cannot be compressed keeps it from unfolding too far as a whole.
    """
    sheet = f'<worksheet xmlns="{_MAIN}">{before}<sheetData>{rows}</sheetData>{after}</worksheet>'
    parts: Parts = {
        "[Content_Types].xml": (
            b'<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
            b'<Override PartName="/xl/workbook.xml" '
            b'ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/></Types>'
        ),
        "_rels/.rels": (
            '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
            f'<Relationship Id="rId1" Type="{_KINDS}/officeDocument" Target="xl/workbook.xml"/></Relationships>'
        ).encode(),
        "xl/media/image1.png": _NOISE,
        "xl/workbook.xml": workbook('<sheet name="A" sheetId="1" r:id="rId1"/>'),
        "xl/_rels/workbook.xml.rels": (
            '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
            f'<Relationship Id="rId1" Type="{_KINDS}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>'
        ).encode(),
        "xl/worksheets/sheet1.xml": sheet.encode(),
    }
    return zipped(parts | dict(replaced or {}))


def workbook(sheets: str, declared: str = "") -> bytes:
    return f'{declared}<workbook xmlns="{_MAIN}" xmlns:r="{_KINDS}"><sheets>{sheets}</sheets></workbook>'.encode()


def cell(address: str, value: str = "1") -> str:
    row = re.sub("[A-Z]", "", address)
    return f'<row r="{row}"><c r="{address}"><v>{value}</v></c></row>'


def strings(inner: str, declared: str = "") -> bytes:
    return f'{declared}<sst xmlns="{_MAIN}">{inner}</sst>'.encode()


def styles(count: int) -> bytes:
    formats = '<xf numFmtId="9"/>' * count
    return f'<styleSheet xmlns="{_MAIN}"><cellXfs>{formats}</cellXfs></styleSheet>'.encode()


def opendocument(content: str) -> bytes:
    kind = b"application/vnd.oasis.opendocument.spreadsheet"
    return zipped({"mimetype": kind, "content.xml": content.encode(), "Pictures/1.png": _NOISE})


def ods_tables(inner: str, declared: str = "") -> bytes:
    spaces = 'xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
    spaces += 'xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0"'
    body = f"<office:body><office:spreadsheet>{inner}</office:spreadsheet></office:body>"
    return opendocument(f"{declared}<office:document-content {spaces}>{body}</office:document-content>")


_A_MILLIARD = 'table:number-columns-repeated="1000000000"'


def ods_cell(repeated: str) -> str:
    return f'<table:table-cell office:value-type="float" office:value="1" {repeated}/>'


# --- others -----------------------------------------------------------------------------------------------------------


def noise(magic: bytes) -> bytes:
    return magic + random.Random(1).randbytes(5000)  # noqa: S311


def looped_ole() -> bytes:
    """The sectors of the stream go round in a circle."""
    content = bytearray(xls({"A": [["x" * 100] * 20] * 10}))
    struct.pack_into("<I", content, 512 + 4 * 4, 2)
    return bytes(content)


def insane_xls(body: bytes) -> bytes:
    stream = xls_stream({"A": [["a", 1.0]]})
    return ole({"Workbook": stream[:-4] + body})


def insane_xlsb(body: bytes) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(xlsb({"A": [["a"]]}))) as whole, zipfile.ZipFile(content, "w") as changed:
        for name in whole.namelist():
            changed.writestr(name, body if "sheet1" in name else whole.read(name))
    return content.getvalue()


def spreadsheet_xml(inner: str, declared: str = "") -> bytes:
    space = "urn:schemas-microsoft-com:office:spreadsheet"
    return (
        f'<?xml version="1.0"?>{declared}<Workbook xmlns="{space}" xmlns:ss="{space}"><Worksheet ss:Name="A"><Table>'
        f"{inner}</Table></Worksheet></Workbook>"
    ).encode()


MAGIC = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"%PDF-1.7", b"\x1f\x8b\x08", b"", b"{", b"<html")
HOSTILE: Mapping[str, tuple[Callable[[], bytes], str]] = {
    # archives
    "zip: expands a thousandfold": (lambda: zipped({"a.csv": bytes(50_000_000)}), "giải ra gấp"),
    "zip: five deep": (lambda: nested(5), "lồng nhau"),
    "zip: entries overlap": (overlapping, "hỏng"),
    "zip: shorter than it is": (lambda: lying(100), "hỏng"),
    "zip: longer than it is": (lambda: lying(50_000), "hỏng"),
    "zip: 20,000 entries": (lambda: zipped(dict.fromkeys(map(str, range(20_000)), b"")), "20000 mục"),
    "zip: locked": (encrypted, "mật khẩu"),
    "zip: a method that asks for memory": (lambda: zipped({"a.csv": b"a"}, zipfile.ZIP_LZMA), "kiểu nén"),
    "zip: a link": (link, "không an toàn"),
    "zip: two of a name": (twice, "cùng tên"),
    "zip: nothing in it": (lambda: zipped({}), "không chứa tệp"),
    **{
        f"zip: {name!r}": (partial(zipped, {name: b"a;b"}), "không an toàn")
        for name in ("../../a.csv", "/etc/a.csv", "C:\\a.csv", "..\\a.csv", "a/../../b.csv", "a\n.csv")
    },
    # workbooks: what they unfold to
    "xlsx: a sheet expands to 100 MB": (lambda: package(" " * 100_000_000), "giải ra gấp"),
    "xlsx: laughs in the strings": (
        lambda: package(cell("A1"), replaced={"xl/sharedStrings.xml": strings("<si><t>&i;</t></si>", _LAUGHS)}),
        "thực thể",
    ),
    "xlsx: laughs in the workbook": (
        lambda: package(cell("A1"), replaced={"xl/workbook.xml": workbook('<sheet name="&i;"/>', _LAUGHS)}),
        "thực thể",
    ),
    "xlsx: an entity from outside": (
        lambda: package(replaced={"xl/worksheets/sheet1.xml": f"{_OUTSIDE}<worksheet>&i;</worksheet>".encode()}),
        "thực thể",
    ),
    "xlsx: entities in UTF-16": (
        lambda: package(cell("A1"), replaced={"xl/styles.xml": f"{_LAUGHS}<styleSheet/>".encode("utf-16")}),
        "thực thể",
    ),
    "xlsx: a dimension of the whole sheet": (
        lambda: package(cell("A1"), before='<dimension ref="A1:XFD1048576"/>'),
        "không có bảng",
    ),
    "xlsx: a cell in the far corner": (lambda: package(cell("A1") + cell("XFD1048576")), "17179869184 ô"),
    "xlsx: half a million merged areas": (
        lambda: package(cell("A1"), after="<mergeCells>" + '<mergeCell ref="A1:B2"/>' * 500_000 + "</mergeCells>"),
        "vùng gộp ô",
    ),
    "xlsx: a million styles": (lambda: package(cell("A1"), replaced={"xl/styles.xml": styles(10**6)}), "kiểu ô"),
    "xlsx: two million strings": (
        lambda: package(cell("A1"), replaced={"xl/sharedStrings.xml": strings("<si><t/></si>" * 2 * 10**6)}),
        "không có bảng",
    ),
    "xlsx: a million cells": (
        lambda: package(("<row>" + "<c><v>1</v></c>" * 200 + "</row>") * 5_000),
        "tiêu đề các cột",
    ),
    "xlsx: 100,000 sheets": (
        lambda: package(
            cell("A1"), replaced={"xl/workbook.xml": workbook('<sheet name="A" sheetId="1" r:id="rId1"/>' * 100_000)}
        ),
        "100000 trang tính",
    ),
    "xlsx: a tag without an end": (lambda: package(f"<row><c {'x' * 20_000_000}"), "hỏng"),
    "xlsx: a sheet outside of the package": (
        lambda: package(
            replaced={
                "xl/_rels/workbook.xml.rels": f'<Relationships><Relationship Id="rId1" Type="{_KINDS}/worksheet" '
                'Target="../../../../etc/passwd"/></Relationships>'.encode()
            }
        ),
        "hỏng",
    ),
    "xlsx: a part with a way out": (lambda: package(cell("A1"), replaced={"../../a.xml": b"<a/>"}), "không an toàn"),
    "ods: laughs": (lambda: ods_tables("&i;", _LAUGHS), "thực thể"),
    "ods: an entity from outside": (lambda: ods_tables("&i;", _OUTSIDE), "thực thể"),
    "ods: a cell that stands for a milliard": (
        lambda: ods_tables(
            f"<table:table><table:table-row>{ods_cell(_A_MILLIARD)}</table:table-row></table:table>"
        ),
        "1000000000 ô",
    ),
    "ods: 100,000 sheets": (lambda: ods_tables("<table:table/>" * 100_000), "trang tính, quá giới hạn"),
    "ods: 100,000 deep": (lambda: ods_tables("<table:table>" * 100_000), "trang tính"),
    # workbooks: binary
    "xls: locked": (lambda: xls({"A": [["a"]]}, protected=True), "mật khẩu"),
    "xlsx: locked": (lambda: ole({"EncryptionInfo": bytes(200), "EncryptedPackage": bytes(5000)}), "mật khẩu"),
    "xls: a record longer than the file": (lambda: insane_xls(struct.pack("<HH", 0x0204, 0xFFFF)), "hỏng"),
    "xls: records too short": (lambda: insane_xls(record(0x0203, b"\0") + record(0x000A)), "hỏng"),
    "xls: sectors in a circle": (looped_ole, "hỏng"),
    "xls: nothing but the beginning": (lambda: ole({"Workbook": b"\x09\x08"}), "hỏng"),
    "xlsb: a record of 256 MB": (lambda: insane_xlsb(b"\x00\xff\xff\xff\x7f"), "hỏng"),
    "xlsb: a row four milliards down": (
        lambda: insane_xlsb(
            binary_record(0, struct.pack("<I", 0xFFFFFFF0) + bytes(13))
            + binary_record(5, struct.pack("<IId", 16000, 0, 1))
        ),
        "ô, quá giới hạn",
    ),
    # noise
    **{f"noise after {magic!r}": (partial(noise, magic), "unreadable_file") for magic in MAGIC},
    "pdf and zip in one": (lambda: b"%PDF-1.7\n" + package(cell("A1")), "PDF"),
    "picture and page in one": (lambda: b"GIF89a<html><table><tr><td>1</td></tr></table></html>", "GIF"),
    # text
    "csv: a line of 60 MB": (lambda: b"a;b\n" + b"x" * 60_000_000, "triệu ký tự"),
    "csv: 100,000 columns": (lambda: b"a;" * 100_000 + b"\n" + b"1;" * 100_000, "cột, quá giới hạn"),
    "csv: a quotation mark that never ends": (lambda: b'a;b\n"' + b"x;y;z\ny\n" * 20_000, "nháy"),
    "json: arrays 100,000 deep": (lambda: b"[" * 100_000 + b"]" * 100_000, "lồng quá sâu"),
    "json: objects 100,000 deep": (lambda: b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "lồng quá sâu"),
    "json: a nest in a cell": (lambda: b'[{"a": {"b": [{"c": 1}]}}]', "lồng nhau"),
    "json: a number of 100,000 digits": (lambda: b'[{"a": ' + b"9" * 100_000 + b"}]", "không có bảng"),
    "json: a number beyond any": (lambda: b'[{"a": 1e999999, "b": -1e400}]', "không có bảng"),
    "json: not a number": (lambda: b'[{"a": NaN}]', "NaN"),
    "json: 100,000 keys": (
        lambda: b"[{" + b",".join(b'"k%d": 1' % number for number in range(100_000)) + b"}]",
        "cột, quá giới hạn",
    ),
    "html: tables 100,000 deep": (lambda: b"<table><tr><td>" * 100_000, "lồng quá sâu"),
    "html: 100,000 deep without a table": (lambda: b"<html>" + b"<div>" * 100_000, "không có bảng"),
    "html: cells that span the world": (
        lambda: b"<table>" + b'<tr><td colspan="999999999" rowspan="999999999">1' * 1000 + b"</table>",
        "cột, quá giới hạn",
    ),
    "html: 100,000 tables": (lambda: b"<table><tr><td>1</td></tr></table>" * 100_000, "trang tính, quá giới hạn"),
    "xml spreadsheet: laughs": (lambda: spreadsheet_xml("&i;", _LAUGHS), "thực thể"),
    "xml spreadsheet: a row a milliard down": (
        lambda: spreadsheet_xml(
            '<Row ss:Index="1000000000"><Cell ss:Index="9"><Data ss:Type="Number">1</Data></Cell></Row>'
        ),
        "ô, quá giới hạn",
    ),
}  # fmt: skip


@pytest.mark.timeout(60)
@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_file(kind: str, reader: ReaderProcess, good: Path, tmp_path: Path) -> None:
    make, expected = HOSTILE[kind]
    path = tmp_path / "báo cáo.xlsx"
    path.write_bytes(make())
    assert expected in said(reader, good, path)


@pytest.mark.parametrize("make", [xls, xlsb, None])
def test_every_truncation_is_told(
    make: Callable[..., bytes] | None, reader: ReaderProcess, good: Path, tmp_path: Path
) -> None:
    whole = make({"A": [["x" * 50, 1.0]] * 40}) if make else good.read_bytes()
    path = tmp_path / "f.xls"
    for size in range(200, len(whole) - 600, len(whole) // 8):
        path.write_bytes(whole[:size])
        assert "unreadable_file" in said(reader, good, path)


def test_noise_in_a_workbook_never_ends_the_reading(reader: ReaderProcess, good: Path, tmp_path: Path) -> None:
    chance = random.Random(7)  # noqa: S311
    path = tmp_path / "f.xls"
    for whole in (good.read_bytes(), xls({"A": [["x" * 50, 1.0]] * 40}), xlsb({"A": [["x" * 50, 1.0]] * 40})):
        for _ in range(25):
            noisy = bytearray(whole)
            at = chance.randrange(len(whole) - 8)
            noisy[at : at + 8] = chance.randbytes(8)
            path.write_bytes(noisy)
            assert read(reader, path)
            assert reader.peak_memory_mb < MOST_MEMORY_MB


# --- what is not refused ----------------------------------------------------------------------------------------------


def test_links_macros_and_objects_are_neither_run_nor_followed(
    reader: ReaderProcess, good: Path, tmp_path: Path
) -> None:
    path = tmp_path / "f.xlsm"
    with zipfile.ZipFile(good) as whole, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as changed:
        for name in whole.namelist():
            changed.writestr(name, whole.read(name))
        changed.writestr(
            "xl/externalLinks/externalLink1.xml", '<externalLink><externalBook r:id="rId1"/></externalLink>'
        )
        changed.writestr(
            "xl/externalLinks/_rels/externalLink1.xml.rels",
            f'<Relationships><Relationship Id="rId1" Type="{_KINDS}/externalLinkPath" '
            'Target="file:///etc/passwd" TargetMode="External"/></Relationships>',
        )
        changed.writestr("xl/vbaProject.bin", ole({"VBA": bytes(5000)}))
        changed.writestr("xl/embeddings/oleObject1.bin", ole({"Package": bytes(5000)}))
        changed.writestr("xl/activeX/activeX1.bin", bytes(1000))
    [report] = read(reader, path)
    [plain] = read(reader, good)
    assert not report.is_rejected
    assert report.rows.equals(plain.rows)


# --- files that are not what they were --------------------------------------------------------------------------------


def test_a_file_that_is_gone(reader: ReaderProcess, good: Path, tmp_path: Path) -> None:
    [report] = reader.read(tmp_path / "none.xlsx", sender_code="nhcsxh", period_code="2022-Q3")
    assert "không mở được tệp" in report.findings[0].message_vi


def test_what_is_no_file_at_all(reader: ReaderProcess, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.xlsx")  # opening it would wait for ever
    for path in (tmp_path, tmp_path / "pipe.xlsx"):
        [report] = reader.read(path, sender_code="nhcsxh", period_code="2022-Q3")
        assert "không phải là một tệp" in report.findings[0].message_vi


@pytest.mark.parametrize("change", [-1, 1])
def test_a_file_that_changes_while_it_is_read(
    change: int, good: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "f.xlsx"
    path.write_bytes(good.read_bytes())
    seen = os.fstat

    def changing(descriptor: int) -> os.stat_result:
        found = seen(descriptor)
        if found.st_ino == path.stat().st_ino:
            os.truncate(path, found.st_size + change)
        return found

    monkeypatch.setattr("ingestion.reading.workbook.os.fstat", changing)
    [report] = read_file(path, sender_code="nhcsxh", period_code="2022-Q3")
    assert "bị thay đổi trong khi đọc" in report.findings[0].message_vi


# --- the limits of the worker -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        ({"max_read_seconds": 0.001, "max_read_seconds_per_mb": 0}, "giây chưa xong"),
        ({"max_read_memory_mb": 40, "max_read_memory_per_mb": 0}, "MiB bộ nhớ"),
        ({"max_file_mb": 0}, "quá giới hạn 0 MiB"),
        ({"max_cells": 10}, "quá giới hạn 10 ô"),
    ],
)
def test_limits_are_settings(limits: Mapping[str, float], expected: str, good: Path) -> None:
    with ReaderProcess(Settings().model_copy(update=limits)) as limited:
        for _ in range(2):
            [report] = limited.read(good, sender_code="nhcsxh", period_code="2022-Q3")
            assert expected in report.findings[0].message_vi
