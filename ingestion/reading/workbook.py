"""Open what a sender sent: workbook, CSV or JSON, told by its content, as sheets of natively typed columns.

Nothing here knows a data set. A file that is damaged, locked, of another format or larger than the limits raises
`UnreadableFileError` with the exact reason; limits are checked before anything is expanded in memory.
"""

import io
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import polars as pl
from python_calamine import CalamineError, CalamineWorkbook, PasswordError, SheetTypeEnum, SheetVisibleEnum

from ingestion.reading.package import Marks, look_through
from ingestion.reading.sheet import Broken, Cells, Sheet, typed_columns
from ingestion.reading.text_file import read_text_file
from ingestion.reading.unreadable import UnreadableFileError, damaged, locked, too_many_cells, unsupported
from ingestion.settings import Settings

_MIB = 1 << 20


def read_sheets(path: Path, settings: Settings) -> list[Sheet]:
    """All sheets of a file, in its order. Raises UnreadableFileError."""
    size = path.stat().st_size
    if size == 0:
        raise UnreadableFileError("tệp rỗng (0 byte)", "the file is empty (0 bytes)")
    if size > settings.max_file_mb * _MIB:
        raise UnreadableFileError(
            f"tệp lớn {size / _MIB:.0f} MiB, quá giới hạn {settings.max_file_mb} MiB",
            f"the file is {size / _MIB:.0f} MiB, over the limit of {settings.max_file_mb} MiB",
        )
    content = path.read_bytes()
    if content.startswith(b"PK\x03\x04"):
        marks = look_through(content, settings)
        if b"xl/workbook.bin" in content:
            _try_apart(content)
        return _read_calamine(content, settings, marks)
    if content.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
        return _read_ole(content, settings)
    for magic, name in _OTHER_FORMATS:
        if content.startswith(magic):
            raise unsupported(name)
    return read_text_file(content, settings)


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
    if not any(name.encode("utf-16-le") in content for name in ("Workbook", "Book")):
        raise unsupported("OLE")
    _try_apart(content)
    return _read_calamine(content, settings, {})


# A binary workbook says nowhere reliably how large it is, and the native reader ends the process when it believes a
# damaged one. So it is tried in a process of its own first, with limits of time and memory.
_TRIAL = """
import io, resource, sys
limit = int(sys.argv[1])
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
from python_calamine import CalamineError, CalamineWorkbook
try:
    with CalamineWorkbook.from_filelike(io.BytesIO(sys.stdin.buffer.read())) as workbook:
        for name in workbook.sheet_names:
            workbook.get_sheet_by_name(name)
except (CalamineError, OSError, ValueError):
    pass  # told by the reading itself
"""
_TRIAL_BYTES = 4 << 30
_TRIAL_SECONDS = 120


def _try_apart(content: bytes) -> None:
    try:
        done = subprocess.run(
            [sys.executable, "-c", _TRIAL, str(_TRIAL_BYTES)],
            input=content,
            capture_output=True,
            timeout=_TRIAL_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise damaged(
            f"đọc quá {_TRIAL_SECONDS} giây chưa xong", f"not read within {_TRIAL_SECONDS} seconds"
        ) from error
    if done.returncode != 0:
        raise damaged("không đọc được bảng tính", "the workbook cannot be read")


def _read_calamine(content: bytes, settings: Settings, marks: Mapping[str, Marks]) -> list[Sheet]:
    sheets = []
    try:
        with CalamineWorkbook.from_filelike(io.BytesIO(content)) as workbook:
            for metadata in workbook.sheets_metadata:
                if metadata.typ != SheetTypeEnum.WorkSheet:
                    continue
                sheet = workbook.get_sheet_by_name(metadata.name)
                if sheet.start is None or sheet.end is None:
                    continue
                cells = (sheet.end[0] + 1) * (sheet.end[1] - sheet.start[1] + 1)
                if cells > settings.max_cells:
                    raise too_many_cells(cells, settings.max_cells)
                first_column = sheet.start[1]
                columns = typed_columns(sheet.iter_rows(), sheet.end[1] - first_column + 1)
                height = columns[0].height
                marked = marks.get(metadata.name, Marks())
                _show_percent(columns, marked.percent, first_column)
                sheets.append(
                    Sheet(
                        name=metadata.name,
                        columns=columns,
                        row_numbers=pl.int_range(1, height + 1, dtype=pl.Int32, eager=True),
                        first_column=first_column,
                        hidden=metadata.visible != SheetVisibleEnum.Visible,
                        merged=sheet.merged_cell_ranges or (),
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
