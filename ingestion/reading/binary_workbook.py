"""The records of binary workbooks (xls: BIFF5 and BIFF8; xlsb: BIFF12), looked through before they are read.

Wanted of them is what `package` wants of XML: limits kept, errors, percent, and merged cells.
"""

import struct
from collections.abc import Iterator

from ingestion.reading.marks import Marks
from ingestion.reading.sheet import Broken
from ingestion.reading.unreadable import damaged, locked, too_many_cells, too_many_merged
from ingestion.settings import Settings

_ERRORS = {
    0x00: "#NULL!",
    0x07: "#DIV/0!",
    0x0F: "#VALUE!",
    0x17: "#REF!",
    0x1D: "#NAME?",
    0x24: "#NUM!",
    0x2A: "#N/A",
    0x2B: "#GETTING_DATA",
}
PERCENT_FORMATS = (9, 10)
"""Numbers of the built-in formats 0% and 0.00%."""


def _error(code: int) -> str:
    return _ERRORS.get(code, "#?")


# --- the OLE file that holds an xls -----------------------------------------------------------------------------------

_END_OF_CHAIN, _NO_SECTOR = 0xFFFFFFFE, 0xFFFFFFFF
_STREAM, _ROOT = 2, 5


def ole_streams(content: bytes) -> dict[str, bytes]:
    """The streams of an OLE file by their names, those in folders left out. Raises UnreadableFileError."""
    try:
        return _Ole(content).streams()
    except (struct.error, IndexError, ValueError, UnicodeDecodeError) as error:
        raise damaged("cấu trúc OLE", "its OLE structure") from error


class _Ole:
    def __init__(self, content: bytes) -> None:
        self.content = content
        shift, mini_shift = struct.unpack_from("<HH", content, 30)
        if shift not in (9, 12) or mini_shift != 6:
            raise ValueError("sector size")
        self.sector, self.mini_sector = 1 << shift, 1 << mini_shift
        self.first_entry, _, self.mini_cutoff, first_mini, _, first_more, more = struct.unpack_from("<7I", content, 48)
        tables = list(struct.unpack_from("<109I", content, 76))
        per_sector = self.sector // 4
        for _ in range(min(more, len(content) // self.sector)):
            *numbers, first_more = struct.unpack(f"<{per_sector}I", self._sector(first_more))
            tables += numbers
        self.table: list[int] = []
        for number in tables:
            if number < _END_OF_CHAIN:
                self.table += struct.unpack(f"<{per_sector}I", self._sector(number))
        minis = self._chain(first_mini)
        self.mini_table = struct.unpack(f"<{len(minis) // 4}I", minis)

    def _sector(self, number: int) -> bytes:
        start = (number + 1) * self.sector
        piece = self.content[start : start + self.sector]
        if not piece:
            raise ValueError("sector outside of the file")
        return piece.ljust(self.sector, b"\0")

    def _chain(self, number: int) -> bytes:
        pieces = []
        while number < _END_OF_CHAIN:
            pieces.append(self._sector(number))
            if len(pieces) > len(self.table):
                raise ValueError("a chain of sectors without an end")
            number = self.table[number]
        return b"".join(pieces)

    def streams(self) -> dict[str, bytes]:
        directory = self._chain(self.first_entry)
        found, minis = {}, b""
        for start in range(0, len(directory) - 127, 128):
            entry = directory[start : start + 128]
            length, kind = struct.unpack_from("<HB", entry, 64)
            first, size = struct.unpack_from("<II", entry, 116)
            if kind == _ROOT:
                minis = self._chain(first) if first < _END_OF_CHAIN else b""
            elif kind == _STREAM:
                name = entry[: max(min(length, 64) - 2, 0)].decode("utf-16-le")
                found[name] = (self._mini_chain(first, minis) if size < self.mini_cutoff else self._chain(first))[:size]
        return found

    def _mini_chain(self, number: int, minis: bytes) -> bytes:
        pieces: list[bytes] = []
        while number < _END_OF_CHAIN:
            pieces.append(minis[number * self.mini_sector : (number + 1) * self.mini_sector])
            if len(pieces) > len(self.mini_table):
                raise ValueError("a chain of sectors without an end")
            number = self.mini_table[number]
        return b"".join(pieces)


# --- xls --------------------------------------------------------------------------------------------------------------

_BOF, _EOF, _FILEPASS, _BOUNDSHEET, _FORMAT, _XF = 0x0809, 0x000A, 0x002F, 0x0085, 0x041E, 0x00E0
_FORMULA, _NUMBER, _RK, _MULRK, _BOOLERR, _MERGED = 0x0006, 0x0203, 0x027E, 0x00BD, 0x0205, 0x00E5
_CELLS = frozenset({_FORMULA, _NUMBER, _RK, _MULRK, _BOOLERR, 0x00FD, 0x0204, 0x00D6})


def look_through_xls(stream: bytes, settings: Settings) -> list[Marks]:
    """Marks of each sheet of a workbook stream, in the order of its sheets. Raises UnreadableFileError."""
    percent: set[int] = set(PERCENT_FORMATS)
    styles: list[int] = []
    starts = []
    try:
        for kind, body in _xls_records(stream, 0):
            if kind == _FILEPASS:
                raise locked()
            if kind == _BOUNDSHEET:
                starts.append(struct.unpack_from("<I", body)[0])
            elif kind == _FORMAT and b"%" in body[2:]:
                percent.add(struct.unpack_from("<H", body)[0])
            elif kind == _XF:
                styles.append(struct.unpack_from("<H", body, 2)[0])
        shown = frozenset(index for index, style in enumerate(styles) if style in percent)
        return [_look_through_xls_sheet(stream, start, shown, settings) for start in starts]
    except struct.error as error:
        raise damaged("bản ghi không đủ độ dài", "a record is too short") from error


def _xls_records(stream: bytes, start: int) -> Iterator[tuple[int, bytes]]:
    """(kind, body) of each record from a BOF to its EOF; those of charts inside are left out."""
    depth, here, end = 0, start, len(stream)
    while here + 4 <= end:
        kind, length = struct.unpack_from("<HH", stream, here)
        if depth == 0 and kind != _BOF:
            break
        if here + 4 + length > end:
            raise damaged("bản ghi dài quá cuối tệp", "a record is longer than the file")
        if kind == _BOF:
            depth += 1
        elif kind == _EOF:
            depth -= 1
            if depth == 0:
                return
        elif depth == 1:
            yield kind, stream[here + 4 : here + 4 + length]
        here += 4 + length
    raise damaged("thiếu phần cuối của trang tính", "a sheet has no end")


def _look_through_xls_sheet(stream: bytes, start: int, percent: frozenset[int], settings: Settings) -> Marks:
    marks = Marks()
    rows = columns = merged = 0
    for kind, body in _xls_records(stream, start):
        if kind in _CELLS:
            row, column, style = struct.unpack_from("<HHH", body)
            rows, columns = max(rows, row + 1), max(columns, column + 1)
            if kind == _MULRK:
                for index in range((len(body) - 6) // 6):
                    columns = max(columns, column + index + 1)
                    if struct.unpack_from("<H", body, 4 + 6 * index)[0] in percent:
                        marks.percent.append((row, column + index))
                continue
            if kind == _BOOLERR and body[7]:
                marks.broken.append(Broken(row, column, _error(body[6])))
            elif kind == _FORMULA and body[12:14] == b"\xff\xff" and body[6] == 2:
                marks.broken.append(Broken(row, column, _error(body[8])))
            if style in percent and kind in (_NUMBER, _RK, _FORMULA):
                marks.percent.append((row, column))
        elif kind == _MERGED:
            merged += struct.unpack_from("<H", body)[0]
    if rows * columns > settings.max_cells:
        raise too_many_cells(rows * columns, settings.max_cells)
    if merged > settings.max_merged:
        raise too_many_merged(merged, settings.max_merged)
    return marks


# --- xlsb -------------------------------------------------------------------------------------------------------------

_ROW, _FIRST_CELL, _LAST_CELL, _CELL_ERROR, _FORMULA_ERROR = 0, 1, 11, 3, 11
_NUMBERS = (2, 5, 9)
_BLANK = 1
_NUMBER_FORMAT, _STYLE, _BEGIN_CELL_STYLES, _END_CELL_STYLES = 44, 47, 617, 618
_SHEET, _MERGED_AREA = 156, 176


def xlsb_sheets(workbook: bytes) -> list[tuple[str, str]]:
    """(name, id of the relationship) of each sheet, from `xl/workbook.bin`."""
    found = []
    for kind, start, _ in _xlsb_records(workbook):
        if kind == _SHEET:
            reference, after = _wide_text(workbook, start + 8)
            found.append((_wide_text(workbook, after)[0], reference))
    return found


def _wide_text(part: bytes, start: int) -> tuple[str, int]:
    """A text behind its length, and where it ends."""
    length = struct.unpack_from("<I", part, start)[0]
    if length == 0xFFFFFFFF:
        return "", start + 4
    end = start + 4 + 2 * length
    if end > len(part):
        raise damaged("bản ghi dài quá cuối tệp", "a record is longer than the file")
    return part[start + 4 : end].decode("utf-16-le", "replace"), end


def xlsb_percent_styles(styles: bytes) -> frozenset[int]:
    """Numbers of the cell styles that show a number as percent, from `xl/styles.bin`."""
    percent, found = set(PERCENT_FORMATS), []
    of_cells = False
    for kind, start, end in _xlsb_records(styles):
        if kind == _NUMBER_FORMAT and "%" in _wide_text(styles, start + 2)[0]:
            percent.add(struct.unpack_from("<H", styles, start)[0])
        elif kind in (_BEGIN_CELL_STYLES, _END_CELL_STYLES):
            of_cells = kind == _BEGIN_CELL_STYLES
        elif kind == _STYLE and of_cells and end - start >= 4:
            found.append(struct.unpack_from("<H", styles, start + 2)[0])
    return frozenset(index for index, number in enumerate(found) if number in percent)


def look_through_xlsb_sheet(part: bytes, percent: frozenset[int], settings: Settings) -> Marks:
    """Marks of one sheet. Raises UnreadableFileError."""
    marks = Marks()
    row = rows = columns = 0
    try:
        for kind, start, _ in _xlsb_records(part):
            if kind == _ROW:
                row = struct.unpack_from("<I", part, start)[0]
            elif _FIRST_CELL <= kind <= _LAST_CELL:
                column, style = struct.unpack_from("<II", part, start)
                if kind == _BLANK:
                    continue
                rows, columns = max(rows, row + 1), max(columns, column + 1)
                if kind in (_CELL_ERROR, _FORMULA_ERROR):
                    marks.broken.append(Broken(row, column, _error(part[start + 8])))
                elif kind in _NUMBERS and style & 0xFFFFFF in percent:
                    marks.percent.append((row, column))
            elif kind == _MERGED_AREA:
                first, last, left, right = struct.unpack_from("<4I", part, start)
                marks.merged.append(((first, left), (last, right)))
                if len(marks.merged) > settings.max_merged:
                    raise too_many_merged(len(marks.merged), settings.max_merged)
    except (struct.error, IndexError) as error:
        raise damaged("bản ghi không đủ độ dài", "a record is too short") from error
    if rows * columns > settings.max_cells:
        raise too_many_cells(rows * columns, settings.max_cells)
    return marks


def _xlsb_records(part: bytes) -> Iterator[tuple[int, int, int]]:
    """(kind, start, end) of the body of each record."""
    here, whole = 0, len(part)
    try:
        while here < whole:
            kind = part[here]
            here += 1
            if kind & 0x80:
                kind = kind & 0x7F | (part[here] & 0x7F) << 7
                here += 1
            length = shift = 0
            while True:
                byte = part[here]
                here += 1
                length |= (byte & 0x7F) << shift
                shift += 7
                if not byte & 0x80 or shift == 28:
                    break
            if here + length > whole:
                raise damaged("bản ghi dài quá cuối tệp", "a record is longer than the file")
            yield kind, here, here + length
            here += length
    except IndexError as error:
        raise damaged("bản ghi không đủ độ dài", "a record is too short") from error
