"""The sheet "Cần sửa" that stands first in an answer: the verdict, and every finding with a link to its cell."""

import re
from collections.abc import Mapping

from ingestion.answering.content import (
    SEVERITIES,
    SEVERITY_NAMES,
    Content,
    Point,
    about,
    clipped,
    report_sentence,
    sentence,
    what_to_do,
)
from ingestion.answering.marker import MARK
from ingestion.answering.styles import MARK_COLOURS, Styles
from ingestion.answering.worksheet import column_letters
from ingestion.answering.xml_part import attribute, escape
from ingestion.finding import Severity

_COLUMNS = (
    ("Mức độ", 13), ("STT", 6), ("Trang tính", 20), ("Ô", 9), ("Cột", 28), ("Đã ghi", 24), ("Nội dung", 72),
    ("Cách sửa", 44),
)  # fmt: skip
_LETTER_NUMBER = re.compile("_(?=x[0-9A-Fa-f]{4}_)")
_WIDTH = sum(width for _, width in _COLUMNS)
_MOST_LINKS = 65_000  # a sheet holds 65,530
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")
_VERDICT_COLOURS = {"rejected": "FFC00000", "accepted_with_findings": "FF9C5700", "accepted": "FF006100"}


class FirstSheet:
    """The part of the first sheet. `names` are the sheets that its links may lead to: the name by which findings call
    a sheet, and its name in the workbook."""

    def __init__(self, content: Content, styles: Styles, namespace: str, names: Mapping[str, str]) -> None:
        self._content, self._namespace, self._names = content, namespace, names
        border = styles.border()
        plain, small = styles.font(10), styles.font(9, colour="FF595959")
        self._title = styles.own(styles.font(14, bold=True))
        self._verdict = styles.own(styles.font(12, bold=True, colour=_VERDICT_COLOURS[content.verdict]))
        self._line, self._small = styles.own(plain), styles.own(small)
        self._heading = styles.own(styles.font(10, bold=True), styles.fill("FFD9E1F2"), border, horizontal="center")
        self._cell = styles.own(plain, 0, border)
        self._quoted = styles.own(plain, 0, border, quoted=True)
        self._number = styles.own(plain, 0, border, horizontal="center")
        self._link = styles.own(styles.font(10, colour="FF0563C1", underlined=True), 0, border)
        self._severity: dict[Severity, int] = {
            severity: styles.own(styles.font(10, bold=True), styles.fill(MARK_COLOURS[severity]), border)
            for severity in SEVERITIES
        }
        self._rows: list[str] = []
        self._links: list[str] = []
        self._merged: list[str] = []

    def write(self) -> bytes:
        """The XML of the part."""
        vi, en = sentence(self._content)
        self._wide(MARK, self._title, 20)
        self._wide(vi, self._verdict, _height(vi, 16))
        self._wide(en, self._small, _height(en, 13))
        self._wide(line := about(self._content), self._line, _height(line, 14))
        if len(self._content.reports) > 1:
            for report in self._content.reports:
                line, english = report_sentence(report, self._content)
                where = f" ({', '.join(report.sheet_names)})" if any(report.sheet_names) else ""
                self._wide(f"{line}{where}\n{english}", self._line, _height(line, 14) + _height(english, 14))
        vi, en = what_to_do(self._content)
        if vi:
            self._wide(vi, self._line, _height(vi, 14))
            self._wide(en, self._small, _height(en, 13))
        frozen = ""
        if self._content.points:
            self._row([])
            self._row([_text(name, self._heading) for name, _ in _COLUMNS])
            top = len(self._rows)
            frozen = (
                f'<pane ySplit="{top}" topLeftCell="A{top + 1}" activePane="bottomLeft" state="frozen"/>'
                '<selection pane="bottomLeft"/>'
            )
            for number, point in enumerate(self._content.points, start=1):
                self._point(number, point)
            filtered = f'<autoFilter ref="A{top}:{column_letters(len(_COLUMNS))}{len(self._rows)}"/>'
        else:
            filtered = ""
        columns = "".join(
            f'<col min="{number}" max="{number}" width="{width}" customWidth="1"/>'
            for number, (_, width) in enumerate(_COLUMNS, start=1)
        )
        merged = "".join(f'<mergeCell ref="{area}"/>' for area in self._merged)
        links = f"<hyperlinks>{''.join(self._links)}</hyperlinks>" if self._links else ""
        return (
            f'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n<worksheet xmlns="{self._namespace}">'
            '<sheetPr><tabColor rgb="FFC00000"/><pageSetUpPr fitToPage="1"/></sheetPr>'
            f'<dimension ref="A1:{column_letters(len(_COLUMNS))}{len(self._rows)}"/>'
            f'<sheetViews><sheetView showGridLines="0" tabSelected="1" workbookViewId="0">{frozen}</sheetView>'
            f'</sheetViews><sheetFormatPr defaultRowHeight="15"/><cols>{columns}</cols>'
            f"<sheetData>{''.join(self._rows)}</sheetData>{filtered}"
            f'<mergeCells count="{len(self._merged)}">{merged}</mergeCells>{links}'
            '<pageMargins left="0.4" right="0.4" top="0.5" bottom="0.5" header="0.3" footer="0.3"/>'
            '<pageSetup paperSize="9" orientation="landscape" fitToHeight="0"/></worksheet>'
        ).encode()

    def _row(self, cells: list[str], height: int | None = None) -> int:
        number = len(self._rows) + 1
        high = "" if height is None else f' ht="{height}" customHeight="1"'
        inner = "".join(
            cell.replace("<c", f'<c r="{column_letters(column)}{number}"', 1)
            for column, cell in enumerate(cells, start=1)
        )
        self._rows.append(f'<row r="{number}"{high}>{inner}</row>')
        return number

    def _wide(self, text: str, style: int, height: int) -> None:
        """A line over all columns."""
        number = self._row([_text(text, style)], height)
        self._merged.append(f"A{number}:{column_letters(len(_COLUMNS))}{number}")

    def _point(self, number: int, point: Point) -> None:
        sent = clipped(point.sent) if point.sent is not None else ""
        sheet = self._names.get(point.sheet_name or "", point.sheet_name or "")
        target = self._target(point)
        vietnamese, english = clipped(point.message_vi), clipped(point.message_en)
        row = self._row(
            [
                _text(SEVERITY_NAMES[point.severity][0], self._severity[point.severity]),
                f'<c s="{self._number}"><v>{number}</v></c>',
                _text(sheet, self._cell),
                _text(point.cell or "", self._link if target else self._cell),
                _text(point.heading, self._cell),
                _text(sent, self._quoted if sent.startswith(_FORMULA_STARTS) else self._cell),
                _rich(vietnamese, english, self._cell),
                _text(point.action_vi, self._cell),
            ]
        )
        if target and len(self._links) < _MOST_LINKS:
            self._links.append(
                f'<hyperlink ref="D{row}"'
                + attribute("location", target).decode()
                + attribute("display", point.cell or "").decode()
                + "/>"
            )

    def _target(self, point: Point) -> str | None:
        name = self._names.get(point.sheet_name or "")
        if point.cell is None or name is None:
            return None
        quoted = name.replace("'", "''")
        return f"'{quoted}'!{point.cell}"


def _text(text: str, style: int) -> str:
    if not text:
        return f'<c s="{style}"/>'
    return f'<c s="{style}" t="inlineStr"><is><t xml:space="preserve">{_written(text)}</t></is></c>'


def _rich(vietnamese: str, english: str, style: int) -> str:
    font = '<rFont val="Arial"/><family val="2"/>'
    return (
        f'<c s="{style}" t="inlineStr"><is><r><rPr>{font}<sz val="10"/></rPr>'
        f'<t xml:space="preserve">{_written(vietnamese)}</t></r>'
        f'<r><rPr>{font}<color rgb="FF7F7F7F"/><sz val="8"/></rPr>'
        f'<t xml:space="preserve">\n{_written(english)}</t></r></is></c>'
    )


def _written(text: str) -> str:
    """A text as content of a cell, where `_x000D_` would be read as the letter of that number."""
    return escape(_LETTER_NUMBER.sub("_x005F_", text))


def _height(text: str, line: int) -> int:
    """Points of a row for a text over all columns."""
    lines = sum(max(1, -(-len(part) // (_WIDTH - 30))) for part in text.split("\n"))
    return lines * line + 4
