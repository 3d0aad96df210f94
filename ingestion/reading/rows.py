"""What each row of a sheet is: data, or one of the rows that reports carry around their data.

A row counts as something else than data only where it is recognised as that; anything unknown is data and is judged
as data, so that nothing is dropped silently.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from itertools import pairwise

import polars as pl

from ingestion.reading.layout import Layout, heading_key
from ingestion.reading.sheet import Sheet
from ingestion.text import fold


class RowKind(Enum):
    """Kinds of rows below the headings."""

    DATA = "data"
    BLANK = "blank"
    HEADING = "heading"
    SECTION = "section"
    SUBTOTAL = "subtotal"
    TOTAL = "total"
    FOOTER = "footer"


@dataclass(frozen=True, slots=True)
class SumRow:
    """A row that gives sums: its index in the sheet, and the index of the first row that it may sum up.

    `after` tells a sum that stands above its rows and goes on to the next section.
    """

    row: int
    kind: RowKind
    after: bool = False


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of a sheet: `data` are the indices of data rows, ascending (UInt32); `sums` the rows that give sums."""

    data: pl.Series
    sums: list[SumRow]
    sections: list[int] = field(default_factory=list)


_TOTAL = re.compile(r"(?:tổng|cộng|tong|cong|toàn (?:huyện|tỉnh|xã|thành phố)|lũy kế|mang sang|chuyển sang|total)\b")
_GRAND_TOTAL = re.compile(r"(?:tổng|tong|toàn|total)\b")
_FOOTER = re.compile(
    r"người lập|nguoi lap|lập bi[eê]u|nơi nhận|noi nhan|tm\.|t\.m|kt\.|tl\.|tuq\.|ghi ch[úu]\s*[:.]|\(?\s*ký[,\s]"
    r"|[-*+•]\s*[^\d\W]|\((?:danh sách|số liệu)|(?:số tiền\s)?bằng chữ|danh sách (?:này|trên|gồm|có)\b"
    r"|thủ trưởng|chủ tịch|phó chủ tịch|giám đốc|phó giám đốc|kế toán|xác nhận|trưởng phòng|cán bộ (?:lập|tổng hợp)|"
    r"(?:[^,\d]{2,40},\s*)?ngày\s*[\d….\s]*\s*tháng\s*[\d….\s]*\s*năm"
)
_SECTION_WORD = re.compile(
    r"(?:xã|phường|thị trấn|đặc khu|thôn|bản|tổ dân phố|tổ|tdp|khu phố|khu vực|khu|ấp|buôn|làng|xóm|huyện|quận|thị xã"
    r"|thành phố|tỉnh|thành thị|nông thôn|chính sách|chương trình|nguồn|hộ nghèo|hộ cận nghèo|danh sách|phần|nhóm|mục"
    r"|địa bàn)\b"
)
_ENUMERATOR = re.compile(r"^(?:[ivxlc]+|[a-h]|[0-9]{1,2})\s*[.):\-]\s*(?=[^\d\W])")
_ROMAN = re.compile(r"(?:[ivxlc]+|[a-h])\s*[.):]?")
_ROMAN_AND_TEXT = re.compile(r"[ivxlc]+\s*[.):\-]\s*[^\d\W].*")
_COLUMN_NUMBER = re.compile(r"[a-h]|\(?\s*(\d{1,3})\s*\)?(?:\s*=.*)?|\(?[a-h]\)?", re.DOTALL)
_DISTRICT = re.compile(r"(?:huyện|quận|thị xã|thành phố|toàn)\b")


def classify(sheet: Sheet, layout: Layout) -> Rows:
    """Sort the rows below the headings of a layout into kinds."""
    first = layout.heading_rows.stop
    height = sheet.height - first
    if height <= 0:
        return Rows(pl.Series(dtype=pl.UInt32), [])
    below = pl.int_range(first, sheet.height, dtype=pl.UInt32, eager=True)
    filled = {placed.index: sheet.columns[placed.index].filled()[first:] for placed in layout.placed}
    core = [p.index for p in layout.placed if p.column.required and p.column.type != "flag"]
    core_count = pl.select(pl.sum_horizontal([filled[index].cast(pl.Int32) for index in core])).to_series()
    usual = core_count * 2 > len(core)
    for name in layout.contract.key:
        index = layout.index_of(name)
        if index is None:
            usual &= False
            continue
        key = sheet.columns[index].gather(below).written()
        usual &= key.is_not_null() & ~_may_be_another_kind(key)
    other = below.filter(~usual)
    if other.is_empty():
        return Rows(below, [])
    judged = _Judge(sheet, layout).judge(other)
    data = pl.concat(
        [below.filter(usual), pl.Series([row for row, kind, _ in judged if kind is RowKind.DATA], dtype=pl.UInt32)]
    )
    return Rows(
        data.sort(),
        [SumRow(row, kind, after) for row, kind, after in judged if kind in (RowKind.TOTAL, RowKind.SUBTOTAL)],
        [row for row, kind, _ in judged if kind is RowKind.SECTION or kind is RowKind.SUBTOTAL],
    )


def _may_be_another_kind(key: pl.Series) -> pl.Series:
    """Boolean: keys that look like a total, a heading or a column number; the rare rows worth a closer look."""
    lower = key.str.normalize("NFC").str.to_lowercase()
    return lower.str.contains(r"^\(?\d{0,3}\)?$|^[a-h]$|^t[oổ]ng|^c[oộ]ng|^mã |^số |^ma |^so ").fill_null(False)


class _Judge:
    """Judges rows one by one, in order: what came before matters."""

    def __init__(self, sheet: Sheet, layout: Layout) -> None:
        self.sheet = sheet
        self.layout = layout
        self.labels = {p.index: {*map(heading_key, (p.heading, *p.column.headings))} for p in layout.placed}
        self.labels |= {index: {heading_key(heading)} for index, heading in layout.unknown}
        self.above = {fold(text) for text in layout.above}
        self.columns = {p.index: p.column for p in layout.placed}
        self.keys = {layout.index_of(name) for name in layout.contract.key}
        self.core = {p.index for p in layout.placed if p.column.required and p.column.type != "flag"}
        self.patterns = {p.index: re.compile(p.column.pattern) for p in layout.placed if p.column.pattern}
        self.in_footer = False
        self.previous = RowKind.HEADING  # the row right below the headings
        self.previous_row = layout.heading_rows.stop - 1

    def judge(self, rows: pl.Series) -> list[tuple[int, RowKind, bool]]:
        texts = [cells.gather(rows).written().to_list() for cells in self.sheet.columns]
        judged = []
        for row, *line in zip(rows.to_list(), *texts, strict=True):
            filled = [(index, text) for index, text in enumerate(line) if text is not None]
            if row != self.previous_row + 1:
                self.previous = RowKind.DATA
            kind, after = self._kind(filled)
            self.previous, self.previous_row = kind, row
            judged.append((row, kind, after))
        return judged

    def _kind(self, filled: Sequence[tuple[int, str]]) -> tuple[RowKind, bool]:
        if not filled:
            return RowKind.BLANK, False
        if self._is_heading(filled):
            return RowKind.HEADING, False
        folded = [(index, fold(text)) for index, text in filled]
        label_index, label = next(((index, text) for index, text in folded if not _is_number(text)), folded[0])
        has_key = any(index in self.keys and self._is_key(index, text) for index, text in filled)
        if not has_key and _TOTAL.match(label) and self._others_are_figures(folded, label_index):
            return (RowKind.TOTAL if _GRAND_TOTAL.match(label) else RowKind.SUBTOTAL), False
        if (section := self._section(folded, has_key=has_key)) is not None:
            return section, section is RowKind.SUBTOTAL
        core = sum(index in self.core for index, _ in filled)
        data_like = core * 2 > len(self.core) or (
            has_key and any(index in self.keys and re.search(r"\d", text) for index, text in filled)
        )
        if not data_like and (self.in_footer or any(_FOOTER.match(text) for _, text in folded)):
            self.in_footer = True
            return RowKind.FOOTER, False
        return RowKind.DATA, False

    def _is_heading(self, filled: Sequence[tuple[int, str]]) -> bool:
        """The headings again, at the top of a printed page; a letterhead again; or the row of column numbers."""
        same = sum(heading_key(text) in self.labels.get(index, ()) for index, text in filled)
        if same >= 2 and same * 2 >= len(filled):
            return True
        if self.above and all(fold(text) in self.above for _, text in filled):
            return True
        if self.previous is not RowKind.HEADING or len(filled) < 3:
            return False
        numbers = [_COLUMN_NUMBER.fullmatch(fold(text)) for _, text in filled]
        counted = [int(match[1]) for match in numbers if match and match[1]]
        steps = sum(after == before + 1 for before, after in pairwise(counted))
        return (
            sum(map(bool, numbers)) * 10 >= len(filled) * 6
            and steps * 10 >= (len(counted) - 1) * 8
            and len(counted) > 1
        )

    def _is_key(self, index: int, text: str) -> bool:
        """Whether a text in a column of the key may be a key, rather than the label of a section or of a sum."""
        pattern = self.patterns.get(index)
        if pattern is not None and pattern.search(text) is not None:
            return True
        folded = fold(text)
        if _TOTAL.match(folded) or _FOOTER.match(folded) or _is_section_word(folded):
            return False
        return pattern is None or any(letter.isdigit() for letter in text)

    def _others_are_figures(self, folded: Sequence[tuple[int, str]], label_index: int) -> bool:
        return all(index == label_index or _is_number(text) or index not in self.columns for index, text in folded)

    def _section(self, folded: Sequence[tuple[int, str]], *, has_key: bool) -> RowKind | None:
        (first_index, first), rest = folded[0], folded[1:]
        if first_index not in self.columns and (_ROMAN.fullmatch(first) or _is_number(first)) and rest:
            marked = _ROMAN.fullmatch(first) is not None
            (label_index, label), figures = rest[0], rest[1:]
        else:
            marked = _ROMAN_AND_TEXT.fullmatch(first) is not None
            (label_index, label), figures = (first_index, first), rest
        in_words = " " in label and not any(pattern.search(label) for pattern in self.patterns.values())
        if _is_number(label) or (has_key and not in_words):
            return None
        # Words where a key belongs, and nothing else in the row.
        alone = not figures and in_words and not re.search(r"\d", label)
        alone &= label_index in self.keys or label_index not in self.columns
        if not (marked or alone or (not has_key and _is_section_word(label))):
            return None
        if not figures:
            return RowKind.SECTION
        # With figures behind it: a sum over the section, unless it is a row that merely lacks its key.
        is_name = (column := self.columns.get(label_index)) is not None and column.place == "commune_name"
        if is_name and not _DISTRICT.match(label):
            return None
        summed = all(
            _is_number(text)
            and (index not in self.columns or self.columns[index].type in ("integer", "decimal", "amount"))
            for index, text in figures
        )
        return RowKind.SUBTOTAL if summed else None


def _is_section_word(label: str) -> bool:
    """Whether a label begins as those of sections do, after its `I.`, `a)` or `1.`."""
    return _SECTION_WORD.match(_ENUMERATOR.sub("", label)) is not None


def _is_number(text: str) -> bool:
    return re.fullmatch(r"[-+(]?\s*\d[\d\s.,]*\s*[)%]?", text) is not None
