"""What each row of a sheet is: data, or one of the rows that reports carry around their data.

A row counts as something else than data only where it is recognised as that; anything unknown is data and is judged
as data, so that nothing is dropped silently.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from itertools import pairwise

import polars as pl

from ingestion.place import Area
from ingestion.reading.layout import Layout, heading_key
from ingestion.reading.sheet import Sheet
from ingestion.text import fold

NO_AREA = Area(())


class RowKind(Enum):
    """Kinds of rows below the headings."""

    DATA = "data"
    BLANK = "blank"
    HEADING = "heading"
    SECTION = "section"
    SUBTOTAL = "subtotal"
    TOTAL = "total"
    FOOTER = "footer"
    EXAMPLE = "example"


@dataclass(frozen=True, slots=True)
class SumRow:
    """A row that gives sums: its index in the sheet and what it is called there.

    `after` tells a sum that stands above its rows and goes on to the next section. Of two sums the one of the lower
    `level` is the wider: 0 a total, 1 a part of it, 2 a part of that.
    """

    row: int
    kind: RowKind
    after: bool = False
    level: int = 1
    label: str = ""


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of a sheet: `data` are the indices of data rows, ascending (UInt32); `sums` the rows that give sums,
    `sections` the rows that say what the rows below them are about."""

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
_EXAMPLE = re.compile(r"v[ií] d[uụ]\s*:")  # the key of the row that our template shows as an example
_DISTRICT = re.compile(r"(?:huyện|quận|thị xã|thành phố|toàn)\b")
_COMMUNE = re.compile(r"(?:xã|phường|thị trấn|đặc khu|tt|x|p)\b")
_PART = re.compile(r"\b(?:khu vực|thành thị|nông thôn|đô thị|miền núi|đồng bằng|vùng cao)\b")
_SUM_OF_DISTRICT = re.compile(r"(?:tổng|cộng|tổng cộng|tổng số)\s+(?:huyện|quận|thị xã|thành phố)\b")
_WHOLE = re.compile(
    r"(?:tổng cộng|tổng số|tổng|cộng|tổng chung|cộng chung|toàn huyện|toàn tỉnh|toàn xã|tổng cộng toàn (?:huyện|tỉnh)"
    r"|tong cong|tong so|cong|tỉnh\b.*)"
)


def classify(sheet: Sheet, layout: Layout, communes: Area = NO_AREA, districts: Area = NO_AREA) -> Rows:
    """Sort the rows below the headings of a layout into kinds.

    `communes` and `districts` are the places that a row may be named after, where rows are places.
    """
    first = layout.heading_rows.stop
    height = sheet.height - first
    if height <= 0:
        return Rows(pl.Series(dtype=pl.UInt32), [])
    below = pl.int_range(first, sheet.height, dtype=pl.UInt32, eager=True)
    usual = _usual(sheet, layout, below)
    other = below.filter(~usual)
    if other.is_empty():
        return Rows(below, [])
    judge = _PlaceJudge(sheet, layout, communes, districts) if layout.names_places else _Judge(sheet, layout)
    judged = judge.judge(other)
    data = pl.concat(
        [below.filter(usual), pl.Series([row.row for row in judged if row.kind is RowKind.DATA], dtype=pl.UInt32)]
    )
    return Rows(
        data.sort(),
        [row for row in judged if row.kind in (RowKind.TOTAL, RowKind.SUBTOTAL)],
        [row.row for row in judged if row.kind is RowKind.SECTION],
    )


def _usual(sheet: Sheet, layout: Layout, below: pl.Series) -> pl.Series:
    """Boolean: rows that are surely data, so that only the others need a closer look."""
    first = layout.heading_rows.stop
    core = [p.index for p in layout.placed if p.column.name in layout.form.required and p.column.type != "flag"]
    if not core or layout.names_places:
        return pl.repeat(False, len(below), dtype=pl.Boolean, eager=True)
    filled = [sheet.columns[index].filled().slice(first).cast(pl.Int32) for index in core]
    core_count = pl.select(pl.sum_horizontal(filled)).to_series()
    usual = core_count * 2 > len(core)
    for name in layout.contract.key:
        index = layout.index_of(name)
        if index is None:
            return pl.repeat(False, len(below), dtype=pl.Boolean, eager=True)
        key = sheet.columns[index].gather(below).written()
        usual &= key.is_not_null() & ~_may_be_another_kind(key)
    return usual


def _may_be_another_kind(key: pl.Series) -> pl.Series:
    """Boolean: keys that look like a total, a heading or a column number; the rare rows worth a closer look."""
    lower = key.str.normalize("NFC").str.to_lowercase()
    return lower.str.contains(
        r"^\(?\d{0,3}\)?$|^[a-h]$|^t[oổ]ng|^c[oộ]ng|^mã |^số |^ma |^so |^v[ií] d[uụ]\s*:"
    ).fill_null(False)


class _Judge:
    """Judges rows one by one, in order: what came before matters."""

    def __init__(self, sheet: Sheet, layout: Layout) -> None:
        self.sheet = sheet
        self.layout = layout
        self.labels = {p.index: {*map(heading_key, (p.heading, *p.column.headings))} for p in layout.placed}
        self.labels |= {index: {heading_key(heading)} for index, heading in layout.unknown}
        known = [*layout.form.not_loaded, *(text for rate in layout.form.checked_rates for text in rate.headings)]
        self.other_labels = {heading_key(heading) for heading in known}
        self.above = {fold(text) for text in layout.above}
        lines = pl.Series(layout.heading_rows, dtype=pl.UInt32)
        printed = [cells.gather(lines).written().to_list() for cells in sheet.columns]
        self.headings = [
            {(index, fold(text)) for index, text in enumerate(line) if text is not None}
            for line in zip(*printed, strict=True)
        ]
        self.columns = {p.index: p.column for p in layout.placed}
        self.keys = {layout.index_of(name) for name in layout.contract.key}
        self.core = {
            p.index for p in layout.placed if p.column.name in layout.form.required and p.column.type != "flag"
        }
        self.patterns = {p.index: re.compile(p.column.pattern) for p in layout.placed if p.column.pattern}
        self.never_in_sums = {p.index for p in layout.placed if p.column.name in layout.form.sums_lack}
        self.summed = {p.index for p in layout.placed if p.column.type == "amount"}
        self.in_footer = False
        self.previous = RowKind.HEADING  # the row right below the headings
        self.previous_row = layout.heading_rows.stop - 1

    def judge(self, rows: pl.Series) -> list[SumRow]:
        """Each row with its kind, in order."""
        texts = [cells.gather(rows).written().to_list() for cells in self.sheet.columns]
        broken: dict[int, list[tuple[int, str]]] = {}
        for cell in self.sheet.broken:
            broken.setdefault(cell.row, []).append((cell.column, cell.text))
        judged = []
        for row, *line in zip(rows.to_list(), *texts, strict=True):
            filled = [(index, text) for index, text in enumerate(line) if text is not None]
            filled = sorted({*filled, *broken.get(row, ())})
            if row != self.previous_row + 1:
                self.previous = RowKind.DATA
            found = self._kind(row, filled)
            if found.kind is not RowKind.BLANK:
                self.previous = found.kind
            self.previous_row = row
            judged.append(found)
        return judged

    def _kind(self, row: int, filled: Sequence[tuple[int, str]]) -> SumRow:
        if not filled:
            return SumRow(row, RowKind.BLANK)
        if self._is_heading(filled):
            return SumRow(row, RowKind.HEADING)
        if any(index in self.keys and _EXAMPLE.match(fold(text)) for index, text in filled):
            return SumRow(row, RowKind.EXAMPLE)
        folded = [(index, fold(text)) for index, text in filled]
        label_index, label = next(((index, text) for index, text in folded if not _is_number(text)), folded[0])
        shown = next(text for index, text in filled if index == label_index)
        has_key = any(index in self.keys and self._is_key(index, text) for index, text in filled)
        if not has_key and _TOTAL.match(label) and self._others_are_figures(folded, label_index):
            if _GRAND_TOTAL.match(label):
                return SumRow(row, RowKind.TOTAL, level=0, label=shown)
            return SumRow(row, RowKind.SUBTOTAL, label=shown)
        lacks_all = self.never_in_sums and self.never_in_sums.isdisjoint(index for index, _ in filled)
        if lacks_all and any(index in self.summed and _is_number(text) for index, text in filled):
            return SumRow(row, RowKind.SUBTOTAL, label=shown)
        if (section := self._section(folded, has_key=has_key)) is not None:
            return SumRow(row, section, after=section is RowKind.SUBTOTAL, label=shown)
        core = sum(index in self.core for index, _ in filled)
        data_like = core * 2 > len(self.core) or (
            has_key and any(index in self.keys and re.search(r"\d", text) for index, text in filled)
        )
        if not data_like and (self.in_footer or any(_FOOTER.match(text) for _, text in folded)):
            self.in_footer = True
            return SumRow(row, RowKind.FOOTER)
        return SumRow(row, RowKind.DATA)

    def _is_heading(self, filled: Sequence[tuple[int, str]]) -> bool:
        """The headings again, at the top of a printed page; a letterhead again; or the row of column numbers."""
        same = sum(
            (key := heading_key(text)) in self.labels.get(index, ()) or key in self.other_labels
            for index, text in filled
        )
        if same >= 2 and same * 2 >= len(filled):
            return True
        if self.above and all(fold(text) in self.above for _, text in filled):
            return True
        cells = {(index, fold(text)) for index, text in filled}
        if any(cells == line or (len(cells) > 1 and cells < line) for line in self.headings):
            return True
        if self.previous is not RowKind.HEADING or len(filled) < 3:
            return False
        numbers = [_COLUMN_NUMBER.fullmatch(fold(text)) for _, text in filled]
        counted = [int(match[1]) for match in numbers if match and match[1]]
        steps = sum(before < after <= before + 2 for before, after in pairwise(counted))
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
        is_roman = _ROMAN.fullmatch(first) is not None
        unplaced = first_index not in self.columns and (is_roman or _is_number(first))
        if rest and (unplaced or (is_roman and first_index in self.keys and not has_key)):
            marked = is_roman
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


class _PlaceJudge(_Judge):
    """Judges the rows of a form in which each row is a place: communes are data, wider places give their sums.

    A place may take two rows, of households and of persons, with its name in the first of them alone.
    """

    def __init__(self, sheet: Sheet, layout: Layout, communes: Area, districts: Area) -> None:
        super().__init__(sheet, layout)
        self.communes = communes
        self.districts = districts
        self.name = next(p.index for p in layout.placed if p.column.place == "commune_name")
        self.figures = {p.index for p in layout.placed if p.column.type in ("integer", "decimal", "amount")}
        self.counts = {p.index for p in layout.placed if p.column.type == "code"}
        self.left = [index for index in range(self.name) if index not in self.columns]
        self.pair = SumRow(0, RowKind.DATA)  # the last place, whose second row may follow
        self.counted: set[str] = set()  # what its rows have counted so far
        self.has_parts = any(
            sheet.columns[index].written().str.contains(r"^[0-9]+\.[0-9]+\.?$").any() for index in self.left
        )

    def _kind(self, row: int, filled: Sequence[tuple[int, str]]) -> SumRow:
        if not filled:
            return SumRow(row, RowKind.BLANK)
        texts = dict(filled)
        name = texts.get(self.name)
        numbered = name is None or _COLUMN_NUMBER.fullmatch(fold(name)) or len(filled) == 1
        if (numbered or heading_key(name or "") in self.labels[self.name]) and self._is_heading(filled):
            return SumRow(row, RowKind.HEADING)
        left = [texts[index] for index in self.left if index in texts]
        label = name or next((text for text in left if not _is_number(text) and not _ROMAN.fullmatch(fold(text))), None)
        counts = self.counts & texts.keys()
        counted = {fold(texts[index]) for index in counts}
        says = any(self._is_code(index, texts[index]) for index in counts)
        says = says or any(index in self.figures and _is_number(text) for index, text in filled)
        is_second = says and label is None and counts and not left and self.counted.isdisjoint(counted)
        if is_second and self.pair.kind is not RowKind.SECTION:  # a line without figures has no second row
            self.counted |= counted
            return replace(self.pair, row=row)
        place = self._place(label or "", left)
        if not says:
            if self.in_footer or any(_FOOTER.match(fold(text)) for text in texts.values()):
                self.in_footer = True
                return SumRow(row, RowKind.FOOTER)
            place = RowKind.DATA if place is None else RowKind.SECTION, 1
        kind, level = place or (RowKind.DATA, 1)
        after = kind is RowKind.SUBTOTAL and not _TOTAL.match(fold(label or ""))
        self.pair, self.counted = SumRow(row, kind, after, level, label or ""), counted
        return self.pair

    def _is_code(self, index: int, text: str) -> bool:
        codes = self.columns[index].codes
        return codes is not None and codes.find(text) is not None

    def _place(self, label: str, left: Sequence[str]) -> tuple[RowKind, int] | None:
        """Kind and level of a place that is wider than a commune; None for a commune and for what is no place."""
        folded = _ENUMERATOR.sub("", fold(label)).strip(" :.")
        if _WHOLE.fullmatch(folded):
            return RowKind.TOTAL, 0
        if _COMMUNE.match(folded):
            return None
        if _PART.search(folded):
            return RowKind.SUBTOTAL, 1
        if _DISTRICT.match(folded) or _SUM_OF_DISTRICT.match(folded):
            return RowKind.SUBTOTAL, 2
        is_commune = bool(label and self.communes.by_name(label).candidates)
        is_district = bool(label and self.districts.by_name(label).candidates)
        if (
            self.has_parts
            and any(re.fullmatch(r"[0-9]+\.?", text) for text in left)
            and (is_district or not is_commune)
        ):
            return RowKind.SUBTOTAL, 2
        if is_commune:
            return None
        if _TOTAL.match(folded):
            return RowKind.TOTAL, 0
        return (RowKind.SUBTOTAL, 2) if is_district else None


def _is_section_word(label: str) -> bool:
    """Whether a label begins as those of sections do, after its `I.`, `a)` or `1.`."""
    return _SECTION_WORD.match(_ENUMERATOR.sub("", label)) is not None


def _is_number(text: str) -> bool:
    return re.fullmatch(r"[-+(]?\s*\d[\d\s.,]*\s*[)%]?", text) is not None
