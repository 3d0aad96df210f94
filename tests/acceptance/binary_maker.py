"""Binary workbooks made record by record: no library in use writes xls or xlsb."""

import io
import struct
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

ERRORS = {"#NULL!": 0x00, "#DIV/0!": 0x07, "#VALUE!": 0x0F, "#REF!": 0x17, "#NAME?": 0x1D, "#NUM!": 0x24, "#N/A": 0x2A}


@dataclass(frozen=True)
class Percent:
    """A number that is shown as percent."""

    value: float


@dataclass(frozen=True)
class Failed:
    """A formula whose result is an error."""

    error: str


BinaryCell = str | float | bool | Percent | Failed | None
BinaryGrid = Sequence[Sequence[BinaryCell]]
Area = tuple[tuple[int, int], tuple[int, int]]


# --- xls --------------------------------------------------------------------------------------------------------------


def record(kind: int, body: bytes = b"") -> bytes:
    """A record of an xls."""
    return struct.pack("<HH", kind, len(body)) + body


def _bof(what: int) -> bytes:
    return record(0x0809, struct.pack("<HHHHII", 0x0600, what, 0x0DBB, 0x07CC, 0, 6))


def _xls_cell(row: int, column: int, value: BinaryCell) -> bytes:
    place = struct.pack("<HHH", row, column, 1 if isinstance(value, Percent) else 0)
    match value:
        case None:
            return record(0x0201, place)
        case bool():
            return record(0x0205, place + bytes([value, 0]))
        case str() if value in ERRORS:
            return record(0x0205, place + bytes([ERRORS[value], 1]))
        case str():
            return record(0x0204, place + struct.pack("<HB", len(value), 1) + value.encode("utf-16-le"))
        case Failed(error):
            result = bytes([2, 0, ERRORS[error], 0, 0, 0, 0xFF, 0xFF])
            return record(0x0006, place + result + struct.pack("<HIH", 0, 0, 2) + b"\x1c\x17")
        case Percent(number) | number:
            return record(0x0203, place + struct.pack("<d", number))


def xls_stream(sheets: Mapping[str, BinaryGrid], merged: Sequence[Area] = (), protected: bool = False) -> bytes:
    """The stream of a workbook; `merged` holds for each sheet."""
    bodies = []
    for grid in sheets.values():
        areas = b"".join(struct.pack("<4H", first, last, left, right) for (first, left), (last, right) in merged)
        cells = [_xls_cell(row, column, value) for row, line in enumerate(grid) for column, value in enumerate(line)]
        dimension = record(0x0200, struct.pack("<IIHHH", 0, len(grid), 0, max(map(len, grid), default=0), 0))
        joined = record(0x00E5, struct.pack("<H", len(merged)) + areas) if merged else b""
        bodies.append(_bof(0x0010) + dimension + b"".join(cells) + joined + record(0x000A))
    head = _bof(0x0005) + (record(0x002F, bytes(6)) if protected else b"")
    head += record(0x041E, struct.pack("<HHB", 164, 4, 0) + b"0.0%")
    head += b"".join(record(0x00E0, struct.pack("<HH", 0, number) + bytes(16)) for number in (0, 164))
    names = [struct.pack("<BBBB", 0, 0, len(name), 1) + name.encode("utf-16-le") for name in sheets]
    start = len(head) + sum(8 + len(name) for name in names) + 4
    for name, body in zip(names, bodies, strict=True):
        head += record(0x0085, struct.pack("<I", start) + name)
        start += len(body)
    return head + record(0x000A) + b"".join(bodies)


def ole(streams: Mapping[str, bytes]) -> bytes:
    """An OLE file of these streams."""
    sector, free, end = 512, 0xFFFFFFFF, 0xFFFFFFFE
    padded = {name: body.ljust(max(4096, -(-len(body) // sector) * sector), b"\0") for name, body in streams.items()}
    entries = [_ole_entry("Root Entry", 5, end, 0, child=1 if padded else free)]
    directory_sectors = -(-(len(padded) + 1) // 4)
    chains, data = [], b""
    count = directory_sectors + sum(len(body) // sector for body in padded.values())
    table_sectors = 1
    while (count + table_sectors) * 4 > table_sectors * sector:
        table_sectors += 1
    following = table_sectors + directory_sectors
    for position, (name, body) in enumerate(padded.items(), start=1):
        length = len(body) // sector
        right = position + 1 if position < len(padded) else free
        entries.append(_ole_entry(name, 2, following, len(body), right=right))
        chains += [*range(following + 1, following + length), end]
        following += length
        data += body
    table = [0xFFFFFFFD] * table_sectors
    table += [*range(table_sectors + 1, table_sectors + directory_sectors), end, *chains]
    table += [free] * (table_sectors * sector // 4 - len(table))
    header = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16)
    header += struct.pack("<HHHHH6x", 0x3E, 3, 0xFFFE, 9, 6)
    header += struct.pack("<9I", 0, table_sectors, table_sectors, 0, 4096, end, 0, end, 0)
    header += struct.pack("<109I", *range(table_sectors), *[free] * (109 - table_sectors))
    directory = b"".join(entries).ljust(directory_sectors * sector, b"\0")
    return header + struct.pack(f"<{len(table)}I", *table) + directory + data


def _ole_entry(
    name: str, kind: int, start: int, size: int, *, right: int = 0xFFFFFFFF, child: int = 0xFFFFFFFF
) -> bytes:
    wide = name.encode("utf-16-le")
    entry = wide.ljust(64, b"\0") + struct.pack("<HBBIII", len(wide) + 2, kind, 1, 0xFFFFFFFF, right, child)
    return entry + bytes(36) + struct.pack("<IQ", start, size)


def xls(sheets: Mapping[str, BinaryGrid], merged: Sequence[Area] = (), protected: bool = False) -> bytes:
    """An xls file."""
    return ole({"Workbook": xls_stream(sheets, merged, protected)})


# --- xlsb -------------------------------------------------------------------------------------------------------------


def binary_record(kind: int, body: bytes = b"") -> bytes:
    """A record of an xlsb: kind and length in 7 bits a byte."""
    head = bytes([kind]) if kind < 0x80 else bytes([kind & 0x7F | 0x80, kind >> 7])
    length = len(body)
    while True:
        head += bytes([length & 0x7F | (0x80 if length > 0x7F else 0)])
        length >>= 7
        if not length:
            return head + body


def _wide(text: str) -> bytes:
    return struct.pack("<I", len(text)) + text.encode("utf-16-le")


def _xlsb_cell(column: int, value: BinaryCell) -> bytes:
    place = struct.pack("<II", column, 1 if isinstance(value, Percent) else 0)
    match value:
        case None:
            return binary_record(1, place)
        case bool():
            return binary_record(4, place + bytes([value]))
        case str() if value in ERRORS:
            return binary_record(3, place + bytes([ERRORS[value]]))
        case str():
            return binary_record(6, place + _wide(value))
        case Failed(error):
            return binary_record(11, place + bytes([ERRORS[error]]) + struct.pack("<HII", 0, 0, 0))
        case Percent(number) | number:
            return binary_record(5, place + struct.pack("<d", number))


def xlsb_sheet(grid: BinaryGrid, merged: Sequence[Area] = ()) -> bytes:
    """The part of one sheet."""
    part = binary_record(129)
    width = max(map(len, grid), default=1)
    part += binary_record(148, struct.pack("<4I", 0, max(len(grid) - 1, 0), 0, width - 1)) + binary_record(145)
    for row, line in enumerate(grid):
        part += binary_record(0, struct.pack("<IIHHBI", row, 0, 300, 0, 0, 0))
        part += b"".join(_xlsb_cell(column, value) for column, value in enumerate(line))
    part += binary_record(146)
    if merged:
        part += binary_record(177, struct.pack("<I", len(merged)))
        for (first, left), (last, right) in merged:
            part += binary_record(176, struct.pack("<4I", first, last, left, right))
        part += binary_record(178)
    return part + binary_record(130)


def xlsb(sheets: Mapping[str, BinaryGrid], merged: Sequence[Area] = ()) -> bytes:
    """An xlsb file; `merged` holds for each sheet."""
    kinds = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    relations = "http://schemas.openxmlformats.org/package/2006/relationships"
    workbook = binary_record(131) + binary_record(143)
    links = ""
    for number, name in enumerate(sheets, start=1):
        workbook += binary_record(156, struct.pack("<II", 0, number) + _wide(f"rId{number}") + _wide(name))
        links += f'<Relationship Id="rId{number}" Type="{kinds}/worksheet" Target="worksheets/sheet{number}.bin"/>'
    workbook += binary_record(144) + binary_record(132)
    styles = binary_record(278) + binary_record(615, struct.pack("<I", 1))
    styles += binary_record(44, struct.pack("<H", 164) + _wide("0.0%")) + binary_record(616)
    styles += binary_record(617, struct.pack("<I", 2))
    styles += b"".join(binary_record(47, struct.pack("<HH", 0, number) + bytes(12)) for number in (0, 164))
    styles += binary_record(618) + binary_record(279)
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as package:
        package.writestr(
            "[Content_Types].xml",
            '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
            '<Default Extension="bin" ContentType="application/vnd.ms-excel.sheet.binary.macroEnabled.main"/></Types>',
        )
        package.writestr(
            "_rels/.rels",
            f'<Relationships xmlns="{relations}"><Relationship Id="rId1" Type="{kinds}/officeDocument" '
            'Target="xl/workbook.bin"/></Relationships>',
        )
        package.writestr("xl/workbook.bin", workbook)
        package.writestr("xl/_rels/workbook.bin.rels", f'<Relationships xmlns="{relations}">{links}</Relationships>')
        package.writestr("xl/styles.bin", styles)
        for number, grid in enumerate(sheets.values(), start=1):
            package.writestr(f"xl/worksheets/sheet{number}.bin", xlsb_sheet(grid, merged))
    return target.getvalue()
