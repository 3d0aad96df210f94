"""Open what a sender sent: workbook, CSV or JSON, told by its content, as sheets of natively typed columns.

Nothing here knows a data set. A file that is damaged, locked, of another format or larger than the limits raises
`UnreadableFileError` with the exact reason; limits are checked before anything is expanded in memory.
"""

import io
import os
import stat
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import polars as pl
from python_calamine import CalamineError, CalamineWorkbook, PasswordError, SheetTypeEnum, SheetVisibleEnum

from ingestion.reading.binary_workbook import look_through_xls, ole_streams
from ingestion.reading.legacy_text import without_legacy
from ingestion.reading.marks import Marks
from ingestion.reading.package import look_through
from ingestion.reading.sheet import Broken, Cells, Sheet, typed_columns
from ingestion.reading.text_file import read_text_file
from ingestion.reading.unreadable import (
    UnreadableFileError,
    damaged,
    locked,
    not_opened,
    too_many_cells,
    too_many_sheets,
    unsupported,
)
from ingestion.settings import Settings

_MIB = 1 << 20


def read_sheets(path: Path, settings: Settings) -> list[Sheet]:
    """All sheets of a file, in its order, their texts in Unicode. Raises UnreadableFileError."""
    return [without_legacy(sheet) for sheet in _read(_content(path, settings), settings)]


def _read(content: bytes, settings: Settings) -> list[Sheet]:
    if content.startswith(b"PK\x03\x04"):
        return _read_calamine(content, settings, look_through(content, settings))
    if content.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
        return _read_ole(content, settings)
    for magic, name in _OTHER_FORMATS:
        if content.startswith(magic):
            raise unsupported(name)
    return read_text_file(content, settings)


def _content(path: Path, settings: Settings) -> bytes:
    """The bytes of a file, which nobody changes meanwhile."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise UnreadableFileError("không phải là một tệp", "it is no regular file")
        with path.open("rb") as file:
            before = os.fstat(file.fileno())
            if before.st_size > settings.max_file_mb * _MIB:
                raise UnreadableFileError(
                    f"tệp lớn {before.st_size / _MIB:.0f} MiB, quá giới hạn {settings.max_file_mb} MiB",
                    f"the file is {before.st_size / _MIB:.0f} MiB, over the limit of {settings.max_file_mb} MiB",
                )
            content = file.read(before.st_size + 1)
            after = os.fstat(file.fileno())
    except OSError as error:
        raise not_opened(error) from error
    if len(content) != before.st_size or (after.st_size, after.st_mtime_ns) != (before.st_size, before.st_mtime_ns):
        raise UnreadableFileError(
            "tệp bị thay đổi trong khi đọc; lần sau sẽ đọc lại",
            "the file changed while it was read; it is read again next time",
        )
    if not content:
        raise UnreadableFileError("tệp rỗng (0 byte)", "the file is empty (0 bytes)")
    return content


_OTHER_FORMATS = (
    (b"%PDF", "PDF"),
    (b"{\\rtf", "RTF"),
    (b"\x89PNG", "PNG"),
    (b"\xff\xd8\xff", "JPEG"),
    (b"GIF8", "GIF"),
    (b"Rar!", "RAR"),
    (b"7z\xbc\xaf", "7-Zip"),
    (b"\x1f\x8b", "gzip"),
    (b"PK\x05\x06", "ZIP"),
    (b"PAR1", "Parquet"),
    (b"SQLite format 3", "SQLite"),
)


def _read_ole(content: bytes, settings: Settings) -> list[Sheet]:
    if "EncryptedPackage".encode("utf-16-le") in content:
        raise locked()
    if "WordDocument".encode("utf-16-le") in content:
        raise unsupported("Word")
    if not any(name.encode("utf-16-le") in content for name in ("Workbook", "WORKBOOK", "Book", "BOOK")):
        raise unsupported("OLE")
    streams = {name.upper(): stream for name, stream in ole_streams(content).items()}
    workbook = streams.get("WORKBOOK") or streams.get("BOOK")
    if workbook is None:
        raise unsupported("OLE")
    return _read_calamine(content, settings, look_through_xls(workbook, settings))


def _read_calamine(content: bytes, settings: Settings, marks: Mapping[str, Marks] | Sequence[Marks]) -> list[Sheet]:
    """The sheets as the native reader gives them, with the marks that belong to them, by name or in their order."""
    sheets = []
    whole = 0
    try:
        with CalamineWorkbook.from_filelike(io.BytesIO(content)) as workbook:
            names = [metadata.name for metadata in workbook.sheets_metadata]
            if len(names) > settings.max_sheets:
                raise too_many_sheets(len(names), settings.max_sheets)
            if not isinstance(marks, Mapping):
                marks = dict(zip(names, marks, strict=True))
            for metadata in workbook.sheets_metadata:
                if metadata.typ != SheetTypeEnum.WorkSheet:
                    continue
                sheet = workbook.get_sheet_by_name(metadata.name)
                if sheet.start is None or sheet.end is None:
                    continue
                whole += (sheet.end[0] + 1) * (sheet.end[1] - sheet.start[1] + 1)
                if whole > settings.max_cells:
                    raise too_many_cells(whole, settings.max_cells)
                first_column = sheet.start[1]
                columns = typed_columns(sheet.iter_rows(), sheet.end[1] - first_column + 1)
                height = columns[0].height
                marked = marks.get(metadata.name, Marks())
                _show_percent(columns, marked.percent, first_column)
                _blank(columns, marked.broken, first_column)
                sheets.append(
                    Sheet(
                        name=metadata.name,
                        columns=columns,
                        row_numbers=pl.int_range(1, height + 1, dtype=pl.Int32, eager=True),
                        first_column=first_column,
                        hidden=metadata.visible != SheetVisibleEnum.Visible,
                        merged=sheet.merged_cell_ranges or marked.merged,
                        broken=[Broken(cell.row, cell.column - first_column, cell.text) for cell in marked.broken],
                    )
                )
    except UnreadableFileError:
        raise
    except PasswordError as error:
        raise locked() from error
    except (CalamineError, OSError, ValueError) as error:
        raise damaged(str(error)) from error
    except BaseException as error:
        if type(error).__name__ != "PanicException":  # a panic of the native reader, no subclass of Exception
            raise
        raise damaged("không đọc được bảng tính", "the workbook cannot be read") from error
    return sheets


def _blank(columns: list[Cells], broken: list[Broken], first_column: int) -> None:
    """An error is no text: some formats give it as one."""
    rows: dict[int, list[int]] = {}
    for cell in broken:
        rows.setdefault(cell.column - first_column, []).append(cell.row)
    for index, broken_rows in rows.items():
        if 0 <= index < len(columns) and (texts := columns[index].text) is not None:
            inside = [row for row in broken_rows if row < len(texts)]
            columns[index] = replace(columns[index], text=texts.scatter(inside, None))


def _show_percent(columns: list[Cells], marked: list[tuple[int, int]], first_column: int) -> None:
    """A cell that shows 6,6% holds 0.066: make it the 6.6 that its sender sees."""
    rows: dict[int, list[int]] = {}
    for row, column in marked:
        rows.setdefault(column - first_column, []).append(row)
    for index, marked_rows in rows.items():
        if 0 <= index < len(columns) and (numbers := columns[index].number) is not None:
            shown = [
                None if (value := numbers[row]) is None else float(f"{value * 100:.15g}")
                for row in marked_rows
                if row < len(numbers)
            ]
            columns[index] = replace(columns[index], number=numbers.scatter(marked_rows[: len(shown)], shown))
